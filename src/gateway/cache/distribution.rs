//! How long things took, in numbers that many threads add to without waiting for each other.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::telemetry::CacheLatency;

/// Each power of two is cut into 2⁴ parts, so that a value is known to 3 %.
const PART_BITS: u32 = 4;
const PARTS: usize = 1 << PART_BITS;

/// The largest power of two of nanoseconds that is told apart: some 18 minutes.
const MAX_EXPONENT: u32 = 40;

/// Values below 2⁵ have a bucket each.
const BUCKETS: usize = 2 * PARTS + (MAX_EXPONENT - PART_BITS) as usize * PARTS;

/// Counts of durations. Adding is a handful of atomic operations; a reading beside it may miss what is just being added.
#[derive(Debug)]
pub(super) struct Distribution {
    buckets: Box<[AtomicU64]>,
    sum_ns: AtomicU64,
    min_ns: AtomicU64,
    max_ns: AtomicU64,
}

impl Default for Distribution {
    fn default() -> Distribution {
        Distribution {
            buckets: (0..BUCKETS).map(|_| AtomicU64::new(0)).collect(),
            sum_ns: AtomicU64::new(0),
            min_ns: AtomicU64::new(u64::MAX),
            max_ns: AtomicU64::new(0),
        }
    }
}

impl Distribution {
    /// Adds one that took so long.
    pub(super) fn add(&self, took: Duration) {
        let ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.buckets[bucket(ns)].fetch_add(1, Relaxed);
        self.sum_ns.fetch_add(ns, Relaxed);
        self.min_ns.fetch_min(ns, Relaxed);
        self.max_ns.fetch_max(ns, Relaxed);
    }

    /// What they were like; `None` if there were none.
    pub(super) fn read(&self) -> Option<CacheLatency> {
        let counts: Vec<u64> = self.buckets.iter().map(|one| one.load(Relaxed)).collect();
        let count: u64 = counts.iter().sum();
        if count == 0 {
            return None;
        }
        let (min, max) = (self.min_ns.load(Relaxed), self.max_ns.load(Relaxed));
        // One that is counted already may not be in the extremes yet.
        let (min, max) = (min.min(max), max.max(min.min(max)));
        let at = |share: f64| {
            let rank = (share * count as f64).ceil().max(1.0) as u64;
            seconds(middle(reached(&counts, rank)).clamp(min, max))
        };
        Some(CacheLatency {
            min_s: seconds(min),
            max_s: seconds(max),
            mean_s: seconds(self.sum_ns.load(Relaxed)) / count as f64,
            p50_s: at(0.5),
            p95_s: at(0.95),
            p99_s: at(0.99),
        })
    }
}

fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

/// The bucket of a value.
fn bucket(ns: u64) -> usize {
    if ns < 2 * PARTS as u64 {
        return ns as usize;
    }
    let exponent = ns.ilog2();
    if exponent > MAX_EXPONENT {
        return BUCKETS - 1;
    }
    let part = (ns >> (exponent - PART_BITS)) as usize & (PARTS - 1);
    2 * PARTS + (exponent - PART_BITS - 1) as usize * PARTS + part
}

/// A value in the middle of a bucket.
fn middle(bucket: usize) -> u64 {
    if bucket < 2 * PARTS {
        return bucket as u64;
    }
    let above = bucket - 2 * PARTS;
    let shift = above / PARTS + 1;
    let start = ((PARTS + above % PARTS) as u64) << shift;
    start + (1 << shift) / 2
}

/// The first bucket with which `rank` values are reached.
fn reached(counts: &[u64], rank: u64) -> usize {
    let mut seen = 0;
    let found = counts.iter().position(|count| {
        seen += count;
        seen >= rank
    });
    found.unwrap_or(BUCKETS - 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Scenario: durations of any length. Guarantees: the bucket's value is within 4 % of each, and larger ones never have a
        /// lower bucket.
        #[test]
        fn buckets_are_narrow(ns in 0_u64..(1 << 41), more in 0_u64..1_000_000) {
            let error = middle(bucket(ns)).abs_diff(ns);
            prop_assert!(error as f64 <= ns as f64 * 0.04, "{ns}: {}", middle(bucket(ns)));
            prop_assert!(bucket(ns + more) >= bucket(ns));
            prop_assert!(bucket(u64::MAX) == BUCKETS - 1);
        }
    }

    /// Scenario: nothing, then a hundred durations from 1 to 100 ms. Guarantees: no numbers of nothing; then the exact extremes and mean, and
    /// percentiles within 4 %.
    #[test]
    fn percentiles_are_near() {
        let distribution = Distribution::default();
        assert!(distribution.read().is_none());
        for ms in 1..=100 {
            distribution.add(Duration::from_millis(ms));
        }
        let read = distribution.read().expect("values");
        assert_eq!((read.min_s, read.max_s), (0.001, 0.1));
        assert!((read.mean_s - 0.0505).abs() < 1e-9);
        for (found, meant) in [
            (read.p50_s, 0.050),
            (read.p95_s, 0.095),
            (read.p99_s, 0.099),
        ] {
            assert!((found / meant - 1.0).abs() < 0.04, "{found} {meant}");
        }
    }
}
