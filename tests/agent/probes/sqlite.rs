//! SQLite probes, against real files.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::{Value, json};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{ConnectOptions, Connection, Executor, SqliteConnection, raw_sql};
use tempfile::TempDir;

use super::Watched;
use crate::fixture::eventually;

async fn watch(directory: &Path, settings: &[(&str, Value)]) -> Watched {
    let url = format!("sqlite:{}", directory.join("it.db").display());
    let mut all = vec![("url", json!(url))];
    all.extend(settings.iter().cloned());
    Watched::start(&all).await
}

/// The application's connection to a database that it makes.
async fn application(directory: &Path, mode: SqliteJournalMode) -> SqliteConnection {
    let options = SqliteConnectOptions::new()
        .filename(directory.join("it.db"))
        .create_if_missing(true)
        .journal_mode(mode);
    let mut connection = options.connect().await.unwrap();
    connection
        .execute(raw_sql(
            "CREATE TABLE jobs (queue TEXT, waiting INTEGER); INSERT INTO jobs VALUES ('mail', 3), ('pdf', 4)",
        ))
        .await
        .unwrap();
    connection
}

/// Scenario: A file that is not there; its application makes it, writes, and closes it; something else takes its place.
/// Guarantees: Missing until there is one, and the probe does not make it; then it passes, with facts and the numbers of the
/// moment, and leaves nothing beside it; what is no database fails as such.
#[tokio::test]
async fn a_database_comes_and_goes() {
    let directory = TempDir::new().unwrap();
    let settings = [(
        "query.jobs.sql",
        json!("SELECT queue, waiting AS value FROM jobs"),
    )];
    let watched = watch(directory.path(), &settings).await;
    watched.fails("missing", Some("look")).await;
    assert!(!directory.path().join("it.db").exists());

    let mut application = application(directory.path(), SqliteJournalMode::Wal).await;
    // It may have been looked at while it was being made.
    watched
        .reading_where("jobs", "queue=\"pdf\"", |waiting| waiting == 4.0)
        .await;
    let check = watched.passes().await;
    assert_eq!(check["facts"]["journal_mode"], "wal", "{check:#}");
    assert_eq!(check["facts"]["size_bytes"], 8192, "{check:#}");
    assert!(
        check["facts"]["wal_bytes"].as_u64().unwrap() > 0,
        "{check:#}"
    );
    application
        .execute(raw_sql("UPDATE jobs SET waiting = 9"))
        .await
        .unwrap();
    watched
        .reading_where("jobs", "queue=\"pdf\"", |waiting| waiting == 9.0)
        .await;
    let span = watched.span().await;
    assert_eq!(span.attributes["db.system.name"], "sqlite");
    assert_eq!(span.phases, ["look", "query"]);

    application.close().await.unwrap();
    watched.run().await;
    watched.passes().await;
    let files: Vec<_> = fs::read_dir(directory.path()).unwrap().collect();
    assert_eq!(files.len(), 1, "{files:?}");

    fs::write(
        directory.path().join("it.db"),
        "no database at all, but long enough",
    )
    .unwrap();
    watched.fails("protocol", Some("look")).await;
}

/// Scenario: A file that is there in name, with noise for content behind the right beginning.
/// Guarantees: It fails as no database.
#[tokio::test]
async fn a_corrupt_database_fails() {
    let directory = TempDir::new().unwrap();
    let application = application(directory.path(), SqliteJournalMode::Delete).await;
    application.close().await.unwrap();
    let watched = watch(directory.path(), &[]).await;
    watched.passes().await;
    let path = directory.path().join("it.db");
    let mut bytes = fs::read(&path).unwrap();
    bytes[100..].fill(0xa5);
    fs::write(&path, bytes).unwrap();
    let check = watched.fails("protocol", Some("look")).await;
    let message = check["message"].as_str().unwrap();
    assert!(message.contains("integrity_check"), "{message}");
}

/// Scenario: The application holds the file exclusively, and lets go of it.
/// Guarantees: Unavailable, for that long.
#[tokio::test]
async fn a_locked_database_is_unavailable() {
    let directory = TempDir::new().unwrap();
    let mut application = application(directory.path(), SqliteJournalMode::Delete).await;
    let watched = watch(directory.path(), &[]).await;
    watched.passes().await;
    application
        .execute(raw_sql("BEGIN EXCLUSIVE"))
        .await
        .unwrap();
    let check = watched.fails("unavailable", Some("look")).await;
    let message = check["message"].as_str().unwrap();
    assert!(message.contains("database is locked"), "{message}");
    application.execute(raw_sql("ROLLBACK")).await.unwrap();
    watched.passes().await;
}

/// Scenario: A query that SQLite refuses, beside one that it answers.
/// Guarantees: The run fails and says which, and the other one measures.
#[tokio::test]
async fn a_query_that_fails_leaves_the_others() {
    let directory = TempDir::new().unwrap();
    let application = application(directory.path(), SqliteJournalMode::Delete).await;
    let settings = [
        (
            "query.empty.sql",
            json!("SELECT nothing AS value FROM jobs"),
        ),
        (
            "query.jobs.sql",
            json!("SELECT count(*) AS value FROM jobs"),
        ),
    ];
    let watched = watch(directory.path(), &settings).await;
    let check = watched.fails("query", Some("query")).await;
    let message = check["message"].as_str().unwrap();
    assert!(message.contains("query empty: "), "{message}");
    assert_eq!(watched.reading("jobs", "").await, 2.0);
    application.close().await.unwrap();
}

/// Scenario: The kernel does not come back from opening a file beside the database: a FIFO that nobody writes to. Run after
/// run comes due.
/// Guarantees: They fail with a timeout while looking, and hold one thread together; when the file system comes back, so
/// does the probe. The agent answers all the while, and ends when it is told to while one hangs.
#[tokio::test]
async fn a_file_system_that_hangs_holds_one_thread() {
    let directory = TempDir::new().unwrap();
    let application = application(directory.path(), SqliteJournalMode::Delete).await;
    application.close().await.unwrap();
    let mut watched = watch(directory.path(), &[]).await;
    watched.passes().await;
    let journal = directory.path().join("it.db-journal");
    let hang = || mknodat(CWD, &journal, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    hang();
    watched.fails("timeout", Some("look")).await;
    let runs = async || {
        watched
            .reading("lineside_probe_runs_total", "reason=\"timeout\"")
            .await
    };
    eventually("ten runs in vain", Duration::from_secs(30), async || {
        (runs().await >= 10.0).then_some(())
    })
    .await;
    let check = watched.check().await;
    let message = check["message"].as_str().unwrap();
    assert!(message.contains("still hangs"), "{message}");
    assert_eq!(hanging_threads(watched.agent.pid()), 1);

    // Whoever writes to the FIFO lets the reader go on.
    drop(fs::OpenOptions::new().write(true).open(&journal).unwrap());
    fs::remove_file(&journal).unwrap();
    watched.passes().await;
    assert_eq!(hanging_threads(watched.agent.pid()), 0);

    hang();
    watched.fails("timeout", Some("look")).await;
    let ended = watched.agent.stop().await;
    assert!(ended.success(), "{ended}");
}

/// Threads of SQLite connections that wait in the kernel.
fn hanging_threads(pid: u32) -> usize {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let names =
        threads.filter_map(|thread| fs::read_to_string(thread.unwrap().path().join("comm")).ok());
    names.filter(|name| name.starts_with("sqlx-sqlite")).count()
}
