//! A book as a few bytes, for the durable cursors.

use std::sync::Arc;

use super::book::Rows;
use super::{Book, DropReason, Tally};

const VERSION: u8 = 1;

impl Book {
    /// Appends the book to `out`: a version, the number of drop reasons, then the rows as varints.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend([VERSION, DropReason::ALL.len() as u8]);
        put_rows(out, &self.totals);
        put_rows(out, &self.other);
        put(out, self.services.len() as u64);
        for (name, rows) in &self.services {
            put(out, name.len() as u64);
            out.extend(name.as_bytes());
            put_rows(out, rows);
        }
    }

    /// The book that [`Book::encode`] wrote, `None` where the bytes are not one. Services beyond
    /// `max_services` are added to the others.
    pub fn decode(bytes: &[u8], max_services: usize) -> Option<Book> {
        let (&[version, reasons], rest) = bytes.split_first_chunk()?;
        let mut input = Input {
            rest,
            reasons: reasons.into(),
        };
        if version != VERSION {
            return None;
        }
        let mut book = Book::new(max_services);
        book.totals = input.rows()?;
        book.other = input.rows()?;
        for _ in 0..input.number()? {
            let (name, rows) = (input.name()?, input.rows()?);
            book.adopt(name, rows, max_services);
        }
        input.rest.is_empty().then_some(book)
    }

    fn adopt(&mut self, name: Arc<str>, rows: Rows, max_services: usize) {
        if self.services.len() < max_services {
            self.services.insert(name, rows);
            return;
        }
        for (mine, theirs) in self.other.iter_mut().zip(&rows) {
            mine.add(theirs);
        }
    }
}

fn put_rows(out: &mut Vec<u8>, rows: &Rows) {
    for tally in rows {
        for number in [
            tally.received,
            tally.waiting,
            tally.delivered,
            tally.refused,
        ] {
            put(out, number);
        }
        for number in tally.dropped {
            put(out, number);
        }
    }
}

fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

struct Input<'a> {
    rest: &'a [u8],
    reasons: usize,
}

impl Input<'_> {
    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn name(&mut self) -> Option<Arc<str>> {
        let len = usize::try_from(self.number()?).ok()?;
        let (name, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        std::str::from_utf8(name).ok().map(Arc::from)
    }

    fn rows(&mut self) -> Option<Rows> {
        Some([self.tally()?, self.tally()?, self.tally()?])
    }

    fn tally(&mut self) -> Option<Tally> {
        let mut tally = Tally {
            received: self.number()?,
            waiting: self.number()?,
            delivered: self.number()?,
            refused: self.number()?,
            ..Tally::default()
        };
        for at in 0..self.reasons {
            let items = self.number()?;
            *tally.dropped.get_mut(at)? = items;
        }
        Some(tally)
    }
}
