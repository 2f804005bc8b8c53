//! Reading batches back from segment files.

use std::sync::Arc;

use crate::otlp::Batch;

use super::mark::Mark;
use super::segment::Segment;
use super::shared::Shared;
use super::subscription::Subscription;

/// What one step of reading came to.
pub(super) enum Step {
    /// The batch at the mark.
    Batch(Mark, Batch),
    /// The track may have moved; look again.
    Moved,
}

/// Reads ahead for one cursor.
#[derive(Debug)]
pub(super) struct Reader {
    #[allow(dead_code)]
    shared: Arc<Shared>,
    #[allow(dead_code)]
    export: Arc<Subscription>,
}

impl Reader {
    pub(super) fn new(shared: Arc<Shared>, export: Arc<Subscription>) -> Reader {
        Reader { shared, export }
    }

    /// Reads on at `at` in a segment whose records end at `end`.
    pub(super) async fn step(&mut self, _at: Mark, _segment: &Arc<Segment>, _end: Mark) -> Step {
        Step::Moved
    }
}

/// When the record at `at` was received.
pub(super) fn received_unix_ms(_segment: &Segment, _at: Mark, _end: Mark) -> Option<u64> {
    None
}
