//! A circuit breaker: after too many failures, stop calling for a while, then try a few calls.
//!
//! The states and transitions are those of Nygard, "Release It!", with the half-open state of Fowler's "CircuitBreaker"; rates
//! over windows, slow calls and the states set by hand are those of resilience4j.
//!
//! | from | to | when |
//! |---|---|---|
//! | CLOSED | OPEN | `failures` in a row; or at least `failure_rate` or `slow_rate` of the window, from `minimum_calls` on |
//! | OPEN | HALF_OPEN | its time has passed and a call is asked for, which is the first trial |
//! | HALF_OPEN | CLOSED | `successes` trials succeeded and none failed |
//! | HALF_OPEN | OPEN | a trial failed, or was slow where `slow_rate` is set |
//! | any | FORCED_OPEN, DISABLED, METRICS_ONLY | by hand |
//! | any | CLOSED | by hand; METRICS_ONLY or DISABLED where the policy's mode says so |
//!
//! Each change begins a generation. A call belongs to the one in which it was let through; if another is there when it ends, it
//! is counted, and moves nothing. While it is half open, at most `trials` are under way; one that is dropped gives its place
//! back.
//!
//! It opens for `open_for`, and each further time for twice as long, up to `max_open_for`, with up to a tenth more by chance, so
//! that agents do not come back together. Once it has stayed closed for as long as it was open before, doubling begins anew.

mod call;
mod change;
mod circuit;
mod figures;
mod guarded;
mod meter;
mod permit;
mod policy;
mod state;
mod status;
#[cfg(test)]
mod tests;
mod transition;
mod trip;
mod window;

use std::fmt;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use circuit::Circuit;
pub use guarded::Guarded;
pub use meter::CallCounts;
pub use permit::Permit;
pub use policy::{BreakerPolicy, MAX_WINDOW_CALLS, Mode, Window};
pub use state::{BreakerState, CallResult};
pub use status::BreakerStatus;
pub use transition::{Reason, Transition};

/// Is told of each change of state, in the thread and context of whoever caused it and outside of the breaker's lock. It must
/// not block or panic.
pub type Listener = Arc<dyn Fn(&Transition) + Send + Sync>;

/// A circuit breaker shared by all calls to one service. Clones are the same breaker.
#[derive(Clone)]
pub struct Breaker(Arc<Circuit>);

/// A call was not let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the breaker is {}, ask again in {retry_after:.1?}", state.word())]
pub struct Held {
    /// Why.
    pub state: BreakerState,
    /// When it is worth asking again: the open time that is left. While trials are under way, a second or `open_for`, whichever is
    /// shorter; while it is forced open, `open_for`.
    pub retry_after: Duration,
}

impl Breaker {
    /// A breaker for calls to `service`, in the state that the policy's mode says.
    pub fn new(service: impl Into<Arc<str>>, policy: BreakerPolicy) -> Breaker {
        Breaker::with_chance(service, policy, fastrand::f64)
    }

    /// The same with a source of random numbers in `0.0..1.0`, which say how much longer it opens.
    pub fn with_chance(
        service: impl Into<Arc<str>>,
        policy: BreakerPolicy,
        chance: fn() -> f64,
    ) -> Breaker {
        Breaker(Arc::new(Circuit::new(service.into(), policy, chance)))
    }

    /// Adds a listener. All clones have it.
    #[must_use]
    pub fn with_listener(self, listener: Listener) -> Breaker {
        let listeners = self.0.listeners.write();
        listeners
            .unwrap_or_else(PoisonError::into_inner)
            .push(listener);
        self
    }

    /// The service that it guards.
    pub fn service(&self) -> &Arc<str> {
        &self.0.service
    }

    /// When it trips and for how long.
    pub fn policy(&self) -> &BreakerPolicy {
        &self.0.policy
    }

    /// Asks for one call at `now`.
    ///
    /// # Errors
    /// It is held back.
    #[inline(always)]
    pub fn admit(&self, now: Instant) -> Result<Permit<&Breaker>, Held> {
        let call = self.0.admit(now)?;
        Ok(Permit::new(self, call))
    }

    /// Asks for one call at `now` that may outlive this borrow of the breaker, as one whose permit stays in the body of an answer.
    ///
    /// # Errors
    /// It is held back.
    #[inline(always)]
    pub fn admit_owned(&self, now: Instant) -> Result<Permit, Held> {
        let call = self.0.admit(now)?;
        Ok(Permit::new(self.clone(), call))
    }

    /// What the breaker does with calls. One whose open time has passed is open until a call is asked for.
    pub fn state(&self) -> BreakerState {
        self.0.word().state()
    }

    /// Holds every call back until [`Breaker::reset`].
    pub fn force_open(&self, now: Instant) {
        self.0.set(BreakerState::ForcedOpen, now);
    }

    /// Lets every call pass and counts none, until [`Breaker::reset`].
    pub fn disable(&self, now: Instant) {
        self.0.set(BreakerState::Disabled, now);
    }

    /// Lets every call pass and counts it, until [`Breaker::reset`].
    pub fn metrics_only(&self, now: Instant) {
        self.0.set(BreakerState::MetricsOnly, now);
    }

    /// Begins anew: closed (or what the policy's mode says), with counts at zero. Calls under way move nothing.
    pub fn reset(&self, now: Instant) {
        self.0.reset(now);
    }

    /// What stands on a status page at `now`.
    pub fn status(&self, now: Instant) -> BreakerStatus {
        self.0.status(now)
    }
}

impl fmt::Debug for Breaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Breaker")
            .field("service", &self.0.service)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
