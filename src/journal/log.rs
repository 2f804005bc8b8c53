//! The log as it is known in memory.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::otlp::Batch;

use super::mark::Mark;
use super::segment::Segment;
use super::tail::Tail;

/// Where the log begins, where it ends, and its newest batches.
#[derive(Debug, Default)]
pub(super) struct Log {
    pub(super) tail: Tail,
    /// Oldest first; the last one is written to. Empty in memory mode.
    pub(super) segments: VecDeque<Arc<Segment>>,
    /// Behind the last acknowledged record.
    pub(super) end: Mark,
    /// Everything before is on stable storage.
    pub(super) synced: Mark,
    /// Nothing is appended any more.
    pub(super) closed: bool,
}

/// Where a position is to be read from.
pub(super) enum Look {
    /// From memory.
    Batch(Mark, Batch),
    /// From this segment, whose records end at the mark.
    Disk(Arc<Segment>, Mark),
    /// The log begins only here: what came before was dropped.
    Gone(Mark),
    /// There is nothing yet.
    Wait,
    /// There is nothing and never will be.
    End,
}

impl Log {
    /// Where to read the record at `position`.
    pub(super) fn look(&self, position: u64) -> Look {
        if position >= self.end.position {
            return if self.closed { Look::End } else { Look::Wait };
        }
        if let Some((at, batch)) = self.tail.get(position) {
            return Look::Batch(*at, batch.clone());
        }
        let behind = self
            .segments
            .partition_point(|segment| segment.base.position <= position);
        match behind.checked_sub(1) {
            Some(index) => Look::Disk(Arc::clone(&self.segments[index]), self.segment_end(index)),
            None => Look::Gone(self.begin()),
        }
    }

    /// Where the records of a segment end.
    pub(super) fn segment_end(&self, index: usize) -> Mark {
        self.segments
            .get(index + 1)
            .map_or(self.end, |next| next.base)
    }

    /// Where the oldest record that can be read begins.
    pub(super) fn begin(&self) -> Mark {
        let tail = || self.tail.front().map(|(at, _)| *at);
        self.segments
            .front()
            .map(|segment| segment.base)
            .or_else(tail)
            .unwrap_or(self.end)
    }
}
