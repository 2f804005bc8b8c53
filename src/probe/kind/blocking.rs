//! Work that can hang in the kernel and cannot be dropped: looking at a file system.

use std::panic::resume_unwind;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::{JoinError, spawn_blocking};

use crate::probe::failure::{Failure, Reason};

/// Does one piece of work at a time on a thread that may block. Where the last one still hangs, the next is not begun:
/// a network file system whose server is gone holds one thread of a probe, however often it is looked at.
#[derive(Clone, Debug)]
pub(super) struct Blocking {
    /// One permit, which the thread that works holds. Dropping the future that waits for it does not give it back.
    free: Arc<Semaphore>,
}

impl Default for Blocking {
    fn default() -> Blocking {
        Blocking {
            free: Arc::new(Semaphore::new(1)),
        }
    }
}

impl Blocking {
    /// Does `work`, and waits for it without blocking. A panic in it goes on here.
    ///
    /// # Errors
    ///
    /// [`Reason::Timeout`] at once while earlier work hangs, and what `work` itself says.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let Ok(permit) = Arc::clone(&self.free).try_acquire_owned() else {
            let message = "the last look still hangs in the file system";
            return Err(Failure::new(Reason::Timeout, message));
        };
        let done = spawn_blocking(move || {
            let done = work();
            drop(permit);
            done
        });
        done.await.unwrap_or_else(|error| Err(not_done(error)))
    }
}

fn not_done(error: JoinError) -> Failure {
    match error.try_into_panic() {
        Ok(panic) => resume_unwind(panic),
        // The runtime ends, and this run with it.
        Err(error) => Failure::new(Reason::Internal, error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    /// Scenario: work hangs, the run that waits for it is dropped, and the next run comes; then the work ends.
    /// Guarantees: the next run fails at once and says why; nothing is begun beside what hangs; once it has ended, work
    /// is done again.
    #[tokio::test]
    async fn one_hanging_look_is_all_there_is() {
        let blocking = Blocking::default();
        let (let_go, hangs) = mpsc::channel::<()>();
        let hanging = blocking.run(move || Ok(hangs.recv().is_ok()));
        let cut_off = tokio::time::timeout(Duration::from_millis(20), hanging);
        assert!(cut_off.await.is_err(), "it did not hang");

        let (begins, begun) = mpsc::channel();
        let failure = blocking.run(move || Ok(begins.send(()))).await.unwrap_err();
        assert_eq!(failure.reason, Reason::Timeout);
        assert_eq!(
            failure.message,
            "the last look still hangs in the file system"
        );
        assert!(begun.recv().is_err(), "a second look was begun");

        let_go.send(()).unwrap();
        let begun = tokio::time::Instant::now();
        while blocking.run(|| Ok(())).await.is_err() {
            assert!(begun.elapsed() < Duration::from_secs(10), "still held");
            tokio::task::yield_now().await;
        }
    }

    /// Scenario: work panics, or fails, several times in a row.
    /// Guarantees: a panic reaches the task that waits; neither keeps the next work from being done.
    #[tokio::test]
    async fn a_panic_is_passed_on_and_holds_nothing() {
        let blocking = Blocking::default();
        for _ in 0..3 {
            let one = blocking.clone();
            let run = async move {
                one.run(|| -> Result<(), Failure> { panic!("broken") })
                    .await
            };
            let panicked = tokio::spawn(run).await.unwrap_err();
            assert!(panicked.is_panic());
            let missing = blocking.run(|| Err::<(), _>(Failure::new(Reason::Missing, "gone")));
            assert_eq!(missing.await.unwrap_err().reason, Reason::Missing);
        }
        assert_eq!(blocking.run(|| Ok(7)).await, Ok(7));
    }
}
