//! How long it opens.

use super::*;
use BreakerState::{Closed, Open};

const MINUTE: Duration = Duration::from_secs(60);

impl Rig {
    /// Lets the open time pass, fails the trial, and says for how long it is open then.
    fn reopened_for(&mut self) -> Duration {
        let left = self.held().retry_after;
        self.pass(left);
        assert_eq!(self.fail(), Open);
        self.held().retry_after
    }
}

/// Scenario: trial after trial fails. Guarantees: each time it opens for twice as long, up to the greatest.
#[test]
fn the_open_time_doubles_up_to_the_greatest() {
    let mut rig = rig(POLICY);
    rig.fail_times(3);
    assert_eq!(rig.held().retry_after, OPEN_FOR);
    let seconds: Vec<u64> = (0..4).map(|_| rig.reopened_for().as_secs()).collect();
    assert_eq!(seconds, [10, 20, 30, 30]);
}

/// Scenario: it closes and opens again, once after less time than it was open before, once after as much. Guarantees: the first
/// doubles on, the second begins anew.
#[test]
fn doubling_begins_anew_after_a_time_of_success() {
    for (closed_for, open_for) in [(4999, OPEN_FOR * 2), (5000, OPEN_FOR)] {
        let mut rig = rig(POLICY);
        rig.trip();
        assert_eq!(rig.succeed(), Closed);
        rig.pass(Duration::from_millis(closed_for));
        rig.fail_times(3);
        assert_eq!(rig.held().retry_after, open_for);
    }
}

/// Scenario: reset while the open time has doubled. Guarantees: it begins anew.
#[test]
fn doubling_begins_anew_after_reset() {
    let mut rig = rig(POLICY);
    rig.trip();
    rig.fail();
    rig.breaker.reset(rig.now);
    rig.fail_times(3);
    assert_eq!(rig.held().retry_after, OPEN_FOR);
}

/// Scenario: every chance. Guarantees: up to a tenth more, never more than the greatest, and exactly `open_for` where that is
/// the greatest.
#[test]
fn the_open_time_varies_by_a_tenth() {
    let open = |policy: &BreakerPolicy, openings, chance| policy.open_time(openings, chance);
    let ms = Duration::from_millis;
    assert_eq!(open(&POLICY, 1, 0.0), ms(5000));
    assert_eq!(open(&POLICY, 1, 0.5), ms(5250));
    assert_eq!(open(&POLICY, 2, 1.0), ms(11_000));
    assert_eq!(open(&POLICY, 3, 7.0), ms(22_000));
    assert_eq!(open(&POLICY, 4, 0.9), ms(30_000));
    let exact = BreakerPolicy::consecutive(1, OPEN_FOR);
    assert_eq!(open(&exact, 9, 0.9), OPEN_FOR);
    let mut rig = rig_with(POLICY, || 0.5);
    rig.fail_times(3);
    assert_eq!(rig.held().retry_after, ms(5250));
    assert_eq!(rig.reopened_for(), ms(10_500));
}

/// Scenario: times at the edge of what a duration can be, and a clock that goes back. Guarantees: no panic, and it stays open.
#[test]
fn no_time_is_too_long() {
    for open_for in [Duration::MAX, Duration::from_secs(1 << 62)] {
        let policy = BreakerPolicy {
            window: Window::Time(Duration::MAX),
            failure_rate: Some(0.5),
            slow_after: Duration::ZERO,
            ..BreakerPolicy::consecutive(1, open_for)
        };
        assert_eq!(policy.open_time(u32::MAX, 1.0), open_for);
        let mut rig = rig_with(policy, || 1.0);
        rig.now -= MINUTE;
        rig.fail();
        rig.pass(MINUTE * 60 * 24 * 365);
        assert_eq!(rig.held().state, Open);
        rig.status();
    }
}

/// Scenario: the presets. Guarantees: they trip after as many failures and open for as long as the services' guides say, and
/// double up to five minutes.
#[test]
fn presets_are_what_they_are_called() {
    let presets = [
        (BreakerPolicy::STRIPE, 3, 30),
        (BreakerPolicy::TWILIO, 5, 60),
        (BreakerPolicy::NAMESILO, 3, 120),
        (BreakerPolicy::OPENAI, 5, 30),
        (BreakerPolicy::default(), 5, 30),
    ];
    for (policy, failures, seconds) in presets {
        let rig = rig(policy);
        rig.fail_times(failures - 1);
        assert_eq!(rig.breaker.state(), Closed);
        assert_eq!(rig.fail(), Open);
        assert_eq!(rig.held().retry_after, Duration::from_secs(seconds));
        assert_eq!(policy.max_open_for, MINUTE * 5);
    }
}
