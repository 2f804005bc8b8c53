//! Bytes change on disk.

use std::path::Path;

use super::super::mark::Mark;
use super::super::record::Header;
use super::fault::FaultStorage;
use super::rig::{ONE, Rig, batch, id, items_of};
use crate::ledger::Fate;
use crate::otlp::Batch;

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

/// A journal killed after a few commits; where its records stand, commit by commit.
async fn killed_journal() -> (FaultStorage, Vec<Vec<(u64, usize)>>) {
    loop {
        let rig = Rig::one(&FaultStorage::default());
        rig.fill(0..2, 100).await;
        let (a, b, c) = tokio::join!(rig.append(2, 100), rig.append(3, 100), rig.append(4, 100));
        a.and(b).and(c).expect("appended");
        let storage = rig.storage.kill();
        let bytes = storage.bytes(&storage.files(".segment")[0]);
        let mut commits: Vec<(u64, Vec<(u64, usize)>)> = Vec::new();
        let mut at = 0;
        while let Some(header) = Header::peek(&bytes[at..], at as u64) {
            let id = u64::from_le_bytes(
                bytes[at + header.payload_at()..][..8]
                    .try_into()
                    .expect("eight"),
            );
            match commits
                .last_mut()
                .filter(|(synced, _)| *synced == header.synced)
            {
                Some((_, commit)) => commit.push((id, at)),
                None => commits.push((header.synced, vec![(id, at)])),
            }
            at += header.record_len() as usize;
        }
        let commits: Vec<_> = commits.into_iter().map(|(_, commit)| commit).collect();
        // The threads decide who shares a commit; try until the last one is shared.
        if commits.last().is_some_and(|last| last.len() > 1) {
            return (storage, commits);
        }
    }
}

/// Scenario: after a kill the first record of the last commit is unreadable, or its payload is,
/// while others of the same commit are whole.
/// Guarantees: that is a torn write nobody was answered for: it is truncated, not counted as lost,
/// and nothing of it comes back, also after more appends and another kill.
#[tokio::test]
async fn a_torn_commit_is_truncated() {
    for offset in [0, 150] {
        let (storage, commits) = killed_journal().await;
        let (last, earlier) = commits.split_last().expect("a commit");
        storage.change(&storage.files(".segment")[0], |bytes| {
            bytes[last[0].1 + offset] ^= 1
        });
        let mut rig = Rig::one(&storage);
        assert!(rig.recovery.truncated_bytes > 0);
        assert_eq!(
            (rig.recovery.damaged_places, rig.recovery.lost_items),
            (0, 0)
        );
        let whole: Vec<_> = earlier.iter().flatten().map(|(id, _)| *id).collect();
        assert_eq!(rig.deliver_all(0).await, whole);
        rig.append(100, 100).await.expect("appended");
        let mut rig = rig.kill(ONE);
        assert_eq!(rig.deliver_all(0).await, [100]);
    }
}

/// Scenario: after a kill a record of an earlier commit is unreadable.
/// Guarantees: a later commit proves that it was durable: its loss is counted and the rest kept.
#[tokio::test]
async fn damage_before_the_last_commit_is_not_a_torn_write() {
    let (storage, commits) = killed_journal().await;
    let (id, at) = commits[1][0];
    storage.change(&storage.files(".segment")[0], |bytes| bytes[at] ^= 1);
    let mut rig = Rig::one(&storage);
    assert_eq!(
        (rig.recovery.damaged_places, rig.recovery.truncated_bytes),
        (1, 0)
    );
    let rest: Vec<_> = commits
        .iter()
        .flatten()
        .map(|(id, _)| *id)
        .filter(|other| *other != id)
        .collect();
    assert_eq!(rig.deliver_all(0).await, rest);
    assert_eq!(rig.row(0).dropped["corrupted"], items_of([id]));
}

/// Scenario: a sender hides a perfect record in its payload, and the record that holds it is
/// damaged, so that a search for the next one meets the forgery first.
/// Guarantees: it is not taken for a record: its checksum does not start from the segment's seed.
#[tokio::test]
async fn a_forged_record_in_a_payload_is_not_found() {
    let rig = Rig::one(&FaultStorage::default());
    let honest = batch(0, 500);
    let at = Mark {
        position: 256,
        items: [1000; 3],
    };
    let mut forged = Vec::new();
    let header = Header::of(&honest, at, 256, u64::MAX, crc32fast::hash(&honest.bytes));
    header.write(&honest.services, 0, &mut forged);
    let start = 256 - Header::of(&honest, Mark::default(), 0, 0, 0).payload_at();
    let mut payload = vec![0; start];
    payload.extend(forged);
    payload.extend(&honest.bytes[..]);
    rig.journal
        .append(Batch {
            bytes: payload.into(),
            ..honest
        })
        .await
        .expect("appended");
    rig.append(1, 100).await.expect("appended");
    let storage = rig.close().await;
    storage.change(&storage.files(".segment")[0], |bytes| bytes[0] ^= 1);
    let mut rig = Rig::one(&storage);
    assert_eq!(rig.deliver_all(0).await, [1]);
    assert_eq!(rig.row(0).dropped["corrupted"], items_of([0]));
}
