//! The breaker round a future.

use super::*;
use CallResult::{Failure, Success};

fn judge<T, E>(result: &Result<T, E>) -> CallResult {
    match result {
        Ok(_) => Success,
        Err(_) => Failure,
    }
}

fn breaker(policy: BreakerPolicy) -> Breaker {
    Breaker::with_chance("stripe", policy, || 0.0)
}

/// Scenario: a service fails, is left alone, and works again. Guarantees: its errors come through; while it is left alone nothing
/// is called and the caller is told for how long; then one call tries.
#[tokio::test(start_paused = true)]
async fn calls_are_held_back_until_the_time_has_passed() {
    let breaker = breaker(POLICY);
    for _ in 0..3 {
        let failed = breaker.call(async { Err::<(), _>("broken") }, judge).await;
        assert_eq!(failed, Err(Guarded::Failed("broken")));
    }
    let never = async { panic!("called") };
    let held = breaker.call::<(), &str>(never, judge).await.unwrap_err();
    assert_eq!(held.to_string(), "the breaker is open, ask again in 5.0s");
    tokio::time::advance(OPEN_FOR).await;
    let worked = breaker.call(async { Ok::<_, &str>(7) }, judge).await;
    assert_eq!(worked, Ok(7));
    assert_eq!(breaker.state(), BreakerState::Closed);
}

/// Scenario: errors that the caller is to blame for. Guarantees: what `judge` says counts, not what the result is.
#[tokio::test(start_paused = true)]
async fn the_judge_decides() {
    let breaker = breaker(POLICY);
    for _ in 0..10 {
        let refused = breaker.call(async { Err::<(), _>(404) }, |_| Success).await;
        assert_eq!(refused, Err(Guarded::Failed(404)));
    }
    let broken: [Result<(), u16>; 3] = [Ok(()); 3];
    for result in broken {
        assert_eq!(breaker.run(|| result, |_| Failure), Ok(()));
    }
    let held = breaker.run(|| -> Result<(), u16> { panic!("called") }, |_| Success);
    assert!(matches!(held, Err(Guarded::Held(_))), "{held:?}");
}

/// Scenario: a caller gives up waiting for the trial. Guarantees: the next caller may try.
#[tokio::test(start_paused = true)]
async fn a_call_that_is_given_up_gives_its_trial_back() {
    let breaker = breaker(BreakerPolicy::consecutive(1, OPEN_FOR));
    let _ = breaker.run(|| Err::<(), _>(()), judge);
    tokio::time::advance(OPEN_FOR).await;
    let endless = breaker.call::<(), ()>(std::future::pending(), judge);
    let given_up = tokio::time::timeout(Duration::from_secs(1), endless).await;
    assert!(given_up.is_err());
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    assert_eq!(breaker.run(|| Ok::<_, ()>(1), judge), Ok(1));
}

/// Scenario: calls that take a second each, for policies that need the time and one that does not. Guarantees: the first know the
/// time of every call, the other that of one in sixteen, and all the same average.
#[tokio::test(start_paused = true)]
async fn the_clock_is_read_where_it_matters() {
    let slow = BreakerPolicy {
        slow_rate: Some(1.0),
        ..POLICY
    };
    let by_time = BreakerPolicy {
        failure_rate: Some(1.0),
        window: Window::Time(Duration::from_secs(10)),
        ..POLICY
    };
    for (policy, timed) in [(POLICY, 4), (slow, 64), (by_time, 64)] {
        let breaker = breaker(policy);
        for _ in 0..64 {
            let work = async {
                tokio::time::advance(Duration::from_secs(1)).await;
                Ok::<_, ()>(())
            };
            breaker.call(work, judge).await.unwrap();
        }
        let status = breaker.status(tokio::time::Instant::now().into_std());
        assert_eq!((status.successes, status.total.timed), (64, timed));
        assert_eq!(status.average_latency, Some(Duration::from_secs(1)));
    }
}
