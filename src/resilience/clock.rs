//! The clock of what runs calls itself; decisions are given the time.

use std::time::Instant;

/// The runtime's time, which tests can pause.
pub(super) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
