//! Bytes change on disk.

use std::path::Path;

use super::fault::FaultStorage;
use super::rig::{ONE, Rig, id, items_of};
use crate::ledger::Fate;

const BATCHES: u64 = 12;

/// A closed journal of a few segments; the first two batches are settled.
async fn closed_journal() -> FaultStorage {
    let mut rig = Rig::one(&FaultStorage::default());
    rig.fill(0..BATCHES, 600).await;
    for _ in 0..2 {
        let entry = rig.must_next(0).await;
        rig.settle(0, &entry, Fate::Delivered);
    }
    rig.close().await
}

/// Opens damaged files: whatever is missing must be counted, everything else must be intact.
async fn check(storage: &FaultStorage, what: &str) -> Vec<u64> {
    println!("{what}");
    let mut rig = Rig::one(storage);
    let mut back = Vec::new();
    for entry in rig.drain(0).await {
        let expected = super::rig::batch(id(&entry.batch), 600);
        assert_eq!(entry.batch.bytes, expected.bytes, "{what}");
        assert_eq!(entry.batch.services, expected.services, "{what}");
        rig.settle(0, &entry, Fate::Delivered);
        back.push(id(&entry.batch));
    }
    let row = rig.row(0);
    assert_eq!(row.waiting, 0, "{what}");
    assert_eq!(
        row.received,
        items_of(0..BATCHES),
        "{what}: {row:?} {:?}",
        rig.recovery
    );
    let missing = (2..BATCHES).filter(|id| !back.contains(id));
    let dropped = row.dropped.values().sum::<u64>();
    assert_eq!(dropped, items_of(missing), "{what}: {row:?} {back:?}");
    assert!(back.is_sorted_by(|a, b| a < b), "{what}: {back:?}");
    rig.append(100, 10).await.expect("the journal goes on");
    assert_eq!(id(&rig.must_next(0).await.batch), 100, "{what}");
    back
}

/// Scenario: one bit flips, at every few bytes of every segment in turn.
/// Guarantees: at most the record it hits is lost, and its items are counted exactly.
#[tokio::test]
async fn a_flipped_bit_costs_at_most_one_record() {
    let original = closed_journal().await;
    for path in original.files(".segment") {
        for at in (0..original.bytes(&path).len()).step_by(13) {
            let damaged = original.kill();
            damaged.change(&path, |bytes| bytes[at] ^= 1 << (at % 8));
            let back = check(&damaged, &format!("byte {at} of {}", path.display())).await;
            assert!(back.len() as u64 >= BATCHES - 3, "byte {at}: {back:?}");
        }
    }
}

/// Scenario: every byte of a record's header and services flips in turn, in the middle of the log.
/// Guarantees: that record alone is lost, to the item.
#[tokio::test]
async fn a_damaged_header_costs_exactly_its_record() {
    let original = closed_journal().await;
    let path = original.files(".segment").swap_remove(1);
    for at in 0..116 {
        let damaged = original.kill();
        damaged.change(&path, |bytes| bytes[at] = !bytes[at]);
        let back = check(&damaged, &format!("byte {at}")).await;
        assert_eq!(back.len() as u64, BATCHES - 3, "byte {at}: {back:?}");
    }
}

/// Scenario: whole pages, a whole segment, or the rest of a segment become zeros or noise; a
/// segment is cut, or gone.
/// Guarantees: start-up goes on, the loss is exact, other records are intact.
#[tokio::test]
async fn large_damage_is_counted_exactly() {
    let original = closed_journal().await;
    let noise = |bytes: &mut [u8]| fastrand::Rng::with_seed(1).fill(bytes);
    for path in original.files(".segment") {
        for from in [0, 8, 512, 1024, 3000] {
            let damage = |change: &dyn Fn(&mut Vec<u8>), what: &str| {
                let damaged = original.kill();
                damaged.change(&path, change);
                (damaged, format!("{what} {from} of {}", path.display()))
            };
            for (damaged, what) in [
                damage(&|bytes| bytes[from..].fill(0), "zeros from"),
                damage(&|bytes| noise(&mut bytes[from..]), "noise from"),
                damage(
                    &|bytes| bytes[from..from + 512].fill(0),
                    "a zeroed sector at",
                ),
                damage(&|bytes| bytes.truncate(from), "cut to"),
            ] {
                check(&damaged, &what).await;
            }
        }
    }
}

/// Scenario: each copy of the cursor is damaged at every few bytes, zeroed, or cut.
/// Guarantees: another copy takes over: nothing is lost or delivered again.
#[tokio::test]
async fn a_damaged_cursor_copy_costs_nothing() {
    let original = closed_journal().await;
    let copies = original.files(".cursor");
    assert_eq!(copies.len(), 3);
    for path in &copies {
        for at in (0..original.bytes(path).len()).step_by(3) {
            let damaged = original.kill();
            damaged.change(path, |bytes| bytes[at] ^= 0x10);
            let back = check(&damaged, &format!("byte {at} of {}", path.display())).await;
            assert_eq!(back, (2..BATCHES).collect::<Vec<_>>());
        }
    }
}

/// Scenario: all copies of the cursor are damaged.
/// Guarantees: start-up sets them aside and says so, and everything still in the log is delivered
/// again rather than lost.
#[tokio::test]
async fn without_a_cursor_everything_is_delivered_again() {
    let storage = closed_journal().await;
    for path in storage.files(".cursor") {
        storage.change(&path, |bytes| bytes.fill(7));
    }
    let mut rig = Rig::one(&storage);
    assert_eq!(rig.recovery.set_aside.len(), 3);
    assert_eq!(rig.deliver_all(0).await, (0..BATCHES).collect::<Vec<_>>());
    rig.row(0);
}

/// Scenario: a payload is damaged; the segment is read to its end and retired.
/// Guarantees: the file is kept under `damaged/` for a person to look at.
#[tokio::test]
async fn a_damaged_segment_is_set_aside() {
    let storage = closed_journal().await;
    storage.change(&storage.files(".segment")[0], |bytes| bytes[3 * 720] ^= 1);
    let mut rig = Rig::one(&storage);
    rig.deliver_all(0).await;
    rig.journal.keep_house();
    let kept = storage.files(".segment");
    let in_damaged = |path: &&std::path::PathBuf| path.starts_with(Path::new("/journal/damaged"));
    assert_eq!(kept.iter().filter(in_damaged).count(), 1, "{kept:?}");
}

/// Scenario: segments are retired, recycled and only partly filled again, then the journal is
/// killed and opened, over and over.
/// Guarantees: records of a file's earlier life never come back.
#[tokio::test]
async fn recycled_segments_show_nothing_of_their_past() {
    let mut rig = Rig::one(&FaultStorage::default());
    for round in 0..20 {
        let ids = round * 10..round * 10 + 7;
        rig.fill(ids.clone(), 600).await;
        rig = rig.kill(ONE);
        assert_eq!(rig.deliver_all(0).await, ids.collect::<Vec<_>>());
        rig.journal.keep_house();
        assert!(rig.journal.stats().disk_bytes <= 6 * 4096);
    }
}

/// Scenario: while the journal runs, a header far behind the tail is damaged before it is read.
/// Guarantees: the loss is exact overall and, once the rest is settled, by service.
#[tokio::test]
async fn damage_under_a_running_journal_is_counted() {
    let mut rig = Rig::one(&FaultStorage::default());
    rig.fill(0..BATCHES, 600).await;
    let path = rig.storage.files(".segment").swap_remove(0);
    rig.storage.change(&path, |bytes| bytes[4] ^= 0xff);
    let back = rig.deliver_all(0).await;
    assert_eq!(back, (1..BATCHES).collect::<Vec<_>>());
    let row = rig.row(0);
    assert_eq!((row.waiting, row.dropped["corrupted"]), (0, items_of([0])));
    let services = rig.accounts[0].report().services;
    assert!(
        services
            .values()
            .flat_map(|rows| rows.values())
            .all(|tally| tally.waiting == 0)
    );
}
