//! Appends that wait for the writer.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::otlp::Batch;

use super::error::AppendError;

/// An append that waits.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) batch: Batch,
    pub(super) payload_crc: u32,
    pub(super) len: u64,
    pub(super) done: oneshot::Sender<Result<(), AppendError>>,
}

/// Where appends gather while the writer waits for the disk.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    pending: Vec<Pending>,
    closing: bool,
    /// The writer sleeps until there are this many.
    awaited: usize,
}

/// What the writer is to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Write what was taken.
    Write,
    /// Nothing came in time.
    Idle,
    /// Nothing will come any more.
    Close,
}

impl Queue {
    /// Adds an append; false once the queue is closing.
    pub(super) fn push(&self, pending: Pending) -> bool {
        let mut state = self.state();
        if state.closing {
            return false;
        }
        state.pending.push(pending);
        if state.awaited > 0 && state.pending.len() >= state.awaited {
            state.awaited = 0;
            drop(state);
            self.changed.notify_one();
        }
        true
    }

    /// Lets the writer end once it has written what waits.
    pub(super) fn close(&self) {
        self.state().closing = true;
        self.changed.notify_all();
    }

    /// Moves everything that waits to `into`; waits for it at most `patience`.
    ///
    /// Senders answered together come back nearly together. Where the last group held `expected`
    /// of them, a short wait for as many saves a sync that would carry the first one alone.
    pub(super) fn take(
        &self,
        into: &mut Vec<Pending>,
        patience: Duration,
        (expected, gather): (usize, Duration),
    ) -> Turn {
        let mut state = self.wait(self.state(), 1, patience);
        if state.pending.is_empty() {
            return if state.closing {
                Turn::Close
            } else {
                Turn::Idle
            };
        }
        if expected > state.pending.len() {
            state = self.wait(state, expected, gather);
        }
        std::mem::swap(&mut state.pending, into);
        Turn::Write
    }

    fn wait<'a>(
        &self,
        mut state: MutexGuard<'a, State>,
        count: usize,
        patience: Duration,
    ) -> MutexGuard<'a, State> {
        let deadline = Instant::now() + patience;
        while state.pending.len() < count && !state.closing {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state.awaited = count;
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.awaited = 0;
        state
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
