//! Changes of state. All of them happen under the lock, and are told outside of it.

use std::sync::atomic::Ordering::Release;
use std::sync::{Arc, PoisonError};
use std::time::{Instant, SystemTime};

use super::call::Call;
use super::circuit::{Circuit, Inner, NEVER_NS, first_state};
use super::state::{BreakerState, Era, Word};
use super::transition::{Reason, Transition};

impl Circuit {
    pub(super) fn open(
        &self,
        inner: &mut Inner,
        word: Word,
        reason: Reason,
        now: Instant,
    ) -> Transition {
        let closed_for = now.saturating_duration_since(inner.since);
        if word.state() == BreakerState::Closed && closed_for >= inner.open_for {
            inner.openings = 0;
        }
        inner.openings = inner.openings.saturating_add(1);
        inner.open_for = self.policy.open_time(inner.openings, (self.chance)());
        let open_ns = i64::try_from(inner.open_for.as_nanos()).unwrap_or(i64::MAX);
        let until_ns = self.ns(now).saturating_add(open_ns);
        self.until_ns.store(until_ns, Release);
        let open_for = Some(inner.open_for);
        let told = self.change(inner, word, BreakerState::Open, reason, now);
        Transition { open_for, ..told }
    }

    /// With the first trial out.
    pub(super) fn half_open(&self, inner: &mut Inner, now: Instant) -> Transition {
        inner.trials_out = 1;
        inner.trial_successes = 0;
        let reason = Reason::OpenTimePassed;
        self.change(inner, self.word(), BreakerState::HalfOpen, reason, now)
    }

    /// A call that began while it was half open has ended, or its answer has begun to come. Returns the state that follows, and
    /// to what the call belongs from then on: a good one to where it led, any other to where it began.
    #[cold]
    pub(super) fn end_trial(&self, call: Call, good: bool, now: Instant) -> (BreakerState, Era) {
        let mut inner = self.lock();
        let word = self.word();
        if word.era() != call.era {
            return (word.state(), call.era);
        }
        let told = match good {
            false => Some(self.trial_failed(&mut inner, now)),
            true if call.is_trial() => self.trial_succeeded(&mut inner, now),
            true => None,
        };
        let word = self.word();
        drop(inner);
        if let Some(told) = told {
            self.tell(&told);
        }
        let era = if good { word.era() } else { call.era };
        (word.state(), era)
    }

    fn trial_failed(&self, inner: &mut Inner, now: Instant) -> Transition {
        let word = self.word();
        let longer = word.with_run(word.run() + 1);
        self.open(inner, longer, Reason::TrialFailed, now)
    }

    fn trial_succeeded(&self, inner: &mut Inner, now: Instant) -> Option<Transition> {
        inner.trials_out = inner.trials_out.saturating_sub(1);
        inner.trial_successes += 1;
        let (successes, needed) = (inner.trial_successes, self.policy.successes.max(1));
        let reason = Reason::TrialsSucceeded(successes);
        (successes >= needed).then(|| self.enter(inner, BreakerState::Closed, reason, now))
    }

    /// Enters a state with nothing counted in a row or in the window.
    fn enter(
        &self,
        inner: &mut Inner,
        to: BreakerState,
        reason: Reason,
        now: Instant,
    ) -> Transition {
        if let Some(window) = &self.window {
            window.clear();
        }
        self.change(inner, self.word().with_run(0), to, reason, now)
    }

    /// Enters a state because somebody says so. Nothing happens where it is in it already.
    pub(super) fn set(&self, to: BreakerState, now: Instant) {
        let mut inner = self.lock();
        if self.word().state() == to {
            return;
        }
        let told = self.enter(&mut inner, to, Reason::ByHand, now);
        drop(inner);
        self.tell(&told);
    }

    /// As it was made: in its first state, with nothing counted. Calls under way move nothing.
    pub(super) fn reset(&self, now: Instant) {
        let mut inner = self.lock();
        inner.openings = 0;
        inner.figures.collect(&self.meter);
        inner.figures.reset(now);
        self.last_failure_ns.store(NEVER_NS, Release);
        let to = first_state(self.policy.mode);
        let told = self.enter(&mut inner, to, Reason::ByHand, now);
        drop(inner);
        if told.from != told.to {
            self.tell(&told);
        }
    }

    fn change(
        &self,
        inner: &mut Inner,
        word: Word,
        to: BreakerState,
        reason: Reason,
        now: Instant,
    ) -> Transition {
        inner.since = now;
        inner.changes += 1;
        self.word.store(word.next(to).0, Release);
        Transition {
            service: Arc::clone(&self.service),
            from: word.state(),
            to,
            reason,
            open_for: None,
            number: inner.changes,
            at: SystemTime::now(),
        }
    }

    pub(super) fn tell(&self, told: &Transition) {
        let listeners = self
            .listeners
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        for listener in listeners {
            listener(told);
        }
    }
}
