//! What it tells of itself.

use super::*;

/// Scenario: calls of each kind. Guarantees: each is counted where it belongs, and reset sets back what a status shows but not
/// what meters count.
#[test]
fn every_call_is_counted_once() {
    let mut rig = rig(POLICY);
    rig.succeed();
    rig.succeed();
    drop(rig.admit());
    rig.admit().end(rig.now, CallResult::Ignored);
    rig.slow(POLICY.slow_after + Duration::from_nanos(1));
    rig.fail_times(3);
    rig.held();
    let status = rig.status();
    let shown = |status: &BreakerStatus| (status.successes, status.failures, status.held_back);
    assert_eq!(shown(&status), (3, 3, 1));
    let total = CallCounts {
        successes: 3,
        failures: 3,
        ignored: 2,
        held_back: 1,
        slow: 1,
        timed: 6,
        timed_us: 5_000_000,
    };
    assert_eq!(status.total, total);
    assert!(status.last_failure.is_some());
    rig.breaker.reset(rig.now);
    let status = rig.status();
    assert_eq!(shown(&status), (0, 0, 0));
    assert_eq!((status.total, status.last_failure), (total, None));
    assert_eq!((status.failure_rate, status.average_latency), (None, None));
}

/// Scenario: a breaker opens, and time passes. Guarantees: the status says for how long it is open, how long it has been so, and by
/// the clock on the wall when a call failed the last time.
#[test]
fn times_are_told() {
    let mut rig = rig(POLICY);
    rig.pass(Duration::from_secs(100));
    assert_eq!(rig.status().in_state_for, Duration::from_secs(100));
    rig.fail_times(3);
    rig.pass(Duration::from_secs(2));
    let (status, wall) = (rig.status(), SystemTime::now());
    assert_eq!(status.in_state_for, Duration::from_secs(2));
    assert_eq!(status.open_for, Some(Duration::from_secs(3)));
    let failed = wall.duration_since(status.last_failure.unwrap()).unwrap();
    assert!(failed >= Duration::from_secs(2) && failed < Duration::from_secs(3));
}

/// Scenario: an hour of successes, a minute of failures, half a minute of successes, asked every five seconds. Guarantees: rate, latency and throughput
/// are those of the last minute, as the policy has no window.
#[test]
fn figures_are_those_of_the_last_minute() {
    let mut rig = rig(BreakerPolicy::consecutive(1_000_000, OPEN_FOR));
    for second in 0..3600 {
        let permit = rig.admit();
        rig.pass(Duration::from_secs(1));
        permit.success(rig.now);
        if second % 5 == 0 {
            rig.status();
        }
    }
    let status = rig.status();
    assert_eq!(status.failure_rate, Some(0.0));
    assert_eq!(status.average_latency, Some(Duration::from_secs(1)));
    assert!((status.throughput_per_s - 1.0).abs() < 0.1, "{status:?}");
    for _ in 0..15 {
        rig.pass(Duration::from_secs(5));
        rig.fail_times(10);
        rig.status();
    }
    let status = rig.status();
    assert_eq!(
        (status.failure_rate, status.slow_rate),
        (Some(1.0), Some(0.0))
    );
    assert_eq!(status.average_latency, Some(Duration::ZERO));
    assert!((status.throughput_per_s - 2.0).abs() < 0.2, "{status:?}");
    assert_eq!(status.calls(), 3750);
    for _ in 0..6 {
        rig.pass(Duration::from_secs(5));
        for _ in 0..10 {
            rig.succeed();
        }
        rig.status();
    }
    let rate = rig.status().failure_rate.unwrap();
    assert!((rate - 0.5).abs() < 0.1, "{rate}");
}

/// Scenario: windows of calls and of time that fill, pass, and are cleared by closing. Guarantees: the rates shown are those of
/// the window alone.
#[test]
fn rates_are_those_of_the_window() {
    let policy = |window| BreakerPolicy {
        failures: 1000,
        failure_rate: Some(1.0),
        slow_rate: Some(1.0),
        minimum_calls: 1000,
        window,
        ..POLICY
    };
    let mut by_calls = rig(policy(Window::Calls(4)));
    by_calls.fail_times(2);
    by_calls.slow(Duration::from_secs(6));
    assert_eq!(by_calls.status().failure_rate, Some(2.0 / 3.0));
    by_calls.succeed();
    by_calls.succeed();
    by_calls.pass(Duration::from_secs(3600));
    let status = by_calls.status();
    assert_eq!(
        (status.failure_rate, status.slow_rate),
        (Some(0.25), Some(0.25))
    );
    by_calls.breaker.reset(by_calls.now);
    assert_eq!(by_calls.status().failure_rate, None);

    let mut by_time = rig(policy(Window::Time(Duration::from_secs(10))));
    by_time.fail();
    by_time.pass(Duration::from_secs(5));
    by_time.succeed();
    assert_eq!(by_time.status().failure_rate, Some(0.5));
    by_time.pass(Duration::from_millis(4999));
    assert_eq!(by_time.status().failure_rate, Some(0.5));
    by_time.pass(Duration::from_millis(1));
    assert_eq!(by_time.status().failure_rate, Some(0.0));
    by_time.pass(Duration::from_secs(5));
    assert_eq!(by_time.status().failure_rate, None);
}

/// Scenario: so many successes, and so long ones, that what is counted without a lock is full. Guarantees: none is lost.
#[test]
fn counts_do_not_overflow() {
    let rig = rig(POLICY);
    let hour = Duration::from_secs(3600);
    for _ in 0..10_000 {
        rig.admit().success(rig.now + hour);
    }
    for _ in 0..600_000 {
        rig.succeed();
    }
    let total = rig.status().total;
    assert_eq!((total.successes, total.timed), (610_000, 610_000));
    assert_eq!(total.timed_us, 10_000 * 3_600_000_000);
}

/// Scenario: transitions of each kind. Guarantees: each is one sentence that says what happened to what and why, and its reason has
/// a short name.
#[test]
fn transitions_say_what_happened() {
    let told = |to, reason: Reason, open_for| {
        let told = Transition {
            service: "stripe".into(),
            from: BreakerState::Closed,
            to,
            reason,
            open_for,
            number: 1,
            at: SystemTime::UNIX_EPOCH,
        };
        (told.to_string(), reason.name())
    };
    let half = Reason::FailureRate {
        rate: 0.5,
        calls: 20,
    };
    assert_eq!(
        told(BreakerState::Open, half, Some(Duration::from_secs(30))),
        (
            "breaker of stripe: closed → open for 30.0s: 50 % of 20 calls failed".to_owned(),
            "failure_rate"
        )
    );
    let cases = [
        (Reason::ConsecutiveFailures(1), "a call failed"),
        (Reason::ConsecutiveFailures(3), "3 calls in a row failed"),
        (
            Reason::SlowRate {
                rate: 1.0,
                calls: 2,
            },
            "100 % of 2 calls were slow",
        ),
        (Reason::TrialsSucceeded(1), "a trial call succeeded"),
        (
            Reason::TrialsSucceeded(2),
            "2 trial calls in a row succeeded",
        ),
        (Reason::TrialFailed, "a trial call failed"),
        (Reason::ByHand, "set by hand"),
    ];
    for (reason, words) in cases {
        let (sentence, _) = told(BreakerState::ForcedOpen, reason, None);
        assert_eq!(
            sentence,
            format!("breaker of stripe: closed → forced-open: {words}")
        );
    }
}

/// Scenario: every state. Guarantees: JSON, logs and the gauge name it as the contract has it.
#[test]
fn states_have_names_and_numbers() {
    let shown = BreakerState::ALL.map(|state| (state.name(), state.word(), state.gauge()));
    let expected = [
        ("CLOSED", "closed", 0),
        ("OPEN", "open", 1),
        ("HALF_OPEN", "half-open", 2),
        ("FORCED_OPEN", "forced-open", 1),
        ("DISABLED", "disabled", 0),
        ("METRICS_ONLY", "metrics-only", 0),
    ];
    assert_eq!(shown, expected);
}
