//! What must not be found any more, until the shared server has forgotten it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::gateway::cache::key::KeyDigest;

/// More than that are not remembered one by one.
pub(super) const MAX_REMOVALS: usize = 10_000;

/// Keys that are to be removed, by their digests. A server that cannot be reached keeps what it has: until it can, this agent does not
/// believe it.
#[derive(Debug, Default)]
pub(super) struct Removals {
    under_way: Mutex<HashMap<KeyDigest, u32>>,
    /// Milliseconds since 1970: what is older is not believed, as removals of it may have been forgotten.
    ignore_before_ms: AtomicU64,
}

impl Removals {
    /// `digest` is to be removed. `false` when there are too many: nothing that is there is believed then.
    pub(super) fn add(&self, digest: &KeyDigest, now: SystemTime) -> bool {
        let mut under_way = self.lock();
        if under_way.len() >= MAX_REMOVALS && !under_way.contains_key(digest) {
            self.ignore_before_ms.fetch_max(ms(now), SeqCst);
            return false;
        }
        *under_way.entry(*digest).or_default() += 1;
        true
    }

    /// One removal of `digest` is done.
    pub(super) fn done(&self, digest: &KeyDigest) {
        let mut under_way = self.lock();
        if let Some(count) = under_way.get_mut(digest) {
            *count -= 1;
            if *count == 0 {
                under_way.remove(digest);
            }
        }
    }

    /// One removal of `digest` is given up at `now`.
    pub(super) fn give_up(&self, digest: &KeyDigest, now: SystemTime) {
        self.ignore_before_ms.fetch_max(ms(now), SeqCst);
        self.done(digest);
    }

    /// Whether what stands under `digest` is to be removed.
    pub(super) fn holds(&self, digest: &KeyDigest) -> bool {
        self.lock().contains_key(digest)
    }

    /// Whether what was written at `at` is believed.
    pub(super) fn believes(&self, at: SystemTime) -> bool {
        ms(at) >= self.ignore_before_ms.load(SeqCst)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<KeyDigest, u32>> {
        // A map is whole even if a thread died while holding it.
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn ms(time: SystemTime) -> u64 {
    let since_epoch = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn digest(number: u16) -> KeyDigest {
        let mut digest = [0; 32];
        digest[..2].copy_from_slice(&number.to_le_bytes());
        digest
    }

    /// Scenario: a key is removed twice, and one removal is done. Guarantees: it is not believed until both are.
    #[test]
    fn every_removal_counts() {
        let removals = Removals::default();
        let now = SystemTime::now();
        assert!(removals.add(&digest(1), now) && removals.add(&digest(1), now));
        removals.done(&digest(1));
        assert!(removals.holds(&digest(1)) && !removals.holds(&digest(2)));
        removals.done(&digest(1));
        assert!(!removals.holds(&digest(1)));
        assert!(removals.believes(UNIX_EPOCH));
    }

    /// Scenario: more removals than are remembered, and one that is given up. Guarantees: what was written before is not believed, what is
    /// written after is.
    #[test]
    fn forgotten_removals_are_no_risk() {
        let now = SystemTime::now();
        let (before, after) = (now - Duration::from_secs(1), now + Duration::from_secs(1));
        let removals = Removals::default();
        for number in 0..MAX_REMOVALS as u16 {
            assert!(removals.add(&digest(number), before));
        }
        assert!(removals.believes(before));
        assert!(
            removals.add(&digest(0), now),
            "one more of the same takes no place"
        );
        assert!(!removals.add(&digest(u16::MAX), now));
        assert!(!removals.believes(before) && removals.believes(after));
        let given_up = Removals::default();
        assert!(given_up.add(&digest(1), before));
        given_up.give_up(&digest(1), now);
        assert!(!given_up.holds(&digest(1)) && !given_up.believes(before));
    }
}
