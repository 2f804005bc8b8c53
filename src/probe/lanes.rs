//! How many checks are under way at the same time.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Room for a bounded number of checks. Those that ran into their timeout the last time share half of it, so that
/// servers that swallow everything cannot keep the checks of others waiting.
#[derive(Clone, Debug)]
pub(super) struct Lanes {
    all: Arc<Semaphore>,
    slow: Arc<Semaphore>,
}

/// The right to run one check.
#[derive(Debug)]
pub(super) struct Place {
    _all: OwnedSemaphorePermit,
    _slow: Option<OwnedSemaphorePermit>,
}

impl Lanes {
    /// Room for `max_concurrent` checks.
    pub(super) fn new(max_concurrent: usize) -> Lanes {
        Lanes {
            all: Arc::new(Semaphore::new(max_concurrent.max(2))),
            slow: Arc::new(Semaphore::new((max_concurrent / 2).max(1))),
        }
    }

    /// Waits for a place; `slow` for a check that ran into its timeout the last time. `None` never comes while the
    /// lanes are open, which they are for ever.
    pub(super) async fn enter(&self, slow: bool) -> Option<Place> {
        let slow = match slow {
            true => Some(Arc::clone(&self.slow).acquire_owned().await.ok()?),
            false => None,
        };
        let all = Arc::clone(&self.all).acquire_owned().await.ok()?;
        Some(Place {
            _all: all,
            _slow: slow,
        })
    }
}
