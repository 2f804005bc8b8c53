//! The right to make one call.

use std::borrow::Borrow;
use std::time::Instant;

use super::call::Call;
use super::state::{BreakerState, CallResult};
use super::{Breaker, Circuit};

/// The right to make one call: `Permit<&Breaker>` within a borrow of the breaker, or `Permit` (which is `Permit<Breaker>`) for
/// as long as one likes.
///
/// Dropped without a word, the call counts as [`CallResult::Ignored`], and a half-open breaker has its trial back; after
/// [`Permit::answered`], it counts as a success.
#[must_use = "report how the call ended with success(), failure() or end()"]
#[derive(Debug)]
pub struct Permit<B: Borrow<Breaker> = Breaker> {
    breaker: B,
    call: Call,
}

impl<B: Borrow<Breaker>> Permit<B> {
    #[inline(always)]
    pub(super) fn new(breaker: B, call: Call) -> Permit<B> {
        Permit { breaker, call }
    }

    /// The call succeeded. Returns the state that follows.
    #[inline(always)]
    pub fn success(self, now: Instant) -> BreakerState {
        self.end(now, CallResult::Success)
    }

    /// The call failed. Returns the state that follows.
    #[inline(always)]
    pub fn failure(self, now: Instant) -> BreakerState {
        self.end(now, CallResult::Failure)
    }

    /// The call ended. Returns the state that follows.
    #[inline(always)]
    pub fn end(self, now: Instant, result: CallResult) -> BreakerState {
        self.end_lazily(|| now, result)
    }

    /// A good answer has begun to come, but not ended: its body may stream for hours. A trial has succeeded by this, how long the
    /// call took is settled, and the permit stays to tell of the body: `failure` when it broke off, else `success`. While the
    /// breaker is closed, the call counts when it ends, once, so that bodies that break off one after the other open it.
    /// Returns the state that follows.
    pub fn answered(&mut self, now: Instant) -> BreakerState {
        let circuit = &self.breaker.borrow().0;
        circuit.answered(&mut self.call, now)
    }

    /// Ends it at a time that is read only where somebody needs to know.
    #[inline(always)]
    pub(super) fn end_lazily(
        mut self,
        clock: impl Fn() -> Instant,
        result: CallResult,
    ) -> BreakerState {
        let circuit: &Circuit = &self.breaker.borrow().0;
        circuit.end(self.call.take(), clock, result)
    }
}

impl Permit<&Breaker> {
    /// The same right, for as long as one likes.
    pub fn into_owned(mut self) -> Permit {
        Permit {
            breaker: self.breaker.clone(),
            call: self.call.take(),
        }
    }
}

impl<B: Borrow<Breaker>> Drop for Permit<B> {
    #[inline(always)]
    fn drop(&mut self) {
        if !self.call.has_ended() {
            let circuit: &Circuit = &self.breaker.borrow().0;
            circuit.dropped(self.call.take());
        }
    }
}
