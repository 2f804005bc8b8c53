//! Reading batches back from segment files.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use tokio::task::JoinHandle;

use crate::ledger::{DropReason, Fate};
use crate::otlp::Batch;

use super::mark::Mark;
use super::record::{self, HEADER_LEN, Header};
use super::segment::Segment;
use super::subscription::Subscription;
use super::track::Contents;
use super::walk::Walker;

/// Read at a time; one record may be longer.
const CHUNK_BYTES: u64 = 1 << 20;
/// What a disk fails to read at least.
const PAGE_BYTES: usize = 4 << 10;
/// Service names kept for sharing.
const MAX_NAMES: usize = 1024;

/// What one step of reading came to.
pub(super) enum Step {
    /// The batch at the mark.
    Batch(Mark, Batch),
    /// Something was read or passed over; look again.
    Moved,
}

/// Reads ahead for one cursor.
#[derive(Debug)]
pub(super) struct Reader {
    export: Arc<Subscription>,
    chunk: Option<Chunk>,
    /// A read under way, kept here so that cancelling a wait for it does not waste it.
    task: Option<JoinHandle<Done>>,
    names: HashSet<Arc<str>>,
}

/// What a blocking task came back with.
#[derive(Debug)]
enum Done {
    Read(Chunk),
    /// Nothing is readable between the marks.
    Unreadable(Mark, Mark),
}

/// A stretch of a segment, in memory.
#[derive(Debug)]
struct Chunk {
    segment: Arc<Segment>,
    start: u64,
    bytes: Bytes,
}

/// What stands at a position.
enum Found {
    Record(Header, Bytes, Bytes),
    /// So many bytes from the position on are needed to say.
    Short(u64),
    /// No record.
    Bad,
}

impl Reader {
    pub(super) fn new(export: Arc<Subscription>) -> Reader {
        Reader {
            export,
            chunk: None,
            task: None,
            names: HashSet::new(),
        }
    }

    /// Lets go of what was read ahead.
    pub(super) fn rest(&mut self) {
        self.chunk = None;
    }

    /// Reads on at `at` in a segment whose records end at `end`.
    pub(super) async fn step(&mut self, at: Mark, segment: &Arc<Segment>, end: Mark) -> Step {
        if self.task.is_some() {
            self.finish_task().await;
            return Step::Moved;
        }
        match self.find(at.position, segment, end.position) {
            Found::Record(header, services, payload) => {
                self.record(&header, &services, payload, segment)
            }
            Found::Short(len) => self.start(read(segment, at.position, len, end.position)),
            Found::Bad => self.start(resync(segment, at, end)),
        }
    }

    async fn finish_task(&mut self) {
        let Some(task) = &mut self.task else { return };
        let done = task.await;
        self.task = None;
        match done {
            Ok(Done::Read(chunk)) => self.chunk = Some(chunk),
            Ok(Done::Unreadable(from, to)) => {
                self.export.jump(from, to, DropReason::Corrupted);
            }
            Err(_) => {}
        }
    }

    fn start(&mut self, work: impl FnOnce() -> Done + Send + 'static) -> Step {
        self.chunk = None;
        self.task = Some(tokio::task::spawn_blocking(work));
        Step::Moved
    }

    fn find(&self, position: u64, segment: &Arc<Segment>, end: u64) -> Found {
        match &self.chunk {
            Some(chunk) if Arc::ptr_eq(&chunk.segment, segment) => chunk.find(position, end),
            _ => Found::Short(HEADER_LEN as u64),
        }
    }

    fn record(
        &mut self,
        header: &Header,
        services: &[u8],
        payload: Bytes,
        segment: &Segment,
    ) -> Step {
        let Some(services) = record::read_services(services, |name| intern(&mut self.names, name))
        else {
            return Step::Moved;
        };
        if !self.export.signals.contains(header.signal) {
            self.export.pass(
                header.at,
                header.end(),
                Contents::read(header, services),
                None,
            );
            return Step::Moved;
        }
        if crc32fast::hash(&payload) != header.payload_crc {
            segment.note_damage();
            let fate = Some(Fate::Dropped(DropReason::Corrupted));
            self.export.pass(
                header.at,
                header.end(),
                Contents::read(header, services),
                fate,
            );
            return Step::Moved;
        }
        Step::Batch(header.at, header.batch(services, payload))
    }
}

fn intern(names: &mut HashSet<Arc<str>>, name: &str) -> Arc<str> {
    if let Some(known) = names.get(name) {
        return Arc::clone(known);
    }
    if names.len() >= MAX_NAMES {
        names.clear();
    }
    let new: Arc<str> = Arc::from(name);
    names.insert(Arc::clone(&new));
    new
}

impl Chunk {
    fn find(&self, position: u64, end: u64) -> Found {
        let Some(skip) = position.checked_sub(self.start) else {
            return Found::Short(HEADER_LEN as u64);
        };
        let rest = self.bytes.get(skip as usize..).unwrap_or_default();
        let left = end - position;
        if left < HEADER_LEN as u64 {
            return Found::Bad;
        }
        if rest.len() < HEADER_LEN {
            return Found::Short(HEADER_LEN as u64);
        }
        match Header::peek(rest, position) {
            Some(header) if header.record_len() <= left => self.whole(header, rest),
            _ => Found::Bad,
        }
    }

    fn whole(&self, header: Header, rest: &[u8]) -> Found {
        let payload_at = header.payload_at();
        let payload_end = payload_at + header.payload_len as usize;
        if rest.len() < payload_end {
            return Found::Short(header.record_len());
        }
        if !header.verify(rest, self.segment.seed()) {
            return Found::Bad;
        }
        let part = |from, to| self.bytes.slice_ref(&rest[from..to]);
        let (services, payload) = (part(HEADER_LEN, payload_at), part(payload_at, payload_end));
        Found::Record(header, services, payload)
    }
}

/// Reads at least `len` bytes, so far as the segment's records reach.
fn read(segment: &Arc<Segment>, start: u64, len: u64, end: u64) -> impl FnOnce() -> Done + use<> {
    let segment = Arc::clone(segment);
    let len = len.max(CHUNK_BYTES).min(end - start) as usize;
    move || {
        let mut bytes = vec![0; len];
        if segment.read(&mut bytes, start).is_err() {
            read_what_can_be_read(&segment, &mut bytes, start);
        }
        Done::Read(Chunk {
            segment,
            start,
            bytes: bytes.into(),
        })
    }
}

/// Reads page by page; what cannot be read stays zero and fails its checksum.
fn read_what_can_be_read(segment: &Segment, into: &mut [u8], start: u64) {
    for (page, offset) in into
        .chunks_mut(PAGE_BYTES)
        .zip((segment.offset(start)..).step_by(PAGE_BYTES))
    {
        if segment.file.read_full_at(page, offset).is_err() {
            page.fill(0);
        }
    }
}

/// Looks for the next record behind a place where none can be read.
fn resync(segment: &Arc<Segment>, at: Mark, end: Mark) -> impl FnOnce() -> Done + use<> {
    let segment = Arc::clone(segment);
    move || {
        let mut walker = Walker::new(&segment, end.position);
        // The chunk's read may have failed only then.
        if walker.record_at(at.position).is_some() {
            return Done::Unreadable(at, at);
        }
        segment.note_damage();
        let next = walker
            .find_after(at.position)
            .map_or(end, |header| header.at);
        Done::Unreadable(at, next)
    }
}

/// When the record at `at` was received.
pub(super) fn received_unix_ms(segment: &Segment, at: Mark, end: Mark) -> Option<u64> {
    let mut walker = Walker::new(segment, end.position);
    walker
        .record_at(at.position)
        .map(|(header, _)| header.received_unix_ms)
}
