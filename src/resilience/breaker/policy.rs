//! When a breaker trips, for how long, and what closes it again.

use std::time::Duration;

use crate::resilience::Backoff;

/// The largest window of calls; larger ones are cut to it.
pub const MAX_WINDOW_CALLS: u32 = 10_000;

/// What share of calls is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// That many calls, the last ones; from 1 to [`MAX_WINDOW_CALLS`].
    Calls(u32),
    /// The calls that ended in that much time. It moves on by tenths.
    Time(Duration),
}

/// What a breaker does besides deciding by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Opens and closes.
    Auto,
    /// Counts, and lets everything pass.
    MetricsOnly,
    /// Neither counts nor opens.
    Disabled,
}

/// When a breaker trips and for how long.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BreakerPolicy {
    /// Failures in a row that open the breaker; at least 1.
    pub failures: u32,
    /// How long it stays open before calls are tried.
    pub open_for: Duration,
    /// The longest that it stays open. Each time it opens again it does for twice as long, with up to a tenth more by
    /// chance, until this. Less than `open_for` counts as `open_for`: then it neither doubles nor varies.
    pub max_open_for: Duration,
    /// It also opens when at least this share of the calls in the window failed, above 0 to 1.
    pub failure_rate: Option<f64>,
    /// It also opens when at least this share of the calls in the window was slow, above 0 to 1. Where it is set, a slow
    /// trial is a failed trial.
    pub slow_rate: Option<f64>,
    /// A call that took longer is slow.
    pub slow_after: Duration,
    /// The window for both rates.
    pub window: Window,
    /// Calls in the window before rates count. More than the window holds counts as what it holds.
    pub minimum_calls: u32,
    /// Calls let through at the same time while it is half open; at least 1.
    pub trials: u32,
    /// Successes in a row, while it is half open, that close it; at least 1.
    pub successes: u32,
    /// What it does besides deciding by itself.
    pub mode: Mode,
}

impl BreakerPolicy {
    /// Stripe: 3 failures, 30 s.
    pub const STRIPE: BreakerPolicy = BreakerPolicy::third_party(3, 30);
    /// Twilio: 5 failures, 60 s.
    pub const TWILIO: BreakerPolicy = BreakerPolicy::third_party(5, 60);
    /// NameSilo: 3 failures, 120 s.
    pub const NAMESILO: BreakerPolicy = BreakerPolicy::third_party(3, 120);
    /// OpenAI: 5 failures, 30 s.
    pub const OPENAI: BreakerPolicy = BreakerPolicy::third_party(5, 30);

    /// Opens after that many failures in a row, for exactly that long; one trial closes it.
    pub const fn consecutive(failures: u32, open_for: Duration) -> BreakerPolicy {
        BreakerPolicy {
            failures,
            open_for,
            max_open_for: open_for,
            failure_rate: None,
            slow_rate: None,
            slow_after: Duration::from_secs(5),
            window: Window::Calls(100),
            minimum_calls: 20,
            trials: 1,
            successes: 1,
            mode: Mode::Auto,
        }
    }

    const fn third_party(failures: u32, open_for_s: u64) -> BreakerPolicy {
        BreakerPolicy {
            max_open_for: Duration::from_secs(300),
            ..BreakerPolicy::consecutive(failures, Duration::from_secs(open_for_s))
        }
    }

    /// How long it stays open the n-th time in a row (1 = the first); `chance` is a random number in `0.0..1.0`.
    pub fn open_time(&self, openings: u32, chance: f64) -> Duration {
        let doubled = Backoff::new(self.open_for, self.max_open_for).ceiling(openings);
        let tenth = (doubled / 10).mul_f64(chance.clamp(0.0, 1.0));
        let longest = self.max_open_for.max(self.open_for);
        doubled.saturating_add(tenth).min(longest)
    }

    /// Whether it looks at a window at all.
    pub(super) fn has_rates(&self) -> bool {
        self.failure_rate.is_some() || self.slow_rate.is_some()
    }

    /// Whether it cannot judge a call without knowing when it began and ended.
    pub(super) fn needs_time(&self) -> bool {
        let by_time = matches!(self.window, Window::Time(_));
        self.slow_rate.is_some() || (self.failure_rate.is_some() && by_time)
    }
}

/// 5 failures in a row open it for 30 s, at most 5 minutes.
impl Default for BreakerPolicy {
    fn default() -> BreakerPolicy {
        BreakerPolicy::third_party(5, 30)
    }
}
