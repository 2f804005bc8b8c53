//! One connection that migrates.

use std::time::Duration;

use sqlx::migrate::{Migrate, MigrateError};
use sqlx::{
    ConnectOptions, Connection, PgConnection, Postgres, SqlSafeStr, Sqlite, SqliteConnection,
};
use tokio::time::timeout;

use super::steps::{self, Step, TABLE};
use super::{Batch, MigrationError, Status};
use crate::store::backend::Backend;
use crate::store::connect::{Make, StoreOptions};
use crate::store::error::{StoreError, is_busy};
use crate::store::migrate::status::Applied;
use crate::store::sql::{Sql, Value, sql};

/// How long another process may migrate.
const PATIENCE: Duration = Duration::from_secs(60);

const HAS_TABLE: Sql = sql!("SELECT " has_table " AS found");

const APPLIED: Sql = sql!(
    "SELECT m.version, m.description, " installed_on " AS at, b.batch, m.success, m.checksum
FROM lineside_migrations AS m LEFT JOIN lineside_migration_batches AS b ON b.version = m.version
ORDER BY m.version"
);

/// sqlx knows of no batches. A version of which nothing was applied counts not, whatever stands here.
const MAKE_BATCHES: Sql = sql!(
    "CREATE TABLE IF NOT EXISTS lineside_migration_batches (version BIGINT PRIMARY KEY, batch BIGINT NOT NULL)"
);

const NOTE_BATCH: Sql = sql!(
    "INSERT INTO lineside_migration_batches (version, batch) VALUES ($1, $2)
ON CONFLICT (version) DO UPDATE SET batch = excluded.batch"
);

const FORGET_BATCH: Sql = sql!("DELETE FROM lineside_migration_batches WHERE version = $1");

/// Which way a session goes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Direction {
    Up,
    Down,
}

/// A connection of either make.
enum Line {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

pub(super) struct Session {
    line: Line,
    place: String,
    timeout: Duration,
}

/// Does `$work` with the connection, `$Make` being its type of database and `$steps` its migrations.
macro_rules! on {
    ($session:expr, $Make:ident, $connection:ident, $steps:ident => $work:expr) => {
        match &mut $session.line {
            Line::Sqlite($connection) => {
                type $Make = Sqlite;
                let $steps = steps::SQLITE;
                $work
            }
            Line::Postgres($connection) => {
                type $Make = Postgres;
                let $steps = steps::POSTGRES;
                $work
            }
        }
    };
}

impl Session {
    pub(super) async fn open(options: &StoreOptions) -> Result<Session, StoreError> {
        let connecting = async {
            Ok(match &options.make {
                Make::Sqlite(file) => {
                    let options = file.options.clone().busy_timeout(PATIENCE);
                    Line::Sqlite(options.connect().await?)
                }
                Make::Postgres(options) => Line::Postgres(options.connect().await?),
            })
        };
        let connected = timeout(options.timeout, connecting).await;
        let connected = connected.unwrap_or(Err(sqlx::Error::PoolTimedOut));
        let (place, timeout) = (options.place.clone(), options.timeout);
        match connected {
            Ok(line) => Ok(Session {
                line,
                place,
                timeout,
            }),
            Err(error) => Err(StoreError::of(&place, timeout, error)),
        }
    }

    /// Applies what is pending, or takes the last batch back.
    pub(super) async fn go(mut self, direction: Direction) -> Result<Option<Batch>, StoreError> {
        let done = on!(self, Make, connection, steps => {
            alone::<Make>(connection, direction, steps).await
        });
        self.end(done).await
    }

    pub(super) async fn status(mut self) -> Result<Status, StoreError> {
        let found = on!(self, Make, connection, steps => {
            applied::<Make>(connection).await.map(|applied| Status::of(steps, applied))
        });
        self.end(found.map_err(Failed::from)).await
    }

    /// The database need not learn of the end from a closed socket, and SQLite tidies its files. What was done is done, however that goes.
    async fn end<T>(self, done: Result<T, Failed>) -> Result<T, StoreError> {
        let closing = async {
            match self.line {
                Line::Sqlite(connection) => connection.close().await,
                Line::Postgres(connection) => connection.close().await,
            }
        };
        let _ = timeout(self.timeout, closing).await;
        done.map_err(|failed| match failed {
            Failed::Migration(error) => StoreError::Migration {
                place: self.place,
                error,
            },
            Failed::Sql(error) => StoreError::of(&self.place, self.timeout, error),
        })
    }
}

/// Why a session did not do its work.
enum Failed {
    Sql(sqlx::Error),
    Migration(MigrationError),
}

impl Failed {
    fn locked() -> Failed {
        Failed::Migration(MigrationError::Locked(PATIENCE))
    }
}

impl From<sqlx::Error> for Failed {
    fn from(error: sqlx::Error) -> Failed {
        Failed::Sql(error)
    }
}

impl From<MigrateError> for Failed {
    fn from(error: MigrateError) -> Failed {
        match error {
            MigrateError::Execute(error) => Failed::Sql(error),
            MigrateError::ExecuteMigration(error, version) => {
                // The words of a database about a statement of ours: no value and no secret is in them.
                let cause = match &error {
                    sqlx::Error::Database(error) => error.message().to_owned(),
                    other => other.to_string(),
                };
                Failed::Migration(MigrationError::Failed { version, cause })
            }
            MigrateError::VersionMissing(version) => {
                Failed::Migration(MigrationError::Newer(version))
            }
            MigrateError::VersionMismatch(version) => {
                Failed::Migration(MigrationError::Changed(version))
            }
            MigrateError::Dirty(version) => Failed::Migration(MigrationError::HalfApplied(version)),
            other => Failed::Sql(sqlx::Error::Protocol(other.to_string())),
        }
    }
}

/// Goes in one transaction, while no other process migrates. `None` means that there is nothing to do.
async fn alone<DB: Backend>(
    connection: &mut DB::Connection,
    direction: Direction,
    steps: &[Step],
) -> Result<Option<Batch>, Failed> {
    let locked = timeout(PATIENCE, connection.lock()).await;
    locked.map_err(|_| Failed::locked())??;
    let begun = connection.begin_with(DB::BEGIN_ALONE.into_sql_str()).await;
    let mut transaction = begun.map_err(|error| match is_busy(&error) {
        true => Failed::locked(),
        false => Failed::Sql(error),
    })?;
    transaction.ensure_migrations_table(TABLE).await?;
    DB::rows(&mut transaction, &MAKE_BATCHES, &[]).await?;
    let done = match direction {
        Direction::Up => migrate::<DB>(&mut transaction, steps).await,
        Direction::Down => rollback::<DB>(&mut transaction, steps).await,
    }?;
    // The lock ends with the connection, which is used for nothing else.
    transaction.commit().await?;
    Ok(done)
}

async fn migrate<DB: Backend>(
    connection: &mut DB::Connection,
    steps: &[Step],
) -> Result<Option<Batch>, Failed> {
    let status = sound::<DB>(connection, steps).await?;
    let versions = status.pending();
    if versions.is_empty() {
        return Ok(None);
    }
    let number = status.last_batch().map_or(1, |(last, _)| last + 1);
    for version in &versions {
        let values = [Value::Int(Some(*version)), Value::Int(Some(number))];
        DB::rows(connection, &NOTE_BATCH, &values).await?;
    }
    steps::migrator(steps)
        .run_direct(None, connection, false)
        .await?;
    Ok(Some(Batch { number, versions }))
}

async fn rollback<DB: Backend>(
    connection: &mut DB::Connection,
    steps: &[Step],
) -> Result<Option<Batch>, Failed> {
    let status = sound::<DB>(connection, steps).await?;
    let Some((number, versions)) = status.last_batch() else {
        return Ok(None);
    };
    for step in versions
        .iter()
        .filter_map(|version| steps.iter().find(|step| step.version == *version))
    {
        connection.revert(TABLE, &step.down()).await?;
        DB::rows(connection, &FORGET_BATCH, &[Value::Int(Some(step.version))]).await?;
    }
    Ok(Some(Batch { number, versions }))
}

/// How the database stands, if nothing stands in the way.
async fn sound<DB: Backend>(
    connection: &mut DB::Connection,
    steps: &[Step],
) -> Result<Status, Failed> {
    let status = Status::of(steps, applied::<DB>(connection).await?);
    match status.obstacle() {
        Some(error) => Err(Failed::Migration(error)),
        None => Ok(status),
    }
}

async fn applied<DB: Backend>(
    connection: &mut DB::Connection,
) -> Result<Vec<Applied>, sqlx::Error> {
    for table in [TABLE, "lineside_migration_batches"] {
        let found = DB::rows(connection, &HAS_TABLE, &[Value::Text(table)]).await?;
        let found = found
            .first()
            .map(|row| row.get::<bool>("found"))
            .transpose()?;
        if found != Some(true) {
            return Ok(Vec::new());
        }
    }
    let rows = DB::rows(connection, &APPLIED, &[]).await?;
    rows.iter()
        .map(|row| {
            Ok(Applied {
                version: row.get("version")?,
                description: row.get("description")?,
                at: row.get("at")?,
                batch: row.get("batch")?,
                is_whole: row.get("success")?,
                checksum: row.get("checksum")?,
            })
        })
        .collect()
}
