//! The thread that writes: one write and one sync for all appends that wait.

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::otlp::SignalSet;

use super::disk::{Disk, NoSegment};
use super::error::AppendError;
use super::mark::Mark;
use super::options::{SyncMode, WhenFull};
use super::queue::{Pending, Queue, Turn};
use super::record::{self, Header};
use super::retention;
use super::segment::Segment;
use super::shared::Shared;

/// The kernel takes at most this many parts in one write (`IOV_MAX`).
const MAX_PARTS: usize = 1024;
/// The most that is written between two syncs.
const MAX_GROUP_BYTES: u64 = 8 << 20;
/// How long the writer sleeps where nothing is to be done.
const IDLE: Duration = Duration::from_secs(3600);
/// The longest wait for senders to come back. A sync takes several times as long.
const MAX_GATHER: Duration = Duration::from_micros(100);
/// After a failure the disk is tried again at once, then ever more rarely.
const MAX_RETRY: Duration = Duration::from_secs(1);

/// The writer's own state.
pub(super) struct Writer {
    shared: Arc<Shared>,
    disk: Arc<Disk>,
    queue: Arc<Queue>,
    session: u64,
    /// The segment that is written to. None after a failure: a file that failed once may have lost
    /// what the kernel held for it, and nothing is ever written behind such a place.
    active: Option<Arc<Segment>>,
    /// Behind the last record written.
    end: Mark,
    synced: Mark,
    last_sync: Instant,
    failures: u32,
    retry_at: Option<Instant>,
    last_error: Option<Arc<io::Error>>,
    heads: Vec<u8>,
}

impl Writer {
    pub(super) fn new(
        shared: Arc<Shared>,
        (disk, queue): (Arc<Disk>, Arc<Queue>),
        session: u64,
        active: Option<Arc<Segment>>,
    ) -> Writer {
        let (end, synced) = {
            let log = shared.log();
            (log.end, log.synced)
        };
        Writer {
            shared,
            disk,
            queue,
            session,
            active,
            end,
            synced,
            last_sync: Instant::now(),
            failures: 0,
            retry_at: None,
            last_error: None,
            heads: Vec::new(),
        }
    }

    /// Writes until the queue is closed and empty.
    pub(super) fn run(mut self) {
        let mut taken = Vec::new();
        let mut last = 0;
        loop {
            match self
                .queue
                .take(&mut taken, self.patience(), (last, MAX_GATHER))
            {
                Turn::Write => {
                    last = taken.len();
                    self.commit(&mut taken);
                }
                Turn::Idle => self.sync_if_due(),
                Turn::Close => break,
            }
        }
        self.sync_now();
    }

    /// How long to sleep at most: in interval mode until the next sync is due.
    fn patience(&self) -> Duration {
        match self.shared.options.sync {
            SyncMode::Interval(every) if self.synced != self.end => {
                every.saturating_sub(self.last_sync.elapsed())
            }
            _ => IDLE,
        }
    }

    /// Writes all that was taken, in as many groups as segments and sizes ask for.
    fn commit(&mut self, taken: &mut Vec<Pending>) {
        let mut rest = std::mem::take(taken);
        while !rest.is_empty() {
            let group = match self.make_room(rest[0].len) {
                Ok(segment) => {
                    let later = rest.split_off(fitting(&rest, self.room(&segment)));
                    let group = std::mem::replace(&mut rest, later);
                    self.commit_group(&segment, group);
                    continue;
                }
                Err(error) => (rest.remove(0), error),
            };
            let (refused, error) = group;
            drop(refused.done.send(Err(error)));
        }
        *taken = rest;
        self.sync_if_due();
    }

    fn room(&self, segment: &Segment) -> u64 {
        segment
            .len
            .saturating_sub(segment.offset(self.end.position))
            .min(MAX_GROUP_BYTES)
    }

    /// The segment that the next record of `len` bytes goes to.
    fn make_room(&mut self, len: u64) -> Result<Arc<Segment>, AppendError> {
        let fits = |active: &&Arc<Segment>| active.offset(self.end.position) + len <= active.len;
        if let Some(active) = self.active.as_ref().filter(fits) {
            return Ok(Arc::clone(active));
        }
        if self.retry_at.is_some_and(|at| Instant::now() < at) {
            return Err(self.failed_again());
        }
        self.sync_now();
        match self.new_segment() {
            Ok(segment) => Ok(segment),
            Err(NoSegment::Full) => Err(AppendError::Full {
                limit_bytes: self.shared.options.max_bytes,
            }),
            Err(NoSegment::Io(error)) => {
                self.note_failure(error);
                Err(self.failed_again())
            }
        }
    }

    fn new_segment(&mut self) -> Result<Arc<Segment>, NoSegment> {
        let segment = loop {
            match self.disk.new_segment(self.end) {
                Err(NoSegment::Full) if self.free_a_segment() => {}
                result => break Arc::new(result?),
            }
        };
        retention::add_segment(&self.shared, &segment);
        self.active = Some(Arc::clone(&segment));
        Ok(segment)
    }

    fn free_a_segment(&self) -> bool {
        // The keeper may have been quicker.
        if retention::retire_settled(&self.shared, &self.disk) || self.disk.has_room() {
            return true;
        }
        let drop_oldest = self.shared.options.when_full == WhenFull::DropOldest;
        drop_oldest && retention::evict_oldest(&self.shared, &self.disk)
    }

    fn commit_group(&mut self, segment: &Arc<Segment>, group: Vec<Pending>) {
        match self
            .write(segment, &group)
            .and_then(|end| self.secure(segment, end))
        {
            Ok(end) => self.publish(segment, group, end),
            Err(error) => self.abandon(group, error),
        }
    }

    /// Writes the group behind the log's end; the mark behind it.
    fn write(&mut self, segment: &Segment, group: &[Pending]) -> io::Result<Mark> {
        self.heads.clear();
        let mut at = self.end;
        let mut head_ends = Vec::with_capacity(group.len());
        for Pending {
            batch, payload_crc, ..
        } in group
        {
            let header = Header::of(batch, at, self.synced.position, self.session, *payload_crc);
            header.write(&batch.services, segment.seed(), &mut self.heads);
            head_ends.push(self.heads.len());
            at = header.end();
        }
        let parts = parts(&self.heads, &head_ends, group);
        write_parts(segment, parts, segment.offset(self.end.position))?;
        Ok(at)
    }

    fn secure(&mut self, segment: &Segment, end: Mark) -> io::Result<Mark> {
        if self.shared.options.sync == SyncMode::Always {
            self.sync(segment)?;
            self.synced = end;
        }
        Ok(end)
    }

    fn sync(&mut self, segment: &Segment) -> io::Result<()> {
        let started = Instant::now();
        segment.file.sync_data()?;
        self.shared.counters.synced(started.elapsed());
        self.last_sync = Instant::now();
        Ok(())
    }

    /// Makes the group part of the log: counts it, shows it to the cursors, answers its senders.
    fn publish(&mut self, segment: &Segment, group: Vec<Pending>, end: Mark) {
        self.failures = 0;
        let bytes = end.position - self.end.position;
        self.shared.counters.appended(group.len() as u64, bytes);
        let mut signals = SignalSet::NONE;
        for Pending { batch, .. } in &group {
            self.shared.enter(batch);
            segment.note_received(batch.received_unix_ms);
            signals = signals.with(batch.signal);
        }
        let senders = self.extend_log(group, end);
        self.shared.wake(signals);
        for done in senders {
            drop(done.send(Ok(())));
        }
    }

    fn extend_log(&mut self, group: Vec<Pending>, end: Mark) -> Vec<Sender> {
        let mut senders = Vec::with_capacity(group.len());
        let mut log = self.shared.log();
        for Pending { batch, done, .. } in group {
            let at = self.end;
            self.end = at.after_batch(&batch);
            log.tail.push(at, batch);
            senders.push(done);
        }
        debug_assert_eq!(self.end, end);
        log.end = end;
        log.synced = self.synced;
        log.tail.prune(self.shared.needed_from());
        log.tail.shrink(self.shared.options.memory_bytes);
        senders
    }

    /// Gives up the active segment behind its last good record.
    fn abandon(&mut self, group: Vec<Pending>, error: io::Error) {
        self.note_failure(error);
        self.seal();
        let error = self.failed_again();
        for pending in group {
            drop(pending.done.send(Err(error.clone())));
        }
    }

    fn seal(&mut self) {
        if let Some(segment) = self.active.take() {
            retention::drop_if_empty(&self.shared, &self.disk, &segment);
        }
    }

    fn note_failure(&mut self, error: io::Error) {
        self.shared.counters.write_failed();
        self.last_error = Some(Arc::new(error));
        let wait = Duration::from_millis(10) * (1 << self.failures.min(10));
        self.retry_at = (self.failures > 0).then(|| Instant::now() + wait.min(MAX_RETRY));
        self.failures += 1;
    }

    fn failed_again(&self) -> AppendError {
        let unknown = || Arc::new(io::Error::other("an earlier write failed"));
        AppendError::Disk(self.last_error.clone().unwrap_or_else(unknown))
    }

    fn sync_if_due(&mut self) {
        if self.patience().is_zero() {
            self.sync_now();
        }
    }

    /// Syncs what interval mode has acknowledged and not synced yet.
    fn sync_now(&mut self) {
        if self.synced == self.end {
            return;
        }
        let Some(active) = self.active.clone() else {
            return;
        };
        if let Err(error) = self.sync(&active) {
            self.note_failure(error);
            self.seal();
        }
        // Also after a failure: what was acknowledged and is missing later must count as damage.
        self.synced = self.end;
        self.shared.log().synced = self.end;
    }
}

type Sender = tokio::sync::oneshot::Sender<Result<(), AppendError>>;

/// How many of the first appends fit into `room` bytes; at least one.
fn fitting(pending: &[Pending], room: u64) -> usize {
    let mut used = 0;
    let fits = |pending: &&Pending| {
        used += pending.len;
        used <= room
    };
    pending.iter().take_while(fits).count().max(1)
}

/// Header, payload and padding of each record, in order.
fn parts<'a>(heads: &'a [u8], head_ends: &[usize], group: &'a [Pending]) -> Vec<IoSlice<'a>> {
    let mut parts = Vec::with_capacity(group.len() * 3);
    let mut start = 0;
    for (Pending { batch, .. }, &end) in group.iter().zip(head_ends) {
        let used = (end - start + batch.bytes.len()) as u64;
        parts.push(IoSlice::new(&heads[start..end]));
        parts.push(IoSlice::new(&batch.bytes));
        parts.push(IoSlice::new(record::padding(used)));
        start = end;
    }
    parts.retain(|part| !part.is_empty());
    parts
}

fn write_parts(segment: &Segment, mut parts: Vec<IoSlice<'_>>, mut offset: u64) -> io::Result<()> {
    let mut parts = parts.as_mut_slice();
    while !parts.is_empty() {
        let now = &parts[..parts.len().min(MAX_PARTS)];
        match segment.file.write_vectored_at(now, offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                offset += written as u64;
                IoSlice::advance_slices(&mut parts, written);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
