//! What all handles of one journal share.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::otlp::{Batch, Signal, SignalSet};

use super::JournalOptions;
use super::keeper::Bell;
use super::log::{Log, Look};
use super::mark::Mark;
use super::options::SyncMode;
use super::stats::Counters;
use super::subscription::Subscription;

/// The journal's state. Locks are taken in this order: log, one export's progress, its account.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) options: JournalOptions,
    pub(super) subscriptions: Vec<Arc<Subscription>>,
    pub(super) counters: Counters,
    /// Wakes the keeper.
    pub(super) bell: Bell,
    /// Once everything before this position is settled, a segment can be retired.
    pub(super) retire_at: AtomicU64,
    wanted: SignalSet,
    log: Mutex<Log>,
    /// Held while segments are taken out of the log.
    retention: Mutex<()>,
}

impl Shared {
    pub(super) fn new(
        options: JournalOptions,
        subscriptions: Vec<Arc<Subscription>>,
        log: Log,
    ) -> Shared {
        let union =
            |set: SignalSet, subscription: &Arc<Subscription>| set.union(subscription.signals);
        Shared {
            wanted: subscriptions.iter().fold(SignalSet::NONE, union),
            options,
            subscriptions,
            counters: Counters::default(),
            bell: Bell::default(),
            retire_at: AtomicU64::new(u64::MAX),
            log: Mutex::new(log),
            retention: Mutex::default(),
        }
    }

    pub(super) fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets only one thread at a time take segments out of the log. Taken before any other lock.
    pub(super) fn retention(&self) -> MutexGuard<'_, ()> {
        self.retention
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether any export selects the signal.
    pub(super) fn is_wanted(&self, signal: Signal) -> bool {
        self.wanted.contains(signal)
    }

    /// Where to read the record at `position`; lets go of batches that nobody will read.
    pub(super) fn look(&self, position: u64) -> Look {
        let mut log = self.log();
        log.tail.prune(self.needed_from());
        log.look(position)
    }

    /// Where everything before is on stable storage.
    pub(super) fn synced(&self) -> Mark {
        self.log().synced
    }

    /// Batches before this position can leave memory: on disk they stay until they are settled, in
    /// memory mode this is their only place.
    pub(super) fn needed_from(&self) -> u64 {
        match self.options.sync {
            SyncMode::Memory => self.settled_by_all(),
            _ => self.handed_out_to_all(),
        }
    }

    /// Everything before this position is settled by every export.
    pub(super) fn settled_by_all(&self) -> u64 {
        let settled = self
            .subscriptions
            .iter()
            .map(|export| export.settled_position());
        settled.min().unwrap_or(u64::MAX)
    }

    /// Tells the keeper where a whole segment is settled; once for each segment.
    pub(super) fn settled_some(&self) {
        if self.settled_by_all() >= self.retire_at.load(Relaxed) {
            self.retire_at.store(u64::MAX, Relaxed);
            self.bell.ring();
        }
    }

    fn handed_out_to_all(&self) -> u64 {
        self.subscriptions
            .iter()
            .map(|export| export.next_position())
            .min()
            .unwrap_or(u64::MAX)
    }

    /// Counts a batch in with every export that wants it.
    pub(super) fn enter(&self, batch: &Batch) {
        for export in &self.subscriptions {
            if export.signals.contains(batch.signal) {
                export.account.enter(batch);
            }
        }
    }

    /// Tells the exports that want one of `signals` that there is something to read.
    pub(super) fn wake(&self, signals: SignalSet) {
        for export in &self.subscriptions {
            if signals.iter().any(|signal| export.signals.contains(signal)) {
                export.wake.notify_one();
            }
        }
    }

    /// Batches received before this moment are too old; `None` where age has no limit.
    pub(super) fn expired_before_unix_ms(&self) -> Option<u64> {
        let max_age = self.options.max_age?;
        Some(unix_now().saturating_sub(max_age).as_millis() as u64)
    }
}

/// The wall clock; a clock before 1970 counts as 1970.
pub(super) fn unix_now() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}
