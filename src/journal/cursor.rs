//! An export's view of the journal.

use std::sync::Arc;

use crate::ledger::{DropReason, Fate};
use crate::otlp::Batch;

use super::log::Look;
use super::mark::Mark;
use super::reader::{Reader, Step};
use super::shared::Shared;
use super::subscription::Subscription;
use super::track::Contents;

/// A batch to deliver.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Where its record stands in the log. Later entries have larger positions.
    pub position: u64,
    /// What to deliver.
    pub batch: Batch,
}

/// Hands one export its batches in the order in which they were received.
///
/// After a restart it begins with the first batch that was not settled: batches in flight when the
/// process ended are handed out again.
#[derive(Debug)]
pub struct Cursor {
    shared: Arc<Shared>,
    export: Arc<Subscription>,
    reader: Reader,
}

impl Cursor {
    pub(super) fn new(shared: Arc<Shared>, export: Arc<Subscription>) -> Cursor {
        let reader = Reader::new(Arc::clone(&export));
        Cursor {
            shared,
            export,
            reader,
        }
    }

    /// The export's name.
    pub fn name(&self) -> &str {
        &self.export.name
    }

    /// Waits for the next batch of a signal that the export selects. `None` once the journal is
    /// closed and everything was handed out. Cancelling it loses nothing.
    pub async fn next(&mut self) -> Option<Entry> {
        loop {
            let at = self.export.next_mark();
            match self.shared.look(at.position) {
                Look::Batch(at, batch) => {
                    self.reader.rest();
                    if let Some(entry) = take(&self.shared, &self.export, at, batch) {
                        return Some(entry);
                    }
                }
                Look::Disk(segment, end) => match self.reader.step(at, &segment, end).await {
                    Step::Batch(at, batch) => {
                        if let Some(entry) = take(&self.shared, &self.export, at, batch) {
                            return Some(entry);
                        }
                    }
                    Step::Moved => {}
                },
                Look::Gone(begin) => {
                    self.export.jump(at, begin, DropReason::Evicted);
                }
                Look::Wait => {
                    self.reader.rest();
                    self.export.wake.notified().await;
                }
                Look::End => return None,
            }
            tokio::task::coop::consume_budget().await;
        }
    }

    /// Settles this export's entries; clone it into every delivery.
    pub fn settler(&self) -> Settler {
        Settler {
            shared: Arc::clone(&self.shared),
            export: Arc::clone(&self.export),
        }
    }

    /// As [`Settler::oldest_waiting_unix_ms`].
    pub fn oldest_waiting_unix_ms(&self) -> Option<u64> {
        oldest_waiting(&self.shared, &self.export)
    }
}

/// Passes the export over the batch at `at`; the entry, where it is one to deliver.
fn take(shared: &Shared, export: &Subscription, at: Mark, batch: Batch) -> Option<Entry> {
    let too_old = |before: u64| batch.received_unix_ms < before;
    let expired = shared.expired_before_unix_ms().is_some_and(too_old);
    let fate = expired.then_some(Fate::Dropped(DropReason::Expired));
    let wanted = export.signals.contains(batch.signal);
    let passed = export.pass(at, at.after_batch(&batch), Contents::of(&batch), fate);
    (passed && wanted && !expired).then_some(Entry {
        position: at.position,
        batch,
    })
}

/// Says what became of an export's entries.
#[derive(Clone, Debug)]
pub struct Settler {
    shared: Arc<Shared>,
    export: Arc<Subscription>,
}

impl Settler {
    /// Counts an entry out and lets the durable cursor move over it. Entries may be settled in any
    /// order; settling one twice does nothing.
    pub fn settle(&self, entry: &Entry, fate: Fate) {
        self.settle_all([(entry, fate)]);
    }

    /// Settles several entries with one write of the durable cursor.
    pub fn settle_all<'a>(&self, entries: impl IntoIterator<Item = (&'a Entry, Fate)>) {
        let contents: Vec<_> = entries
            .into_iter()
            .map(|(entry, fate)| (entry.position, Contents::of(&entry.batch), fate))
            .collect();
        self.export.settle(self.shared.synced(), &contents);
        self.shared.settled_some();
    }

    /// When the oldest batch that waits or is in flight was received, in milliseconds since the
    /// Unix epoch; `None` where nothing waits.
    pub fn oldest_waiting_unix_ms(&self) -> Option<u64> {
        oldest_waiting(&self.shared, &self.export)
    }
}

fn oldest_waiting(shared: &Shared, export: &Subscription) -> Option<u64> {
    let (in_flight, next) = {
        let progress = export.progress();
        (
            progress.track.oldest_in_flight_unix_ms(),
            progress.track.next(),
        )
    };
    if in_flight.is_some() || export.account.waiting() == 0 {
        return in_flight;
    }
    match shared.look(next.position) {
        Look::Batch(_, batch) => Some(batch.received_unix_ms),
        Look::Disk(segment, end) => super::reader::received_unix_ms(&segment, next, end),
        Look::Gone(_) | Look::Wait | Look::End => None,
    }
}
