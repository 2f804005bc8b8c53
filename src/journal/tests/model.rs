//! The journal does what a plain list would do, whatever happens in whatever order.

use std::collections::HashMap;
use std::time::Duration;

use super::super::*;
use super::fault::FaultStorage;
use super::rig::{Exports, Rig, batch, id, items_of, options};
use crate::ledger::{DropReason, Fate};
use crate::otlp::{Signal, SignalSet};

const EXPORTS: Exports<'static> = &[
    ("all", SignalSet::ALL),
    (
        "spans-and-logs",
        SignalSet::NONE.with(Signal::Traces).with(Signal::Logs),
    ),
];

/// A plain list of what was appended, and for each export what it settled.
struct Model {
    appended: Vec<u64>,
    settled: Vec<HashMap<u64, Fate>>,
    flight: Vec<Vec<Entry>>,
}

impl Model {
    fn new() -> Model {
        Model {
            appended: Vec::new(),
            settled: vec![HashMap::new(); 2],
            flight: vec![Vec::new(); 2],
        }
    }

    /// What an export wants of all that was appended.
    fn wanted(&self, export: usize) -> Vec<u64> {
        let wants = |id: &u64| EXPORTS[export].1.contains(batch(*id, 0).signal);
        self.appended.iter().copied().filter(wants).collect()
    }

    /// What an export has not settled, and everything behind.
    fn suffix(&self, export: usize) -> Vec<u64> {
        let wanted = self.wanted(export);
        let settled = |id: &&u64| self.settled[export].contains_key(id);
        let prefix = wanted.iter().take_while(settled).count();
        wanted[prefix..].to_vec()
    }
}

struct Run {
    rig: Rig,
    model: Model,
    random: fastrand::Rng,
}

impl Run {
    fn new(seed: u64, options: &JournalOptions) -> Run {
        Run {
            rig: Rig::open(&FaultStorage::default(), options, EXPORTS),
            model: Model::new(),
            random: fastrand::Rng::with_seed(seed),
        }
    }

    async fn append_some(&mut self) {
        for _ in 0..self.random.u8(1..8) {
            let id = self.model.appended.len() as u64;
            let len = self.random.usize(0..1500);
            self.rig.append(id, len).await.expect("appended");
            self.model.appended.push(id);
        }
    }

    async fn take_some(&mut self) {
        let export = self.random.usize(0..2);
        for _ in 0..self.random.u8(1..6) {
            let in_flight = items_of(
                self.model.flight[export]
                    .iter()
                    .map(|entry| id(&entry.batch)),
            );
            if self.rig.accounts[export].waiting() > in_flight {
                let entry = self.rig.must_next(export).await;
                self.model.flight[export].push(entry);
            }
        }
    }

    fn settle_some(&mut self) {
        let export = self.random.usize(0..2);
        for _ in 0..self.random.u8(1..6) {
            let flight = &mut self.model.flight[export];
            if flight.is_empty() {
                return;
            }
            let entry = flight.swap_remove(self.random.usize(0..flight.len()));
            let fate = match self.random.u8(0..6) {
                0 => Fate::Refused,
                1 => Fate::Dropped(DropReason::Expired),
                2 => Fate::PartlyRefused { refused: 1 },
                _ => Fate::Delivered,
            };
            self.rig.settle(export, &entry, fate);
            self.rig.settle(export, &entry, Fate::Delivered);
            self.model.settled[export].insert(id(&entry.batch), fate);
        }
    }

    /// Closes or kills the journal and checks what comes back, to the batch and to the item.
    async fn restart(mut self) -> Run {
        let (options, exact) = (self.rig.options.clone(), self.random.u8(0..3));
        let storage = match exact {
            0 => self.rig.close().await,
            1 => self.rig.storage.kill(),
            _ => self.rig.storage.power_cut(&mut self.random),
        };
        let mut rig = Rig::open(&storage, &options, EXPORTS);
        for export in 0..2 {
            self.model.check_restart(&mut rig, export, exact < 2).await;
        }
        Run { rig, ..self }
    }
}

impl Model {
    async fn check_restart(&mut self, rig: &mut Rig, export: usize, exact: bool) {
        let (wanted, suffix) = (self.wanted(export), self.suffix(export));
        let row = rig.row(export);
        assert_eq!(row.received, items_of(wanted.iter().copied()));
        let entries = rig.drain(export).await;
        let back: Vec<_> = entries.iter().map(|entry| id(&entry.batch)).collect();
        assert_eq!(row.waiting, items_of(back.iter().copied()));
        assert!(wanted.ends_with(&back), "{back:?} of {wanted:?}");
        assert!(
            back.ends_with(&suffix),
            "{back:?} misses some of {suffix:?}"
        );
        assert!(!exact || back == suffix, "{back:?} is more than {suffix:?}");
        for id in &back {
            self.settled[export].remove(id);
        }
        self.flight[export] = entries;
    }
}

async fn run(seed: u64, options: JournalOptions, restarts: bool) {
    let mut run = Run::new(seed, &options);
    for _ in 0..40 {
        match run.random.u8(0..16) {
            0..6 => run.append_some().await,
            6..10 => run.take_some().await,
            10..14 => run.settle_some(),
            14 => run.rig.journal.keep_house(),
            _ if restarts => run = run.restart().await,
            _ => {}
        }
        run.rig.row(0);
        run.rig.row(1);
    }
}

/// Scenario: random appends, hand-outs, settlements in any order, clean restarts, kills and power
/// cuts that tear unsynced writes; two exports with different signals; segments of a few records.
/// Guarantees: nothing acknowledged is missing, nothing settled comes back after a clean restart or
/// a kill, order holds, the ledger adds up and equals the model at every start.
#[tokio::test]
async fn always_mode_is_a_list_that_survives_anything() {
    for seed in 0..60 {
        println!("seed {seed}");
        run(seed, options(), true).await;
    }
}

/// Scenario: the same in interval mode, where only clean restarts and kills are survived whole.
/// Guarantees: the same.
#[tokio::test]
async fn interval_mode_survives_kills() {
    for seed in 0..30 {
        println!("seed {seed}");
        let sync = SyncMode::Interval(Duration::from_millis(1));
        let mut run = Run::new(seed, &JournalOptions { sync, ..options() });
        for _ in 0..3 {
            run.append_some().await;
            run.take_some().await;
            run.settle_some();
            let storage = match seed % 2 {
                0 => run.rig.close().await,
                _ => run.rig.storage.kill(),
            };
            let mut rig = Rig::open(&storage, &JournalOptions { sync, ..options() }, EXPORTS);
            for export in 0..2 {
                run.model.check_restart(&mut rig, export, true).await;
            }
            run.rig = rig;
        }
    }
}

/// Scenario: power cuts in interval mode, at random moments.
/// Guarantees: what was not yet synced may be gone; what comes back is whole, in order, and the
/// ledger adds up; the journal goes on.
#[tokio::test]
async fn interval_mode_comes_back_whole_after_a_power_cut() {
    for seed in 0..60 {
        println!("seed {seed}");
        let sync = SyncMode::Interval(Duration::from_millis(seed % 3));
        let mut run = Run::new(seed, &JournalOptions { sync, ..options() });
        run.append_some().await;
        run.take_some().await;
        run.settle_some();
        run.rig.journal.keep_house();
        run.append_some().await;
        let storage = run.rig.storage.power_cut(&mut run.random);
        let mut rig = Rig::open(&storage, &JournalOptions { sync, ..options() }, EXPORTS);
        let back: Vec<_> = rig
            .drain(0)
            .await
            .iter()
            .map(|entry| id(&entry.batch))
            .collect();
        assert!(
            back.is_sorted() && back.iter().all(|id| run.model.appended.contains(id)),
            "{back:?}"
        );
        rig.append(1000, 100).await.expect("appended");
        assert_eq!(id(&rig.must_next(0).await.batch), 1000);
        rig.row(0);
        rig.row(1);
    }
}

/// Scenario: the same without restarts in memory mode.
/// Guarantees: order and ledger hold.
#[tokio::test]
async fn memory_mode_is_a_list() {
    for seed in 0..30 {
        let options = JournalOptions {
            sync: SyncMode::Memory,
            memory_bytes: 1 << 20,
            ..options()
        };
        run(seed, options, false).await;
    }
}
