//! A limit for each caller, for a bounded number of them.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::RateLimiter;
use governor::clock::{Clock, MonotonicClock, Reference};
use governor::middleware::StateInformationMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;

use super::{Allowance, Rate};

/// Threads that count different callers rarely wait for each other.
const SHARDS: usize = 16;
/// A full table is looked through for callers to forget no more often than this.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// A limit that counts each caller by itself.
///
/// Callers beyond the greatest number share one count. A caller whose whole burst is there again is forgotten when its place is needed, as it
/// would get as much as one that was never seen. Nothing of a caller is kept but a keyed hash.
#[derive(Debug)]
pub struct CallerLimits<C: Clock = MonotonicClock> {
    name: &'static str,
    rate: Rate,
    limiter: RateLimiter<u64, Counts<C>, C, StateInformationMiddleware>,
    /// Nobody outside can choose callers that fall together.
    hasher: RandomState,
}

impl CallerLimits {
    /// A limit of `rate` for each of at most `max_callers`, which callers know by `name`.
    pub fn new(name: &'static str, rate: Rate, max_callers: usize) -> CallerLimits {
        CallerLimits::on(name, rate, max_callers, MonotonicClock)
    }
}

impl<C: Clock + Clone> CallerLimits<C> {
    /// The same with a clock of its own, for tests.
    pub fn on(name: &'static str, rate: Rate, max_callers: usize, clock: C) -> CallerLimits<C> {
        let counts = Counts(Arc::new(Table::new(max_callers, clock.clone())));
        CallerLimits {
            name,
            rate,
            limiter: RateLimiter::new(rate.quota(), counts, clock),
            hasher: RandomState::new(),
        }
    }

    /// Counts a request of `caller`, where it is allowed.
    pub fn check(&self, caller: impl Hash) -> Allowance {
        let caller = self.hasher.hash_one(caller);
        match self.limiter.check_key(&caller) {
            Ok(state) => self.rate.allowed(self.name, &state),
            Err(until) => {
                let now = self.limiter.clock().now();
                self.rate.refused(self.name, &until, now)
            }
        }
    }
}

/// What the limiter keeps its counts in.
#[derive(Clone, Debug)]
struct Counts<C: Clock>(Arc<Table<C>>);

#[derive(Debug)]
struct Table<C: Clock> {
    shards: [Mutex<Shard>; SHARDS],
    /// How many callers all shards hold.
    callers: AtomicUsize,
    max_callers: usize,
    everybody_else: Mutex<Option<Nanos>>,
    clock: C,
    began: C::Instant,
}

/// The theoretical arrival time of each caller's next request, counted from the table's beginning.
#[derive(Debug, Default)]
struct Shard {
    arrivals: HashMap<u64, Nanos>,
    swept: Option<Nanos>,
}

impl<C: Clock> Table<C> {
    fn new(max_callers: usize, clock: C) -> Table<C> {
        Table {
            shards: Default::default(),
            callers: AtomicUsize::new(0),
            max_callers,
            everybody_else: Mutex::new(None),
            began: clock.now(),
            clock,
        }
    }

    fn shard(&self, caller: u64) -> MutexGuard<'_, Shard> {
        // The low bits choose the place in the map.
        whole(&self.shards[(caller >> 60) as usize % SHARDS])
    }

    /// Takes a place for a caller who is not in the shard. A shard is looked through for places only where there is none, and not all the time.
    fn takes_place(&self, shard: &mut Shard) -> bool {
        if self.takes_free_place() {
            return true;
        }
        let now = self.clock.now().duration_since(self.began);
        let since = |swept: Nanos| Duration::from(now.saturating_sub(swept));
        if shard.swept.is_some_and(|swept| since(swept) < SWEEP_EVERY) {
            return false;
        }
        shard.swept = Some(now);
        let before = shard.arrivals.len();
        // Of the others the whole burst is there again.
        shard.arrivals.retain(|_, arrival| *arrival > now);
        let gone = before - shard.arrivals.len();
        self.callers.fetch_sub(gone, Relaxed);
        self.takes_free_place()
    }

    fn takes_free_place(&self) -> bool {
        let one_more = |callers| (callers < self.max_callers).then_some(callers + 1);
        self.callers.try_update(Relaxed, Relaxed, one_more).is_ok()
    }
}

impl<C: Clock> StateStore for Counts<C> {
    type Key = u64;

    fn measure_and_replace<T, F, E>(&self, caller: &u64, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let table = &self.0;
        let mut shard = table.shard(*caller);
        if let Some(arrival) = shard.arrivals.get_mut(caller) {
            let (verdict, next) = decide(Some(*arrival))?;
            *arrival = next;
            return Ok(verdict);
        }
        let (verdict, next) = decide(None)?;
        if table.takes_place(&mut shard) {
            shard.arrivals.insert(*caller, next);
            return Ok(verdict);
        }
        drop(shard);
        let mut arrival = whole(&table.everybody_else);
        let (verdict, next) = decide(*arrival)?;
        *arrival = Some(next);
        Ok(verdict)
    }
}

/// Each change is one insertion: what is locked is whole after a panic elsewhere.
fn whole<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
