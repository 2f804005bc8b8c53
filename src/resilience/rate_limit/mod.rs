//! How many requests are let through: for all together, and for each caller.
//!
//! Where both hold, ask the caller's own first: what it refuses does not count for all then, or else one caller could use up what is there
//! for the others.
//!
//! The counting is that of the generic cell rate algorithm (crate `governor`): a full burst at once, then one request each time that
//! the rate brings one.

mod allowance;
mod callers;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, MonotonicClock, Reference};
use governor::middleware::{StateInformationMiddleware, StateSnapshot};
use governor::state::{InMemoryState, NotKeyed};
use governor::{NotUntil, Quota, RateLimiter};

pub use allowance::{Allowance, Policy};
pub use callers::CallerLimits;

/// The longest time that counting reaches into the future, so that its sums cannot overflow: 146 years.
const LONGEST_NS: u64 = u64::MAX / 4;

/// So many requests in so much time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Requests let through in `per`; 0 counts as 1.
    pub requests: u32,
    /// The time.
    pub per: Duration,
    /// How many may come at once; 0 counts as 1.
    pub burst: u32,
}

impl Rate {
    /// `requests` in `per`, all of which may come at once.
    pub const fn new(requests: u32, per: Duration) -> Rate {
        Rate {
            requests,
            per,
            burst: requests,
        }
    }

    /// The time that brings one request.
    fn interval(&self) -> Duration {
        let each = self.per / self.requests.max(1);
        each.clamp(Duration::from_nanos(1), Duration::from_nanos(LONGEST_NS))
    }

    fn quota(&self) -> Quota {
        let interval_ns = u64::try_from(self.interval().as_nanos()).unwrap_or(LONGEST_NS);
        let most = u32::try_from(LONGEST_NS / interval_ns).unwrap_or(u32::MAX);
        let burst = NonZeroU32::new(self.burst.min(most)).unwrap_or(NonZeroU32::MIN);
        // A period that is not zero always makes a quota.
        Quota::with_period(self.interval())
            .unwrap_or(Quota::per_second(burst))
            .allow_burst(burst)
    }

    /// What the state that a decision left behind means for the caller.
    fn allowed(&self, name: &'static str, state: &StateSnapshot) -> Allowance {
        Allowance {
            name,
            rate: *self,
            remaining: state.remaining_burst_capacity(),
            reset: self.interval(),
            retry_after: None,
        }
    }

    fn refused<P: Reference>(&self, name: &'static str, until: &NotUntil<P>, now: P) -> Allowance {
        let wait = until.wait_time_from(now);
        Allowance {
            name,
            rate: *self,
            remaining: 0,
            reset: wait,
            retry_after: Some(wait),
        }
    }
}

/// The limit of all requests together.
#[derive(Debug)]
pub struct RateLimit<C: Clock = MonotonicClock> {
    name: &'static str,
    rate: Rate,
    limiter: RateLimiter<NotKeyed, InMemoryState, C, StateInformationMiddleware>,
}

impl RateLimit {
    /// A limit that callers know by `name`: letters only.
    pub fn new(name: &'static str, rate: Rate) -> RateLimit {
        RateLimit::on(name, rate, MonotonicClock)
    }
}

impl<C: Clock> RateLimit<C> {
    /// The same with a clock of its own, for tests.
    pub fn on(name: &'static str, rate: Rate, clock: C) -> RateLimit<C> {
        RateLimit {
            name,
            rate,
            limiter: RateLimiter::new(rate.quota(), InMemoryState::default(), clock),
        }
    }

    /// Counts a request, where it is allowed.
    pub fn check(&self) -> Allowance {
        match self.limiter.check() {
            Ok(state) => self.rate.allowed(self.name, &state),
            Err(until) => {
                let now = self.limiter.clock().now();
                self.rate.refused(self.name, &until, now)
            }
        }
    }
}
