//! An export's side of the journal, shared by its cursor, its settlers and the journal itself.

use std::io;
use std::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Release},
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::ledger::{Account, DropReason, Fate};
use crate::otlp::{Signal, SignalSet};

use super::mark::Mark;
use super::slot::{Slots, Syncing};
use super::track::{Contents, Track};

/// One export's state.
#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) name: String,
    pub(super) signals: SignalSet,
    pub(super) account: Arc<Account>,
    /// Tells the cursor that there is more to read.
    pub(super) wake: Notify,
    /// `track.next` and `track.settled`, to be read without the lock.
    next: AtomicU64,
    settled: AtomicU64,
    /// Where the durable copy of the cursor stands: what lies before is never needed again.
    durable: AtomicU64,
    progress: Mutex<Progress>,
}

/// What the lock protects.
#[derive(Debug)]
pub(super) struct Progress {
    pub(super) track: Track,
    /// The durable cursor; memory mode has none.
    pub(super) slots: Option<Slots>,
}

impl Subscription {
    pub(super) fn new(
        (name, signals, account): (String, SignalSet, Arc<Account>),
        track: Track,
        slots: Option<Slots>,
    ) -> Subscription {
        Subscription {
            name,
            signals,
            account,
            wake: Notify::new(),
            next: AtomicU64::new(track.next().position),
            settled: AtomicU64::new(track.settled().position),
            durable: AtomicU64::new(0),
            progress: Mutex::new(Progress { track, slots }),
        }
    }

    /// Locks the state. Never lock the log while holding it.
    pub(super) fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything before this position has been handed out or passed over.
    pub(super) fn next_position(&self) -> u64 {
        self.next.load(Acquire)
    }

    /// Everything before this position is settled.
    pub(super) fn settled_position(&self) -> u64 {
        self.settled.load(Acquire)
    }

    /// Everything before this position is settled, and no power cut can undo it.
    pub(super) fn durable_position(&self) -> u64 {
        self.durable.load(Acquire)
    }

    /// Makes the durable cursor say where the export stands. Blocks on the disk.
    pub(super) fn sync(&self, synced: Mark) -> io::Result<()> {
        let Some(syncing) = self.progress().begin_sync(synced)? else {
            return Ok(());
        };
        let done = syncing.sync();
        if let Some(slots) = &mut self.progress().slots {
            slots.end_sync(&syncing, &done);
        }
        done?;
        self.durable.store(syncing.settled().position, Release);
        Ok(())
    }

    /// From now on the durable cursor says that the log's end is final.
    pub(super) fn close(&self) {
        if let Some(slots) = &mut self.progress().slots {
            slots.close();
        }
        self.wake.notify_one();
    }

    /// Failed writes and syncs of the durable cursor.
    pub(super) fn write_errors(&self) -> u64 {
        self.progress().slots.as_ref().map_or(0, Slots::errors)
    }

    /// Where the next record is looked for.
    pub(super) fn next_mark(&self) -> Mark {
        self.progress().track.next()
    }

    /// Makes the track's positions visible without the lock.
    pub(super) fn publish(&self, track: &Track) {
        self.next.store(track.next().position, Release);
        self.settled.store(track.settled().position, Release);
    }

    /// Moves past the record at `at`, unless the track was moved meanwhile: then false.
    ///
    /// With a fate the record is settled on the spot; without one it is in flight.
    pub(super) fn pass(&self, at: Mark, end: Mark, contents: Contents, fate: Option<Fate>) -> bool {
        let mut progress = self.progress();
        if progress.track.next().position != at.position {
            return false;
        }
        self.close_gap(&mut progress.track, at, DropReason::Corrupted);
        self.pass_locked(&mut progress.track, end, contents, fate);
        self.publish(&progress.track);
        true
    }

    /// As [`Subscription::pass`], under the lock and at the track's own position.
    pub(super) fn pass_locked(
        &self,
        track: &mut Track,
        end: Mark,
        contents: Contents,
        fate: Option<Fate>,
    ) {
        if !self.signals.contains(contents.signal) {
            track.skip(end);
            return;
        }
        if let Some(fate) = fate {
            let Contents {
                signal,
                items,
                services,
                ..
            } = &contents;
            self.account.leave_items(*signal, *items, services, fate);
        }
        track.pass(end, contents, fate);
    }

    /// Moves from `from` to `to` over what cannot be read, unless the track was moved meanwhile.
    pub(super) fn jump(&self, from: Mark, to: Mark, reason: DropReason) -> bool {
        let mut progress = self.progress();
        if progress.track.next().position != from.position {
            return false;
        }
        self.close_gap(&mut progress.track, to, reason);
        self.publish(&progress.track);
        true
    }

    /// Brings the track to `to` and counts what the counters say lay between.
    pub(super) fn close_gap(&self, track: &mut Track, to: Mark, reason: DropReason) {
        let from = track.next();
        if from == to {
            return;
        }
        let to = Mark {
            position: to.position,
            ..to.max(from)
        };
        // Where a segment's first record is damaged, its base may tell too little.
        let to = Mark {
            position: to.position,
            ..to.max(from)
        };
        let lost = missing(from, to, self.signals);
        let found_now = track.without_known_losses(lost);
        for signal in Signal::ALL {
            self.account.lose(signal, found_now[signal.index()], reason);
        }
        track.lose(to, lost, reason);
    }

    /// Settles a record in flight and lets the durable cursor follow.
    pub(super) fn settle(&self, synced: Mark, settled: &[(u64, Contents, Fate)]) {
        let mut progress = self.progress();
        let before = progress.track.settled();
        for (position, contents, fate) in settled {
            if progress.track.settle(*position, *fate) {
                let Contents {
                    signal,
                    items,
                    services,
                    ..
                } = contents;
                self.account.leave_items(*signal, *items, services, *fate);
            }
        }
        self.publish(&progress.track);
        if progress.track.settled() != before {
            progress.save(synced);
        }
    }
}

impl Progress {
    fn begin_sync(&mut self, synced: Mark) -> io::Result<Option<Syncing>> {
        let settled = self.track.settled();
        let is_due = |slots: &Slots| slots.is_due(settled, synced);
        if !self.slots.as_ref().is_some_and(is_due) {
            return Ok(None);
        }
        self.save(synced);
        let syncing = self.slots.as_mut().and_then(Slots::begin_sync);
        syncing
            .map(Some)
            .ok_or_else(|| io::Error::other("the cursor could not be written"))
    }

    /// Writes the durable cursor; a failure is made good by the next save.
    pub(super) fn save(&mut self, synced: Mark) {
        if let Some(slots) = &mut self.slots {
            slots.write(self.track.settled(), synced, self.track.book());
        }
    }
}

/// Items of the wanted signals between two marks.
pub(super) fn missing(from: Mark, to: Mark, signals: SignalSet) -> [u64; 3] {
    let mut missing = [0; 3];
    for signal in signals.iter() {
        let at = signal.index();
        missing[at] = to.items[at].saturating_sub(from.items[at]);
    }
    missing
}
