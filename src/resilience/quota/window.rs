//! One limit, as far as it is known.

use std::time::{Duration, Instant};

use super::told::{Told, Unit};

/// Calls are spread once less than one part in so many is left of a limit.
const SPREAD_BELOW_PART: u64 = 5;
/// Where the limit is not known, they are once fewer than this are left.
const SPREAD_BELOW: u64 = 10;
/// Ends that are no further apart are those of the same window: they are told in whole seconds, and the way takes time.
const SAME_END: Duration = Duration::from_secs(2);
/// What a call takes of tokens or bytes is an average, in which the last call counts as one in so many.
const COST_MEMORY: u64 = 4;

/// What is left of one limit until it ends.
#[derive(Debug)]
pub(super) struct Window {
    pub(super) name: String,
    pub(super) ends: Instant,
    limit: Option<u64>,
    /// What is left after all turns that were given.
    remaining: u64,
    /// What was told last.
    told: u64,
    /// What a call takes.
    cost: u64,
}

impl Window {
    /// The limit that was told at `now`.
    pub(super) fn new(told: Told, now: Instant) -> Window {
        Window {
            name: told.name,
            ends: now + told.reset,
            limit: told.limit,
            remaining: told.remaining,
            told: told.remaining,
            cost: 1,
        }
    }

    /// The same limit was told once more, while `out` calls are under way, of which nobody knows whether they are counted.
    ///
    /// In the same window the own count stays, as far as it can be true: no more is left than was told, and no less than if none of the calls under
    /// way were counted. In another what was told counts.
    pub(super) fn learn(&mut self, told: Told, out: u64, now: Instant) {
        self.learn_cost(&told);
        let ends = now + told.reset;
        let apart = ends.max(self.ends) - ends.min(self.ends);
        if apart <= SAME_END.min(told.reset / 2) {
            let under_way = out.saturating_mul(self.cost);
            let least = told.remaining.saturating_sub(under_way);
            self.remaining = self.remaining.clamp(least, told.remaining);
        } else {
            self.remaining = told.remaining;
            self.ends = ends;
        }
        self.limit = told.limit.or(self.limit);
        self.told = told.remaining;
    }

    fn learn_cost(&mut self, told: &Told) {
        if told.unit == Unit::Other && told.remaining < self.told {
            let taken = self.told - told.remaining;
            let others = self.cost - self.cost / COST_MEMORY;
            self.cost = others.saturating_add(taken / COST_MEMORY).max(1);
        }
    }

    /// Whether so little is left that calls are spread.
    pub(super) fn is_tight(&self) -> bool {
        let is_little = match self.limit {
            Some(limit) => self.remaining < limit.div_ceil(SPREAD_BELOW_PART),
            None => self.remaining < SPREAD_BELOW,
        };
        is_little || self.calls_left() == 0
    }

    /// How many calls what is left allows.
    pub(super) fn calls_left(&self) -> u64 {
        self.remaining / self.cost
    }

    /// A call has its turn.
    pub(super) fn take(&mut self) {
        self.remaining = self.remaining.saturating_sub(self.cost);
    }
}
