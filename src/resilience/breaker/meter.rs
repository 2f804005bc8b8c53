//! What is counted of every call, so that counting costs one relaxed addition to a line that no other thread writes.

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Threads beyond that many share a line.
const SHARDS: usize = 8;

/// Successes whose time is known: their number in the upper 20 bits, their time in µs, together, in the lower 44.
const ONE: u64 = 1 << 44;
const MICROS_MASK: u64 = ONE - 1;

/// The upper bit of either part.
const HALF_FULL: u64 = (1 << 63) | (1 << 43);

/// A call counts as no longer than this, about 71 minutes: between half of what fits and all of it, there is room for two
/// thousand calls.
const MAX_MICROS: u64 = u32::MAX as u64;

/// Of calls that read the clock for the breaker alone, one in this many does.
const TIMED_IN: u32 = 16;

/// Calls by how they ended, and how long they took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallCounts {
    /// Calls that succeeded.
    pub successes: u64,
    /// Calls that failed.
    pub failures: u64,
    /// Calls that say nothing, as they were given up.
    pub ignored: u64,
    /// Calls that were held back.
    pub held_back: u64,
    /// Successes and failures that took longer than the policy's `slow_after`.
    pub slow: u64,
    /// Successes and failures whose time is known.
    pub timed: u64,
    /// What those took, together, in µs.
    pub timed_us: u64,
}

impl CallCounts {
    /// What was counted after `earlier`.
    pub(super) fn since(&self, earlier: &CallCounts) -> CallCounts {
        CallCounts {
            successes: self.successes.saturating_sub(earlier.successes),
            failures: self.failures.saturating_sub(earlier.failures),
            ignored: self.ignored.saturating_sub(earlier.ignored),
            held_back: self.held_back.saturating_sub(earlier.held_back),
            slow: self.slow.saturating_sub(earlier.slow),
            timed: self.timed.saturating_sub(earlier.timed),
            timed_us: self.timed_us.saturating_sub(earlier.timed_us),
        }
    }

    /// Successes and failures.
    pub fn judged(&self) -> u64 {
        self.successes.saturating_add(self.failures)
    }

    /// The share of calls that failed, from 0 to 1; `None` without calls.
    pub fn failure_rate(&self) -> Option<f64> {
        (self.judged() > 0).then(|| self.failures as f64 / self.judged() as f64)
    }

    /// The share of calls that was slow, from 0 to 1; `None` without calls whose time is known.
    pub fn slow_rate(&self) -> Option<f64> {
        (self.timed > 0).then(|| self.slow as f64 / self.timed as f64)
    }

    /// How long a call took on average; `None` without calls whose time is known.
    pub fn average_latency(&self) -> Option<Duration> {
        let average_us = self.timed_us.checked_div(self.timed)?;
        Some(Duration::from_micros(average_us))
    }
}

/// Counts that have not been collected.
#[derive(Debug, Default)]
pub(super) struct Meter {
    shards: [Shard; SHARDS],
    failures: AtomicU64,
    ignored: AtomicU64,
    held_back: AtomicU64,
    slow: AtomicU64,
    failures_timed: AtomicU64,
    failures_us: AtomicU64,
}

/// Two lines of 64 bytes, as processors fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard {
    timed: AtomicU64,
    untimed: AtomicU64,
}

impl Meter {
    /// Counts a success. True: it is time to collect.
    #[inline(always)]
    pub(super) fn success(&self, took: Option<Duration>) -> bool {
        let shard = &self.shards[shard()];
        match took {
            Some(took) => {
                let before = shard.timed.fetch_add(ONE | micros(took), Relaxed);
                before & HALF_FULL != 0
            }
            None => {
                shard.untimed.fetch_add(1, Relaxed);
                false
            }
        }
    }

    pub(super) fn failure(&self, took: Option<Duration>, slow: bool) {
        self.failures.fetch_add(1, Relaxed);
        if slow {
            self.slow();
        }
        if let Some(took) = took {
            self.failures_timed.fetch_add(1, Relaxed);
            self.failures_us.fetch_add(micros(took), Relaxed);
        }
    }

    #[cold]
    pub(super) fn slow(&self) {
        self.slow.fetch_add(1, Relaxed);
    }

    pub(super) fn ignored(&self) {
        self.ignored.fetch_add(1, Relaxed);
    }

    pub(super) fn held_back(&self) {
        self.held_back.fetch_add(1, Relaxed);
    }

    /// Moves what was counted into `counts`. One at a time, or `counts` would seem to shrink.
    pub(super) fn collect_into(&self, counts: &mut CallCounts) {
        let take = |counter: &AtomicU64| counter.swap(0, Relaxed);
        for shard in &self.shards {
            let timed = take(&shard.timed);
            counts.timed += timed / ONE;
            counts.timed_us += timed & MICROS_MASK;
            counts.successes += timed / ONE + take(&shard.untimed);
        }
        counts.failures += take(&self.failures);
        counts.ignored += take(&self.ignored);
        counts.held_back += take(&self.held_back);
        counts.slow += take(&self.slow);
        counts.timed += take(&self.failures_timed);
        counts.timed_us += take(&self.failures_us);
    }
}

fn micros(took: Duration) -> u64 {
    let micros = took.as_secs().saturating_mul(1_000_000);
    micros
        .saturating_add(took.subsec_micros().into())
        .min(MAX_MICROS)
}

thread_local! {
    static SHARD: Cell<u32> = const { Cell::new(u32::MAX) };
    static CALLS: Cell<u32> = const { Cell::new(0) };
}

/// The shard of this thread.
#[inline(always)]
fn shard() -> usize {
    let mut shard = SHARD.get();
    if shard == u32::MAX {
        shard = next_shard();
        SHARD.set(shard);
    }
    shard as usize % SHARDS
}

#[cold]
fn next_shard() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    NEXT.fetch_add(1, Relaxed) % SHARDS as u32
}

/// Whether it is this call's turn to read the clock for the breaker alone.
#[inline(always)]
pub(super) fn is_turn_to_time() -> bool {
    let calls = CALLS.get();
    CALLS.set(calls.wrapping_add(1));
    calls.is_multiple_of(TIMED_IN)
}
