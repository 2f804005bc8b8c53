//! When what is kept of a request was last made invalid, so that an answer which was asked for before is not kept after.

use std::sync::atomic::{AtomicU64, Ordering};

use xxhash_rust::xxh3::xxh3_64;

use super::key::CacheKey;

/// Keys share counters; one more than needed costs a request to the upstream.
const COUNTERS: usize = 1024;

/// A counter for each group of keys.
#[derive(Debug)]
pub(super) struct Epochs(Box<[AtomicU64]>);

impl Default for Epochs {
    fn default() -> Epochs {
        Epochs((0..COUNTERS).map(|_| AtomicU64::new(0)).collect())
    }
}

impl Epochs {
    /// The state of `key`.
    pub(super) fn of(&self, key: &CacheKey) -> u64 {
        self.counter(key).load(Ordering::SeqCst)
    }

    /// What was asked for before is out of date from here on.
    pub(super) fn advance(&self, key: &CacheKey) {
        self.counter(key).fetch_add(1, Ordering::SeqCst);
    }

    fn counter(&self, key: &CacheKey) -> &AtomicU64 {
        // The remainder is below the number of counters.
        &self.0[xxh3_64(key.as_bytes()) as usize % COUNTERS]
    }
}
