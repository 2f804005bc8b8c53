//! The handle that others append through.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use crate::otlp::Batch;

use super::cursor::Cursor;
use super::error::{AppendError, JournalError};
use super::log::Log;
use super::mark::Mark;
use super::memory;
use super::on_disk::{self, OnDisk};
use super::options::{JournalOptions, Subscriber, SyncMode};
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
    /// None in memory mode.
    on_disk: Option<Arc<OnDisk>>,
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
        storage: Arc<dyn Storage>,
        subscribers: Vec<Subscriber>,
    ) -> Result<Opened, JournalError> {
        refuse_duplicates(&subscribers)?;
        if options.sync == SyncMode::Memory {
            return Ok(Opened::new(
                in_memory(options, subscribers),
                None,
                Recovery::default(),
            ));
        }
        let (shared, on_disk, recovery) = on_disk::open(options, storage, subscribers)?;
        Ok(Opened::new(shared, Some(Arc::new(on_disk)), recovery))
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
        match &self.on_disk {
            Some(on_disk) => on_disk.append(batch).await,
            None => memory::append(&self.shared, batch),
        }
    }

    /// Has `observer` told how long each sync took, on the writer's thread; false where another is
    /// told already.
    pub fn observe_syncs(&self, observer: impl Fn(Duration) + Send + Sync + 'static) -> bool {
        self.shared.counters.observe_syncs(Box::new(observer))
    }

    /// The journal's numbers.
    pub fn stats(&self) -> JournalStats {
        let mut stats = self.shared.counters.stats();
        let exports = self.shared.subscriptions.iter();
        stats.write_errors += exports.map(|export| export.write_errors()).sum::<u64>();
        stats.limit_bytes = match self.shared.options.sync {
            SyncMode::Memory => self.shared.options.memory_bytes,
            SyncMode::Always | SyncMode::Interval(_) => self.shared.options.max_bytes,
        };
        stats.disk_bytes = self
            .on_disk
            .as_ref()
            .map_or(0, |on_disk| on_disk.disk_bytes());
        let log = self.shared.log();
        stats.live_bytes = log
            .end
            .position
            .saturating_sub(self.shared.settled_by_all());
        stats.segments = log.segments.len() as u64;
        stats.memory_bytes = log.tail.bytes();
        stats
    }

    /// Whether its threads run, which they do until [`Journal::close`]; in memory mode there are none that could end.
    pub fn is_alive(&self) -> bool {
        let on_disk = self.on_disk.as_ref();
        on_disk.is_none_or(|on_disk| on_disk.is_alive())
    }

    /// Does at once what the keeper does every second.
    #[cfg(test)]
    pub(super) fn keep_house(&self) {
        if let Some(on_disk) = &self.on_disk {
            on_disk.keep_house();
        }
    }

    /// Refuses further appends and makes everything so far durable, cursors included. Exports can
    /// go on reading and settling; calling it again makes what they settled meanwhile durable too.
    ///
    /// The directory stays locked until the journal and its cursors and settlers are dropped.
    pub async fn close(&self) {
        let Some(on_disk) = self.on_disk.clone() else {
            self.shared.log().closed = true;
            return self
                .shared
                .subscriptions
                .iter()
                .for_each(|export| export.close());
        };
        // A panic of the closing thread leaves nothing to do here.
        drop(tokio::task::spawn_blocking(move || on_disk.close()).await);
    }
}

impl Opened {
    fn new(shared: Arc<Shared>, on_disk: Option<Arc<OnDisk>>, recovery: Recovery) -> Opened {
        let cursor =
            |export: &Arc<Subscription>| Cursor::new(Arc::clone(&shared), Arc::clone(export));
        Opened {
            cursors: shared.subscriptions.iter().map(cursor).collect(),
            journal: Journal {
                shared: Arc::clone(&shared),
                on_disk,
            },
            recovery,
        }
    }
}

fn refuse_duplicates(subscribers: &[Subscriber]) -> Result<(), JournalError> {
    let mut names = HashSet::new();
    match subscribers
        .iter()
        .find(|subscriber| !names.insert(&subscriber.name))
    {
        Some(again) => Err(JournalError::DuplicateName {
            name: again.name.clone(),
        }),
        None => Ok(()),
    }
}

fn in_memory(options: JournalOptions, subscribers: Vec<Subscriber>) -> Arc<Shared> {
    let subscriptions = subscribers.into_iter().map(fresh).map(Arc::new).collect();
    Arc::new(Shared::new(options, subscriptions, Log::default()))
}

fn fresh(subscriber: Subscriber) -> Subscription {
    let Subscriber {
        name,
        signals,
        account,
    } = subscriber;
    let track = Track::new(Mark::default(), Book::new(account.max_services()), [0; 3]);
    Subscription::new((name, signals, account), track, None)
}
