use std::path::Path;
use std::time::Duration;

use http::HeaderMap;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use sqlx::sqlite::SqliteJournalMode;
use tempfile::TempDir;

use super::*;
use crate::config::ProbeUrl;
use crate::probe::run::Found as Told;

/// A database whose application has it open.
struct Application {
    directory: TempDir,
    connection: SqliteConnection,
}

impl Application {
    async fn start(mode: SqliteJournalMode) -> Application {
        let directory = tempfile::tempdir().unwrap();
        let options = SqliteConnectOptions::new()
            .filename(directory.path().join("it.db"))
            .create_if_missing(true)
            .journal_mode(mode);
        let mut application = Application {
            directory,
            connection: options.connect().await.unwrap(),
        };
        application
            .sql("CREATE TABLE jobs (queue TEXT, waiting INTEGER); INSERT INTO jobs VALUES ('mail', 3), ('pdf', 4)")
            .await;
        application
    }

    async fn sql(&mut self, sql: &'static str) {
        raw_sql(sql).execute(&mut self.connection).await.unwrap();
    }

    /// Closes the database: its directory stays.
    async fn end(self) -> TempDir {
        self.connection.close().await.unwrap();
        self.directory
    }
}

fn sqlite(directory: &Path, sql: Option<&str>) -> Sqlite {
    let url = format!("sqlite:{}", directory.join("it.db").display());
    let mut settings = ProbeSettings::new(ProbeUrl::parse(&url).unwrap());
    let query = sql.map(|sql| {
        (
            "jobs".to_owned(),
            crate::config::QuerySettings::new(sql.to_owned()),
        )
    });
    settings.query.extend(query);
    Sqlite::new(&settings).unwrap()
}

async fn checked(sqlite: &Sqlite, timeout: Duration) -> (Result<(), Failure>, Told) {
    let run = Run::begin(timeout, HeaderMap::new());
    let checked = sqlite.check(&run).await;
    (checked, run.take())
}

fn files(directory: &Path) -> Vec<String> {
    let entries = directory.read_dir().unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

const SECOND: Duration = Duration::from_secs(1);

/// Scenario: Databases with either journal, open in their application and at rest.
/// Guarantees: Each passes with its facts, and leaves no file behind that was not there.
#[tokio::test]
async fn every_database_is_read_and_nothing_is_written() {
    for (mode, name) in [
        (SqliteJournalMode::Wal, "wal"),
        (SqliteJournalMode::Delete, "delete"),
    ] {
        let application = Application::start(mode).await;
        let path = application.directory.path().to_owned();
        let sqlite = sqlite(&path, None);
        let before = files(&path);
        let (checked_open, told) = checked(&sqlite, SECOND).await;
        assert_eq!(checked_open, Ok(()), "{name}");
        assert_eq!(told.facts["journal_mode"], name);
        assert_eq!(told.facts["objects"], 1);
        assert_eq!(told.facts["size_bytes"], 8192);
        assert_eq!(told.facts.contains_key("wal_bytes"), name == "wal");
        assert_eq!(files(&path), before, "{name}");

        let _directory = application.end().await;
        let (at_rest, told) = checked(&sqlite, SECOND).await;
        assert_eq!(at_rest, Ok(()), "{name}");
        assert!(told.warnings.is_empty(), "{:?}", told.warnings);
        assert_eq!(files(&path), ["it.db"], "{name}");
    }
}

/// Scenario: A copy of a database whose log was never taken over, as a crash leaves it, without the log's index.
/// Guarantees: It passes with a warning that says what was not read.
#[tokio::test]
async fn a_log_that_is_not_read_is_a_warning() {
    let application = Application::start(SqliteJournalMode::Wal).await;
    let left = tempfile::tempdir().unwrap();
    for name in ["it.db", "it.db-wal"] {
        std::fs::copy(
            application.directory.path().join(name),
            left.path().join(name),
        )
        .unwrap();
    }
    let (passed, told) = checked(&sqlite(left.path(), None), SECOND).await;
    assert_eq!(passed, Ok(()));
    assert!(
        told.warnings[0].contains("were not read"),
        "{:?}",
        told.warnings
    );
    assert_eq!(files(left.path()), ["it.db", "it.db-wal"]);
}

/// Scenario: A query with numbers, and statements that write, attach, or say nonsense.
/// Guarantees: The first gives readings. The others fail the run, and the file stays as it was.
#[tokio::test]
async fn queries_only_read() {
    let application = Application::start(SqliteJournalMode::Wal).await;
    let directory = application.directory.path();
    let reads = sqlite(
        directory,
        Some("SELECT queue, waiting AS value FROM jobs ORDER BY 1"),
    );
    let (passed, told) = checked(&reads, SECOND).await;
    assert_eq!(passed, Ok(()));
    let readings: Vec<_> = told
        .readings
        .iter()
        .map(|reading| (&*reading.metric, &*reading.attributes[0].1, reading.value))
        .collect();
    assert_eq!(readings, [("jobs", "mail", 3.0), ("jobs", "pdf", 4.0)]);

    let before = std::fs::read(directory.join("it.db")).unwrap();
    for (sql, reason) in [
        ("DELETE FROM jobs", Reason::Query),
        ("CREATE TABLE more (x)", Reason::Query),
        (
            "PRAGMA query_only = OFF; DELETE FROM jobs RETURNING 1 AS value",
            Reason::Query,
        ),
        ("SELEKT 1 AS value", Reason::Query),
    ] {
        let (failed, told) = checked(&sqlite(directory, Some(sql)), SECOND).await;
        let failure = failed.unwrap_err();
        assert_eq!(failure.reason, reason, "{sql}: {failure}");
        assert!(failure.message.starts_with("query jobs: "), "{failure}");
        assert_eq!(told.laps.last().unwrap().phase, Phase::Query);
    }
    assert_eq!(std::fs::read(directory.join("it.db")).unwrap(), before);
}

/// Scenario: Another connection holds the file exclusively for longer than the run waits.
/// Guarantees: The run ends by itself, before its timeout, as unavailable, and says what to look for; it passes when the
/// lock is gone.
#[tokio::test]
async fn a_locked_file_is_unavailable() {
    let mut application = Application::start(SqliteJournalMode::Delete).await;
    let sqlite = sqlite(application.directory.path(), None);
    application.sql("BEGIN EXCLUSIVE").await;
    let (failed, told) = checked(&sqlite, SECOND / 2).await;
    let failure = failed.unwrap_err();
    assert_eq!(failure.reason, Reason::Unavailable, "{failure}");
    assert!(failure.message.contains("holds it locked"), "{failure}");
    assert_eq!(told.laps[0].phase, Phase::Look);
    assert!(told.laps[0].ended.unwrap() < SECOND / 2);

    application.sql("ROLLBACK").await;
    assert_eq!(checked(&sqlite, SECOND).await.0, Ok(()));
}

/// Scenario: The header is right, and the rest is not; what hangs behind it is noise.
/// Guarantees: It is a failure of the protocol.
#[tokio::test]
async fn a_corrupt_file_is_no_database() {
    let directory = Application::start(SqliteJournalMode::Delete)
        .await
        .end()
        .await;
    let path = directory.path().join("it.db");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[100..].fill(0xa5);
    std::fs::write(&path, bytes).unwrap();
    let (failed, _) = checked(&sqlite(directory.path(), None), SECOND).await;
    let failure = failed.unwrap_err();
    assert_eq!(failure.reason, Reason::Protocol, "{failure}");
    assert!(failure.message.contains("integrity_check"), "{failure}");
}

/// Scenario: SQLite hangs in the kernel: the journal is a FIFO that nobody writes to, and opening it waits for that. Run
/// after run is cut off.
/// Guarantees: The first run stands in `look`. Each later one fails at once with the reason timeout and starts nothing,
/// until the hanging one ends; then they pass again.
#[tokio::test]
async fn a_hanging_file_system_holds_one_run() {
    let directory = Application::start(SqliteJournalMode::Delete)
        .await
        .end()
        .await;
    let journal = directory.path().join("it.db-journal");
    mknodat(CWD, &journal, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let sqlite = sqlite(directory.path(), None);
    let run = Run::begin(SECOND / 4, HeaderMap::new());
    let cut_off = tokio::time::timeout(SECOND / 4, sqlite.check(&run)).await;
    assert!(cut_off.is_err(), "{cut_off:?}");
    assert_eq!(run.last_phase(), Some(Phase::Look));

    for _ in 0..3 {
        let (failed, told) = checked(&sqlite, SECOND).await;
        let failure = failed.unwrap_err();
        assert_eq!(failure.reason, Reason::Timeout);
        assert!(failure.message.contains("still hangs"), "{failure}");
        assert_eq!(told.laps.len(), 1);
        assert!(told.laps[0].ended.unwrap() < SECOND / 2);
    }

    // Whoever writes to the FIFO lets the reader go on.
    drop(std::fs::OpenOptions::new().write(true).open(&journal));
    std::fs::remove_file(&journal).unwrap();
    while let Err(failure) = checked(&sqlite, SECOND).await.0 {
        assert_eq!(failure.reason, Reason::Timeout, "{failure}");
    }
}

/// Scenario: A query that computes for ever is cut off.
/// Guarantees: It is ended with its run, and the next run can be made.
#[tokio::test]
async fn a_query_ends_with_its_run() {
    let directory = Application::start(SqliteJournalMode::Delete)
        .await
        .end()
        .await;
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT sum(i) AS value FROM n";
    let sqlite = sqlite(directory.path(), Some(endless));
    for _ in 0..3 {
        let run = Run::begin(SECOND / 4, HeaderMap::new());
        let cut_off = tokio::time::timeout(SECOND / 4, sqlite.check(&run)).await;
        if let Ok(ended) = cut_off {
            assert_eq!(ended.unwrap_err().reason, Reason::Timeout);
        }
        assert_eq!(run.last_phase(), Some(Phase::Query));
    }
}
