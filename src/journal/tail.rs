//! The newest batches, in memory.

use std::collections::VecDeque;

use crate::otlp::Batch;

use super::mark::Mark;
use super::record;

/// A run of batches at the end of the log, without gaps.
#[derive(Debug, Default)]
pub(super) struct Tail {
    entries: VecDeque<(Mark, Batch)>,
    bytes: u64,
}

impl Tail {
    /// Adds the batch at the log's end.
    pub(super) fn push(&mut self, at: Mark, batch: Batch) {
        self.bytes += record::record_len(&batch);
        self.entries.push_back((at, batch));
    }

    /// The batch at `position`, if it is held.
    pub(super) fn get(&self, position: u64) -> Option<&(Mark, Batch)> {
        let at = self
            .entries
            .partition_point(|(mark, _)| mark.position < position);
        self.entries
            .get(at)
            .filter(|(mark, _)| mark.position == position)
    }

    /// The oldest batch held.
    pub(super) fn front(&self) -> Option<&(Mark, Batch)> {
        self.entries.front()
    }

    /// Drops the oldest batch.
    pub(super) fn pop(&mut self) -> Option<(Mark, Batch)> {
        let entry = self.entries.pop_front()?;
        self.bytes -= record::record_len(&entry.1);
        Some(entry)
    }

    /// Drops what lies before `position`.
    pub(super) fn prune(&mut self, position: u64) {
        while self
            .entries
            .front()
            .is_some_and(|(mark, _)| mark.position < position)
        {
            self.pop();
        }
    }

    /// Drops the oldest until at most `limit_bytes` are held.
    pub(super) fn shrink(&mut self, limit_bytes: u64) {
        while self.bytes > limit_bytes {
            self.pop();
        }
    }

    /// Bytes held, as they would stand on disk.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}
