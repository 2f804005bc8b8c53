//! A place in the log.

use crate::otlp::{Batch, Signal};

use super::record;

/// A position between two records, and how much the log holds before it.
///
/// Every record carries its mark. What is lost between two marks is therefore known to the item,
/// even where nothing can be read any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    /// Bytes since the log began. Positions only grow and are never used twice.
    pub(super) position: u64,
    /// Items since the log began, by [`Signal::index`].
    pub(super) items: [u64; 3],
}

impl Mark {
    /// The mark behind a record of `len` bytes at this mark.
    pub(super) fn after(mut self, signal: Signal, items: u32, len: u64) -> Mark {
        self.position += len;
        self.items[signal.index()] += u64::from(items);
        self
    }

    /// The mark behind `batch`'s record at this mark.
    pub(super) fn after_batch(self, batch: &Batch) -> Mark {
        self.after(batch.signal, batch.items, record::record_len(batch))
    }

    /// The larger of each number.
    pub(super) fn max(self, other: Mark) -> Mark {
        let items = |at: usize| self.items[at].max(other.items[at]);
        Mark {
            position: self.position.max(other.position),
            items: [items(0), items(1), items(2)],
        }
    }
}
