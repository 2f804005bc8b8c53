//! What the journal tells about itself.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// The journal at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JournalStats {
    /// Bytes of all segment files, spare ones included.
    pub disk_bytes: u64,
    /// Bytes of the log that some export still needs.
    pub live_bytes: u64,
    /// The most that may wait: `max_bytes` on disk, `memory_bytes` in memory mode.
    pub limit_bytes: u64,
    /// Segment files that hold a part of the log.
    pub segments: u64,
    /// Batches appended since the journal was opened.
    pub records: u64,
    /// Bytes appended since the journal was opened, headers included.
    pub appended_bytes: u64,
    /// Groups of batches that were written together.
    pub commits: u64,
    /// Bytes of batches held in memory.
    pub memory_bytes: u64,
    /// Writes, syncs and changes of files that failed.
    pub write_errors: u64,
    /// How long syncs took.
    pub syncs: SyncTimes,
}

/// How often the disk was synced and how long that took in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SyncTimes {
    /// Syncs since the journal was opened.
    pub count: u64,
    /// The sum of their durations in microseconds.
    pub sum_us: u64,
}

type Observer = Box<dyn Fn(Duration) + Send + Sync>;

/// The counters behind [`JournalStats`].
#[derive(Default)]
pub(super) struct Counters {
    pub(super) records: AtomicU64,
    pub(super) appended_bytes: AtomicU64,
    pub(super) commits: AtomicU64,
    pub(super) write_errors: AtomicU64,
    syncs: AtomicU64,
    sync_sum_us: AtomicU64,
    sync_observer: OnceLock<Observer>,
}

impl fmt::Debug for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.stats().fmt(f)
    }
}

impl Counters {
    pub(super) fn appended(&self, records: u64, bytes: u64) {
        self.commits.fetch_add(1, Relaxed);
        self.records.fetch_add(records, Relaxed);
        self.appended_bytes.fetch_add(bytes, Relaxed);
    }

    pub(super) fn write_failed(&self) {
        self.write_errors.fetch_add(1, Relaxed);
    }

    /// Tells `observer` of every sync; false where one is told already.
    pub(super) fn observe_syncs(&self, observer: Observer) -> bool {
        self.sync_observer.set(observer).is_ok()
    }

    pub(super) fn synced(&self, took: Duration) {
        self.syncs.fetch_add(1, Relaxed);
        self.sync_sum_us.fetch_add(took.as_micros() as u64, Relaxed);
        if let Some(observer) = self.sync_observer.get() {
            observer(took);
        }
    }

    /// The counters' share of the statistics.
    pub(super) fn stats(&self) -> JournalStats {
        JournalStats {
            records: self.records.load(Relaxed),
            appended_bytes: self.appended_bytes.load(Relaxed),
            commits: self.commits.load(Relaxed),
            write_errors: self.write_errors.load(Relaxed),
            syncs: SyncTimes {
                count: self.syncs.load(Relaxed),
                sum_us: self.sync_sum_us.load(Relaxed),
            },
            ..JournalStats::default()
        }
    }
}
