//! The durable cursor of one export.
//!
//! Three small files take turns. Every settlement overwrites the one in use, so that a killed
//! process loses nothing. Once a second that one is synced and the next takes over: the copy that a
//! power cut would fall back on is never the one being written.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::ledger::Book;
use crate::otlp::SignalSet;

use super::mark::Mark;
use super::storage::{Blame, Storage, StorageFile, is_about, stubbornly};

const MAGIC: u64 = u64::from_le_bytes(*b"LSCURSR1");
/// Magic, checksum, book length, then what it covers: generation, session, flags, two marks.
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
    /// The signals that the export selected.
    pub(super) signals: SignalSet,
    /// Everything before is settled.
    pub(super) settled: Mark,
    /// Everything before was durable when this was written.
    pub(super) synced: Mark,
    /// What became of everything before `settled`.
    pub(super) book: Book,
}

/// The part of a copy that changes: settled, synced, closed.
type Saying = (Mark, Mark, bool);

/// At rest so many copies say the same: damage to one of them costs nothing.
const ENOUGH_REPEATS: usize = 2;

/// Writes the copies in turn.
#[derive(Debug)]
pub(super) struct Slots {
    files: [Arc<dyn StorageFile>; COPIES],
    generation: u64,
    session: u64,
    signals: SignalSet,
    /// The copy that is overwritten now.
    current: usize,
    /// The copy a power cut falls back on.
    durable: usize,
    /// What the current copy says; `None` where it was not written yet or failed.
    written: Option<Saying>,
    /// What the durable copy says, and how many durable copies in a row said so.
    synced: Option<Saying>,
    repeats: usize,
    /// The journal is closed: its end is final.
    closed: bool,
    buffer: Vec<u8>,
    /// Failed writes and syncs since the journal was opened.
    errors: u64,
}

/// A copy that is being made durable.
#[derive(Debug)]
pub(super) struct Syncing {
    file: Arc<dyn StorageFile>,
    copy: usize,
    saying: Saying,
}

impl Syncing {
    /// Everything before is settled, according to the copy.
    pub(super) fn settled(&self) -> Mark {
        self.saying.0
    }

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
        (session, signals): (u64, SignalSet),
        last: Option<(usize, u64)>,
    ) -> io::Result<Slots> {
        let [a, b, c] = paths;
        let (durable, generation) = last.unwrap_or((COPIES - 1, 0));
        let files = [storage.create(a)?, storage.create(b)?, storage.create(c)?];
        // A killed process may have left it with the operating system only.
        files[durable].sync_data()?;
        Ok(Slots {
            files,
            generation,
            session,
            signals,
            current: (durable + 1) % COPIES,
            durable,
            written: None,
            synced: None,
            repeats: 0,
            closed: false,
            buffer: Vec::new(),
            errors: 0,
        })
    }

    /// Whether there is something to write and to sync.
    pub(super) fn is_due(&self, settled: Mark, synced: Mark) -> bool {
        let saying = Some((settled, synced, self.closed));
        self.synced != saying || self.repeats < ENOUGH_REPEATS
    }

    /// From now on the copies say that the journal is closed.
    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    /// Failed writes and syncs.
    pub(super) fn errors(&self) -> u64 {
        self.errors
    }

    /// Overwrites the current copy.
    pub(super) fn write(&mut self, settled: Mark, synced: Mark, book: &Book) {
        self.generation += 1;
        let flags = u64::from(self.closed) | u64::from(self.signals.bits()) << 8;
        let fixed = [self.generation, self.session, flags];
        encode(&mut self.buffer, fixed, settled, synced, book);
        let done = self.files[self.current].write_all_at(&self.buffer, 0);
        self.errors += u64::from(done.is_err());
        self.written = done.is_ok().then_some((settled, synced, self.closed));
    }

    /// Takes the current copy out of use so that it can be synced; the next write takes another.
    pub(super) fn begin_sync(&mut self) -> Option<Syncing> {
        let saying = self.written.take()?;
        let copy = self.current;
        self.current = (0..COPIES).find(|other| *other != copy && *other != self.durable)?;
        Some(Syncing {
            file: Arc::clone(&self.files[copy]),
            copy,
            saying,
        })
    }

    /// Notes that a copy is durable.
    pub(super) fn end_sync(&mut self, syncing: &Syncing, done: &io::Result<()>) {
        if done.is_err() {
            self.errors += 1;
            return;
        }
        self.durable = syncing.copy;
        let again = self.synced == Some(syncing.saying);
        self.repeats = if again { self.repeats + 1 } else { 1 };
        self.synced = Some(syncing.saying);
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
        closed: long(32)? & 1 == 1,
        signals: SignalSet::from_bits((long(32)? >> 8) as u8),
        settled: mark(40)?,
        synced: mark(72)?,
        book: Book::decode(&bytes[HEAD_LEN..end], max_services)?,
    })
}

/// What start-up found of an export's cursor.
#[derive(Debug)]
pub(super) enum Found {
    /// Nothing was ever written.
    Nothing,
    /// There was something, and no copy of it can be read.
    Damaged,
    /// The newest readable copy and its number.
    Saved(usize, Box<Saved>),
}

/// Reads the newest copy.
///
/// # Errors
/// Where files cannot be opened for reasons that are not theirs.
pub(super) fn read(
    storage: &dyn Storage,
    paths: &[PathBuf; COPIES],
    max_services: usize,
) -> io::Result<Found> {
    let mut newest: Option<(usize, Saved)> = None;
    let mut is_empty = true;
    for (copy, path) in paths.iter().enumerate() {
        let Some(bytes) = read_copy(storage, path)? else {
            continue;
        };
        is_empty &= bytes.is_empty();
        let saved = decode(&bytes, max_services);
        let known = newest.as_ref().map_or(0, |(_, newest)| newest.generation);
        if let Some(saved) = saved.filter(|saved| saved.generation > known) {
            newest = Some((copy, saved));
        }
    }
    Ok(match newest {
        Some((copy, saved)) => Found::Saved(copy, Box::new(saved)),
        None if is_empty => Found::Nothing,
        None => Found::Damaged,
    })
}

/// A copy's bytes; none where there is no such file, a few where it cannot be read.
fn read_copy(storage: &dyn Storage, path: &Path) -> io::Result<Option<Vec<u8>>> {
    let unreadable = vec![0];
    match stubbornly(|| read_file(storage, path)) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) => match is_about(&error) {
            Blame::Missing => Ok(None),
            Blame::File => Ok(Some(unreadable)),
            Blame::Surroundings => Err(error),
        },
    }
}

fn read_file(storage: &dyn Storage, path: &Path) -> io::Result<Vec<u8>> {
    let file = storage.open(path)?;
    let len = usize::try_from(file.len_bytes()?)
        .unwrap_or(usize::MAX)
        .min(HEAD_LEN + MAX_BOOK_BYTES);
    let mut bytes = vec![0; len];
    let read = file.read_full_at(&mut bytes, 0)?;
    bytes.truncate(read);
    Ok(bytes)
}
