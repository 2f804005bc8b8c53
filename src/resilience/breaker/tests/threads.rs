//! Many threads at once.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::thread;

use super::*;
use BreakerState::{Closed, HalfOpen, Open};

const THREADS: usize = 4;
const ROUNDS: usize = 20_000;

/// Opens it by hand of time: lets calls be tried, and gives the first trial back.
fn half_opened(policy: BreakerPolicy) -> Rig {
    let mut rig = rig(policy);
    rig.fail_times(policy.failures);
    let left = rig.held().retry_after;
    rig.pass(left);
    drop(rig.admit());
    assert_eq!(rig.breaker.state(), HalfOpen);
    rig
}

/// How many trials are let through before one is held back.
fn places(rig: &Rig) -> usize {
    let admit = || rig.breaker.admit(rig.now).ok();
    let trials: Vec<_> = std::iter::from_fn(admit).take(100).collect();
    trials.len()
}

/// Scenario: threads ask for trials as fast as they can, and end them well, give them up, answer them or say nothing of them.
/// Guarantees: never more are under way than there are places, and in the end every place is free.
#[test]
fn half_open_never_lets_too_many_through_and_loses_no_place() {
    const TRIALS: usize = 3;
    let rig = half_opened(BreakerPolicy {
        trials: TRIALS as u32,
        successes: u32::MAX,
        ..POLICY
    });
    let under_way = AtomicUsize::new(0);
    let trial = |round: usize| {
        let Ok(mut permit) = rig.breaker.admit(rig.now) else {
            return 0;
        };
        assert!(under_way.fetch_add(1, SeqCst) < TRIALS);
        thread::yield_now();
        under_way.fetch_sub(1, SeqCst);
        match round % 4 {
            0 => drop(permit.success(rig.now)),
            1 => drop(permit),
            2 => drop(permit.answered(rig.now)),
            _ => drop(permit.end(rig.now, CallResult::Ignored)),
        }
        1
    };
    let trials: usize = thread::scope(|scope| {
        let run = || (0..ROUNDS).map(trial).sum::<usize>();
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(run)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    });
    let total = rig.status().total;
    // The first was given back by the one that opened it.
    assert_eq!(total.successes + total.ignored, trials as u64 + 1);
    assert_eq!(total.held_back as usize, THREADS * ROUNDS - trials + 1);
    assert_eq!(places(&rig), TRIALS);
}

/// Scenario: threads succeed, fail, give up and come late, with time passing and states set by hand, through some thousand
/// generations, while another reads the status. Guarantees: every call is counted once, no count ever falls, changes are told
/// once each with no number left out, and afterwards it half-opens with all its places and closes as ever.
#[test]
fn nothing_is_lost_between_generations() {
    let mut rig = rig(BreakerPolicy {
        trials: 2,
        successes: 2,
        failure_rate: Some(0.5),
        window: Window::Calls(16),
        minimum_calls: 8,
        ..POLICY
    });
    let (begun, passed_ms) = (rig.now, AtomicU64::new(0));
    let now = || begun + Duration::from_millis(passed_ms.load(SeqCst));
    let call = |random: &mut fastrand::Rng| {
        passed_ms.fetch_add(random.u64(0..100), SeqCst);
        let permit = rig.breaker.admit(now()).ok();
        thread::yield_now();
        match (permit, random.u8(0..8)) {
            (Some(permit), 0..4) => drop(permit.success(now())),
            (Some(permit), 4..7) => drop(permit.failure(now())),
            _ => {}
        }
        match random.u16(0..2000) {
            0 => rig.breaker.force_open(now()),
            1..4 => rig.breaker.reset(now()),
            _ => {}
        }
    };
    thread::scope(|scope| {
        for seed in 0..THREADS as u64 {
            let call = &call;
            scope.spawn(move || {
                let mut random = fastrand::Rng::with_seed(seed);
                (0..ROUNDS).for_each(|_| call(&mut random));
            });
        }
        let mut before = CallCounts::default();
        for _ in 0..1000 {
            let total = rig.breaker.status(now()).total;
            assert!(total.since(&before).judged() == total.judged() - before.judged());
            before = total;
            thread::yield_now();
        }
    });
    let total = rig.breaker.status(now()).total;
    let calls = total.judged() + total.ignored + total.held_back;
    assert_eq!(calls as usize, THREADS * ROUNDS);
    rig.now = now();
    rig.breaker.reset(rig.now);
    rig.trip();
    assert_eq!(places(&rig), 2);
    assert_eq!((rig.succeed(), rig.succeed()), (HalfOpen, Closed));
    rig.breaker.force_open(rig.now);
    check_told(&rig.told());
}

/// Every number once; those of resets that change nothing are not told.
fn check_told(told: &[Transition]) {
    assert!(told.len() > 100, "{}", told.len());
    let mut told = told.to_vec();
    told.sort_by_key(|one| one.number);
    for pair in told.windows(2) {
        assert!(pair[0].number < pair[1].number);
        assert_eq!(pair[0].to, pair[1].from, "{pair:?}");
    }
}

/// Scenario: threads fail at the same time, again and again. Guarantees: it opens exactly once each time, at the policy's number
/// of failures.
#[test]
fn it_opens_once() {
    for _ in 0..200 {
        let rig = rig(BreakerPolicy::consecutive(THREADS as u32, OPEN_FOR));
        let permits: Vec<_> = (0..THREADS).map(|_| rig.admit()).collect();
        thread::scope(|scope| {
            for permit in permits {
                scope.spawn(|| permit.failure(rig.now));
            }
        });
        assert_eq!(rig.breaker.state(), Open);
        let told = rig.told();
        assert_eq!(told.len(), 1);
        let reason = Reason::ConsecutiveFailures(THREADS as u32);
        assert_eq!(told[0].reason, reason);
    }
}

/// Scenario: threads record in a window of one call and of few, where slots are taken over while they are written. Guarantees: the
/// sum is that of the slots in the end, and no rate is ever above one.
#[test]
fn windows_add_up() {
    for calls in [1, 3, 100] {
        let rig = rig(BreakerPolicy {
            failures: u32::MAX,
            failure_rate: Some(0.5),
            slow_rate: Some(0.5),
            window: Window::Calls(calls),
            mode: Mode::MetricsOnly,
            ..POLICY
        });
        thread::scope(|scope| {
            for thread in 0..THREADS {
                let rig = &rig;
                scope.spawn(move || {
                    for round in 0..ROUNDS {
                        match (thread + round) % 3 {
                            0 => drop(rig.fail()),
                            _ => drop(rig.succeed()),
                        }
                        let rate = rig.breaker.status(rig.now).failure_rate;
                        assert!(rate.is_none_or(|rate| rate <= 1.0), "{rate:?}");
                    }
                });
            }
        });
        for _ in 0..calls {
            rig.fail();
        }
        assert_eq!(rig.status().failure_rate, Some(1.0));
        for _ in 0..calls {
            rig.succeed();
        }
        assert_eq!(rig.status().failure_rate, Some(0.0));
    }
}
