//! Repeats a piece of work: what a Rust service calls.

use std::future::Future;
use std::time::Duration;

use super::{Next, Retry, RetryPolicy};
use crate::resilience::clock::now;

/// What becomes of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// It is final.
    No,
    /// The work may be done again.
    Yes,
    /// The same, but not sooner than after this time.
    After(Duration),
}

/// Does `work` until it succeeds, `judge` calls its error final, or `policy` has had enough. `on_retry` hears of each error that is followed by another
/// attempt: the error, the number of the attempt that failed (1 = the first) and the wait.
///
/// Only work that may be done twice belongs here: what is idempotent, or carries a key that makes it so, see [`Repeatable`](super::Repeatable). Where a
/// [`RetryBudget`](super::RetryBudget) is shared by all calls, `judge` asks it. Dropped, it stops where it is.
///
/// # Errors
/// The last error. Where that asked for more patience than there is ([`Again::After`] of more than the policy's `max`), it is what tells the caller how much.
pub async fn retry<T, E, W, F>(
    policy: RetryPolicy,
    mut work: W,
    judge: impl Fn(&E) -> Again,
    mut on_retry: impl FnMut(&E, u32, Duration),
) -> Result<T, E>
where
    W: FnMut() -> F,
    F: Future<Output = Result<T, E>>,
{
    let mut retry = Retry::new(policy, now());
    loop {
        let error = match work().await {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let asked = match judge(&error) {
            Again::No => return Err(error),
            Again::Yes => None,
            Again::After(asked) => Some(asked),
        };
        match retry.next(now(), asked, fastrand::f64()) {
            Next::Enough(_) => return Err(error),
            Next::After(wait) => {
                on_retry(&error, retry.attempts_made(), wait);
                tokio::time::sleep(wait).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::*;

    /// Scenario: work that fails twice and then succeeds. Guarantees: it is done three times, and each failure is told with its number.
    #[tokio::test(start_paused = true)]
    async fn it_is_done_until_it_succeeds() {
        let (calls, heard) = (Cell::new(0), RefCell::new(Vec::new()));
        let work = || async {
            calls.set(calls.get() + 1);
            (calls.get() > 2).then_some("done").ok_or("not yet")
        };
        let done = retry(
            RetryPolicy::default(),
            work,
            |_| Again::Yes,
            |error, attempt, wait| heard.borrow_mut().push((*error, attempt, wait)),
        );
        assert_eq!(done.await, Ok("done"));
        let heard = heard.into_inner();
        assert_eq!((calls.get(), heard.len()), (3, 2));
        assert_eq!((heard[0].1, heard[1].1), (1, 2));
        assert!(heard[1].2 >= RetryPolicy::default().base);
    }

    /// Scenario: an error that is final, and one that asks for a minute. Guarantees: neither is followed by another attempt.
    #[tokio::test(start_paused = true)]
    async fn what_is_final_is_final() {
        for verdict in [Again::No, Again::After(Duration::from_secs(60))] {
            let calls = Cell::new(0);
            let work = || async {
                calls.set(calls.get() + 1);
                Err::<(), _>("no")
            };
            let ended = retry(RetryPolicy::default(), work, |_| verdict, |_, _, _| {}).await;
            assert_eq!((ended, calls.get()), (Err("no"), 1));
        }
    }

    /// Scenario: an error that asks for two seconds and goes on. Guarantees: no attempt comes sooner, none comes after the last that may be, and
    /// the error is the last one.
    #[tokio::test(start_paused = true)]
    async fn what_was_asked_for_is_waited() {
        const ASKED: Duration = Duration::from_secs(2);
        let (calls, heard) = (RefCell::new(Vec::new()), Cell::new(0));
        let work = || async {
            calls.borrow_mut().push(now());
            Err::<(), _>(calls.borrow().len())
        };
        let judge = |_: &usize| Again::After(ASKED);
        let ended = retry(RetryPolicy::default(), work, judge, |_, _, wait| {
            assert!(wait >= ASKED);
            heard.set(heard.get() + 1);
        });
        assert_eq!((ended.await, heard.get()), (Err(3), 2));
        let calls = calls.into_inner();
        assert!(calls.windows(2).all(|pair| pair[1] - pair[0] >= ASKED));
    }
}
