//! The durable cursor of one export.
//!
//! Three small files take turns. Every settlement overwrites the one in use, so that a killed
//! process loses nothing. Once a second that one is synced and the next takes over: the copy that a
//! power cut would fall back on is never the one being written.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::ledger::Book;

use super::mark::Mark;
use super::storage::{Storage, StorageFile};

const MAGIC: u64 = u64::from_le_bytes(*b"LSCURSR1");
/// Magic, checksum, book length, then what it covers: generation, session, closed, two marks.
const HEAD_LEN: usize = 8 + 4 + 4 + FIXED_LEN;
const FIXED_LEN: usize = 8 + 8 + 8 + 32 + 32;
/// Nothing that we write comes near; a longer length is damage.
const MAX_BOOK_BYTES: usize = 16 << 20;

/// Files for each export.
pub(super) const COPIES: usize = 3;

/// What a slot says.
#[derive(Debug)]
pub(super) struct Saved {
    pub(super) generation: u64,
    /// The run that wrote it.
    pub(super) session: u64,
    /// Whether the journal was closed in good order, `synced` being its end.
    pub(super) closed: bool,
    /// Everything before is settled.
    pub(super) settled: Mark,
    /// Everything before was durable when this was written.
    pub(super) synced: Mark,
    /// What became of everything before `settled`.
    pub(super) book: Book,
}

/// Writes the copies in turn.
#[derive(Debug)]
pub(super) struct Slots {
    files: [Arc<dyn StorageFile>; COPIES],
    generation: u64,
    session: u64,
    /// The copy that is overwritten now.
    current: usize,
    /// The copy a power cut falls back on.
    durable: usize,
    /// What the current copy says; `None` where it was not written yet or failed.
    written: Option<Mark>,
    buffer: Vec<u8>,
    /// Failed writes and syncs since the journal was opened.
    errors: u64,
}

/// A copy that is being made durable.
#[derive(Debug)]
pub(super) struct Syncing {
    file: Arc<dyn StorageFile>,
    copy: usize,
    /// Everything before is settled, according to the copy.
    pub(super) settled: Mark,
}

impl Syncing {
    /// Blocks until the copy is durable.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

impl Slots {
    /// Opens the copies at `paths`. `last` is the copy that start-up read and its generation.
    pub(super) fn open(
        storage: &dyn Storage,
        paths: &[PathBuf; COPIES],
        session: u64,
        last: Option<(usize, u64)>,
    ) -> io::Result<Slots> {
        let [a, b, c] = paths;
        let (durable, generation) = last.unwrap_or((COPIES - 1, 0));
        Ok(Slots {
            files: [storage.create(a)?, storage.create(b)?, storage.create(c)?],
            generation,
            session,
            current: (durable + 1) % COPIES,
            durable,
            written: None,
            buffer: Vec::new(),
            errors: 0,
        })
    }

    /// Whether the current copy says `settled` already.
    pub(super) fn is_written(&self, settled: Mark) -> bool {
        self.written == Some(settled)
    }

    /// Failed writes and syncs.
    pub(super) fn errors(&self) -> u64 {
        self.errors
    }

    /// Overwrites the current copy.
    pub(super) fn write(&mut self, settled: Mark, synced: Mark, book: &Book) {
        self.write_as(settled, synced, book, false);
    }

    /// Overwrites the current copy for good: the journal ends at `synced`.
    pub(super) fn write_closed(&mut self, settled: Mark, synced: Mark, book: &Book) {
        self.write_as(settled, synced, book, true);
    }

    fn write_as(&mut self, settled: Mark, synced: Mark, book: &Book, closed: bool) {
        self.generation += 1;
        encode(
            &mut self.buffer,
            [self.generation, self.session, closed.into()],
            settled,
            synced,
            book,
        );
        let done = self.files[self.current].write_all_at(&self.buffer, 0);
        self.errors += u64::from(done.is_err());
        self.written = done.is_ok().then_some(settled);
    }

    /// Takes the current copy out of use so that it can be synced; the next write takes another.
    pub(super) fn begin_sync(&mut self) -> Option<Syncing> {
        let settled = self.written.take()?;
        let copy = self.current;
        self.current = (0..COPIES).find(|other| *other != copy && *other != self.durable)?;
        Some(Syncing {
            file: Arc::clone(&self.files[copy]),
            copy,
            settled,
        })
    }

    /// Notes that a copy is durable.
    pub(super) fn end_sync(&mut self, syncing: &Syncing, done: &io::Result<()>) {
        match done {
            Ok(()) => self.durable = syncing.copy,
            Err(_) => self.errors += 1,
        }
    }
}

fn encode(out: &mut Vec<u8>, fixed: [u64; 3], settled: Mark, synced: Mark, book: &Book) {
    out.clear();
    out.resize(16, 0);
    let marks =
        [settled, synced].map(|mark| [mark.position, mark.items[0], mark.items[1], mark.items[2]]);
    for number in fixed.iter().chain(marks.as_flattened()) {
        out.extend(number.to_le_bytes());
    }
    book.encode(out);
    let len = (out.len() - HEAD_LEN) as u32;
    out[..8].copy_from_slice(&MAGIC.to_le_bytes());
    out[12..16].copy_from_slice(&len.to_le_bytes());
    let checksum = crc32fast::hash(&out[12..]);
    out[8..12].copy_from_slice(&checksum.to_le_bytes());
}

fn decode(bytes: &[u8], max_services: usize) -> Option<Saved> {
    let long = |at: usize| {
        bytes[at..]
            .first_chunk()
            .map(|bytes| u64::from_le_bytes(*bytes))
    };
    let short = |at: usize| {
        bytes[at..]
            .first_chunk()
            .map(|bytes| u32::from_le_bytes(*bytes))
    };
    let mark = |at: usize| {
        Some(Mark {
            position: long(at)?,
            items: [long(at + 8)?, long(at + 16)?, long(at + 24)?],
        })
    };
    if bytes.len() < HEAD_LEN || long(0)? != MAGIC {
        return None;
    }
    let end = HEAD_LEN.checked_add(usize::try_from(short(12)?).ok()?)?;
    let covered = bytes.get(12..end)?;
    if crc32fast::hash(covered) != short(8)? {
        return None;
    }
    Some(Saved {
        generation: long(16)?,
        session: long(24)?,
        closed: long(32)? == 1,
        settled: mark(40)?,
        synced: mark(72)?,
        book: Book::decode(&bytes[HEAD_LEN..end], max_services)?,
    })
}

/// What one copy says; `Ok(None)` where it holds nothing or damage.
fn read_copy(storage: &dyn Storage, path: &Path, max_services: usize) -> io::Result<Option<Saved>> {
    let file = storage.open(path)?;
    let len = usize::try_from(file.len()?)
        .unwrap_or(usize::MAX)
        .min(HEAD_LEN + MAX_BOOK_BYTES);
    let mut bytes = vec![0; len];
    let read = file.read_full_at(&mut bytes, 0)?;
    Ok(decode(&bytes[..read], max_services))
}

/// The newest readable copy and its number.
pub(super) fn read(
    storage: &dyn Storage,
    paths: &[PathBuf; COPIES],
    max_services: usize,
) -> Option<(usize, Saved)> {
    let copy = |copy: usize| Some((copy, read_copy(storage, &paths[copy], max_services).ok()??));
    (0..COPIES)
        .filter_map(copy)
        .max_by_key(|(_, saved)| saved.generation)
}
