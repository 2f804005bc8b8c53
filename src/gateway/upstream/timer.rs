//! One timer for all that a connection waits for.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep, sleep_until};

/// A timer that is moved as rarely as possible. What is due gets later with almost every step of a call; the timer stays where it
/// is, runs out early now and then, and is moved only then. So a call costs no work on the runtime's timers.
#[derive(Debug, Default)]
pub(super) struct Timer(Option<Pin<Box<Sleep>>>);

impl Timer {
    /// Whether `due` has come. If not, `context` is woken by then at the latest.
    pub(super) fn poll(&mut self, context: &mut Context<'_>, due: Instant, now: Instant) -> bool {
        if due <= now {
            return true;
        }
        let sleep = self.0.get_or_insert_with(|| Box::pin(sleep_until(due)));
        if sleep.deadline() > due {
            sleep.as_mut().reset(due);
        }
        while let Poll::Ready(()) = sleep.as_mut().poll(context) {
            if sleep.deadline() >= due {
                return true;
            }
            sleep.as_mut().reset(due);
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use super::*;

    const STEP: Duration = Duration::from_secs(10);

    async fn wait(timer: &mut Timer, due: Instant) -> Instant {
        poll_fn(|context| match timer.poll(context, due, Instant::now()) {
            true => Poll::Ready(Instant::now()),
            false => Poll::Pending,
        })
        .await
    }

    /// Scenario: what is due moves to later and to earlier, and has passed. Guarantees: it comes when it is due, never before; to
    /// later, the timer is not moved until it runs out.
    #[tokio::test(start_paused = true)]
    async fn what_is_due_comes_in_time() {
        let mut timer = Timer::default();
        let start = Instant::now();
        let mut context = Context::from_waker(std::task::Waker::noop());
        assert!(!timer.poll(&mut context, start + STEP, start));
        assert!(!timer.poll(&mut context, start + 3 * STEP, start));
        let set = |timer: &Timer| timer.0.as_ref().map(|sleep| sleep.deadline());
        assert_eq!(set(&timer), Some(start + STEP));
        assert_eq!(wait(&mut timer, start + 3 * STEP).await, start + 3 * STEP);
        assert!(!timer.poll(&mut context, start + 9 * STEP, start + 3 * STEP));
        assert_eq!(wait(&mut timer, start + 4 * STEP).await, start + 4 * STEP);
        assert_eq!(wait(&mut timer, start).await, start + 4 * STEP);
    }
}
