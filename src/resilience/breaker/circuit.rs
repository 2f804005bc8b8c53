//! The breaker's states and what moves it from one to another.
//!
//! All that the closed path needs stands in one word. Whoever changes the state does so under the lock and then stores the
//! word; failures in a row alone are counted without it. So a state that is read under the lock stays, and a
//! compare-and-exchange of the run fails once the state is another.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use Ordering::{Acquire, Relaxed};

use super::call::Call;
use super::figures::Figures;
use super::meter::{Meter, is_turn_to_time};
use super::policy::{BreakerPolicy, Mode};
use super::state::{BreakerState, CallResult, Word};
use super::window::{CallWindow, Judged};
use super::{Held, Listener};

/// How long it is worth to wait for a trial that is under way.
const TRIAL_WAIT: Duration = Duration::from_secs(1);

/// No time.
pub(super) const NEVER_NS: i64 = i64::MIN;

pub(super) struct Circuit {
    pub(super) service: Arc<str>,
    pub(super) policy: BreakerPolicy,
    pub(super) listeners: RwLock<Vec<Listener>>,
    pub(super) window: Option<CallWindow>,
    pub(super) meter: Meter,
    pub(super) word: AtomicU64,
    /// What times in ns count from.
    pub(super) born: Instant,
    /// While it is open: until when. Written before the word.
    pub(super) until_ns: AtomicI64,
    pub(super) last_failure_ns: AtomicI64,
    pub(super) chance: fn() -> f64,
    inner: Mutex<Inner>,
}

/// What changes with the state.
#[derive(Debug)]
pub(super) struct Inner {
    /// When the state began.
    pub(super) since: Instant,
    /// How often it opened without staying closed for long in between.
    pub(super) openings: u32,
    /// How long it opened the last time.
    pub(super) open_for: Duration,
    pub(super) trials_out: u32,
    pub(super) trial_successes: u32,
    pub(super) changes: u64,
    pub(super) figures: Figures,
}

impl Circuit {
    pub(super) fn new(service: Arc<str>, policy: BreakerPolicy, chance: fn() -> f64) -> Circuit {
        let born = Instant::now();
        Circuit {
            service,
            listeners: RwLock::default(),
            window: CallWindow::new(&policy),
            meter: Meter::default(),
            word: AtomicU64::new(Word::first(first_state(policy.mode)).0),
            born,
            until_ns: AtomicI64::new(NEVER_NS),
            last_failure_ns: AtomicI64::new(NEVER_NS),
            chance,
            inner: Mutex::new(Inner::new(born)),
            policy,
        }
    }

    #[inline(always)]
    pub(super) fn word(&self) -> Word {
        Word(self.word.load(Acquire))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        // No code under the lock panics between two writes that belong together.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// In ns since the breaker was made; less than nothing before.
    pub(super) fn ns(&self, time: Instant) -> i64 {
        let ns = |duration: Duration| i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
        match time.checked_duration_since(self.born) {
            Some(after) => ns(after),
            None => -ns(self.born.saturating_duration_since(time)),
        }
    }

    /// How long until calls are tried, while it is open.
    pub(super) fn open_left(&self, now: Instant) -> Duration {
        let left = self.until_ns.load(Acquire).saturating_sub(self.ns(now));
        Duration::from_nanos(u64::try_from(left).unwrap_or(0))
    }

    /// How long ago the last failure was.
    pub(super) fn last_failure_age(&self, now: Instant) -> Option<Duration> {
        let failed_ns = self.last_failure_ns.load(Relaxed);
        let age_ns = self.ns(now).saturating_sub(failed_ns).max(0);
        (failed_ns != NEVER_NS).then(|| Duration::from_nanos(age_ns.unsigned_abs()))
    }

    /// A call that begins at `now`.
    #[inline(always)]
    pub(super) fn admit(&self, now: Instant) -> Result<Call, Held> {
        let era = self.word().era();
        match era.lets_all_pass() {
            true => Ok(Call::timed(era, now)),
            false => self.admit_few(now),
        }
    }

    /// A call that begins when `clock` is read, which it is only where somebody needs to know.
    #[inline(always)]
    pub(super) fn admit_lazily(&self, clock: impl Fn() -> Instant) -> Result<Call, Held> {
        let era = self.word().era();
        if !era.lets_all_pass() {
            return self.admit_few(clock());
        }
        let is_timed = self.policy.needs_time() || is_turn_to_time();
        Ok(match is_timed {
            true => Call::timed(era, clock()),
            false => Call::untimed(era, self.born),
        })
    }

    #[cold]
    fn admit_few(&self, now: Instant) -> Result<Call, Held> {
        let admitted = match self.word().state() {
            // Without the lock, as there may be many.
            BreakerState::Open if self.open_left(now) > Duration::ZERO => Err(Held {
                state: BreakerState::Open,
                retry_after: self.open_left(now),
            }),
            BreakerState::ForcedOpen => Err(Held {
                state: BreakerState::ForcedOpen,
                retry_after: self.policy.open_for,
            }),
            _ => self.admit_locked(now),
        };
        if admitted.is_err() {
            self.meter.held_back();
        }
        admitted
    }

    fn admit_locked(&self, now: Instant) -> Result<Call, Held> {
        let mut inner = self.lock();
        let (word, state) = (self.word(), self.word().state());
        let held = |retry_after| Err(Held { state, retry_after });
        match state {
            BreakerState::Closed | BreakerState::MetricsOnly | BreakerState::Disabled => {
                Ok(Call::timed(word.era(), now))
            }
            BreakerState::ForcedOpen => held(self.policy.open_for),
            BreakerState::Open if self.open_left(now) > Duration::ZERO => held(self.open_left(now)),
            BreakerState::Open => {
                let told = self.half_open(&mut inner, now);
                let era = self.word().era();
                drop(inner);
                self.tell(&told);
                Ok(Call::timed(era, now))
            }
            BreakerState::HalfOpen if inner.trials_out >= self.policy.trials.max(1) => {
                held(self.policy.open_for.min(TRIAL_WAIT))
            }
            BreakerState::HalfOpen => {
                inner.trials_out += 1;
                Ok(Call::timed(word.era(), now))
            }
        }
    }

    /// The call is over. `now` is read only where somebody needs to know.
    #[inline(always)]
    pub(super) fn end(
        &self,
        call: Call,
        now: impl Fn() -> Instant,
        result: CallResult,
    ) -> BreakerState {
        if !call.is_counted() {
            return self.word().state();
        }
        match result {
            CallResult::Success => self.succeeded(call, now),
            CallResult::Failure => self.failed(call, now()),
            CallResult::Ignored if call.answered_at().is_some() => self.succeeded(call, now),
            CallResult::Ignored => self.given_up(call),
        }
    }

    #[inline(always)]
    fn succeeded(&self, call: Call, now: impl Fn() -> Instant) -> BreakerState {
        let slow = self.count_success(call.took(&now));
        let word = self.word();
        if word.era() != call.era {
            return word.state();
        }
        if !call.era.lets_all_pass() {
            return self.trial_ended(call, self.is_good_trial(slow), now());
        }
        if word.run() > 0 {
            self.end_run(call.era);
        }
        match &self.window {
            None => call.era.state(),
            Some(window) => self.judge(
                call.era,
                window,
                Judged {
                    failed: false,
                    slow,
                },
                now,
            ),
        }
    }

    /// Counts a success, and says whether it was slow.
    #[inline(always)]
    fn count_success(&self, took: Option<Duration>) -> bool {
        let slow = self.is_slow(took);
        if slow {
            self.meter.slow();
        }
        if self.meter.success(took) {
            self.collect();
        }
        slow
    }

    #[inline(always)]
    fn is_slow(&self, took: Option<Duration>) -> bool {
        took.is_some_and(|took| took > self.policy.slow_after)
    }

    /// Empties counters that are half full.
    #[cold]
    fn collect(&self) {
        self.lock().figures.collect(&self.meter);
    }

    #[cold]
    fn failed(&self, call: Call, now: Instant) -> BreakerState {
        let took = call.took(|| now);
        let slow = self.is_slow(took);
        self.meter.failure(took, slow);
        self.last_failure_ns.fetch_max(self.ns(now), Relaxed);
        let word = self.word();
        if word.era() != call.era {
            return word.state();
        }
        if !call.era.lets_all_pass() {
            return self.trial_ended(call, false, now);
        }
        let state = self.lengthen_run(call.era, now);
        match &self.window {
            Some(window) if state == call.era.state() => {
                self.judge(call.era, window, Judged { failed: true, slow }, || now)
            }
            _ => state,
        }
    }

    /// The permit is gone. Nobody says when, so this opens nothing: an answered call counts as of its answer, and the next to
    /// end judges the rates.
    #[cold]
    pub(super) fn dropped(&self, call: Call) {
        let Some(at) = call.answered_at() else {
            self.given_up(call);
            return;
        };
        if !call.is_counted() {
            return;
        }
        let slow = self.count_success(call.took(|| at));
        if self.word().era() == call.era && call.era.lets_all_pass() {
            self.end_run(call.era);
            if let Some(window) = &self.window {
                let failed = false;
                window.record(|| self.ns(at), Judged { failed, slow });
            }
        }
    }

    /// The call says nothing. A trial's place is free.
    #[cold]
    fn given_up(&self, call: Call) -> BreakerState {
        if call.is_counted() {
            self.meter.ignored();
        }
        if call.is_trial() {
            let mut inner = self.lock();
            if self.word().era() == call.era {
                inner.trials_out = inner.trials_out.saturating_sub(1);
            }
        }
        self.word().state()
    }

    /// A good answer began to come: a trial has succeeded. The call lives on in what state that makes.
    pub(super) fn answered(&self, call: &mut Call, now: Instant) -> BreakerState {
        let trial = *call;
        call.answered(now);
        if !trial.is_trial() {
            return self.word().state();
        }
        let slow = self.is_slow(call.took(|| now));
        let (state, era) = self.end_trial(trial, self.is_good_trial(slow), now);
        call.era = era;
        state
    }

    /// A slow trial is a bad one where slow calls count.
    fn is_good_trial(&self, slow: bool) -> bool {
        !slow || self.policy.slow_rate.is_none()
    }

    fn trial_ended(&self, call: Call, good: bool, now: Instant) -> BreakerState {
        self.end_trial(call, good, now).0
    }
}

impl Inner {
    fn new(since: Instant) -> Inner {
        Inner {
            since,
            openings: 0,
            open_for: Duration::ZERO,
            trials_out: 0,
            trial_successes: 0,
            changes: 0,
            figures: Figures::new(since),
        }
    }
}

/// The state that a breaker begins in.
pub(super) fn first_state(mode: Mode) -> BreakerState {
    match mode {
        Mode::Auto => BreakerState::Closed,
        Mode::MetricsOnly => BreakerState::MetricsOnly,
        Mode::Disabled => BreakerState::Disabled,
    }
}
