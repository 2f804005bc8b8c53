//! Files that another version, a broken disk or a stranger wrote.

use super::super::DAMAGED;
use super::super::replay::Replay;
use super::rig::{Rig, file};
use crate::journal::tests::fault::FaultStorage;

fn written() -> FaultStorage {
    let storage = FaultStorage::default();
    let mut rig = Rig::open(&storage);
    for key in 0..6 {
        rig.count(key, 5);
        rig.observe(key, 3.0);
    }
    rig.scrape();
    storage.kill()
}

/// Scenario: each byte of the head is changed in turn, and the file is shorter than its head.
/// Guarantees: the file is set aside and the store begins empty.
#[test]
fn a_damaged_head_or_another_version_is_set_aside() {
    for at in 0..20 {
        let storage = written();
        storage.change(&file(), |bytes| bytes[at] ^= 1);
        assert!(Rig::open(&storage).shown().is_empty());
        assert_eq!(storage.files(DAMAGED).len(), 1);
        assert!(storage.files(".log").is_empty());
    }
    let storage = written();
    storage.change(&file(), |bytes| bytes.truncate(19));
    assert!(Rig::open(&storage).shown().is_empty());
    assert_eq!(storage.files(DAMAGED).len(), 1);
}

/// Scenario: each byte behind the head is changed in turn.
/// Guarantees: the frame that holds it and all behind count as never written; nothing panics.
#[test]
fn a_damaged_frame_ends_the_file() {
    let len = written().bytes(&file()).len();
    for at in 20..len {
        let storage = written();
        storage.change(&file(), |bytes| bytes[at] ^= 0x10);
        assert!(Rig::open(&storage).shown().is_empty(), "{at}");
    }
}

/// Scenario: whole frames of random bytes, and of true records with one byte changed, whose checksums are right.
/// Guarantees: whatever they say, reading them neither panics nor takes memory beyond their length.
#[test]
fn records_of_any_bytes_are_survived() {
    let storage = written();
    let bytes = storage.bytes(&file());
    let records = &bytes[28..];
    assert!(Replay::default().take(records).is_ok());
    let mut random = fastrand::Rng::with_seed(5);
    for _ in 0..20_000 {
        let mut changed = records.to_vec();
        let at = random.usize(..changed.len());
        changed[at] = random.u8(..);
        changed.truncate(random.usize(at..=records.len()));
        let _ = Replay::default().take(&changed);
        let noise: Vec<u8> = (0..random.usize(..40)).map(|_| random.u8(..8)).collect();
        let _ = Replay::default().take(&noise);
    }
}
