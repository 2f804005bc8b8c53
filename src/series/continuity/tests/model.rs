//! Random lives: updates, scrapes, ends, crashes and orderly ends.

use std::collections::BTreeMap;

use super::super::COMPACT_FACTOR;
use super::rig::{Rig, Shown, file};
use crate::journal::tests::fault::FaultStorage;

/// Some updates of counters and histograms; now and then a series goes.
fn live(rig: &mut Rig, random: &mut fastrand::Rng) {
    rig.now.unix_ms += random.u64(0..3_000);
    for _ in 0..random.u32(0..20) {
        match random.u32(0..10) {
            0 => drop(rig.receive(100 + random.u32(0..5))),
            1..5 => drop(rig.observe(random.u32(0..12), random.f64() * 200.0)),
            _ => drop(rig.count(random.u32(0..12), random.i64(0..1000))),
        }
    }
    if random.u32(0..4) == 0 {
        let all: Vec<_> = rig.store.iter().map(|(id, _)| id).collect();
        if let Some(id) = random.choice(all) {
            rig.store.remove(&[id]);
        }
    }
}

/// Scenario: random lives, each with updates and scrapes; then the process is killed or the power fails, perhaps
/// with updates after the last scrape.
/// Guarantees: what comes back is exactly what the last scrape showed, every field of it, and received series do not.
#[test]
fn a_crash_goes_back_to_the_last_scrape() {
    for seed in 0..150 {
        let mut random = fastrand::Rng::with_seed(seed);
        let (mut storage, mut shown) = (FaultStorage::default(), Shown::new());
        for _ in 0..random.u32(1..6) {
            let mut rig = Rig::open(&storage);
            assert_eq!(rig.shown(), shown, "seed {seed}");
            for _ in 0..random.u32(0..6) {
                live(&mut rig, &mut random);
                shown = rig.scrape();
            }
            live(&mut rig, &mut random);
            storage = match random.bool() {
                true => storage.kill(),
                false => storage.power_cut(&mut random),
            };
        }
    }
}

/// Scenario: after a scrape further updates are written for a next one, and the file ends at any of its bytes.
/// Guarantees: each series is restored, at no less than the scrape showed and no more than is true.
#[test]
fn a_torn_end_costs_nothing_that_was_shown() {
    for seed in 0..40 {
        let mut random = fastrand::Rng::with_seed(seed);
        let storage = FaultStorage::default();
        let mut rig = Rig::open(&storage);
        for key in 0..12 {
            rig.count(key, 5);
            rig.observe(key, 3.0);
        }
        rig.scrape();
        let (shown, safe) = (rig.sums(), storage.bytes(&file()).len());
        for key in 0..12 {
            rig.count(key, random.i64(0..100));
            rig.observe(key, 50.0);
        }
        rig.scrape();
        let (truth, left) = (rig.sums(), storage.kill());
        let len = random.usize(safe..=left.bytes(&file()).len());
        left.change(&file(), |bytes| bytes.truncate(len));
        let restored = Rig::open(&left).sums();
        assert_eq!(restored.len(), shown.len());
        for (name, value) in restored {
            assert!(shown[&name] <= value && value <= truth[&name], "{name}");
        }
    }
}

/// Scenario: an orderly end with updates that no scrape saw. Guarantees: nothing is lost.
#[test]
fn an_orderly_end_keeps_everything() {
    let storage = FaultStorage::default();
    let mut rig = Rig::open(&storage);
    rig.count(1, 7);
    rig.scrape();
    rig.count(1, 7);
    rig.observe(2, 0.5);
    rig.continuity.save_now(&mut rig.store, rig.now);
    let mut again = Rig::open(&storage.kill());
    assert_eq!(again.shown(), rig.shown());
    assert_eq!(again.restored.len(), 2);
    let id = again.count(1, 1);
    assert!(again.restored.contains(&id), "the counter goes on");
    assert_eq!(again.sums()["requests_totalkey=\"1\""], 15);
}

/// Scenario: the same few series change in thousands of scrapes.
/// Guarantees: the file is written anew before it is much longer than allowed, and holds the latest values.
#[test]
fn the_file_stays_in_proportion() {
    let storage = FaultStorage::default();
    let mut rig = Rig::open(&storage);
    let (mut longest, mut shrank) = (0, false);
    for round in 0..2_000 {
        for key in 0..40 {
            rig.count(key, 1 + round);
        }
        rig.scrape();
        let len = storage.bytes(&file()).len();
        shrank |= len < longest;
        longest = longest.max(len);
    }
    assert!(shrank && longest < (1 << 20) + (16 << 10), "{longest}");
    assert!(longest as u64 > COMPACT_FACTOR);
    assert_eq!(Rig::open(&storage.kill()).shown(), rig.shown());
}

/// Scenario: scrapes between which nothing changes, and only received series.
/// Guarantees: nothing is written, and without an accumulated series there is no file at all.
#[test]
fn what_does_not_change_is_not_written() {
    let storage = FaultStorage::default();
    let mut rig = Rig::open(&storage);
    rig.receive(1);
    rig.scrape();
    assert!(storage.files(".log").is_empty());
    rig.count(2, 2);
    rig.scrape();
    let before = storage.bytes(&file());
    rig.receive(3);
    rig.scrape();
    assert_eq!(storage.bytes(&file()), before);
}

/// Scenario: series end and others take their places in the store, between saves and before the first.
/// Guarantees: no series comes back with the value of another.
#[test]
fn a_place_in_the_store_may_change_hands() {
    let storage = FaultStorage::default();
    let mut rig = Rig::open(&storage);
    let first = rig.count(1, 100);
    rig.scrape();
    rig.store.remove(&[first]);
    assert_eq!(rig.count(2, 3), first, "the slot is used again");
    let unsaved = rig.count(4, 9);
    rig.store.remove(&[unsaved]);
    rig.scrape();
    let expected = BTreeMap::from([("requests_totalkey=\"2\"".to_owned(), 3)]);
    assert_eq!(Rig::open(&storage.kill()).sums(), expected);
}
