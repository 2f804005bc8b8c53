//! Whether a connection has a request under way, and since when not.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// The requests under way on one connection.
#[derive(Clone, Debug)]
pub(super) struct Activity {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    opened: Instant,
    under_way: AtomicUsize,
    /// Milliseconds from `opened` to the end of the last request; 0 = there was none yet.
    last_end_ms: AtomicU64,
}

/// A request under way; ends when dropped.
#[derive(Debug)]
pub(super) struct UnderWay(Activity);

impl Activity {
    pub(super) fn new(opened: Instant) -> Activity {
        let inner = Inner {
            opened,
            under_way: AtomicUsize::new(0),
            last_end_ms: AtomicU64::new(0),
        };
        Activity {
            inner: Arc::new(inner),
        }
    }

    pub(super) fn begin(&self) -> UnderWay {
        self.inner.under_way.fetch_add(1, Ordering::Relaxed);
        UnderWay(self.clone())
    }

    /// How long the connection may still stand silent at `now`; `None` once its time is up.
    pub(super) fn time_left(
        &self,
        now: Instant,
        first: Duration,
        between: Duration,
    ) -> Option<Duration> {
        if self.inner.under_way.load(Ordering::Relaxed) > 0 {
            return Some(between);
        }
        let limit = match self.inner.last_end_ms.load(Ordering::Relaxed) {
            0 => first,
            last_end_ms => Duration::from_millis(last_end_ms) + between,
        };
        (self.inner.opened + limit)
            .checked_duration_since(now)
            .filter(|left| !left.is_zero())
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let inner = &self.0.inner;
        let end_ms = inner
            .opened
            .elapsed()
            .as_millis()
            .try_into()
            .unwrap_or(u64::MAX);
        inner.last_end_ms.store(end_ms.max(1), Ordering::Relaxed);
        inner.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_secs(10);
    const BETWEEN: Duration = Duration::from_secs(60);

    /// Scenario: a client connects and says nothing. Guarantees: its time is up after `first`.
    #[tokio::test(start_paused = true)]
    async fn silence_from_the_start_has_the_short_limit() {
        let activity = Activity::new(Instant::now());
        tokio::time::advance(FIRST - Duration::from_millis(1)).await;
        assert!(activity.time_left(Instant::now(), FIRST, BETWEEN).is_some());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(activity.time_left(Instant::now(), FIRST, BETWEEN), None);
    }

    /// Scenario: a request longer than every limit, then silence. Guarantees: the connection stays
    /// while the request runs, and `between` counts from its end.
    #[tokio::test(start_paused = true)]
    async fn a_request_under_way_keeps_the_connection() {
        let activity = Activity::new(Instant::now());
        let request = activity.begin();
        tokio::time::advance(BETWEEN * 3).await;
        assert!(activity.time_left(Instant::now(), FIRST, BETWEEN).is_some());
        drop(request);
        assert_eq!(
            activity.time_left(Instant::now(), FIRST, BETWEEN),
            Some(BETWEEN)
        );
        tokio::time::advance(BETWEEN).await;
        assert_eq!(activity.time_left(Instant::now(), FIRST, BETWEEN), None);
    }
}
