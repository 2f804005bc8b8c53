//! What a breaker's calls came to, and what they came to of late.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::meter::{CallCounts, Meter};

/// What counts as of late, where the policy has no window.
const LATELY: Duration = Duration::from_secs(60);

/// How far apart counts are remembered.
const STEP: Duration = Duration::from_secs(5);

/// Counts, and those at some times of the last minute. They are remembered when somebody asks, so that calls need not.
#[derive(Debug)]
pub(super) struct Figures {
    /// Since the breaker was made.
    counts: CallCounts,
    /// Those when it was reset.
    at_reset: CallCounts,
    earlier: VecDeque<(Instant, CallCounts)>,
}

/// What was counted in a time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lately {
    pub(super) counts: CallCounts,
    pub(super) time: Duration,
}

impl Lately {
    /// Calls a second, those that succeeded and those that failed.
    pub(super) fn throughput_per_s(&self) -> f64 {
        let seconds = self.time.as_secs_f64();
        match seconds > 0.0 {
            true => self.counts.judged() as f64 / seconds,
            false => 0.0,
        }
    }
}

impl Figures {
    pub(super) fn new(made: Instant) -> Figures {
        Figures {
            counts: CallCounts::default(),
            at_reset: CallCounts::default(),
            earlier: VecDeque::from([(made, CallCounts::default())]),
        }
    }

    pub(super) fn collect(&mut self, meter: &Meter) {
        meter.collect_into(&mut self.counts);
    }

    pub(super) fn reset(&mut self, now: Instant) {
        self.at_reset = self.counts;
        self.earlier = VecDeque::from([(now, self.counts)]);
    }

    /// Everything since the breaker was made.
    pub(super) fn total(&self) -> CallCounts {
        self.counts
    }

    pub(super) fn since_reset(&self) -> CallCounts {
        self.counts.since(&self.at_reset)
    }

    /// The last minute; less where it began or was reset later, more where nobody asked meanwhile.
    pub(super) fn lately(&mut self, now: Instant) -> Lately {
        let age = |at: Instant| now.saturating_duration_since(at);
        let base = |earlier: &VecDeque<_>, place| earlier.get(place).copied();
        while base(&self.earlier, 1).is_some_and(|(at, _)| age(at) >= LATELY) {
            self.earlier.pop_front();
        }
        let (at, counts) = base(&self.earlier, 0).unwrap_or((now, self.counts));
        if self.earlier.back().is_none_or(|(at, _)| age(*at) >= STEP) {
            self.earlier.push_back((now, self.counts));
        }
        Lately {
            counts: self.counts.since(&counts),
            time: age(at),
        }
    }
}
