//! Migrations: how the database comes to have the tables that this binary needs, and how it is taken back.
//!
//! What one run applies is a batch. A batch is one transaction: all of it is applied, or nothing. Only one process migrates at a time: PostgreSQL
//! has an advisory lock for that, and in SQLite the transaction is exclusive.

mod session;
mod status;
mod steps;

use session::{Direction, Session};

pub use status::{Status, StepState, StepStatus};

use super::connect::{self, Make, StoreOptions};
use super::error::StoreError;

/// Why a database cannot be migrated, or be used as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MigrationError {
    /// Migrations are pending, and `store.migrate` is off.
    #[error("is not up to date: run `lineside db migrate`, or set store.migrate = true")]
    Pending,
    /// It has a migration that this binary does not know.
    #[error(
        "has migration {0}, which this binary does not know: a newer one migrated it. Run that one, or take the migration back with its `lineside db rollback`"
    )]
    Newer(i64),
    /// A migration was changed after it had been applied.
    #[error(
        "has another migration {0} than this binary, under the same number: run the binary that migrated it, or roll back with that one and migrate with this"
    )]
    Changed(i64),
    /// A migration was begun and did not end. No version of this binary leaves one behind.
    #[error(
        "has migration {0} only in part: restore it from a backup, or finish the migration by hand and set `success` in its row of lineside_migrations"
    )]
    HalfApplied(i64),
    /// A statement of a migration failed. Nothing was changed.
    #[error("migration {version} failed, and nothing was changed: {cause}")]
    Failed {
        /// The migration.
        version: i64,
        /// The words of the database.
        cause: String,
    },
    /// Another process has been migrating for too long.
    #[error("another process has been migrating it for {0:?}: try again when it has ended")]
    Locked(std::time::Duration),
}

/// What one run applied or took back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Its number: one more than the last.
    pub number: i64,
    /// The versions, in the order in which they were applied or taken back.
    pub versions: Vec<i64>,
}

/// Applies what is pending. `None` when nothing is.
///
/// # Errors
///
/// No connection; something stands in the way ([`MigrationError`]); or a migration failed, and nothing was changed.
pub async fn migrate(options: &StoreOptions) -> Result<Option<Batch>, StoreError> {
    if let Make::Sqlite(file) = &options.make {
        connect::make(file, &options.place, options.timeout).await?;
    }
    Session::open(options).await?.go(Direction::Up).await
}

/// Takes back all that the last run applied. `None` when nothing is applied.
///
/// # Errors
///
/// As [`migrate`].
pub async fn rollback(options: &StoreOptions) -> Result<Option<Batch>, StoreError> {
    match is_missing(options) {
        true => Ok(None),
        false => Session::open(options).await?.go(Direction::Down).await,
    }
}

/// How the database stands. It is not changed, nor made.
///
/// # Errors
///
/// No connection.
pub async fn status(options: &StoreOptions) -> Result<Status, StoreError> {
    match is_missing(options) {
        true => Ok(Status::of(steps::SQLITE, Vec::new())),
        false => Session::open(options).await?.status().await,
    }
}

/// Whether the database can be used as it is.
///
/// # Errors
///
/// No connection, or it is not up to date, or it does not fit.
pub(super) async fn verify(options: &StoreOptions) -> Result<(), StoreError> {
    let status = status(options).await?;
    let wrong = status.obstacle().or_else(|| {
        let is_behind = !status.is_up_to_date();
        is_behind.then_some(MigrationError::Pending)
    });
    match wrong {
        Some(error) => Err(StoreError::Migration {
            place: options.place.clone(),
            error,
        }),
        None => Ok(()),
    }
}

fn is_missing(options: &StoreOptions) -> bool {
    matches!(&options.make, Make::Sqlite(file) if !connect::exists(file))
}
