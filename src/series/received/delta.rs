//! Which deltas have been counted: every moment of a series at most once.
//!
//! Deltas come in order as a rule: each begins where the one before it ended. Where one begins later, the
//! time between is a gap, and a delta that lies wholly within a gap is counted when it comes, because
//! addition commutes. At most [`Gaps::MAX`] gaps are remembered, none further back than [`WINDOW_NANO`].

use crate::series::store::Fault;

/// How far back gaps are remembered.
pub(super) const WINDOW_NANO: u64 = 300 * 1_000_000_000;

/// The time that a delta covers, in nanoseconds since the Unix epoch: after `start`, up to `end`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Interval {
    /// 0 when unknown: the delta then goes on from whatever came before.
    pub(super) start: u64,
    pub(super) end: u64,
}

/// The time that is counted, apart from gaps: after `since`, up to `until`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counted {
    pub(super) since: u64,
    pub(super) until: u64,
}

/// The gaps in what is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Gaps {
    /// In order of time.
    list: [Interval; Gaps::MAX],
    len: usize,
    /// Before this moment gaps may have been forgotten.
    known_from: u64,
}

impl Interval {
    /// Whether it goes on exactly where the counted time ends, as nearly every delta does.
    #[inline]
    pub(super) fn goes_on(&self, counted: Counted) -> bool {
        self.end > counted.until && (self.start == counted.until || self.has_no_start())
    }

    fn has_no_start(&self) -> bool {
        self.start == 0 || self.start >= self.end
    }

    fn lies_in(&self, other: Interval) -> bool {
        other.start <= self.start && self.end <= other.end
    }

    fn meets(&self, other: Interval) -> bool {
        self.start < other.end && other.start < self.end
    }
}

impl Gaps {
    /// How many gaps are remembered.
    pub(super) const MAX: usize = 4;

    /// Whether there is nothing to remember.
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Takes a delta that covers `new`; answers up to when the counted time then reaches.
    ///
    /// # Errors
    /// Why it must not be counted: [`Fault::Duplicate`], [`Fault::Overlap`], or [`Fault::OutOfOrder`] where it lies
    /// further back than is remembered.
    pub(super) fn take(&mut self, counted: Counted, new: Interval) -> Result<u64, Fault> {
        self.known_from = self.known_from.max(counted.since);
        self.forget_before(counted.until.saturating_sub(WINDOW_NANO));
        if new.end <= counted.until {
            return self.fill(counted, new).map(|()| counted.until);
        }
        if !new.has_no_start() && new.start < counted.until {
            return Err(Fault::Overlap);
        }
        if !new.has_no_start() && new.start > counted.until {
            self.remember(Interval {
                start: counted.until,
                end: new.start,
            });
            self.forget_before(new.end.saturating_sub(WINDOW_NANO));
        }
        Ok(new.end)
    }

    /// Takes a late delta.
    fn fill(&mut self, counted: Counted, new: Interval) -> Result<(), Fault> {
        if new.has_no_start() {
            let is_last = new.end == counted.until;
            return Err(if is_last {
                Fault::Duplicate
            } else {
                Fault::OutOfOrder
            });
        }
        if let Some(place) = self.all().iter().position(|gap| new.lies_in(*gap)) {
            self.split(place, new);
            return Ok(());
        }
        let touches_a_gap = self.all().iter().any(|gap| new.meets(*gap));
        Err(match () {
            () if new.end <= self.known_from => Fault::OutOfOrder,
            () if touches_a_gap || new.start < self.known_from => Fault::Overlap,
            () => Fault::Duplicate,
        })
    }

    /// Leaves of a gap what lies before and behind `filled`.
    fn split(&mut self, place: usize, filled: Interval) {
        let gap = self.list[place];
        let before = Interval {
            end: filled.start,
            ..gap
        };
        let behind = Interval {
            start: filled.end,
            ..gap
        };
        let held = *self;
        self.len = 0;
        for (index, other) in held.all().iter().enumerate() {
            match index == place {
                true => [before, behind]
                    .into_iter()
                    .for_each(|rest| self.remember(rest)),
                false => self.remember(*other),
            }
        }
    }

    /// Adds a gap that is later than all others; the oldest gives way.
    fn remember(&mut self, gap: Interval) {
        if gap.start >= gap.end {
            return;
        }
        if self.len == Gaps::MAX {
            self.known_from = self.known_from.max(self.list[0].end);
            self.list.rotate_left(1);
            self.len -= 1;
        }
        self.list[self.len] = gap;
        self.len += 1;
    }

    fn forget_before(&mut self, moment: u64) {
        self.known_from = self.known_from.max(moment);
        let held = *self;
        self.len = 0;
        for gap in held.all() {
            self.remember(Interval {
                start: gap.start.max(moment),
                ..*gap
            });
        }
    }

    fn all(&self) -> &[Interval] {
        &self.list[..self.len]
    }
}

#[cfg(test)]
mod tests;
