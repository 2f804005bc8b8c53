//! Continuity: what a scrape has shown is never taken back by a restart.
//!
//! Prometheus takes a counter that goes back for one that began anew and adds its whole value once more. So
//! series that accumulate here (converted from deltas, or derived) are written to a file before a scrape is
//! answered: after a crash they stand where the last scrape saw them or higher, after an orderly end exactly
//! where they stood. Series that senders accumulate need none of this.
//!
//! **The file** (`file`, `record`) is appended to: where a series stands once, its value whenever it changed,
//! its end. When it has grown to several times what lives in it, and once in each process, all that lives is
//! written to a new one that takes its place. So no process ever appends to what another left, torn or not.
//!
//! **When the disk fails** the file is removed, because a value older than what was shown would be worse than
//! none: a counter that begins at zero is understood. Another attempt comes after [`RETRY_S`].
//!
//! Exemplars are not kept, and what came after the last scrape is lost to a crash.

mod file;
mod record;
mod replay;
#[cfg(test)]
mod tests;

use std::any::Any;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::{info, warn};

use crate::journal::Storage;
use crate::series::store::{Moment, SeriesId, Store};
use file::{FRAME_BYTES, LogFile, ReadError, WriteError, read_frames, remove};
use record::{Encoder, is_kept};
use replay::Replay;

/// After a failure the disk is left alone for this long.
pub const RETRY_S: u32 = 60;

/// The file is not written anew below this length.
const MIN_COMPACT_BYTES: u64 = 1 << 20;
/// The file is written anew when it is so many times as long as what lives in it.
const COMPACT_FACTOR: u64 = 4;

const FILE: &str = "continuity.log";
const NEXT: &str = "continuity.next";
const DAMAGED: &str = "continuity.damaged";
const LOCK: &str = "lock";

/// Where and how much is kept.
#[derive(Clone, Debug)]
pub struct ContinuityOptions {
    /// The directory; made when missing.
    pub dir: PathBuf,
    /// The longest that the file may become. While it is written anew there are two.
    pub max_bytes: u64,
}

/// How it goes. Shared with the meters.
#[derive(Debug, Default)]
pub struct ContinuityCounts {
    /// Bytes of the file.
    pub size_bytes: AtomicU64,
    /// Failed attempts to write.
    pub failures: AtomicU64,
}

/// The file that outlives a restart.
#[derive(Debug)]
pub struct Continuity {
    storage: Arc<dyn Storage>,
    options: ContinuityOptions,
    state: State,
    encoder: Encoder,
    counts: Arc<ContinuityCounts>,
    lock: Option<Box<dyn Any + Send + Sync>>,
}

#[derive(Debug)]
enum State {
    /// This process has written nothing yet.
    Unwritten,
    /// A file that holds `live_bytes` of series that have not ended, roughly.
    Open { log: LogFile, live_bytes: u64 },
    /// The disk failed.
    Failed { at_s: u32 },
}

impl Continuity {
    /// Continuity in a directory that is not looked at yet.
    pub fn new(storage: Arc<dyn Storage>, options: ContinuityOptions) -> Continuity {
        Continuity {
            storage,
            options,
            state: State::Unwritten,
            encoder: Encoder::default(),
            counts: Arc::default(),
            lock: None,
        }
    }

    /// Reads what an earlier process left into `store`; answers with the series that came back.
    ///
    /// A file that can't be read is set aside or replaced, with a warning: counters then begin at zero.
    pub fn restore(&mut self, store: &mut Store, now: Moment) -> Vec<SeriesId> {
        match self.take_lock() {
            Ok(()) => self.read(store, now),
            Err(error) => {
                self.give_up(&error, now);
                Vec::new()
            }
        }
    }

    /// How it goes, for the meters.
    pub fn counts(&self) -> &Arc<ContinuityCounts> {
        &self.counts
    }

    /// Makes durable how every accumulated series stands; to be called before any of it is shown. A later process
    /// then restores at least that much, or nothing.
    pub fn save(&mut self, store: &mut Store, now: Moment) {
        let rests = |at_s: u32| at_s.abs_diff(now.seconds()) < RETRY_S;
        match self.state {
            State::Failed { at_s } if rests(at_s) => drop(store.take_ended()),
            _ => self.save_now(store, now),
        }
    }

    /// As [`Continuity::save`], without rest after a failure: for the end.
    pub fn save_now(&mut self, store: &mut Store, now: Moment) {
        if let Err(error) = self.take_lock().and_then(|()| self.write(store)) {
            self.give_up(&error, now);
        }
        let size_bytes = match &self.state {
            State::Open { log, .. } => log.len(),
            _ => 0,
        };
        self.counts.size_bytes.store(size_bytes, Ordering::Relaxed);
    }

    fn write(&mut self, store: &mut Store) -> Result<(), WriteError> {
        match &self.state {
            State::Open { log, live_bytes } if log.len() <= compact_at(*live_bytes) => {
                match self.append(store) {
                    Err(WriteError::Full { .. }) => self.rewrite(store),
                    result => result,
                }
            }
            State::Unwritten if self.has_nothing(store) => Ok(()),
            _ => self.rewrite(store),
        }
    }

    /// Whether there is neither a file nor anything to put into one.
    fn has_nothing(&self, store: &mut Store) -> bool {
        let none = store.visit_accumulated(|_, _, _| Err(())).is_ok();
        none && self.storage.open(&self.path(FILE)).is_err()
    }

    /// Appends what changed and what ended.
    fn append(&mut self, store: &mut Store) -> Result<(), WriteError> {
        let State::Open { log, live_bytes } = &mut self.state else {
            return Ok(());
        };
        let encoder = &mut self.encoder;
        encoder.begin();
        // Ends come first: a series may have ended and come again under a new number.
        for ended in store.take_ended() {
            encoder.end(ended);
        }
        store.visit_accumulated(|series, family, place| {
            if !series.changed || !is_kept(series, family, place) {
                return Ok(());
            }
            let before = encoder.out.len();
            let unknown = series.durable_id == 0;
            if unknown {
                series.durable_id = encoder.define(series, family, place);
            }
            encoder.set(series);
            series.changed = false;
            if unknown {
                *live_bytes += (encoder.out.len() - before) as u64;
            }
            append_if_full(log, encoder)
        })?;
        log.append(&mut encoder.out)?;
        Ok(log.sync()?)
    }

    /// Writes all that lives to a new file, which takes the place of the other.
    fn rewrite(&mut self, store: &mut Store) -> Result<(), WriteError> {
        let (next, path) = (self.path(NEXT), self.path(FILE));
        let mut log = LogFile::create(&*self.storage, &next, self.options.max_bytes)?;
        let encoder = &mut self.encoder;
        *encoder = Encoder::default();
        drop(store.take_ended());
        store.visit_accumulated(|series, family, place| {
            series.durable_id = 0;
            if !is_kept(series, family, place) {
                return Ok(());
            }
            series.durable_id = encoder.define(series, family, place);
            encoder.set(series);
            series.changed = false;
            append_if_full(&mut log, encoder)
        })?;
        log.append(&mut encoder.out)?;
        log.sync()?;
        self.storage.rename(&next, &path)?;
        self.storage.sync_dir(&self.options.dir)?;
        let live_bytes = log.len();
        self.state = State::Open { log, live_bytes };
        Ok(())
    }

    /// Removes what would be out of date, and rests.
    fn give_up(&mut self, error: &WriteError, now: Moment) {
        self.counts.failures.fetch_add(1, Ordering::Relaxed);
        if !matches!(self.state, State::Failed { .. }) {
            warn!(%error, dir = %self.options.dir.display(), "counters that are added up here can't be kept on disk: after a restart they begin at zero");
        }
        let at_s = now.seconds();
        self.state = State::Failed { at_s };
        if self.lock.is_some() {
            let removed = [FILE, NEXT].map(|name| remove(&*self.storage, &self.path(name)));
            let synced = self.storage.sync_dir(&self.options.dir);
            if let Some(error) = removed.into_iter().chain([synced]).find_map(Result::err) {
                warn!(%error, "the file with older values can't be removed: after a restart counters may go back");
            }
        }
    }

    /// Takes the directory for this process, if it has not yet.
    fn take_lock(&mut self) -> Result<(), WriteError> {
        if self.lock.is_some() {
            return Ok(());
        }
        self.storage.create_dir(&self.options.dir)?;
        self.lock = self.storage.lock(&self.path(LOCK))?;
        let in_use = "another process uses the directory; give each agent its own data_dir";
        match self.lock {
            Some(_) => Ok(()),
            None => Err(std::io::Error::other(in_use).into()),
        }
    }

    fn read(&mut self, store: &mut Store, now: Moment) -> Vec<SeriesId> {
        match self.replay() {
            Ok((replay, torn_bytes)) => {
                let (restored, left_out) = replay.restore(store, now);
                let series = restored.len();
                info!(series, left_out, torn_bytes, "series go on after a restart");
                restored
            }
            Err(ReadError::Disk(error)) if error.kind() == std::io::ErrorKind::NotFound => {
                Vec::new()
            }
            Err(error) => {
                self.set_aside(&error);
                Vec::new()
            }
        }
    }

    fn replay(&self) -> Result<(Replay, u64), ReadError> {
        let file = self.storage.open(&self.path(FILE))?;
        let mut replay = Replay::default();
        let torn_bytes = read_frames(&*file, |frame| replay.take(frame))?;
        Ok((replay, torn_bytes))
    }

    fn set_aside(&self, error: &ReadError) {
        let (path, damaged) = (self.path(FILE), self.path(DAMAGED));
        warn!(%error, file = %path.display(), set_aside = %damaged.display(), "the series of the last run can't be read: counters begin at zero");
        if self.storage.rename(&path, &damaged).is_err() {
            drop(self.storage.remove(&path));
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        Path::new(&self.options.dir).join(name)
    }
}

/// The length at which a file that holds so much of living series is written anew.
fn compact_at(live_bytes: u64) -> u64 {
    live_bytes
        .saturating_mul(COMPACT_FACTOR)
        .max(MIN_COMPACT_BYTES)
}

fn append_if_full(log: &mut LogFile, encoder: &mut Encoder) -> Result<(), WriteError> {
    if encoder.out.len() >= FRAME_BYTES {
        log.append(&mut encoder.out)?;
    }
    Ok(())
}
