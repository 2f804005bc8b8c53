//! The handle that others append through.

use std::sync::Arc;

use crate::otlp::Batch;

use super::cursor::Cursor;
use super::error::{AppendError, JournalError};
use super::log::Log;
use super::mark::Mark;
use super::memory;
use super::options::{JournalOptions, Subscriber};
use super::recovery::Recovery;
use super::shared::Shared;
use super::stats::JournalStats;
use super::storage::Storage;
use super::subscription::Subscription;
use super::track::Track;
use crate::ledger::Book;

/// The durable queue. Cloning it is cheap; all clones are one journal.
#[derive(Clone, Debug)]
pub struct Journal {
    shared: Arc<Shared>,
}

/// What opening a journal gives.
#[derive(Debug)]
pub struct Opened {
    /// To append to.
    pub journal: Journal,
    /// One for each subscriber, in their order.
    pub cursors: Vec<Cursor>,
    /// What was found.
    pub recovery: Recovery,
}

impl Journal {
    /// Opens the journal in `options.dir`, or an empty one in memory.
    ///
    /// # Errors
    /// Where the directory cannot be used or another process has it. Damage in the journal's own
    /// files is never an error: it is set aside, counted and told in [`Opened::recovery`].
    pub fn open(
        options: JournalOptions,
        _storage: Arc<dyn Storage>,
        subscribers: Vec<Subscriber>,
    ) -> Result<Opened, JournalError> {
        let subscriptions: Vec<_> = subscribers.into_iter().map(fresh).map(Arc::new).collect();
        let shared = Arc::new(Shared::new(options, subscriptions, Log::default()));
        let cursor = |export| Cursor::new(Arc::clone(&shared), Arc::clone(export));
        Ok(Opened {
            cursors: shared.subscriptions.iter().map(cursor).collect(),
            journal: Journal {
                shared: Arc::clone(&shared),
            },
            recovery: Recovery::default(),
        })
    }

    /// Appends a batch; returns once it is as safe as the sync mode says. Its items are then
    /// counted as received and waiting with every export that selects its signal. Where none does
    /// there is nothing to keep.
    ///
    /// Once called, the batch may be committed even if the future is dropped.
    ///
    /// # Errors
    /// The batch was not kept: the journal is full, closed, the disk fails, or it is too large.
    pub async fn append(&self, batch: Batch) -> Result<(), AppendError> {
        if !self.shared.is_wanted(batch.signal) {
            return Ok(());
        }
        memory::append(&self.shared, batch)
    }

    /// The journal's numbers.
    pub fn stats(&self) -> JournalStats {
        let log = self.shared.log();
        JournalStats {
            memory_bytes: log.tail.bytes(),
            ..self.shared.counters.stats()
        }
    }

    /// Refuses further appends and makes everything so far durable, cursors included. Exports can
    /// go on reading and settling; calling it again makes what they settled meanwhile durable too.
    pub async fn close(&self) {
        self.shared.log().closed = true;
        self.shared
            .subscriptions
            .iter()
            .for_each(|export| export.wake.notify_one());
    }
}

fn fresh(subscriber: Subscriber) -> Subscription {
    let Subscriber {
        name,
        signals,
        account,
    } = subscriber;
    let track = Track::new(Mark::default(), Book::new(account.max_services()));
    Subscription::new((name, signals, account), track, None)
}
