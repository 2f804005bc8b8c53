//! The thread that keeps house: cursors, spare files, and segments nobody needs.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::disk::Disk;
use super::retention;
use super::shared::Shared;

/// How often cursors are made durable and ages looked at.
const EVERY: Duration = Duration::from_secs(1);

/// Wakes the keeper before its time.
#[derive(Debug, Default)]
pub(super) struct Bell {
    state: Mutex<BellState>,
    rung: Condvar,
}

#[derive(Debug, Default)]
struct BellState {
    rung: bool,
    stop: bool,
}

impl Bell {
    /// Asks for a round now.
    pub(super) fn ring(&self) {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .rung = true;
        self.rung.notify_one();
    }

    /// Ends the keeper.
    pub(super) fn stop(&self) {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .stop = true;
        self.rung.notify_one();
    }

    /// Waits for the next round; false when there is none.
    fn wait(&self) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let quiet = |state: &mut BellState| !state.rung && !state.stop;
        let waited = self.rung.wait_timeout_while(state, EVERY, quiet);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        state.rung = false;
        !state.stop
    }
}

/// Keeps house until the bell stops it.
pub(super) fn run(shared: &Arc<Shared>, disk: &Arc<Disk>) {
    while shared.bell.wait() {
        keep(shared, disk);
    }
}

/// One round.
pub(super) fn keep(shared: &Shared, disk: &Disk) {
    retention::retire_settled(shared, disk);
    retention::expire(shared, disk);
    disk.empty_trash();
    if is_filling(shared, disk) && disk.wants_spare() && disk.prepare_spare().is_err() {
        shared.counters.write_failed();
    }
}

/// Whether the active segment is a quarter full: time to have the next one ready.
fn is_filling(shared: &Shared, disk: &Disk) -> bool {
    let log = shared.log();
    let used = log
        .segments
        .back()
        .map(|active| active.offset(log.end.position));
    used.is_some_and(|used| used >= disk.segment_bytes / 4)
}
