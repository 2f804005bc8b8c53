//! When a probe runs next. Decisions only: takes `now` and a random number, keeps no clock.

use std::time::Duration;

use tokio::time::Instant;

use super::spec::Spec;

/// All probes run for the first time within this time after the start, so that the agent soon knows what is up.
const FIRST_WITHIN: Duration = Duration::from_secs(1);

/// When one probe runs.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    every: Duration,
    confirm_every: Duration,
    jitter: f64,
    due: Instant,
    /// Whether it has run at all.
    has_run: bool,
}

impl Schedule {
    /// The first run is due soon after `now`; `random` is in 0..1 and spreads many of them.
    pub(super) fn new(spec: &Spec, jitter: f64, now: Instant, random: f64) -> Schedule {
        Schedule {
            every: spec.every,
            confirm_every: spec.confirm_every,
            jitter,
            due: now + spec.every.min(FIRST_WITHIN).mul_f64(random),
            has_run: false,
        }
    }

    /// When the next run is due.
    pub(super) fn due(&self) -> Instant {
        self.due
    }

    /// A run has ended at `now`, and its probe's state is `undecided` or not; `random` is in 0..1.
    ///
    /// Intervals vary downwards only, so that a failure shows within `every` and the timeout. They count from due time
    /// to due time, so that long runs do not make the probe run less often; what was missed is not made up for. After the
    /// first run, which comes soon for all, the interval is drawn from the whole of its second half.
    pub(super) fn ran(&mut self, now: Instant, undecided: bool, random: f64) {
        let spread = if self.has_run { self.jitter } else { 0.5 };
        self.has_run = true;
        let regular = self.due + self.every.mul_f64(1.0 - spread * random);
        let next = match undecided {
            true => regular.min(now + self.confirm_every),
            false => regular,
        };
        self.due = next.max(now);
    }
}
