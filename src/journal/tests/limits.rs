//! What the journal drops, and how exactly it says so.

use std::time::Duration;

use super::super::*;
use super::fault::FaultStorage;
use super::rig::{Exports, ONE, Rig, batch, id, items_of, now_ms, options};
use crate::ledger::Fate;
use crate::otlp::{Batch, Signal, SignalSet};

const TWO: Exports<'static> = &[("fast", SignalSet::ALL), ("stalled", SignalSet::ALL)];

fn small(when_full: WhenFull) -> JournalOptions {
    JournalOptions {
        max_bytes: 16 << 10,
        when_full,
        ..options()
    }
}

/// Scenario: nobody reads, the journal refuses at its limit; then everything is delivered.
/// Guarantees: the limit holds to the byte, what was taken is kept, room comes back.
#[tokio::test]
async fn a_full_journal_refuses_and_takes_up_again() {
    let mut rig = Rig::open(&FaultStorage::default(), &small(WhenFull::Refuse), ONE);
    let mut taken = Vec::new();
    let mut refused = 0;
    for id in 0..40 {
        match rig.append(id, 700).await {
            Ok(()) => taken.push(id),
            Err(AppendError::Full { limit_bytes }) => refused += limit_bytes / (16 << 10),
            Err(error) => panic!("{error}"),
        }
        assert!(rig.journal.stats().disk_bytes <= 16 << 10);
    }
    assert_eq!(
        (taken.len(), refused),
        (20 - 4, 24),
        "four segments of four records"
    );
    assert_eq!(rig.deliver_all(0).await, taken);
    rig.fill(50..55, 700).await;
    assert_eq!(rig.row(0).delivered, items_of(taken));
}

/// Scenario: a batch that no segment can hold.
/// Guarantees: it is refused for good, and the next one is taken.
#[tokio::test]
async fn a_batch_larger_than_a_segment_is_refused() {
    let rig = Rig::one(&FaultStorage::default());
    assert!(matches!(
        rig.append(1, 5000).await,
        Err(AppendError::TooLarge { .. })
    ));
    rig.append(2, 3000).await.expect("appended");
    assert_eq!(rig.row(0).received, items_of([2]));
}

/// Scenario: one export keeps up, the other has one batch in flight and stalls, while many times the
/// limit is appended with `drop_oldest`; then the process is killed.
/// Guarantees: the fast one gets everything; the stalled one loses exactly what was dropped, batch
/// in flight not counted twice; after the kill received is still the sum, and both go on.
#[tokio::test]
async fn drop_oldest_costs_only_the_stalled_export() {
    let mut rig = Rig::open(&FaultStorage::default(), &small(WhenFull::DropOldest), TWO);
    let mut fast = Vec::new();
    rig.fill(0..2, 700).await;
    let held = rig.must_next(1).await;
    for id in 2..60 {
        rig.append(id, 700).await.expect("appended");
        fast.extend(rig.deliver_all(0).await);
    }
    assert_eq!(fast, (0..60).collect::<Vec<_>>());
    rig.settle(1, &held, Fate::Delivered);
    rig.settle(1, &held, Fate::Refused);
    let row = rig.row(1);
    assert_eq!(
        (row.received, row.delivered),
        (items_of(0..60), items_of([0]))
    );
    let left = rig.deliver_all(1).await;
    assert!(left.len() > 8 && left.ends_with(&[58, 59]), "{left:?}");
    let dropped = items_of(1..60) - items_of(left.iter().copied());
    assert_eq!(rig.row(1).dropped["evicted"], dropped);
    let rig = rig.kill(TWO);
    assert_eq!(rig.row(1).dropped["evicted"], dropped);
    assert_eq!(rig.row(1).received, items_of(0..60));
    assert_eq!(rig.row(0).delivered, items_of(0..60));
}

/// Scenario: the process is killed while a batch of a dropped segment is in flight.
/// Guarantees: the next start counts it as evicted; every row adds up.
#[tokio::test]
async fn a_batch_in_flight_of_a_dropped_segment_is_counted_after_a_kill() {
    let mut rig = Rig::open(&FaultStorage::default(), &small(WhenFull::DropOldest), ONE);
    rig.fill(0..2, 700).await;
    let held = rig.must_next(0).await;
    rig.fill(2..60, 700).await;
    assert_eq!(id(&held.batch), 0);
    let mut rig = rig.kill(ONE);
    let row = rig.row(0);
    assert_eq!(row.received, items_of(0..60));
    assert_eq!(row.dropped["evicted"] + row.waiting, row.received);
    let left = rig.deliver_all(0).await;
    assert_eq!(rig.row(0).delivered, items_of(left));
}

/// Scenario: batches older than the limit lie in full segments that nobody reads, and in the one
/// being written; then a fresh batch comes.
/// Guarantees: whole segments go without being read, single batches when they are due; each item
/// is counted as expired; the fresh one is handed out.
#[tokio::test]
async fn old_batches_expire() {
    let options = JournalOptions {
        max_age: Some(Duration::from_secs(60)),
        ..options()
    };
    let mut rig = Rig::open(&FaultStorage::default(), &options, ONE);
    for id in 0..10 {
        let old = Batch {
            received_unix_ms: now_ms() - 100_000,
            ..batch(id, 700)
        };
        rig.journal.append(old).await.expect("appended");
    }
    let before = rig.journal.stats().segments;
    rig.journal.keep_house();
    assert!(rig.journal.stats().segments < before);
    assert_eq!(rig.row(0).dropped["expired"], items_of(0..8));
    rig.append(10, 700).await.expect("appended");
    assert_eq!(id(&rig.must_next(0).await.batch), 10);
    assert_eq!(rig.row(0).dropped["expired"], items_of(0..10));
}

/// Scenario: memory mode with `drop_oldest` and one batch in flight.
/// Guarantees: the newest stay, the dropped are counted, the one in flight is not dropped.
#[tokio::test]
async fn memory_mode_drops_the_oldest() {
    let options = JournalOptions {
        sync: SyncMode::Memory,
        memory_bytes: 4096,
        when_full: WhenFull::DropOldest,
        ..options()
    };
    let mut rig = Rig::open(&FaultStorage::default(), &options, TWO);
    rig.append(0, 700).await.expect("appended");
    let held = rig.must_next(0).await;
    rig.fill(1..20, 700).await;
    rig.settle(0, &held, Fate::Delivered);
    for export in 0..2 {
        let left = rig.deliver_all(export).await;
        assert_eq!(left, (16..20).collect::<Vec<_>>());
    }
    assert_eq!(rig.row(0).dropped["evicted"], items_of(1..16));
    assert_eq!(rig.row(1).dropped["evicted"], items_of(0..16));
    assert_eq!(
        rig.journal.stats().memory_bytes,
        rig.journal.stats().memory_bytes.min(4096)
    );
}

/// Scenario: no export wants logs; then there is no export at all.
/// Guarantees: such batches are taken and nothing is written for them.
#[tokio::test]
async fn what_nobody_wants_is_not_kept() {
    let spans = SignalSet::NONE.with(Signal::Traces);
    let rig = Rig::open(&FaultStorage::default(), &options(), &[("spans", spans)]);
    rig.fill(0..9, 100).await;
    assert_eq!(rig.journal.stats().records, 3);
    let rig = Rig::open(&FaultStorage::default(), &options(), &[]);
    rig.fill(0..9, 100).await;
    assert_eq!(rig.journal.stats().records, 0);
}

/// Scenario: an export is removed with batches waiting, and a new one added, then restarted again.
/// Guarantees: what waited for the removed one is told once; the new one starts with what comes
/// after it.
#[tokio::test]
async fn exports_come_and_go() {
    let rig = Rig::open(
        &FaultStorage::default(),
        &options(),
        &[("old", SignalSet::ALL)],
    );
    rig.fill(0..6, 700).await;
    let mut rig = rig.kill(&[("new", SignalSet::ALL)]);
    let removed = &rig.recovery.removed_exports;
    assert_eq!(
        (removed.len(), removed[0].waiting.iter().sum()),
        (1, items_of(0..6))
    );
    assert_eq!(rig.row(0).received, 0);
    rig.fill(6..8, 700).await;
    assert_eq!(id(&rig.must_next(0).await.batch), 6);
    let mut rig = rig.kill(&[("new", SignalSet::ALL)]);
    assert_eq!(rig.recovery.removed_exports, []);
    assert_eq!(rig.deliver_all(0).await, [6, 7]);
}

/// Scenario: an export that stalls asks for the age of what waits: in memory, in flight, on disk.
/// Guarantees: each time the oldest batch's own time; none when all is settled.
#[tokio::test]
async fn the_oldest_waiting_batch_is_known() {
    let rig = Rig::one(&FaultStorage::default());
    assert_eq!(rig.cursors[0].oldest_waiting_unix_ms(), None);
    for id in 0..3 {
        let dated = Batch {
            received_unix_ms: 1000 + id,
            ..batch(id, 700)
        };
        rig.journal.append(dated).await.expect("appended");
    }
    assert_eq!(rig.cursors[0].oldest_waiting_unix_ms(), Some(1000));
    let mut rig = rig.kill(ONE);
    assert_eq!(rig.cursors[0].oldest_waiting_unix_ms(), Some(1000));
    let first = rig.must_next(0).await;
    let second = rig.must_next(0).await;
    assert_eq!(rig.cursors[0].oldest_waiting_unix_ms(), Some(1000));
    rig.settle(0, &first, Fate::Delivered);
    assert_eq!(rig.cursors[0].oldest_waiting_unix_ms(), Some(1001));
    rig.settle(0, &second, Fate::Delivered);
    rig.deliver_all(0).await;
    assert_eq!(rig.cursors[0].oldest_waiting_unix_ms(), None);
}
