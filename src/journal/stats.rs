//! What the journal tells about itself.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// The upper bounds of [`SyncTimes::buckets`], in microseconds. The last bucket has none.
pub const SYNC_BOUNDS_US: [u64; 12] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 500_000, 1_000_000,
];

/// The journal at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JournalStats {
    /// Bytes of all segment files, spare ones included.
    pub disk_bytes: u64,
    /// Bytes of the log that some export still needs.
    pub live_bytes: u64,
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

/// A histogram of sync durations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SyncTimes {
    /// Syncs at most as long as the bound of the same place in [`SYNC_BOUNDS_US`]; then the longer.
    pub buckets: [u64; SYNC_BOUNDS_US.len() + 1],
    /// The sum of all durations in microseconds.
    pub sum_us: u64,
}

impl SyncTimes {
    /// How many syncs there were.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }
}

/// The counters behind [`JournalStats`].
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) records: AtomicU64,
    pub(super) appended_bytes: AtomicU64,
    pub(super) commits: AtomicU64,
    pub(super) write_errors: AtomicU64,
    sync_buckets: [AtomicU64; SYNC_BOUNDS_US.len() + 1],
    sync_sum_us: AtomicU64,
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

    pub(super) fn synced(&self, took: Duration) {
        let took_us = took.as_micros() as u64;
        let bucket = SYNC_BOUNDS_US.partition_point(|bound| *bound < took_us);
        self.sync_buckets[bucket].fetch_add(1, Relaxed);
        self.sync_sum_us.fetch_add(took_us, Relaxed);
    }

    /// The counters' share of the statistics.
    pub(super) fn stats(&self) -> JournalStats {
        JournalStats {
            records: self.records.load(Relaxed),
            appended_bytes: self.appended_bytes.load(Relaxed),
            commits: self.commits.load(Relaxed),
            write_errors: self.write_errors.load(Relaxed),
            syncs: SyncTimes {
                buckets: std::array::from_fn(|at| self.sync_buckets[at].load(Relaxed)),
                sum_us: self.sync_sum_us.load(Relaxed),
            },
            ..JournalStats::default()
        }
    }
}
