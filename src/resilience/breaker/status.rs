//! What a breaker tells of itself.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::circuit::Circuit;
use super::meter::CallCounts;
use super::state::BreakerState;

/// A breaker at one moment, as status pages and meters show it.
#[derive(Clone, Debug)]
pub struct BreakerStatus {
    /// The service that it guards.
    pub service: Arc<str>,
    /// What it does with calls.
    pub state: BreakerState,
    /// How long it has been in that state.
    pub in_state_for: Duration,
    /// While it is open: how long until calls are tried.
    pub open_for: Option<Duration>,
    /// Calls that failed since it was made or reset.
    pub failures: u64,
    /// Calls that succeeded since it was made or reset.
    pub successes: u64,
    /// Calls that were held back since it was made or reset.
    pub held_back: u64,
    /// When a call failed the last time since it was made or reset.
    pub last_failure: Option<SystemTime>,
    /// Failures in a row. While it is open, as many as opened it.
    pub consecutive_failures: u32,
    /// The share of calls that failed, from 0 to 1: in the window, where the policy has one, else [lately](Self::lately). `None`
    /// without calls.
    pub failure_rate: Option<f64>,
    /// The share of calls that was slow, from 0 to 1: in the window, where the policy has one, else lately. `None` without calls.
    pub slow_rate: Option<f64>,
    /// How long a call took lately, on average; `None` without calls.
    pub average_latency: Option<Duration>,
    /// Calls a second lately, those that succeeded and those that failed.
    pub throughput_per_s: f64,
    /// What was counted in the last minute: less where it was made or reset later, more where nobody asked meanwhile.
    pub lately: CallCounts,
    /// Everything counted since it was made; it never falls.
    pub total: CallCounts,
}

impl BreakerStatus {
    /// Calls that succeeded or failed since it was made or reset.
    pub fn calls(&self) -> u64 {
        self.successes.saturating_add(self.failures)
    }
}

impl Circuit {
    pub(super) fn status(&self, now: Instant) -> BreakerStatus {
        let mut inner = self.lock();
        inner.figures.collect(&self.meter);
        let lately = inner.figures.lately(now);
        let (since_reset, word) = (inner.figures.since_reset(), self.word());
        let window = self.window.as_ref();
        let tally = window.map(|window| window.counted_out(self.ns(now)));
        let is_open = word.state() == BreakerState::Open;
        let ago = |age: Duration| SystemTime::now().checked_sub(age);
        BreakerStatus {
            service: Arc::clone(&self.service),
            state: word.state(),
            in_state_for: now.saturating_duration_since(inner.since),
            open_for: is_open.then(|| self.open_left(now)),
            failures: since_reset.failures,
            successes: since_reset.successes,
            held_back: since_reset.held_back,
            last_failure: self.last_failure_age(now).and_then(ago),
            consecutive_failures: word.run(),
            failure_rate: match tally {
                Some(tally) => tally.failure_rate(),
                None => lately.counts.failure_rate(),
            },
            slow_rate: match tally {
                Some(tally) => tally.slow_rate(),
                None => lately.counts.slow_rate(),
            },
            average_latency: lately.counts.average_latency(),
            throughput_per_s: lately.throughput_per_s(),
            lately: lately.counts,
            total: inner.figures.total(),
        }
    }
}
