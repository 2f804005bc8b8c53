//! SQLite: a file that is read as its application would read it, and never written.
//!
//! SQLite blocks, so the library gives each connection a thread. A file system that hangs holds that thread, and nobody
//! can take it back. So what goes on there goes on when its run is cut off, and the next run fails at once until it has
//! ended: threads that hang do not pile up.

mod failure;
mod file;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use opentelemetry::KeyValue;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqliteConnection, raw_sql};
use tokio::sync::{Mutex, OwnedMutexGuard};

use self::file::{Access, Found};
use super::{Asked, Queries, Table, read};
use crate::config::ProbeSettings;
use crate::probe::failure::{Failure, Phase, Reason};
use crate::probe::kind::Check;
use crate::probe::kind::blocking::Blocking;
use crate::probe::metric::Metric;
use crate::probe::run::Run;
use crate::telemetry::names;

/// A run that was cut off gets this long to let go of its thread. One that only computes does.
const LETTING_GO: Duration = Duration::from_millis(100);

/// Steps of SQLite's machine between two looks at the clock: about a millisecond.
const STEPS_BETWEEN_LOOKS: i32 = 10_000;

/// Touches the file, and every page of the schema, but not the data.
const QUICK_CHECK: &str = "SELECT sqlite_version() AS version, \
     (SELECT count(*) FROM sqlite_schema) AS objects, \
     (SELECT page_count FROM pragma_page_count) * (SELECT page_size FROM pragma_page_size) AS bytes";

/// Checks one SQLite file.
#[derive(Debug)]
pub(in crate::probe::kind) struct Sqlite {
    path: PathBuf,
    queries: Queries,
    looks: Blocking,
    /// Held by what goes on on the library's thread.
    place: Arc<Mutex<()>>,
}

impl Sqlite {
    /// # Errors
    ///
    /// Says which query cannot be used.
    pub(in crate::probe::kind) fn new(settings: &ProbeSettings) -> Result<Sqlite, String> {
        Ok(Sqlite {
            path: settings.url.path().into(),
            queries: Queries::new(&settings.query)?,
            looks: Blocking::default(),
            place: Arc::default(),
        })
    }

    async fn look(&self, run: &Run) -> Result<Session, Failure> {
        let place = self.place().await?;
        let path = self.path.clone();
        let found = self.looks.run(move || file::inspect(&path)).await?;
        let left = run.timeout().saturating_sub(run.elapsed());
        let options = file::options(&self.path, found.access, left / 2);
        let opening = open(options, Instant::now() + left);
        let (place, connection) = apart(place, opening).await?;
        let connection = connection.map_err(|error| failed(run, error))?;
        let session = Session { connection, place };
        let (session, answer) = session.ask(QUICK_CHECK.to_owned(), 1).await?;
        tell(run, found, &answer.map_err(|error| failed(run, error))?);
        Ok(session)
    }

    async fn place(&self) -> Result<Place, Failure> {
        let free = Arc::clone(&self.place).lock_owned();
        let waited = tokio::time::timeout(LETTING_GO, free).await;
        waited.map_err(|_| {
            Failure::new(
                Reason::Timeout,
                "the last check still hangs in the file system: see whether what holds the file (a disk, an NFS server) \
                 answers",
            )
        })
    }

    /// Asks every configured query, and fails with the first that failed. One that fails leaves the others what they are.
    async fn query(&self, run: &Run, mut session: Session) -> Result<(), Failure> {
        let mut asked = Asked::default();
        for query in self.queries.iter() {
            let asking = session.ask(query.sql().to_owned(), query.max_rows());
            let (on, answer) = asking.await?;
            asked.take(run, query, answer, |error| failed(run, error));
            session = on;
        }
        session.close().await?;
        asked.end()
    }
}

#[async_trait]
impl Check for Sqlite {
    fn attributes(&self) -> Vec<KeyValue> {
        vec![
            KeyValue::new(names::DB_SYSTEM, "sqlite"),
            KeyValue::new(names::DB_NAMESPACE, self.path.display().to_string()),
        ]
    }

    fn metrics(&self) -> Vec<Metric> {
        self.queries.metrics()
    }

    async fn check(&self, run: &Run) -> Result<(), Failure> {
        let session = run.phase(Phase::Look, self.look(run)).await?;
        run.phase(Phase::Query, self.query(run, session)).await
    }
}

/// The right to use the library's thread.
type Place = OwnedMutexGuard<()>;

/// Does `work` in a task that goes on when the run is cut off, and that keeps `place` until it ends.
async fn apart<T: Send + 'static>(
    place: Place,
    work: impl Future<Output = T> + Send + 'static,
) -> Result<(Place, T), Failure> {
    let working = tokio::spawn(async move {
        let done = work.await;
        (place, done)
    });
    let ended = |error| Failure::new(Reason::Internal, format!("the check did not end: {error}"));
    working.await.map_err(ended)
}

async fn open(
    options: SqliteConnectOptions,
    deadline: Instant,
) -> Result<SqliteConnection, sqlx::Error> {
    let mut connection = options.connect().await?;
    // The library cannot interrupt a statement that nobody waits for any more. This does.
    let mut handle = connection.lock_handle().await?;
    handle.set_progress_handler(STEPS_BETWEEN_LOOKS, move || Instant::now() < deadline);
    drop(handle);
    Ok(connection)
}

/// A connection, and the right to it.
struct Session {
    connection: SqliteConnection,
    place: Place,
}

impl Session {
    async fn ask(
        self,
        sql: String,
        max_rows: usize,
    ) -> Result<(Session, Result<Table, sqlx::Error>), Failure> {
        let Session {
            mut connection,
            place,
        } = self;
        let asking = async move {
            let rows = raw_sql(AssertSqlSafe(sql)).fetch(&mut connection);
            let answer = read::<sqlx::Sqlite>(rows, max_rows).await;
            (connection, answer)
        };
        let (place, (connection, answer)) = apart(place, asking).await?;
        Ok((Session { connection, place }, answer))
    }

    async fn close(self) -> Result<(), Failure> {
        // What was asked is answered: how the connection ends is nobody's concern.
        let _ = apart(self.place, self.connection.close()).await?;
        Ok(())
    }
}

fn failed(run: &Run, error: sqlx::Error) -> Failure {
    let failure = super::failure(run, error, failure::judge);
    match failure::advice(failure.reason) {
        Some(advice) => Failure {
            message: format!("{}: {advice}", failure.message),
            ..failure
        },
        None => failure,
    }
}

fn tell(run: &Run, found: Found, answer: &Table) {
    if let Some(version) = answer.get(0, "version") {
        run.fact("server_version", version);
    }
    for (fact, column) in [("size_bytes", "bytes"), ("objects", "objects")] {
        if let Some(count) = answer.count(0, column) {
            run.fact(fact, count);
        }
    }
    run.fact("journal_mode", found.access.journal_mode());
    let Some(bytes) = found.log_bytes else { return };
    run.fact("wal_bytes", bytes);
    if found.access == Access::AtRest && bytes > 0 {
        run.warn(format!(
            "the write-ahead log holds {bytes} bytes that were not read, because nobody shares it: its application ended \
             without closing the database, or holds it in exclusive locking mode"
        ));
    }
}
