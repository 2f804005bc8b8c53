//! The quotas of an upstream's callers, for a bounded number of them.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Quota;

/// A full table is looked through for callers to forget no more often than this.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// What an upstream allows each of its callers: limits go with credentials, and each caller may bring its own.
#[derive(Debug)]
pub struct Quotas {
    callers: Mutex<Callers>,
    /// Callers beyond the greatest number share one.
    everybody_else: Arc<Quota>,
    max_callers: usize,
    hasher: RandomState,
}

#[derive(Debug, Default)]
struct Callers {
    quotas: HashMap<u64, Arc<Quota>>,
    swept: Option<Instant>,
}

impl Quotas {
    /// Quotas of at most `max_callers` callers.
    pub fn new(max_callers: usize) -> Quotas {
        Quotas {
            callers: Mutex::default(),
            everybody_else: Arc::default(),
            max_callers,
            hasher: RandomState::new(),
        }
    }

    /// The quota of `caller`, who calls at `now`. Nothing is kept of a caller but a keyed hash.
    pub fn of(&self, caller: impl Hash, now: Instant) -> Arc<Quota> {
        let caller = self.hasher.hash_one(caller);
        // A map is whole after a panic elsewhere.
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(quota) = callers.quotas.get(&caller) {
            return Arc::clone(quota);
        }
        if callers.quotas.len() >= self.max_callers {
            callers.sweep(now);
        }
        if callers.quotas.len() >= self.max_callers {
            return Arc::clone(&self.everybody_else);
        }
        Arc::clone(callers.quotas.entry(caller).or_default())
    }
}

impl Callers {
    /// Forgets callers of whom nothing is known and who have no call out.
    fn sweep(&mut self, now: Instant) {
        let since = |swept| now.saturating_duration_since(swept);
        if self.swept.is_some_and(|swept| since(swept) < SWEEP_EVERY) {
            return;
        }
        self.swept = Some(now);
        self.quotas
            .retain(|_, quota| Arc::strong_count(quota) > 1 || !quota.is_idle(now));
    }
}
