//! The counters of one row.

use super::{DropReason, Fate};

/// Items of one signal at one export, overall or for one service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Accepted from senders.
    pub received: u64,
    /// Accepted and not yet settled.
    pub waiting: u64,
    /// Taken by the destination.
    pub delivered: u64,
    /// Refused for good by the destination.
    pub refused: u64,
    /// Given up here, by [`DropReason::index`].
    pub dropped: [u64; DropReason::ALL.len()],
}

impl Tally {
    /// Whether received = delivered + waiting + refused + dropped.
    pub fn adds_up(&self) -> bool {
        self.received == self.waiting + self.settled()
    }

    /// Items that are no longer waiting.
    pub fn settled(&self) -> u64 {
        self.delivered + self.refused + self.dropped.iter().sum::<u64>()
    }

    pub(super) fn enter(&mut self, items: u64) {
        self.received += items;
        self.waiting += items;
    }

    /// Moves `items` from waiting to where `fate` says; `refused` of them where it says partly.
    pub(super) fn leave(&mut self, items: u64, refused: u64, fate: Fate) {
        debug_assert!(self.waiting >= items, "an item left that never entered");
        self.waiting = self.waiting.saturating_sub(items);
        match fate {
            Fate::Delivered => self.delivered += items,
            Fate::Refused => self.refused += items,
            Fate::Dropped(reason) => self.dropped[reason.index()] += items,
            Fate::PartlyRefused { .. } => {
                self.refused += refused;
                self.delivered += items - refused;
            }
        }
    }

    pub(super) fn add(&mut self, other: &Tally) {
        self.received += other.received;
        self.waiting += other.waiting;
        self.delivered += other.delivered;
        self.refused += other.refused;
        for (mine, theirs) in self.dropped.iter_mut().zip(other.dropped) {
            *mine += theirs;
        }
    }
}
