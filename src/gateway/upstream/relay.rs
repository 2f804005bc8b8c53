//! Wake-ups of a connection that whoever waits for it drives.
//!
//! hyper's halves of a connection wake each other as if each had a task of its own. Here one task polls them all, one after the
//! other: a wake-up by one of them while they are polled means one more round, not one more turn of the whole task.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Wake, Waker};

use atomic_waker::AtomicWaker;

/// Nobody polls: a wake-up goes to the task that waits.
const RESTING: u8 = 0;
/// Somebody polls: a wake-up is noted.
const POLLED: u8 = 1;
/// There was a wake-up.
const WOKEN: u8 = 2;

/// Where the parts of a connection send their wake-ups. It outlives the tasks that use the connection one after the other, so
/// that an idle connection keeps none of them.
#[derive(Debug, Default)]
pub(super) struct Relay {
    state: AtomicU8,
    task: AtomicWaker,
}

impl Relay {
    /// A relay, and the waker that leads to it.
    pub(super) fn new() -> (Arc<Relay>, Waker) {
        let relay = Arc::<Relay>::default();
        let waker = Waker::from(Arc::clone(&relay));
        (relay, waker)
    }

    /// From here on wake-ups are noted only.
    pub(super) fn begin(&self) {
        self.state.store(POLLED, Ordering::Release);
    }

    /// From here on wake-ups go to the task of `context`. False: there was one meanwhile, so poll again.
    pub(super) fn rest(&self, context: &Context<'_>) -> bool {
        self.task.register(context.waker());
        let rests =
            self.state
                .compare_exchange(POLLED, RESTING, Ordering::AcqRel, Ordering::Acquire);
        rests.is_ok()
    }

    /// From here on wake-ups go to nobody. Those that nobody followed stay noted.
    pub(super) fn leave(&self) {
        drop(self.task.take());
        let _ = self
            .state
            .compare_exchange(POLLED, RESTING, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Whether there was a wake-up that nobody followed.
    pub(super) fn is_woken(&self) -> bool {
        self.state.load(Ordering::Acquire) == WOKEN
    }
}

impl Wake for Relay {
    fn wake(self: Arc<Relay>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Relay>) {
        if self.state.swap(WOKEN, Ordering::AcqRel) == RESTING {
            self.task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Count>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Scenario: wake-ups while a connection is polled, while its task waits, and while it is idle. Guarantees: the first are
    /// followed by one more round, the second wake the task once, the third nobody, and are noticed.
    #[test]
    fn wake_ups_go_where_somebody_waits() {
        let count = Arc::<Count>::default();
        let task = Waker::from(Arc::clone(&count));
        let context = Context::from_waker(&task);
        let woken = || count.0.load(Ordering::Relaxed);
        let (relay, waker) = Relay::new();

        relay.begin();
        waker.wake_by_ref();
        assert!(!relay.rest(&context));
        assert_eq!(woken(), 0);
        relay.begin();
        assert!(relay.rest(&context));
        assert!(!relay.is_woken());
        waker.wake_by_ref();
        waker.wake_by_ref();
        assert_eq!(woken(), 1);
        relay.begin();
        assert!(relay.rest(&context));
        relay.leave();
        waker.wake_by_ref();
        assert_eq!(woken(), 1);
        assert!(relay.is_woken());
        assert_eq!(Arc::strong_count(&count), 2);
    }
}
