//! Disks that fail.

use super::super::RETRY_S;
use super::rig::{MAX_BYTES, Rig, Shown, file};
use crate::journal::tests::fault::{Failure, FaultStorage};

/// A process that has scraped twice, with changes and an end since.
fn scraped(storage: &FaultStorage, rewriting: bool) -> Rig {
    let mut rig = Rig::open(storage);
    let gone = rig.count(9, 1);
    rig.count(1, 10);
    rig.scrape();
    rig.count(1, 10);
    rig.observe(2, 5.0);
    rig.scrape();
    if rewriting {
        drop(rig);
        rig = Rig::open(storage);
    } else {
        rig.store.remove(&[gone]);
    }
    rig.count(1, 10);
    rig.observe(3, 5.0);
    rig
}

/// Scenario: each operation of a save fails in turn, in each way, for saves that append and saves that write the
/// file anew; then the process is killed or the power fails.
/// Guarantees: what comes back is what was shown last or nothing, never something older; and after the rest, the
/// next save keeps everything again.
#[test]
fn a_failed_save_leaves_the_latest_or_nothing() {
    for failure in [Failure::Clean, Failure::Dirty, Failure::Short] {
        for (rewriting, power) in [(false, false), (false, true), (true, false), (true, true)] {
            let mut failures = 0;
            for nth in 1.. {
                let storage = FaultStorage::default();
                let mut rig = scraped(&storage, rewriting);
                storage.fail(nth, failure);
                let shown = rig.scrape();
                if !storage.has_failed() {
                    break;
                }
                failures += 1;
                let broken = rig.is_broken();
                if power || nth % 2 == 0 {
                    rig.now.unix_ms += u64::from(RETRY_S) * 1000;
                    let shown = rig.scrape();
                    assert_eq!(Rig::open(&storage.kill()).shown(), shown);
                    continue;
                }
                let left = storage.kill();
                let restored = Rig::open(&left).shown();
                let expected = if broken { Shown::new() } else { shown };
                assert_eq!(restored, expected, "{failure:?} {rewriting} {nth}");
            }
            assert!(failures >= 3, "{failure:?} {rewriting}: {failures}");
        }
    }
}

/// Scenario: each operation of a save fails in turn, then the power fails.
/// Guarantees: as above, though what was not synced may be lost in any part.
#[test]
fn a_failed_save_and_a_power_cut_leave_the_latest_or_nothing() {
    for (failure, rewriting) in [(Failure::Clean, false), (Failure::Dirty, true)] {
        for nth in 1.. {
            let storage = FaultStorage::default();
            let mut rig = scraped(&storage, rewriting);
            storage.fail(nth, failure);
            let shown = rig.scrape();
            if !storage.has_failed() {
                break;
            }
            let left = storage.power_cut(&mut fastrand::Rng::with_seed(nth));
            let restored = Rig::open(&left).shown();
            assert!(restored.is_empty() || restored == shown, "{nth}");
        }
    }
}

/// Scenario: each operation of the start fails in turn.
/// Guarantees: the start always succeeds, with all or nothing; and the first save keeps what is there.
#[test]
fn a_start_on_a_failing_disk_goes_on() {
    let mut failed = 0;
    for nth in 1.. {
        let storage = FaultStorage::default();
        let shown = scraped(&storage, false).scrape();
        let storage = storage.kill();
        storage.fail(nth, Failure::Clean);
        let mut rig = Rig::open(&storage);
        if !storage.has_failed() {
            assert_eq!(rig.shown(), shown);
            break;
        }
        failed += 1;
        assert!(rig.shown().is_empty() || rig.shown() == shown, "{nth}");
        rig.now.unix_ms += u64::from(RETRY_S) * 1000;
        rig.count(77, 1);
        let shown = rig.scrape();
        assert_eq!(Rig::open(&storage.kill()).shown(), shown, "{nth}");
    }
    assert!(failed >= 4, "{failed}");
}

/// Scenario: the disk is full for a while.
/// Guarantees: it is left alone until the rest is over, each attempt is counted, and all is kept once there is room.
#[test]
fn a_full_disk_is_tried_again_after_a_rest() {
    let storage = FaultStorage::default();
    let mut rig = scraped(&storage, false);
    storage.set_space(Some(0));
    let failures = |rig: &Rig| {
        let counts = rig.continuity.counts();
        counts.failures.load(std::sync::atomic::Ordering::Relaxed)
    };
    rig.scrape();
    assert!(rig.is_broken());
    assert!(storage.files(".log").is_empty(), "nothing old is left");
    storage.set_space(None);
    rig.now.unix_ms += u64::from(RETRY_S - 1) * 1000;
    rig.scrape();
    assert_eq!((rig.is_broken(), failures(&rig)), (true, 1));
    rig.now.unix_ms += 1000;
    let shown = rig.scrape();
    assert_eq!((rig.is_broken(), failures(&rig)), (false, 1));
    assert_eq!(Rig::open(&storage.kill()).shown(), shown);
}

/// Scenario: more lives than the file may hold, and a file that outgrows its limit only by appending.
/// Guarantees: the first leaves no file, the second is written anew; neither ever exceeds the limit.
#[test]
fn the_file_never_exceeds_its_limit() {
    let storage = FaultStorage::default();
    let mut rig = Rig::open_within(&storage, 4_000);
    for round in 0..50 {
        for key in 0..20 {
            rig.count(key, round);
        }
        rig.scrape();
        assert!(!rig.is_broken() && storage.bytes(&file()).len() <= 4_000);
    }
    for key in 0..200 {
        rig.count(key, 1);
    }
    rig.scrape();
    assert!(rig.is_broken());
    assert!(Rig::open(&storage.kill()).shown().is_empty());
}

/// Scenario: two processes on one directory.
/// Guarantees: the second restores nothing, writes nothing and removes nothing.
#[test]
fn a_second_process_leaves_the_file_alone() {
    let storage = FaultStorage::default();
    let mut first = scraped(&storage, false);
    let shown = first.scrape();
    let mut second = Rig::open_within(&storage, MAX_BYTES);
    assert!(second.shown().is_empty());
    second.count(5, 5);
    second.scrape();
    assert_eq!(Rig::open(&storage.kill()).shown(), shown);
}
