//! Every row of the table of transitions, and what is no row of it.

use super::*;
use BreakerState::{Closed, Disabled, ForcedOpen, HalfOpen, MetricsOnly, Open};

/// Scenario: failures with a success between them. Guarantees: only failures in a row count.
#[test]
fn closed_stays_closed_while_failures_are_not_in_a_row() {
    let rig = rig(POLICY);
    for _ in 0..10 {
        rig.fail_times(2);
        assert_eq!(rig.status().consecutive_failures, 2);
        assert_eq!(rig.succeed(), Closed);
        assert_eq!(rig.status().consecutive_failures, 0);
    }
    assert!(rig.told().is_empty());
}

/// Scenario: the policy's number of failures in a row. Guarantees: open for exactly `open_for`, and the caller is told how
/// much is left.
#[test]
fn closed_opens_after_failures_in_a_row() {
    let mut rig = rig(POLICY);
    rig.fail_times(2);
    assert_eq!(rig.fail(), Open);
    let expected = (Closed, Open, Reason::ConsecutiveFailures(3));
    assert_eq!(rig.last_change(), expected);
    rig.pass(Duration::from_secs(2));
    let left = Duration::from_secs(3);
    let held = rig.held();
    assert_eq!((held.state, held.retry_after), (Open, left));
    rig.pass(left - Duration::from_nanos(1));
    assert_eq!(rig.held().retry_after, Duration::from_nanos(1));
}

/// Scenario: the open time has passed; nobody asks, then somebody does. Guarantees: it stays open until a call is asked for,
/// which is the first trial.
#[test]
fn open_becomes_half_open_when_a_call_is_asked_for() {
    let mut rig = rig(POLICY);
    rig.trip();
    rig.told();
    assert_eq!(rig.breaker.state(), Open);
    let trial = rig.admit();
    assert_eq!(rig.breaker.state(), HalfOpen);
    assert_eq!(rig.last_change(), (Open, HalfOpen, Reason::OpenTimePassed));
    assert_eq!(rig.held().state, HalfOpen);
    drop(trial);
}

/// Scenario: trials succeed, with an ignored one between. Guarantees: it closes with the last that the policy needs, no
/// sooner, and counts in a row anew.
#[test]
fn half_open_closes_after_enough_successes() {
    let mut rig = rig(BreakerPolicy {
        successes: 2,
        ..POLICY
    });
    rig.trip();
    assert_eq!(rig.succeed(), HalfOpen);
    rig.admit().end(rig.now, CallResult::Ignored);
    assert_eq!(rig.succeed(), Closed);
    let expected = (HalfOpen, Closed, Reason::TrialsSucceeded(2));
    assert_eq!(rig.last_change(), expected);
    assert_eq!(rig.status().consecutive_failures, 0);
    rig.fail_times(2);
    assert_eq!(rig.breaker.state(), Closed);
}

/// Scenario: one of several trials fails after another succeeded. Guarantees: one is enough to open again, for twice as long.
#[test]
fn half_open_opens_again_when_a_trial_fails() {
    let mut rig = rig(BreakerPolicy {
        trials: 2,
        successes: 2,
        ..POLICY
    });
    rig.trip();
    let (first, second) = (rig.admit(), rig.admit());
    assert_eq!(first.success(rig.now), HalfOpen);
    assert_eq!(second.failure(rig.now), Open);
    assert_eq!(rig.last_change(), (HalfOpen, Open, Reason::TrialFailed));
    assert_eq!(rig.held().retry_after, OPEN_FOR * 2);
}

/// Scenario: a slow trial, once where slow calls count and once where they do not. Guarantees: only the first opens again.
#[test]
fn half_open_opens_again_when_a_trial_is_slow_and_slow_calls_count() {
    for (slow_rate, state) in [(Some(0.5), Open), (None, Closed)] {
        let mut rig = rig(BreakerPolicy {
            slow_rate,
            slow_after: Duration::from_secs(1),
            ..POLICY
        });
        rig.trip();
        assert_eq!(rig.slow(Duration::from_millis(1001)), state);
        rig.pass(OPEN_FOR * 2);
        assert_eq!(rig.slow(Duration::from_secs(1)), Closed);
    }
}

/// Scenario: failures and successes that reach the rate before and after the least number of calls. Guarantees: it opens by the
/// first call after which both hold, which may be a success.
#[test]
fn closed_opens_at_the_failure_rate() {
    let policy = BreakerPolicy {
        failures: 1000,
        failure_rate: Some(0.5),
        minimum_calls: 4,
        window: Window::Calls(10),
        ..POLICY
    };
    let rig = rig(policy);
    rig.fail_times(2);
    assert_eq!(rig.succeed(), Closed);
    assert_eq!(rig.succeed(), Open);
    let reason = Reason::FailureRate {
        rate: 0.5,
        calls: 4,
    };
    assert_eq!(rig.last_change(), (Closed, Open, reason));
}

/// Scenario: calls that take longer than `slow_after`, and calls that take exactly that. Guarantees: only the first are slow, and
/// their rate opens it although none failed.
#[test]
fn closed_opens_at_the_slow_rate() {
    let mut rig = rig(BreakerPolicy {
        slow_rate: Some(1.0),
        slow_after: Duration::from_secs(1),
        minimum_calls: 2,
        window: Window::Calls(2),
        ..POLICY
    });
    for _ in 0..3 {
        assert_eq!(rig.slow(Duration::from_secs(1)), Closed);
    }
    assert_eq!(rig.slow(Duration::from_millis(1001)), Closed);
    assert_eq!(rig.slow(Duration::from_millis(1001)), Open);
    let reason = Reason::SlowRate {
        rate: 1.0,
        calls: 2,
    };
    assert_eq!(rig.last_change(), (Closed, Open, reason));
}

/// Scenario: every state set by hand from every other, and reset. Guarantees: it is entered and told once; setting it again
/// does nothing; reset leads back to closed.
#[test]
fn any_state_becomes_what_is_set_by_hand() {
    let reach: [fn(&mut Rig); 6] = [
        |_| {},
        |rig| rig.fail_times(3),
        |rig| {
            rig.trip();
            drop(rig.admit());
        },
        |rig| rig.breaker.force_open(rig.now),
        |rig| rig.breaker.disable(rig.now),
        |rig| rig.breaker.metrics_only(rig.now),
    ];
    type Set = fn(&Breaker, Instant);
    let set: [(Set, BreakerState); 4] = [
        (Breaker::force_open, ForcedOpen),
        (Breaker::disable, Disabled),
        (Breaker::metrics_only, MetricsOnly),
        (Breaker::reset, Closed),
    ];
    for (reach, from) in reach.into_iter().zip(BreakerState::ALL) {
        for (set, to) in set {
            let mut rig = rig(POLICY);
            reach(&mut rig);
            assert_eq!(rig.breaker.state(), from);
            rig.told();
            set(&rig.breaker, rig.now);
            set(&rig.breaker, rig.now);
            assert_eq!(rig.breaker.state(), to);
            let told = rig.told();
            assert_eq!(told.len(), usize::from(from != to), "{from:?} to {to:?}");
            for one in told {
                assert_eq!((one.from, one.to, one.reason), (from, to, Reason::ByHand));
            }
        }
    }
}

/// Scenario: failures and time in the states that are set by hand. Guarantees: forced open holds every call back for ever;
/// disabled and metrics-only let every call pass, and only the second counts.
#[test]
fn states_set_by_hand_do_not_end_by_themselves() {
    let mut rig = rig(POLICY);
    rig.breaker.force_open(rig.now);
    rig.pass(Duration::from_secs(86_400));
    let held = rig.held();
    assert_eq!((held.state, held.retry_after), (ForcedOpen, OPEN_FOR));
    rig.breaker.disable(rig.now);
    rig.fail_times(10);
    assert_eq!((rig.breaker.state(), rig.status().failures), (Disabled, 0));
    rig.breaker.metrics_only(rig.now);
    rig.fail_times(10);
    let status = rig.status();
    assert_eq!((status.state, status.failures), (MetricsOnly, 10));
    assert_eq!(status.consecutive_failures, 10);
}

/// Scenario: policies with a mode. Guarantees: they begin in it, and reset leads back to it.
#[test]
fn the_mode_says_where_it_begins() {
    let modes = [
        (Mode::Auto, Closed),
        (Mode::MetricsOnly, MetricsOnly),
        (Mode::Disabled, Disabled),
    ];
    for (mode, state) in modes {
        let rig = rig(BreakerPolicy { mode, ..POLICY });
        assert_eq!(rig.breaker.state(), state);
        rig.breaker.force_open(rig.now);
        rig.breaker.reset(rig.now);
        assert_eq!(rig.breaker.state(), state);
    }
}
