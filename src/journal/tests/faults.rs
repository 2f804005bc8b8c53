//! Every operation on files fails once.

use super::super::*;
use super::fault::{Failure, FaultStorage};
use super::rig::{ONE, Rig, id, options};
use crate::ledger::Fate;

/// What the senders were told and what the export settled.
#[derive(Default)]
struct Told {
    acknowledged: Vec<u64>,
    settled: Vec<u64>,
    last: u64,
}

impl Told {
    async fn append(&mut self, rig: &Rig, count: u64) {
        for _ in 0..count {
            self.last += 1;
            if rig.append(self.last, 700).await.is_ok() {
                self.acknowledged.push(self.last);
            }
        }
    }

    async fn settle(&mut self, rig: &mut Rig, count: usize) {
        for _ in 0..count {
            if let Some(entry) = rig.next_if_waiting().await {
                rig.settle(0, &entry, Fate::Delivered);
                self.settled.push(id(&entry.batch));
            }
        }
    }
}

impl Rig {
    async fn next_if_waiting(&mut self) -> Option<Entry> {
        if self.accounts[0].waiting() == 0 {
            None
        } else {
            self.next(0).await
        }
    }
}

/// Opens; a failure that was injected must not happen twice.
fn open(storage: &FaultStorage) -> Rig {
    match Rig::try_open(storage, &options(), ONE) {
        Ok(rig) => rig,
        Err(_) => Rig::one(&storage.kill()),
    }
}

/// Two runs with rotation, retirement and a clean close between them.
async fn scenario(storage: &FaultStorage, told: &mut Told) -> Rig {
    let mut rig = open(storage);
    told.append(&rig, 8).await;
    told.settle(&mut rig, 5).await;
    rig.journal.keep_house();
    told.append(&rig, 8).await;
    rig.journal.close().await;
    let storage = rig.storage.clone();
    drop(rig);
    let mut rig = open(&storage);
    told.append(&rig, 4).await;
    told.settle(&mut rig, 4).await;
    rig.journal.keep_house();
    told.append(&rig, 3).await;
    rig
}

/// Opens what is left and checks that everything acknowledged is there or settled.
async fn check(storage: &FaultStorage, told: &Told) {
    let mut rig = Rig::one(storage);
    let row = rig.row(0);
    assert_eq!(row.dropped.values().sum::<u64>(), 0, "{:?}", rig.recovery);
    let back = rig.deliver_all(0).await;
    rig.row(0);
    assert!(back.is_sorted_by(|a, b| a < b), "{back:?}");
    for id in told
        .acknowledged
        .iter()
        .filter(|id| !told.settled.contains(id))
    {
        assert!(
            back.contains(id),
            "{id} was acknowledged; back came {back:?}"
        );
    }
    rig.append(1000, 10).await.expect("the journal goes on");
}

async fn fail_every_operation(failure: Failure) {
    for nth in 1.. {
        let storage = FaultStorage::default();
        storage.fail(nth, failure);
        let mut told = Told::default();
        let rig = scenario(&storage, &mut told).await;
        let mut random = fastrand::Rng::with_seed(nth);
        let left = match nth % 2 {
            0 => rig.storage.kill(),
            _ => rig.storage.power_cut(&mut random),
        };
        let failed = storage.has_failed();
        drop(rig);
        println!("operation {nth}");
        check(&left, &told).await;
        if !failed {
            assert!(nth > 50, "the scenario has {nth} operations only");
            assert_eq!(told.acknowledged.len(), 23);
            return;
        }
    }
}

/// Scenario: the first, second, third… operation fails without effect, until none is left to fail.
/// Guarantees: whatever fails, nothing acknowledged is lost, the ledger adds up, and the journal
/// goes on afterwards.
#[tokio::test]
async fn a_clean_failure_loses_nothing() {
    fail_every_operation(Failure::Clean).await;
}

/// Scenario: the same, but failed writes write a half and failed syncs lose what was written while
/// the cache still shows it.
/// Guarantees: the same.
#[tokio::test]
async fn a_dirty_failure_loses_nothing() {
    fail_every_operation(Failure::Dirty).await;
}

/// Scenario: writes do a half and say so.
/// Guarantees: the same.
#[tokio::test]
async fn a_short_write_loses_nothing() {
    fail_every_operation(Failure::Short).await;
}

/// Scenario: the disk fills up while batches come; later there is space again.
/// Guarantees: appends are refused with the disk's own words, earlier ones are safe, and the
/// journal takes up by itself.
#[tokio::test]
async fn a_full_disk_refuses_until_there_is_space() {
    let storage = FaultStorage::default();
    let mut rig = Rig::one(&storage);
    storage.set_space(Some(8192));
    let mut told = Told::default();
    told.append(&rig, 20).await;
    let kept = told.acknowledged.len();
    assert!((5..20).contains(&kept), "{kept}");
    let refused = rig.append(99, 700).await.expect_err("no space");
    assert!(
        matches!(&refused, AppendError::Disk(error) if error.kind() == std::io::ErrorKind::StorageFull)
    );
    assert!(rig.journal.stats().write_errors > 0);
    storage.set_space(None);
    while rig.append(100, 700).await.is_err() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    told.acknowledged.push(100);
    assert_eq!(rig.deliver_all(0).await, told.acknowledged);
    rig.row(0);
}

/// Scenario: everything is delivered; one operation of a housekeeping round fails; a little more is
/// settled; then the power is cut.
/// Guarantees: the cursor that survives still points into the log: no delivered batch is counted
/// as lost, however the copies were torn.
#[tokio::test]
async fn a_cursor_that_could_not_be_synced_keeps_its_segments() {
    for (nth, seed) in (1..16).flat_map(|nth| (0..8).map(move |seed| (nth, seed))) {
        let mut rig = Rig::one(&FaultStorage::default());
        rig.fill(0..10, 700).await;
        let entries = rig.drain(0).await;
        let settler = rig.cursors[0].settler();
        entries[..9]
            .iter()
            .for_each(|entry| settler.settle(entry, Fate::Delivered));
        rig.storage.fail(nth, Failure::Dirty);
        rig.journal.keep_house();
        settler.settle(&entries[9], Fate::Delivered);
        let left = rig.storage.power_cut(&mut fastrand::Rng::with_seed(seed));
        let rig = Rig::one(&left);
        let row = rig.row(0);
        assert_eq!(
            row.dropped,
            [].into(),
            "operation {nth}, seed {seed}: {row:?}"
        );
        assert_eq!(
            rig.recovery.set_aside, [""; 0],
            "operation {nth}, seed {seed}"
        );
        assert_eq!(row.received, super::rig::items_of(0..10));
    }
}

/// Scenario: one sync fails under an append, the next append succeeds.
/// Guarantees: the sender hears of the failure; the file that failed is not written to again.
#[tokio::test]
async fn a_file_that_failed_is_not_written_again() {
    let mut rig = Rig::one(&FaultStorage::default());
    rig.fill(0..2, 700).await;
    rig.storage.fail(2, Failure::Dirty);
    assert!(matches!(
        rig.append(2, 700).await,
        Err(AppendError::Disk(_))
    ));
    rig.append(3, 700).await.expect("appended");
    assert_eq!(rig.journal.stats().segments, 2);
    assert_eq!(rig.storage.files(".segment").len(), 2);
    assert_eq!(rig.deliver_all(0).await, [0, 1, 3]);
}
