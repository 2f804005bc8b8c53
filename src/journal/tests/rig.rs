//! A journal with exports, and what should become of every batch.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::super::*;
use super::fault::FaultStorage;
use crate::ledger::{Account, Fate, Ledger, TallyReport};
use crate::otlp::{Batch, Encoding, Origin, ServiceItems, Signal, SignalSet};

/// Long enough for any wait that ends well.
const PATIENCE: Duration = Duration::from_secs(20);
/// Long enough for what is there to arrive, where nothing may come.
const MOMENT: Duration = Duration::from_millis(40);

/// A batch that can be told from every other.
pub(super) fn batch(id: u64, len: usize) -> Batch {
    let signal = Signal::ALL[id as usize % 3];
    let services: Arc<[ServiceItems]> = [("shop", id as u32 % 5 + 1), ("bank", id as u32 % 3)]
        .into_iter()
        .map(|(name, items)| ServiceItems {
            service: Arc::from(name),
            items,
        })
        .collect();
    let mut random = fastrand::Rng::with_seed(id);
    let mut bytes = id.to_le_bytes().to_vec();
    bytes.extend((0..len).map(|_| random.u8(..)));
    Batch {
        signal,
        origin: if id.is_multiple_of(2) {
            Origin::Outside
        } else {
            Origin::Own
        },
        encoding: [Encoding::Identity, Encoding::Gzip, Encoding::Zstd][id as usize % 3],
        items: services.iter().map(|part| part.items).sum(),
        inflated_len: 3 * len as u32,
        received_unix_ms: now_ms(),
        services,
        bytes: Bytes::from(bytes),
    }
}

pub(super) fn now_ms() -> u64 {
    super::super::shared::unix_now().as_millis() as u64
}

/// The number that [`batch`] was given.
pub(super) fn id(batch: &Batch) -> u64 {
    u64::from_le_bytes(batch.bytes[..8].try_into().expect("eight bytes"))
}

pub(super) fn options() -> JournalOptions {
    JournalOptions {
        dir: PathBuf::from("/journal"),
        sync: SyncMode::Always,
        segment_bytes: 4096,
        max_bytes: 1 << 20,
        max_age: None,
        when_full: WhenFull::Refuse,
        memory_bytes: 2048,
    }
}

/// An open journal.
pub(super) struct Rig {
    pub(super) storage: FaultStorage,
    pub(super) options: JournalOptions,
    pub(super) journal: Journal,
    pub(super) cursors: Vec<Cursor>,
    pub(super) accounts: Vec<Arc<Account>>,
    pub(super) recovery: Recovery,
}

/// Exports by name and signals.
pub(super) type Exports<'a> = &'a [(&'a str, SignalSet)];

pub(super) const ONE: Exports<'static> = &[("collector", SignalSet::ALL)];

impl Rig {
    pub(super) fn try_open(
        storage: &FaultStorage,
        options: &JournalOptions,
        exports: Exports<'_>,
    ) -> Result<Rig, JournalError> {
        let ledger = Ledger::new(10);
        let accounts: Vec<_> = exports
            .iter()
            .map(|(name, signals)| ledger.account(name, *signals))
            .collect();
        let subscriber =
            |((name, signals), account): (&(&str, SignalSet), &Arc<Account>)| Subscriber {
                name: (*name).to_owned(),
                signals: *signals,
                account: Arc::clone(account),
            };
        let subscribers = exports.iter().zip(&accounts).map(subscriber).collect();
        let opened = Journal::open(options.clone(), Arc::new(storage.clone()), subscribers)?;
        Ok(Rig {
            storage: storage.clone(),
            options: options.clone(),
            journal: opened.journal,
            cursors: opened.cursors,
            accounts,
            recovery: opened.recovery,
        })
    }

    pub(super) fn open(
        storage: &FaultStorage,
        options: &JournalOptions,
        exports: Exports<'_>,
    ) -> Rig {
        Rig::try_open(storage, options, exports).expect("the journal opens")
    }

    /// Opens on the storage with one export of all signals.
    pub(super) fn one(storage: &FaultStorage) -> Rig {
        Rig::open(storage, &options(), ONE)
    }

    pub(super) async fn append(&self, id: u64, len: usize) -> Result<(), AppendError> {
        tokio::time::timeout(PATIENCE, self.journal.append(batch(id, len)))
            .await
            .expect("an answer")
    }

    /// Appends batches that must be taken.
    pub(super) async fn fill(&self, ids: std::ops::Range<u64>, len: usize) {
        for id in ids {
            self.append(id, len).await.expect("appended");
        }
    }

    /// The next entry of an export, if one comes within a moment.
    pub(super) async fn next(&mut self, export: usize) -> Option<Entry> {
        tokio::time::timeout(MOMENT, self.cursors[export].next())
            .await
            .ok()
            .flatten()
    }

    /// The next entry of an export, which must come.
    pub(super) async fn must_next(&mut self, export: usize) -> Entry {
        let next = tokio::time::timeout(PATIENCE, self.cursors[export].next()).await;
        next.expect("an entry in time").expect("an entry")
    }

    /// Hands out until nothing waits that is not in flight; checks that each batch is what it was.
    pub(super) async fn drain(&mut self, export: usize) -> Vec<Entry> {
        let mut entries = Vec::new();
        loop {
            let in_flight: u64 = entries
                .iter()
                .map(|entry: &Entry| u64::from(entry.batch.items))
                .sum();
            if self.accounts[export].waiting() <= in_flight {
                return entries;
            }
            let entry = self.must_next_or_loss(export, in_flight).await;
            entries.extend(entry);
        }
    }

    /// As [`Rig::must_next`]; `None` where what waited turns out to be lost.
    async fn must_next_or_loss(&mut self, export: usize, in_flight: u64) -> Option<Entry> {
        for _ in 0..100 {
            if let Some(entry) = self.next(export).await {
                return Some(entry);
            }
            if self.accounts[export].waiting() <= in_flight {
                return None;
            }
        }
        panic!(
            "{} items wait and do not come",
            self.accounts[export].waiting() - in_flight
        );
    }

    /// Drains and delivers everything.
    pub(super) async fn deliver_all(&mut self, export: usize) -> Vec<u64> {
        let entries = self.drain(export).await;
        let settler = self.cursors[export].settler();
        settler.settle_all(entries.iter().map(|entry| (entry, Fate::Delivered)));
        entries.iter().map(|entry| id(&entry.batch)).collect()
    }

    pub(super) fn settle(&self, export: usize, entry: &Entry, fate: Fate) {
        self.cursors[export].settler().settle(entry, fate);
    }

    /// Sums over signals of an export's row, after checking that every row adds up.
    pub(super) fn row(&self, export: usize) -> TallyReport {
        let report = self.accounts[export].report();
        let services = report.services.values().flat_map(BTreeMap::values);
        for tally in report.signals.values().chain(services) {
            assert!(tally.adds_up(), "{tally:?} in {report:#?}");
        }
        let mut sum = TallyReport::default();
        for tally in report.signals.values() {
            sum.received += tally.received;
            sum.waiting += tally.waiting;
            sum.delivered += tally.delivered;
            sum.refused += tally.refused;
            for (reason, items) in &tally.dropped {
                *sum.dropped.entry(reason).or_default() += items;
            }
        }
        sum
    }

    /// Ends the process without a word; opens again on what is left.
    pub(super) fn kill(self, exports: Exports<'_>) -> Rig {
        let left = self.storage.kill();
        let options = self.options.clone();
        drop(self);
        Rig::open(&left, &options, exports)
    }

    /// Closes in good order; what is left on disk.
    pub(super) async fn close(self) -> FaultStorage {
        self.journal.close().await;
        self.storage.kill()
    }
}

/// Items of a batch.
pub(super) fn items(id: u64) -> u64 {
    batch(id, 0).items.into()
}

pub(super) fn items_of(ids: impl IntoIterator<Item = u64>) -> u64 {
    ids.into_iter().map(items).sum()
}
