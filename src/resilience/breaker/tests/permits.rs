//! What becomes of a call that was let through.

use super::*;
use BreakerState::{Closed, HalfOpen, Open};

/// Scenario: many callers while it is half open. Guarantees: as many trials as the policy says, and each that is dropped, ignored
/// or ended lets one more through.
#[test]
fn half_open_lets_so_many_trials_through_and_no_more() {
    let mut rig = rig(BreakerPolicy {
        trials: 3,
        successes: 10,
        ..POLICY
    });
    rig.trip();
    let mut trials = vec![rig.admit(), rig.admit(), rig.admit()];
    let held = rig.held();
    assert_eq!(
        (held.state, held.retry_after),
        (HalfOpen, Duration::from_secs(1))
    );
    drop(trials.pop());
    trials.push(rig.admit());
    rig.held();
    trials.pop().unwrap().end(rig.now, CallResult::Ignored);
    trials.push(rig.admit());
    rig.held();
    assert_eq!(trials.pop().unwrap().success(rig.now), HalfOpen);
    trials.push(rig.admit());
    rig.held();
}

/// Scenario: calls begun in one generation end in a later one, in each way, among them trials of an earlier half-open time.
/// Guarantees: they move nothing, give no place back that is not theirs, and are counted.
#[test]
fn late_results_move_nothing() {
    let mut rig = rig(POLICY);
    let slow: Vec<_> = (0..3).map(|_| rig.admit()).collect();
    rig.trip();
    for permit in slow {
        assert_eq!(permit.success(rig.now), Open);
    }
    let (trial, told) = (rig.admit(), rig.told().len());
    rig.breaker.force_open(rig.now);
    rig.breaker.reset(rig.now);
    rig.trip();
    let other = rig.admit();
    drop(trial);
    assert_eq!(rig.held().state, HalfOpen);
    assert_eq!(other.success(rig.now), Closed);
    assert_eq!((told, rig.told().len()), (2, 5));
    assert_eq!(rig.status().total.successes, 4);
}

/// Scenario: a call begins, the breaker closes and is closed again by hand, the call fails. Guarantees: being closed is not
/// enough, it must be the same time of being closed.
#[test]
fn results_of_an_earlier_closed_time_do_not_count_in_this() {
    let rig = rig(POLICY);
    let early: Vec<_> = (0..3).map(|_| rig.admit()).collect();
    rig.breaker.reset(rig.now);
    for permit in early {
        assert_eq!(permit.failure(rig.now), Closed);
    }
    assert_eq!(rig.status().consecutive_failures, 0);
}

/// Scenario: a trial's answer begins to come and streams on; then it ends, or breaks off, or the caller goes away. Guarantees: it
/// closes by the beginning; what follows counts in the closed state.
#[test]
fn a_trial_has_succeeded_when_its_answer_begins() {
    type End = fn(Permit, Instant);
    let ends: [(End, u32); 3] = [
        (|permit, now| assert_eq!(permit.success(now), Closed), 0),
        (|permit, now| assert_eq!(permit.failure(now), Closed), 1),
        (|permit, _| drop(permit), 0),
    ];
    for (end, failures) in ends {
        let mut rig = rig(POLICY);
        rig.trip();
        let mut trial = rig.admit();
        assert_eq!(trial.answered(rig.now), Closed);
        assert_eq!(trial.answered(rig.now), Closed);
        rig.pass(Duration::from_secs(3600));
        end(trial, rig.now);
        assert_eq!(rig.breaker.state(), Closed);
        let status = rig.status();
        assert_eq!(status.consecutive_failures, failures);
        assert_eq!(status.total.ignored, 0);
        assert_eq!(status.calls(), 4);
    }
}

/// Scenario: it needs two trials; the answer of the first begins and breaks off before the second. Guarantees: its place is free
/// from its beginning on, its end is no second success, and that it broke off is a failed trial.
#[test]
fn a_trial_that_breaks_off_has_failed() {
    let policy = BreakerPolicy {
        successes: 2,
        ..POLICY
    };
    let mut rig = rig(policy);
    rig.trip();
    let mut trial = rig.admit();
    assert_eq!(trial.answered(rig.now), HalfOpen);
    let second = rig.admit();
    assert_eq!(trial.success(rig.now), HalfOpen);
    assert_eq!(rig.held().state, HalfOpen);
    drop(second);
    let mut third = rig.admit();
    assert_eq!(third.answered(rig.now), Closed);
    rig.trip();
    let mut trial = rig.admit();
    assert_eq!(trial.answered(rig.now), HalfOpen);
    assert_eq!(trial.failure(rig.now), Open);
}

/// Scenario: bodies break off one after the other while it is closed, each after a good head. Guarantees: they are failures in a
/// row.
#[test]
fn bodies_that_break_off_open_it() {
    let rig = rig(POLICY);
    for state in [Closed, Closed, Open] {
        let mut permit = rig.admit();
        assert_eq!(permit.answered(rig.now), Closed);
        assert_eq!(permit.failure(rig.now), state);
    }
}

/// Scenario: a trial's answer begins slowly, where slow calls count. Guarantees: it opens again, and what becomes of the body
/// moves nothing.
#[test]
fn a_trial_whose_answer_begins_slowly_has_failed() {
    let mut rig = rig(BreakerPolicy {
        slow_rate: Some(0.5),
        slow_after: Duration::from_secs(1),
        ..POLICY
    });
    rig.trip();
    let mut trial = rig.admit();
    rig.pass(Duration::from_secs(2));
    assert_eq!(trial.answered(rig.now), Open);
    assert_eq!(trial.success(rig.now), Open);
    assert_eq!(rig.status().total.slow, 1);
}

/// Scenario: owned permits, asked for as such or made of borrowed ones, outlive the handle that they came from. Guarantees: they
/// are trials like any other, and dropping one gives its place back once.
#[test]
fn owned_permits_do_what_borrowed_ones_do() {
    let mut rig = rig(POLICY);
    rig.trip();
    let handle = rig.breaker.clone();
    let trial: Permit = handle.admit(rig.now).unwrap().into_owned();
    drop(handle);
    rig.held();
    drop(trial);
    let trial = rig.breaker.admit_owned(rig.now).unwrap();
    rig.held();
    assert_eq!(trial.success(rig.now), Closed);
    assert_eq!(rig.status().total.ignored, 1);
}

/// Scenario: a listener looks at the breaker that tells it. Guarantees: it is called outside the lock, after the change, with one
/// number more each time.
#[test]
fn listeners_may_look_at_the_breaker() {
    let rig = rig(POLICY);
    let (seen, looked) = (Arc::new(Mutex::new(Vec::new())), rig.breaker.clone());
    let (heard, now) = (Arc::clone(&seen), rig.now);
    let breaker = rig.breaker.clone().with_listener(Arc::new(move |told| {
        let status = looked.status(now);
        heard
            .lock()
            .unwrap()
            .push((told.number, told.to == status.state));
    }));
    for _ in 0..3 {
        breaker.admit(now).unwrap().failure(now);
    }
    breaker.reset(now);
    assert_eq!(*seen.lock().unwrap(), [(1, true), (2, true)]);
    assert_eq!(rig.told().len(), 2);
}
