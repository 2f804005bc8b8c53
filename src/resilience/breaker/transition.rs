//! What is told of a change of state.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::state::BreakerState;

/// A change of state, as listeners get it.
#[derive(Clone, Debug)]
pub struct Transition {
    /// The service that the breaker guards.
    pub service: Arc<str>,
    /// The state that ended.
    pub from: BreakerState,
    /// The state that began.
    pub to: BreakerState,
    /// Why.
    pub reason: Reason,
    /// How long calls are held back; only where it opened by itself.
    pub open_for: Option<Duration>,
    /// Counts the changes of this breaker. Listeners are called outside the lock: two changes in quick succession may
    /// come in the other order.
    pub number: u64,
    /// When.
    pub at: SystemTime,
}

/// Why a state changed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reason {
    /// That many failures in a row.
    ConsecutiveFailures(u32),
    /// That share of that many calls failed.
    FailureRate {
        /// From 0 to 1.
        rate: f64,
        /// Calls in the window.
        calls: u32,
    },
    /// That share of that many calls was slow.
    SlowRate {
        /// From 0 to 1.
        rate: f64,
        /// Calls in the window.
        calls: u32,
    },
    /// The time that it stays open has passed, and a call was asked for.
    OpenTimePassed,
    /// That many trials in a row succeeded.
    TrialsSucceeded(u32),
    /// A trial failed, or was slow where slow calls count.
    TrialFailed,
    /// Somebody said so.
    ByHand,
}

impl Reason {
    /// The reason as the value of an attribute: one of a few words.
    pub const fn name(&self) -> &'static str {
        match self {
            Reason::ConsecutiveFailures(_) => "consecutive_failures",
            Reason::FailureRate { .. } => "failure_rate",
            Reason::SlowRate { .. } => "slow_rate",
            Reason::OpenTimePassed => "open_time_passed",
            Reason::TrialsSucceeded(_) => "trials_succeeded",
            Reason::TrialFailed => "trial_failed",
            Reason::ByHand => "by_hand",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Reason::ConsecutiveFailures(1) => f.write_str("a call failed"),
            Reason::ConsecutiveFailures(n) => write!(f, "{n} calls in a row failed"),
            Reason::FailureRate { rate, calls } => {
                write!(f, "{:.0} % of {calls} calls failed", rate * 100.0)
            }
            Reason::SlowRate { rate, calls } => {
                write!(f, "{:.0} % of {calls} calls were slow", rate * 100.0)
            }
            Reason::OpenTimePassed => f.write_str("the open time has passed, calls are tried"),
            Reason::TrialsSucceeded(1) => f.write_str("a trial call succeeded"),
            Reason::TrialsSucceeded(n) => write!(f, "{n} trial calls in a row succeeded"),
            Reason::TrialFailed => f.write_str("a trial call failed"),
            Reason::ByHand => f.write_str("set by hand"),
        }
    }
}

/// One sentence: `breaker of stripe: closed → open for 30s: 3 calls in a row failed`.
impl fmt::Display for Transition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = (self.from.word(), self.to.word());
        write!(f, "breaker of {}: {from} → {to}", self.service)?;
        if let Some(open_for) = self.open_for {
            write!(f, " for {open_for:.1?}")?;
        }
        write!(f, ": {}", self.reason)
    }
}
