//! The window that rates are taken of. Recording takes no lock; only the time window does, once in a tenth of it.

use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use Ordering::{Acquire, Relaxed, Release};

use super::policy::{BreakerPolicy, MAX_WINDOW_CALLS, Window};

/// One call, as a window keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Judged {
    pub(super) failed: bool,
    pub(super) slow: bool,
}

/// The calls in a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) calls: u32,
    pub(super) failures: u32,
    pub(super) slow: u32,
}

impl Tally {
    pub(super) fn failure_rate(&self) -> Option<f64> {
        (self.calls > 0).then(|| f64::from(self.failures) / f64::from(self.calls))
    }

    pub(super) fn slow_rate(&self) -> Option<f64> {
        (self.calls > 0).then(|| f64::from(self.slow) / f64::from(self.calls))
    }
}

/// The window of a policy that has rates. Times are in ns since the breaker was made.
#[derive(Debug)]
pub(super) enum CallWindow {
    Last(LastCalls),
    Timed(TimedCalls),
}

impl CallWindow {
    /// `None` where the policy has no rates.
    pub(super) fn new(policy: &BreakerPolicy) -> Option<CallWindow> {
        if !policy.has_rates() {
            return None;
        }
        Some(match policy.window {
            Window::Calls(calls) => CallWindow::Last(LastCalls::new(calls)),
            Window::Time(time) => {
                let tenth = (time / TENTHS as u32).as_nanos();
                let tenth = i64::try_from(tenth).unwrap_or(i64::MAX);
                CallWindow::Timed(TimedCalls::new(tenth))
            }
        })
    }

    /// How many calls it can hold at all.
    pub(super) fn capacity(&self) -> u32 {
        match self {
            CallWindow::Last(last) => last.slots.len() as u32,
            CallWindow::Timed(_) => u32::MAX,
        }
    }

    /// Records a call that ended at `now_ns` (read only by a time window) and tells what is in the window.
    #[inline]
    pub(super) fn record(&self, now_ns: impl FnOnce() -> i64, call: Judged) -> Tally {
        match self {
            CallWindow::Last(last) => last.record(call),
            CallWindow::Timed(timed) => timed.record(now_ns(), call),
        }
    }

    /// What is in the window at `now_ns`, call by call.
    pub(super) fn counted_out(&self, now_ns: i64) -> Tally {
        match self {
            CallWindow::Last(last) => last.counted_out(),
            CallWindow::Timed(timed) => timed.tally(now_ns),
        }
    }

    pub(super) fn clear(&self) {
        match self {
            CallWindow::Last(last) => last.clear(),
            CallWindow::Timed(timed) => timed.clear(),
        }
    }
}

/// The last calls: a ring of slots beside the sum of what is in them. A call changes its slot first and then the sum, so that the
/// sum may be off by one for each thread in between.
#[derive(Debug)]
pub(super) struct LastCalls {
    /// Begins anew after 2³², where the ring may skip some slots.
    next: AtomicU32,
    slots: Box<[AtomicU8]>,
    /// Calls, failures and slow calls, 21 bits each.
    sum: AtomicU64,
}

const PRESENT: u8 = 1;
const FAILED: u8 = 2;
const SLOW: u8 = 4;

const FIELD_BITS: u32 = 21;
const FIELD_MASK: u64 = (1 << FIELD_BITS) - 1;

/// Added to each part of the sum. Of two calls that meet in one slot, the second may take the first out of the sum before
/// that has put itself in: a part may be less than nothing for a moment, and must not borrow from the next.
const BIAS: u64 = 1 << 16;
const EMPTY_SUM: u64 = BIAS | (BIAS << FIELD_BITS) | (BIAS << (2 * FIELD_BITS));

impl LastCalls {
    fn new(calls: u32) -> LastCalls {
        let calls = calls.clamp(1, MAX_WINDOW_CALLS);
        LastCalls {
            next: AtomicU32::new(0),
            slots: (0..calls).map(|_| AtomicU8::new(0)).collect(),
            sum: AtomicU64::new(EMPTY_SUM),
        }
    }

    #[inline]
    fn record(&self, call: Judged) -> Tally {
        let turn = self.next.fetch_add(1, Relaxed);
        let slot = &self.slots[(turn % self.slots.len() as u32) as usize];
        let seen = PRESENT | (u8::from(call.failed) * FAILED) | (u8::from(call.slow) * SLOW);
        if slot.load(Relaxed) != seen {
            self.replace(slot, seen);
        }
        self.tally()
    }

    fn replace(&self, slot: &AtomicU8, seen: u8) {
        let before = slot.swap(seen, Relaxed);
        let change = in_sum(seen).wrapping_sub(in_sum(before));
        self.sum.fetch_add(change, Relaxed);
    }

    #[inline]
    fn tally(&self) -> Tally {
        let sum = self.sum.load(Relaxed);
        let part = |place: u32| {
            let biased = (sum >> (place * FIELD_BITS)) & FIELD_MASK;
            biased.saturating_sub(BIAS) as u32
        };
        Tally {
            calls: part(0),
            failures: part(1),
            slow: part(2),
        }
    }

    fn counted_out(&self) -> Tally {
        let mut tally = Tally::default();
        for slot in &self.slots {
            let seen = slot.load(Relaxed);
            tally.calls += u32::from(seen & PRESENT != 0);
            tally.failures += u32::from(seen & FAILED != 0);
            tally.slow += u32::from(seen & SLOW != 0);
        }
        tally
    }

    fn clear(&self) {
        for slot in &self.slots {
            self.replace(slot, 0);
        }
    }
}

/// What a slot adds to the sum.
fn in_sum(slot: u8) -> u64 {
    let bit = |mask: u8| u64::from(slot & mask != 0);
    bit(PRESENT) | (bit(FAILED) << FIELD_BITS) | (bit(SLOW) << (2 * FIELD_BITS))
}

/// In how many parts a time window moves on.
const TENTHS: usize = 10;

/// The calls of a time, counted in tenths of it.
#[derive(Debug)]
pub(super) struct TimedCalls {
    tenth_ns: i64,
    tenths: Box<[Tenth; TENTHS]>,
    turning: Mutex<()>,
}

#[derive(Debug)]
struct Tenth {
    /// Which tenth of all time it holds.
    tick: AtomicI64,
    /// Calls in the lower half, failures in the upper.
    calls: AtomicU64,
    slow: AtomicU32,
}

const ONE_FAILURE: u64 = 1 << 32;

/// Of no time at all.
const NO_TICK: i64 = i64::MIN;

impl TimedCalls {
    fn new(tenth_ns: i64) -> TimedCalls {
        let tenth = |_| Tenth {
            tick: AtomicI64::new(NO_TICK),
            calls: AtomicU64::new(0),
            slow: AtomicU32::new(0),
        };
        TimedCalls {
            tenth_ns: tenth_ns.max(1),
            tenths: Box::new(std::array::from_fn(tenth)),
            turning: Mutex::new(()),
        }
    }

    fn record(&self, now_ns: i64, call: Judged) -> Tally {
        let tick = now_ns.div_euclid(self.tenth_ns);
        let tenth = &self.tenths[tick.rem_euclid(TENTHS as i64) as usize];
        if tenth.tick.load(Acquire) < tick {
            self.turn(tenth, tick);
        }
        // A later tick: this call ended before all that the window holds.
        if tenth.tick.load(Acquire) == tick {
            let failed = u64::from(call.failed) * ONE_FAILURE;
            tenth.calls.fetch_add(1 + failed, Relaxed);
            tenth.slow.fetch_add(call.slow.into(), Release);
        }
        self.tally_at(tick)
    }

    /// Gives a place to another tenth.
    #[cold]
    fn turn(&self, tenth: &Tenth, tick: i64) {
        let _one_at_a_time = self.turning.lock().unwrap_or_else(PoisonError::into_inner);
        if tenth.tick.load(Acquire) < tick {
            tenth.calls.store(0, Relaxed);
            tenth.slow.store(0, Relaxed);
            tenth.tick.store(tick, Release);
        }
    }

    fn tally(&self, now_ns: i64) -> Tally {
        self.tally_at(now_ns.div_euclid(self.tenth_ns))
    }

    fn tally_at(&self, tick: i64) -> Tally {
        let mut tally = Tally::default();
        let first = tick.saturating_sub(TENTHS as i64 - 1);
        for tenth in self.tenths.iter() {
            if (first..=tick).contains(&tenth.tick.load(Acquire)) {
                // First the part that is written last: no more are slow than there are.
                let slow = tenth.slow.load(Acquire);
                let calls = tenth.calls.load(Relaxed);
                tally.calls = tally.calls.saturating_add(calls as u32);
                tally.failures = tally.failures.saturating_add((calls / ONE_FAILURE) as u32);
                tally.slow = tally.slow.saturating_add(slow);
            }
        }
        tally
    }

    fn clear(&self) {
        let _one_at_a_time = self.turning.lock().unwrap_or_else(PoisonError::into_inner);
        for tenth in self.tenths.iter() {
            tenth.tick.store(NO_TICK, Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a part of the sum is less than nothing, as between two calls that meet in one slot. Guarantees: it counts as
    /// nothing, and takes nothing from the other parts.
    #[test]
    fn a_part_below_nothing_is_nothing() {
        let window = LastCalls::new(1);
        let failed = |failed| Judged {
            failed,
            slow: false,
        };
        window.record(failed(true));
        let failure = in_sum(PRESENT | FAILED);
        window.sum.fetch_sub(2 * failure, Relaxed);
        assert_eq!(window.tally(), Tally::default());
        window.sum.fetch_add(2 * failure, Relaxed);
        let tally = window.record(failed(false));
        assert_eq!((tally.calls, tally.failures, tally.slow), (1, 0, 0));
    }
}
