//! What opens a closed breaker: failures in a row, or a rate of the window.

use std::sync::atomic::Ordering::{AcqRel, Acquire};
use std::time::Instant;

use super::circuit::Circuit;
use super::state::{BreakerState, Era, MAX_RUN, Word};
use super::transition::Reason;
use super::window::{CallWindow, Judged, Tally};

impl Circuit {
    /// A success ends the row.
    #[cold]
    pub(super) fn end_run(&self, era: Era) {
        let without_run = |word: u64| (Word(word).era() == era).then(|| Word(word).with_run(0).0);
        // Fails only where the state is another.
        let _ = self.word.fetch_update(AcqRel, Acquire, without_run);
    }

    pub(super) fn lengthen_run(&self, era: Era, now: Instant) -> BreakerState {
        let shorter = |word: Word| word.era() == era && !self.is_last(word);
        let longer = |word: u64| {
            let word = Word(word);
            shorter(word).then(|| word.with_run(word.run().saturating_add(1)).0)
        };
        match self.word.fetch_update(AcqRel, Acquire, longer) {
            Ok(word) => Word(word).state(),
            Err(word) if Word(word).era() != era => Word(word).state(),
            Err(_) => self.trip_by_run(era, now),
        }
    }

    /// Whether one more failure opens it.
    fn is_last(&self, word: Word) -> bool {
        let failures = self.policy.failures.clamp(1, MAX_RUN);
        word.state() == BreakerState::Closed && word.run() + 1 >= failures
    }

    /// One failure too many, unless a success came between.
    #[cold]
    fn trip_by_run(&self, era: Era, now: Instant) -> BreakerState {
        let mut inner = self.lock();
        let mut word = self.word();
        while word.era() == era {
            let longer = word.with_run(word.run() + 1);
            if self.is_last(word) {
                let reason = Reason::ConsecutiveFailures(longer.run());
                let told = self.open(&mut inner, longer, reason, now);
                drop(inner);
                self.tell(&told);
                return BreakerState::Open;
            }
            let swapped = self
                .word
                .compare_exchange(word.0, longer.0, AcqRel, Acquire);
            match swapped {
                Ok(_) => break,
                Err(other) => word = Word(other),
            }
        }
        word.state()
    }

    pub(super) fn judge(
        &self,
        era: Era,
        window: &CallWindow,
        call: Judged,
        now: impl Fn() -> Instant,
    ) -> BreakerState {
        let tally = window.record(|| self.ns(now()), call);
        match self.excess(window, tally) {
            Some(_) if era.state() == BreakerState::Closed => self.trip_by_rate(era, window, now()),
            _ => era.state(),
        }
    }

    /// Which rate is too high.
    fn excess(&self, window: &CallWindow, tally: Tally) -> Option<Reason> {
        if tally.failures == 0 && tally.slow == 0 {
            return None;
        }
        let calls = tally.calls;
        if calls < self.policy.minimum_calls.min(window.capacity()) {
            return None;
        }
        let reached = |limit: Option<f64>, rate: Option<f64>| {
            let above = |rate: &f64| *rate > 0.0 && limit.is_some_and(|limit| *rate >= limit);
            rate.filter(above)
        };
        let failing = reached(self.policy.failure_rate, tally.failure_rate());
        let slow = reached(self.policy.slow_rate, tally.slow_rate());
        failing
            .map(|rate| Reason::FailureRate { rate, calls })
            .or(slow.map(|rate| Reason::SlowRate { rate, calls }))
    }

    /// A rate seems too high: counted out, as it may seem so for a moment where threads meet.
    #[cold]
    fn trip_by_rate(&self, era: Era, window: &CallWindow, now: Instant) -> BreakerState {
        let mut inner = self.lock();
        let word = self.word();
        let excess = self.excess(window, window.counted_out(self.ns(now)));
        let Some(reason) = excess.filter(|_| word.era() == era) else {
            return word.state();
        };
        let told = self.open(&mut inner, word, reason, now);
        drop(inner);
        self.tell(&told);
        BreakerState::Open
    }
}
