//! What a start-up finds on disk.
//!
//! Only headers are read, and the payloads of what was written last: damage to an older payload is
//! found when it is read.

use std::cmp::Ordering;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::cursor_files;
use super::disk;
use super::mark::Mark;
use super::record::{ALIGNMENT, Header};
use super::restore::{Restore, Start};
use super::segment::{self, Segment};
use super::slot::{self, Found};
use super::storage::{Blame, Storage, is_about, stubbornly};
use super::walk::Walker;
use crate::ledger::Book;
use crate::otlp::SignalSet;

/// What opening a journal found, for the start-up log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Segment files that hold a part of the log.
    pub segments: u64,
    /// Readable records that wait for some export.
    pub records: u64,
    /// Bytes of the log that wait for some export.
    pub waiting_bytes: u64,
    /// Bytes at the log's end that were never acknowledged and are overwritten.
    pub truncated_bytes: u64,
    /// Stretches of acknowledged data that could not be read.
    pub damaged_places: u64,
    /// Items found lost, summed over exports. The ledger counts them as dropped.
    pub lost_items: u64,
    /// Files that were moved to `damaged/`.
    pub set_aside: Vec<String>,
    /// What waited for exports that are no longer configured.
    pub removed_exports: Vec<RemovedExport>,
}

/// An export that is no longer configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemovedExport {
    /// Its name.
    pub name: String,
    /// Items that waited for it, by [`crate::otlp::Signal::index`].
    pub waiting: [u64; 3],
}

/// The log as it was found.
#[derive(Debug)]
pub(super) struct Survey {
    pub(super) segments: Vec<Arc<Segment>>,
    /// Segments that hold nothing.
    pub(super) empty: Vec<Segment>,
    pub(super) end: Mark,
    /// Whether the last segment can be written on.
    pub(super) continues: bool,
    /// A number larger than all that earlier runs used.
    pub(super) session: u64,
    /// Subscribers first, in their order, then exports that are no longer configured.
    pub(super) exports: Vec<Restore>,
    /// By subscriber: the copy and generation that its cursor was read from.
    pub(super) last_copies: Vec<Option<(usize, u64)>>,
    pub(super) recovery: Recovery,
}

/// The walk's state.
struct Scan<'a> {
    storage: &'a dyn Storage,
    dir: &'a Path,
    /// What is known to have been durable: anything unreadable before is damage.
    proven: Mark,
    /// Whether the log's end is exactly `proven`.
    closed: bool,
    /// The newest run that a cursor tells of.
    saved_session: u64,
    /// Behind the last record seen.
    run: Mark,
    /// Where the oldest segment begins.
    begin: Option<u64>,
    /// Whether the last segment is whole up to `run`.
    whole: bool,
    found: Survey,
}

/// Reads cursors and walks the log. `subscribers` lists names, signals and service limits.
pub(super) fn survey(
    storage: &dyn Storage,
    dir: &Path,
    names: &[String],
    subscribers: &[(String, SignalSet, usize)],
) -> io::Result<Survey> {
    let mut scan = Scan::new(storage, dir);
    for (name, signals, max_services) in subscribers {
        scan.read_cursor(name, *signals, *max_services, true)?;
    }
    for name in removed(names, subscribers) {
        scan.read_cursor(&name, SignalSet::ALL, 0, false)?;
    }
    scan.walk(names)?;
    Ok(scan.finish(subscribers.len()))
}

/// Exports that have cursor files and no subscriber.
fn removed(names: &[String], subscribers: &[(String, SignalSet, usize)]) -> Vec<String> {
    let mut exports: Vec<_> = names
        .iter()
        .filter_map(|name| cursor_files::export_of(name))
        .collect();
    exports.sort();
    exports.dedup();
    exports.retain(|export| subscribers.iter().all(|(name, ..)| name != export));
    exports
}

impl<'a> Scan<'a> {
    fn new(storage: &'a dyn Storage, dir: &'a Path) -> Scan<'a> {
        Scan {
            storage,
            dir,
            proven: Mark::default(),
            closed: false,
            saved_session: 0,
            run: Mark::default(),
            begin: None,
            whole: true,
            found: Survey {
                segments: Vec::new(),
                empty: Vec::new(),
                end: Mark::default(),
                continues: false,
                session: super::shared::unix_now().as_nanos() as u64,
                exports: Vec::new(),
                last_copies: Vec::new(),
                recovery: Recovery::default(),
            },
        }
    }

    fn read_cursor(
        &mut self,
        name: &str,
        signals: SignalSet,
        max_services: usize,
        configured: bool,
    ) -> io::Result<()> {
        let mut signals = signals;
        let paths = cursor_files::paths(self.dir, name);
        let (start, book, last) = match slot::read(self.storage, &paths, max_services)? {
            Found::Saved(copy, saved) => {
                self.note_saved(&saved);
                signals = if configured { signals } else { saved.signals };
                let last = Some((copy, saved.generation));
                (Start::At(saved.settled), saved.book, last)
            }
            Found::Nothing => (Start::End, Book::new(max_services), None),
            Found::Damaged => {
                cursor_files::names(name)
                    .iter()
                    .for_each(|name| self.set_aside(name));
                (Start::Beginning, Book::new(max_services), None)
            }
        };
        let restore = Restore::new(name.to_owned(), signals, start, book, max_services);
        self.found.exports.push(restore);
        if configured {
            self.found.last_copies.push(last);
        }
        Ok(())
    }

    fn note_saved(&mut self, saved: &slot::Saved) {
        self.closed = match saved.session.cmp(&self.saved_session) {
            Ordering::Less => self.closed,
            Ordering::Equal => self.closed && saved.closed,
            Ordering::Greater => saved.closed,
        };
        self.saved_session = self.saved_session.max(saved.session);
        self.found.session = self.found.session.max(saved.session + 1);
        self.proven = self.proven.max(saved.synced).max(saved.settled);
    }

    fn set_aside(&mut self, name: &str) {
        disk::set_aside(self.storage, self.dir, name);
        self.found.recovery.set_aside.push(name.to_owned());
    }

    fn walk(&mut self, names: &[String]) -> io::Result<()> {
        let mut segments: Vec<_> = names
            .iter()
            .filter_map(|name| Some((segment::parse_name(name)?, name)))
            .collect();
        segments.sort();
        for (nth, ((base, id), name)) in segments.iter().enumerate() {
            self.found.session = self.found.session.max(id + 1);
            let next = segments.get(nth + 1).map(|((base, _), _)| *base);
            match self.open(*base, *id, name) {
                Ok(segment) if next == Some(*base) => self.found.empty.push(segment),
                Ok(segment) => self.walk_segment(segment, next),
                Err(error) if is_about(&error) == Blame::Surroundings => return Err(error),
                Err(_) => self.set_aside(name),
            }
        }
        Ok(())
    }

    fn open(&self, base: u64, id: u64, name: &str) -> io::Result<Segment> {
        let path = self.dir.join(name);
        let (file, len) = stubbornly(|| {
            let file = self.storage.open(&path)?;
            let len = file.len_bytes()?;
            Ok((file, len))
        })?;
        let base = Mark {
            position: base,
            ..self.run
        };
        let mut segment = Segment::new(id, base, file, len);
        let first =
            Walker::new(&segment, base.position.saturating_add(len)).record_at(base.position);
        segment.base = first.map_or(base, |(header, _)| header.at);
        Ok(segment)
    }

    fn walk_segment(&mut self, segment: Segment, next: Option<u64>) {
        let limit = segment.base.position.saturating_add(segment.len);
        let end = next.unwrap_or(limit.max(self.proven.position));
        self.whole = true;
        self.begin.get_or_insert(segment.base.position);
        self.run = Mark {
            position: segment.base.position,
            ..self.run
        };
        let mut walker = Walker::new(&segment, end);
        match next {
            Some(next) => self.walk_sealed(&segment, &mut walker, next),
            None => self.walk_last(&segment, &mut walker),
        }
        drop(walker);
        self.found.segments.push(Arc::new(segment));
    }

    /// Walks a segment that is followed by another: everything in it was durable.
    fn walk_sealed(&mut self, segment: &Segment, walker: &mut Walker<'_>, end: u64) {
        while self.run.position < end {
            let at = self.run.position;
            if self.see(segment, walker, at) {
                continue;
            }
            self.damaged(segment);
            match walker.find_after(at) {
                Some(header) => self.run.position = header.at.position,
                None => self.run.position = end,
            }
        }
    }

    /// Walks the last segment, whose end may be torn.
    fn walk_last(&mut self, segment: &Segment, walker: &mut Walker<'_>) {
        loop {
            let at = self.run.position;
            if self.closed && at == self.proven.position {
                // What follows was refused, unless a later run wrote it.
                walker.set_session(self.saved_session + 1);
            }
            let whole = at < self.proven.position || payload_is_whole(walker, at);
            if whole && self.see(segment, walker, at) {
                continue;
            }
            if self.closed && at == self.proven.position {
                return;
            }
            let Some(header) = self.durable_after(walker, at) else {
                return;
            };
            if self.see(segment, walker, at) {
                continue;
            }
            self.damaged(segment);
            self.run.position = header.at.position;
        }
    }

    /// The next record behind an unreadable place at `at`, if that place was durable. Otherwise it
    /// was torn: nobody was told that it is safe.
    fn durable_after(&mut self, walker: &mut Walker<'_>, at: u64) -> Option<Header> {
        let session = walker.session();
        let next = walker.find_after(at);
        let mut last = next.clone();
        let mut durable = at < self.proven.position;
        while let (false, Some(header)) = (durable, &last) {
            durable = header.synced > at;
            let behind = header.end().position;
            let follows = walker.record_at(behind).map(|(header, _)| header);
            last = follows.or_else(|| walker.find_after(behind));
        }
        walker.set_session(session);
        if durable {
            self.whole &= next.is_some();
            return next;
        }
        self.found.recovery.truncated_bytes = torn_bytes(walker, at);
        None
    }

    /// Takes note of the record at a position, if there is one.
    fn see(&mut self, segment: &Segment, walker: &mut Walker<'_>, at: u64) -> bool {
        let Some((header, services)) = walker.record_at(at) else {
            return false;
        };
        segment.note_received(header.received_unix_ms);
        self.proven.position = self.proven.position.max(header.synced);
        self.found.session = self.found.session.max(header.session + 1);
        let begin = self.begin.unwrap_or_default();
        let mut wanted = false;
        for export in &mut self.found.exports {
            wanted |= export.see(&header, &services, begin);
        }
        if wanted {
            self.found.recovery.records += 1;
            self.found.recovery.waiting_bytes += header.record_len();
        }
        self.run = header.end();
        true
    }

    fn damaged(&mut self, segment: &Segment) {
        segment.note_damage();
        self.whole = false;
        self.found.recovery.damaged_places += 1;
    }

    fn finish(mut self, subscribers: usize) -> Survey {
        let end = self.run.max(self.proven);
        self.found.continues = self.whole && end == self.run;
        self.found.end = end;
        for export in &mut self.found.exports {
            export.finish(end);
        }
        let removed = self.found.exports.split_off(subscribers);
        self.found.recovery.removed_exports = removed
            .into_iter()
            .map(|export| RemovedExport {
                waiting: export.waiting(),
                name: export.name,
            })
            .collect();
        self.found.recovery.lost_items = self.found.exports.iter().map(Restore::lost).sum();
        self.found.recovery.segments = self.found.segments.len() as u64;
        self.found
    }
}

fn payload_is_whole(walker: &mut Walker<'_>, at: u64) -> bool {
    let session = walker.session();
    let header = walker.record_at(at);
    let whole = header.is_some_and(|(header, _)| walker.payload_is_whole(&header));
    if !whole {
        walker.set_session(session);
    }
    whole
}

/// How much was written at a torn end, so far as its remains tell.
fn torn_bytes(walker: &mut Walker<'_>, at: u64) -> u64 {
    let session = walker.session();
    let mut end = walker
        .record_at(at)
        .map_or(at, |(header, _)| header.end().position);
    while let Some(header) = walker.find_after(end.saturating_sub(ALIGNMENT)) {
        end = header.end().position;
    }
    walker.set_session(session);
    end - at
}

impl std::fmt::Display for Recovery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Recovery {
            segments,
            records,
            waiting_bytes,
            ..
        } = self;
        write!(
            f,
            "{records} batches wait ({waiting_bytes} bytes in {segments} segments)"
        )
    }
}
