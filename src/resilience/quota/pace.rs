//! When an upstream may be called, by what it said last.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use http::{HeaderMap, StatusCode};

use super::state::State;
use super::told::told;
use crate::resilience::hint::retry_after;

/// When a call may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// At once.
    Now,
    /// After this time. Nobody else has the same turn.
    After(Duration),
}

/// What one upstream still allows one caller.
///
/// Each call asks for its [`turn`](Quota::turn), and ends with [`learn`](Quota::learn) or [`gone`](Quota::gone).
#[derive(Debug, Default)]
pub struct Quota {
    /// Whether anything is known, which of most upstreams nothing is.
    is_known: AtomicBool,
    /// Calls that have asked for a turn and have not ended.
    out: AtomicU64,
    state: Mutex<State>,
}

impl Quota {
    /// Nothing is known yet.
    pub fn new() -> Quota {
        Quota::default()
    }

    /// The turn of a call at `now` that is willing to wait for `patience`. Where its turn comes later than that, it is told when, but has no turn: it is not
    /// to be made.
    pub fn turn(&self, now: Instant, patience: Duration) -> Turn {
        self.out.fetch_add(1, Relaxed);
        if !self.is_known.load(Relaxed) {
            return Turn::Now;
        }
        let mut state = self.lock();
        state.forget(now);
        if state.is_empty() {
            *state = State::default();
            self.is_known.store(false, Relaxed);
            return Turn::Now;
        }
        match state.turn(now, patience) {
            Duration::ZERO => Turn::Now,
            wait => Turn::After(wait),
        }
    }

    /// A call that asked for a turn was not made, or got no answer.
    pub fn gone(&self) {
        let one_less = |out: u64| out.checked_sub(1);
        // Nothing is left to take away where more calls end than asked.
        let _: Result<u64, u64> = self.out.fetch_update(Relaxed, Relaxed, one_less);
    }

    /// A call that had its turn was answered so at `now`, which is `wall` on the clock of dates.
    pub fn learn(&self, status: StatusCode, headers: &HeaderMap, now: Instant, wall: SystemTime) {
        self.gone();
        let told = told(headers, wall);
        let pause = asks_for_a_pause(status).then(|| retry_after(headers, wall));
        let pause = pause.flatten().filter(|pause| !pause.is_zero());
        if told.is_empty() && pause.is_none() {
            return;
        }
        let out = self.out.load(Relaxed);
        let mut state = self.lock();
        state.forget(now);
        told.into_iter()
            .for_each(|told| state.learn(told, out, now));
        if let Some(pause) = pause {
            state.pause(pause, now);
        }
        self.is_known.store(!state.is_empty(), Relaxed);
    }

    /// Whether nothing is known and no call is out, so that nothing is lost when it is forgotten. What has ended at `now` is not known.
    pub(super) fn is_idle(&self, now: Instant) -> bool {
        if self.is_known.load(Relaxed) {
            let mut state = self.lock();
            state.forget(now);
            self.is_known.store(!state.is_empty(), Relaxed);
        }
        !self.is_known.load(Relaxed) && self.out.load(Relaxed) == 0
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each of its parts is replaced whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Too Many Requests, and Service Unavailable: those whose Retry-After speaks for all requests (RFC 6585, section 4; RFC 9110, section 15.6.4).
fn asks_for_a_pause(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
    )
}
