//! A circuit breaker: after enough failures in a row, stop calling for a while, then try one call.
//!
//! The states and transitions are those of Nygard, "Release It!", with the half-open state of
//! Fowler's "CircuitBreaker": CLOSED, OPEN, HALF_OPEN.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// When a breaker trips and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerPolicy {
    /// Failures in a row that open the breaker; at least 1.
    pub failures: u32,
    /// How long it stays open before one trial call is let through.
    pub open_for: Duration,
}

/// What a breaker does with the next call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// Calls pass.
    Closed,
    /// Calls are held back.
    Open,
    /// One trial call decides.
    HalfOpen,
}

impl BreakerState {
    /// The state as a gauge value: 0 closed, 1 open, 2 half-open.
    pub const fn gauge(self) -> u64 {
        match self {
            BreakerState::Closed => 0,
            BreakerState::Open => 1,
            BreakerState::HalfOpen => 2,
        }
    }

    /// The state in words, for logs and events.
    pub const fn name(self) -> &'static str {
        match self {
            BreakerState::Closed => "closed",
            BreakerState::Open => "open",
            BreakerState::HalfOpen => "half-open",
        }
    }
}

#[derive(Debug)]
enum Circuit {
    Closed { failures: u32 },
    Open { until: Instant },
    HalfOpen { trial_out: bool },
}

#[derive(Debug)]
struct Inner {
    circuit: Circuit,
    /// Counts state changes: a call begun in an earlier generation must not move this one.
    generation: u64,
}

/// A circuit breaker shared by all calls to one destination.
#[derive(Clone, Debug)]
pub struct Breaker {
    policy: BreakerPolicy,
    inner: Arc<Mutex<Inner>>,
}

/// The right to make one call. Dropping it unused gives a half-open breaker its trial back.
#[must_use = "report how the call ended with success() or failure()"]
#[derive(Debug)]
pub struct Permit {
    breaker: Breaker,
    generation: u64,
    reported: bool,
}

impl Breaker {
    /// A closed breaker.
    pub fn new(policy: BreakerPolicy) -> Breaker {
        let inner = Inner {
            circuit: Circuit::Closed { failures: 0 },
            generation: 0,
        };
        Breaker {
            policy,
            inner: Arc::new(Mutex::new(inner)),
        }
    }

    /// Asks for one call at `now`. Refused: how long to wait before it is worth asking again.
    pub fn admit(&self, now: Instant) -> Result<Permit, Duration> {
        let mut inner = self.lock();
        match inner.circuit {
            Circuit::Closed { .. } => {}
            Circuit::Open { until } if now < until => return Err(until - now),
            Circuit::HalfOpen { trial_out: true } => return Err(self.policy.open_for),
            Circuit::Open { .. } => inner.change(Circuit::HalfOpen { trial_out: true }),
            Circuit::HalfOpen { .. } => inner.circuit = Circuit::HalfOpen { trial_out: true },
        }
        Ok(Permit {
            breaker: self.clone(),
            generation: inner.generation,
            reported: false,
        })
    }

    /// What the breaker would do with a call at `now`.
    pub fn state(&self) -> BreakerState {
        match self.lock().circuit {
            Circuit::Closed { .. } => BreakerState::Closed,
            Circuit::Open { .. } => BreakerState::Open,
            Circuit::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic while holding the lock leaves a whole state behind: every change is one assignment.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn change(&mut self, circuit: Circuit) {
        self.circuit = circuit;
        self.generation += 1;
    }

    fn fail(&mut self, policy: BreakerPolicy, now: Instant) {
        let failures = match self.circuit {
            Circuit::Closed { failures } => failures + 1,
            Circuit::Open { .. } => return,
            Circuit::HalfOpen { .. } => policy.failures,
        };
        if failures >= policy.failures {
            self.change(Circuit::Open {
                until: now + policy.open_for,
            });
        } else {
            self.circuit = Circuit::Closed { failures };
        }
    }

    fn succeed(&mut self) {
        match self.circuit {
            Circuit::Closed { .. } => self.circuit = Circuit::Closed { failures: 0 },
            Circuit::Open { .. } => {}
            Circuit::HalfOpen { .. } => self.change(Circuit::Closed { failures: 0 }),
        }
    }
}

impl Permit {
    /// The call succeeded. Returns the state that follows.
    pub fn success(self) -> BreakerState {
        self.report(Inner::succeed)
    }

    /// The call failed at `now`. Returns the state that follows.
    pub fn failure(self, now: Instant) -> BreakerState {
        let policy = self.breaker.policy;
        self.report(|inner| inner.fail(policy, now))
    }

    fn report(mut self, change: impl FnOnce(&mut Inner)) -> BreakerState {
        self.reported = true;
        {
            let mut inner = self.breaker.lock();
            if inner.generation == self.generation {
                change(&mut inner);
            }
        }
        self.breaker.state()
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.reported {
            return;
        }
        let mut inner = self.breaker.lock();
        if inner.generation == self.generation
            && let Circuit::HalfOpen { trial_out } = &mut inner.circuit
        {
            *trial_out = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: BreakerPolicy = BreakerPolicy {
        failures: 3,
        open_for: Duration::from_secs(5),
    };

    fn tripped(now: Instant) -> Breaker {
        let breaker = Breaker::new(POLICY);
        for _ in 0..POLICY.failures {
            breaker.admit(now).expect("closed").failure(now);
        }
        breaker
    }

    /// Scenario: failures with a success between them. Guarantees: only failures in a row count.
    #[test]
    fn a_success_starts_the_count_anew() {
        let (breaker, now) = (Breaker::new(POLICY), Instant::now());
        for _ in 0..10 {
            breaker.admit(now).expect("closed").failure(now);
            breaker.admit(now).expect("closed").failure(now);
            assert_eq!(
                breaker.admit(now).expect("closed").success(),
                BreakerState::Closed
            );
        }
    }

    /// Scenario: the policy's number of failures in a row. Guarantees: open for exactly `open_for`,
    /// and the caller is told how long is left.
    #[test]
    fn it_opens_for_the_time_given() {
        let now = Instant::now();
        let breaker = tripped(now);
        assert_eq!(breaker.state(), BreakerState::Open);
        let left = breaker
            .admit(now + Duration::from_secs(2))
            .expect_err("open");
        assert_eq!(left, Duration::from_secs(3));
        assert!(breaker.admit(now + POLICY.open_for).is_ok());
    }

    /// Scenario: the open time has passed and many callers ask. Guarantees: one trial at a time; its
    /// success closes, its failure opens again, a dropped trial lets the next caller try.
    #[test]
    fn half_open_lets_one_trial_through() {
        let now = Instant::now();
        let later = now + POLICY.open_for;
        let breaker = tripped(now);
        let trial = breaker.admit(later).expect("half-open");
        assert!(breaker.admit(later).is_err());
        drop(trial);
        let trial = breaker.admit(later).expect("the trial was given back");
        assert_eq!(trial.failure(later), BreakerState::Open);
        let trial = breaker
            .admit(later + POLICY.open_for)
            .expect("half-open again");
        assert_eq!(trial.success(), BreakerState::Closed);
    }

    /// Scenario: a slow call begun before the breaker opened ends after it. Guarantees: its result
    /// belongs to an older generation and moves nothing.
    #[test]
    fn late_results_move_nothing() {
        let now = Instant::now();
        let breaker = Breaker::new(POLICY);
        let slow = breaker.admit(now).expect("closed");
        for _ in 0..POLICY.failures {
            breaker.admit(now).expect("closed").failure(now);
        }
        assert_eq!(slow.success(), BreakerState::Open);
    }
}
