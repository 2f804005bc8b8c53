//! From a route's settings to the policies of its guards.

use crate::config::{BreakerMode, BreakerPreset, RateSettings, RouteBreaker, RouteRetry};
use crate::resilience::{BreakerPolicy, Mode, Rate, RetryPolicy, Window};

/// The policy of a route's breaker. What stands in the settings comes before what the preset says.
pub(super) fn breaker(settings: &RouteBreaker) -> BreakerPolicy {
    let preset = match settings.preset {
        None => BreakerPolicy::default(),
        Some(BreakerPreset::Stripe) => BreakerPolicy::STRIPE,
        Some(BreakerPreset::Twilio) => BreakerPolicy::TWILIO,
        Some(BreakerPreset::Namesilo) => BreakerPolicy::NAMESILO,
        Some(BreakerPreset::Openai) => BreakerPolicy::OPENAI,
    };
    BreakerPolicy {
        failures: settings.failures.unwrap_or(preset.failures),
        open_for: settings.open_for.unwrap_or(preset.open_for),
        max_open_for: settings.max_open_for,
        failure_rate: settings.failure_rate,
        slow_rate: settings.slow_rate,
        slow_after: settings.slow_after,
        window: match settings.window_time {
            Some(time) => Window::Time(time),
            None => Window::Calls(settings.window_calls),
        },
        minimum_calls: settings.minimum_calls,
        trials: settings.trials,
        successes: settings.successes,
        mode: match settings.mode {
            BreakerMode::Auto => Mode::Auto,
            BreakerMode::MetricsOnly => Mode::MetricsOnly,
            BreakerMode::Disabled => Mode::Disabled,
        },
    }
}

/// The rate that `settings` say.
pub(super) fn rate(settings: &RateSettings) -> Rate {
    Rate {
        requests: settings.requests,
        per: settings.per,
        burst: settings.burst.unwrap_or(settings.requests),
    }
}

/// How often a request is sent.
pub(super) fn retry(settings: &RouteRetry) -> RetryPolicy {
    RetryPolicy {
        attempts: settings.attempts,
        base: settings.base,
        max: settings.max,
        within: settings.within,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Scenario: nothing set, a preset, and a preset with one value of one's own.
    /// Guarantees: own values come before the preset's, and those before the defaults.
    #[test]
    fn own_values_come_before_the_preset() {
        let policy = |preset, failures| {
            let policy = breaker(&RouteBreaker {
                preset,
                failures,
                ..RouteBreaker::default()
            });
            (policy.failures, policy.open_for)
        };
        let seconds = Duration::from_secs;
        assert_eq!(policy(None, None), (5, seconds(30)));
        assert_eq!(
            policy(Some(BreakerPreset::Namesilo), None),
            (3, seconds(120))
        );
        assert_eq!(
            policy(Some(BreakerPreset::Twilio), Some(9)),
            (9, seconds(60))
        );
    }
}
