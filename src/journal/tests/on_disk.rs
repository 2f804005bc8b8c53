//! On the real file system.

use std::sync::Arc;
use std::time::Duration;

use super::super::*;
use super::rig::{batch, id, items_of, options};
use crate::ledger::{Account, Fate};
use crate::otlp::SignalSet;

fn subscriber() -> Subscriber {
    Subscriber {
        name: "collector".to_owned(),
        signals: SignalSet::ALL,
        account: Arc::new(Account::new("collector", SignalSet::ALL, 10)),
    }
}

/// Scenario: a journal with spare files and several segments is closed and opened again.
/// Guarantees: every batch comes back as it was, first from memory, then from disk; settled ones do
/// not; files are used again; its threads run until it is closed.
#[tokio::test]
async fn batches_survive_a_restart() {
    let dir = tempfile::tempdir().expect("a directory");
    let options = JournalOptions {
        dir: dir.path().join("journal"),
        segment_bytes: 64 << 10,
        memory_bytes: 1 << 20,
        ..options()
    };
    let open =
        || Journal::open(options.clone(), Arc::new(DiskStorage), vec![subscriber()]).expect("open");
    let mut opened = open();
    for id in 0..200 {
        opened
            .journal
            .append(batch(id, 1000))
            .await
            .expect("appended");
    }
    for at in 0..150 {
        let entry = opened.cursors[0].next().await.expect("an entry");
        assert_eq!(entry.batch.bytes, batch(at, 1000).bytes);
        opened.cursors[0].settler().settle(&entry, Fate::Delivered);
    }
    assert!(opened.journal.is_alive());
    opened.journal.close().await;
    assert!(!opened.journal.is_alive());
    assert!(matches!(
        opened.journal.append(batch(0, 1)).await,
        Err(AppendError::Closed)
    ));
    drop(opened);

    let mut opened = open();
    assert_eq!(opened.recovery.records, 50);
    for at in 150..200 {
        let entry = opened.cursors[0].next().await.expect("an entry");
        let wanted = batch(at, 1000);
        assert_eq!(id(&entry.batch), at);
        let received_unix_ms = entry.batch.received_unix_ms;
        assert_eq!(
            entry.batch,
            crate::otlp::Batch {
                received_unix_ms,
                ..wanted
            }
        );
    }
    opened.journal.close().await;
    assert!(opened.cursors[0].next().await.is_none());
}

/// Scenario: a second journal is opened on a directory in use, and again once it is free.
/// Guarantees: a clear error that names the directory; then success.
#[tokio::test]
async fn a_directory_has_one_journal() {
    let dir = tempfile::tempdir().expect("a directory");
    let options = JournalOptions {
        dir: dir.path().to_owned(),
        ..options()
    };
    let open = || Journal::open(options.clone(), Arc::new(DiskStorage), vec![subscriber()]);
    let first = open().expect("open");
    let error = open().expect_err("in use").to_string();
    assert!(
        error.contains("in use") && error.contains(&dir.path().display().to_string()),
        "{error}"
    );
    first.journal.close().await;
    drop(first);
    assert!(open().is_ok());
}

/// Scenario: many senders append at once; the cursor is cancelled over and over while it waits.
/// Guarantees: fewer syncs than batches; nothing lost or doubled by cancelling.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn senders_share_syncs_and_a_cancelled_wait_loses_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let options = JournalOptions {
        dir: dir.path().to_owned(),
        segment_bytes: 256 << 10,
        memory_bytes: 4096,
        ..options()
    };
    let opened = Journal::open(options, Arc::new(DiskStorage), vec![subscriber()]).expect("open");
    let mut cursor = opened.cursors.into_iter().next().expect("a cursor");
    let senders: Vec<_> = (0..8)
        .map(|sender| tokio::spawn(send(opened.journal.clone(), sender)))
        .collect();
    let mut seen = Vec::new();
    while seen.len() < 400 {
        if let Ok(entry) = tokio::time::timeout(Duration::from_micros(50), cursor.next()).await {
            seen.push(id(&entry.expect("open").batch));
        }
    }
    for sender in senders {
        sender.await.expect("no panic");
    }
    seen.sort();
    assert_eq!(seen, (0..400).collect::<Vec<_>>());
    let stats = opened.journal.stats();
    assert_eq!(stats.records, 400);
    assert!(stats.commits < 400, "{stats:?}");
    assert_eq!(stats.syncs.count, stats.commits);
}

async fn send(journal: Journal, sender: u64) {
    for nth in 0..50 {
        journal
            .append(batch(sender * 50 + nth, 500))
            .await
            .expect("appended");
    }
}

/// Scenario: memory mode at its limit, refusing; then with room again; then closed.
/// Guarantees: no files, exact refusal at the limit, room after settling, order kept.
#[tokio::test]
async fn memory_mode_is_bounded_and_leaves_no_files() {
    let dir = tempfile::tempdir().expect("a directory");
    let options = JournalOptions {
        dir: dir.path().join("none"),
        sync: SyncMode::Memory,
        memory_bytes: 4096,
        ..options()
    };
    let subscriber = subscriber();
    let account = Arc::clone(&subscriber.account);
    let mut opened = Journal::open(options, Arc::new(DiskStorage), vec![subscriber]).expect("open");
    let mut taken = 0;
    while opened.journal.append(batch(taken, 500)).await.is_ok() {
        taken += 1;
    }
    assert_eq!(account.waiting(), items_of(0..taken));
    assert!(opened.journal.stats().memory_bytes <= 4096);
    let first = opened.cursors[0].next().await.expect("an entry");
    assert!(matches!(
        opened.journal.append(batch(taken, 500)).await,
        Err(AppendError::Full { .. })
    ));
    opened.cursors[0].settler().settle(&first, Fate::Delivered);
    opened
        .journal
        .append(batch(taken, 500))
        .await
        .expect("room again");
    opened.journal.close().await;
    assert!(
        opened.journal.is_alive(),
        "it has no threads that could end"
    );
    for at in 1..=taken {
        assert_eq!(
            id(&opened.cursors[0].next().await.expect("an entry").batch),
            at
        );
    }
    assert!(opened.cursors[0].next().await.is_none());
    assert!(!dir.path().join("none").exists());
}
