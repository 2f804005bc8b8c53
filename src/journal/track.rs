//! What one export has been handed and what it has settled.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::ledger::{Book, DropReason, Fate};
use crate::otlp::{Batch, ServiceItems, Signal};

use super::mark::Mark;
use super::record::Header;

/// The items of one record, without its bytes.
#[derive(Clone, Debug)]
pub(super) struct Contents {
    pub(super) signal: Signal,
    pub(super) items: u32,
    pub(super) services: Arc<[ServiceItems]>,
    pub(super) received_unix_ms: u64,
}

impl Contents {
    pub(super) fn of(batch: &Batch) -> Contents {
        Contents {
            signal: batch.signal,
            items: batch.items,
            services: Arc::clone(&batch.services),
            received_unix_ms: batch.received_unix_ms,
        }
    }

    pub(super) fn read(header: &Header, services: Arc<[ServiceItems]>) -> Contents {
        Contents {
            signal: header.signal,
            items: header.items,
            services,
            received_unix_ms: header.received_unix_ms,
        }
    }
}

/// Something behind the settled prefix, in log order.
#[derive(Debug)]
struct Passed {
    at: Mark,
    what: What,
}

#[derive(Debug)]
enum What {
    /// A record; `None` while the export has it in flight.
    Record(Contents, Option<Fate>),
    /// Items of which only the number is known.
    Lost([u64; 3], DropReason),
}

/// One export's way through the log: a settled prefix, records in flight, what is next.
#[derive(Debug)]
pub(super) struct Track {
    next: Mark,
    passed: VecDeque<Passed>,
    /// What became of everything before the first record in flight. Unlike the account it never
    /// knows of later records, so that it fits the durable position exactly.
    book: Book,
    /// Losses ahead that start-up found and counted in the account already.
    known_losses: [u64; 3],
}

impl Track {
    /// A track on which everything before `settled` became what `book` says.
    pub(super) fn new(settled: Mark, book: Book, known_losses: [u64; 3]) -> Track {
        Track {
            next: settled,
            passed: VecDeque::new(),
            book,
            known_losses,
        }
    }

    /// Of `lost` items, those that start-up did not know of.
    pub(super) fn without_known_losses(&mut self, mut lost: [u64; 3]) -> [u64; 3] {
        for (lost, known) in lost.iter_mut().zip(&mut self.known_losses) {
            let both = (*lost).min(*known);
            *lost -= both;
            *known -= both;
        }
        lost
    }

    /// Where the next record is looked for.
    pub(super) fn next(&self) -> Mark {
        self.next
    }

    /// Everything before this mark is settled.
    pub(super) fn settled(&self) -> Mark {
        self.passed.front().map_or(self.next, |first| first.at)
    }

    /// The settled prefix's counters.
    pub(super) fn book(&self) -> &Book {
        &self.book
    }

    /// When the oldest record in flight was received.
    pub(super) fn oldest_in_flight_unix_ms(&self) -> Option<u64> {
        self.passed.iter().find_map(|passed| match &passed.what {
            What::Record(contents, None) => Some(contents.received_unix_ms),
            _ => None,
        })
    }

    /// Moves past a record that the export does not want.
    pub(super) fn skip(&mut self, end: Mark) {
        self.next = end;
    }

    /// Moves past a record that is now in flight, or settled on the spot where there is a fate.
    pub(super) fn pass(&mut self, end: Mark, contents: Contents, fate: Option<Fate>) {
        let what = What::Record(contents, fate);
        self.passed.push_back(Passed {
            at: self.next,
            what,
        });
        self.next = end;
        self.advance();
    }

    /// Moves to `end` over items of which only the number is known.
    pub(super) fn lose(&mut self, end: Mark, items: [u64; 3], reason: DropReason) {
        if items == [0; 3] && self.passed.is_empty() {
            return self.skip(end);
        }
        let what = What::Lost(items, reason);
        self.passed.push_back(Passed {
            at: self.next,
            what,
        });
        self.next = end;
        self.advance();
    }

    /// Settles the record in flight at `position`; false where there is none.
    pub(super) fn settle(&mut self, position: u64, fate: Fate) -> bool {
        let first = self
            .passed
            .partition_point(|passed| passed.at.position < position);
        let here = self
            .passed
            .range_mut(first..)
            .take_while(|passed| passed.at.position == position);
        let open = here.filter_map(|passed| match &mut passed.what {
            What::Record(_, fate @ None) => Some(fate),
            _ => None,
        });
        let Some(slot) = open.last() else {
            return false;
        };
        *slot = Some(fate);
        self.advance();
        true
    }

    fn advance(&mut self) {
        while let Some(first) = self.passed.front() {
            match &first.what {
                What::Record(_, None) => return,
                What::Record(contents, Some(fate)) => post(&mut self.book, contents, *fate),
                What::Lost(items, reason) => post_lost(&mut self.book, *items, *reason),
            }
            self.passed.pop_front();
        }
    }
}

fn post(book: &mut Book, contents: &Contents, fate: Fate) {
    let Contents {
        signal,
        items,
        services,
        ..
    } = contents;
    book.enter(*signal, *items, services);
    book.leave(*signal, *items, services, fate);
}

/// Posts items that were received and lost.
pub(super) fn post_lost(book: &mut Book, items: [u64; 3], reason: DropReason) {
    for signal in Signal::ALL {
        book.enter_lost(signal, items[signal.index()], reason);
    }
}
