//! Time, as it is handed to the store.

use std::time::{SystemTime, UNIX_EPOCH};

/// A moment, as the batch or the question brought it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// Milliseconds since the Unix epoch.
    pub unix_ms: u64,
}

impl Moment {
    /// Whole seconds since the Unix epoch; enough until the year 2106.
    pub fn seconds(self) -> u32 {
        u32::try_from(self.unix_ms / 1000).unwrap_or(u32::MAX)
    }

    /// Nanoseconds since the Unix epoch.
    pub fn unix_nano(self) -> u64 {
        self.unix_ms.saturating_mul(1_000_000)
    }
}

impl From<SystemTime> for Moment {
    fn from(time: SystemTime) -> Moment {
        let since_epoch = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Moment {
            unix_ms: since_epoch.as_millis().try_into().unwrap_or(u64::MAX),
        }
    }
}
