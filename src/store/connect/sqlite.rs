//! The SQLite file: how it is opened, and how it is made.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sqlx::sqlite::{SqliteConnectOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, SqliteConnection};
use tokio::time::sleep;
use tracing::warn;

use super::File;
use crate::store::StoreError;

/// A change of the journal mode needs the file for itself, and SQLite does not wait for that.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

impl File {
    pub(super) fn new(path: PathBuf, timeout: Duration, is_own: bool) -> File {
        // A relative path could be taken for a URI filename, or for a database in memory.
        let filename = match path.is_relative() {
            true => Path::new(".").join(&path),
            false => path.clone(),
        };
        let options = SqliteConnectOptions::new()
            .filename(filename)
            // What is committed survives a power cut: an answer that was given must not be forgotten.
            .synchronous(SqliteSynchronous::Full)
            // SQLite gives up before its caller does, and says why.
            .busy_timeout(timeout / 10 * 9)
            .disable_statement_logging();
        File {
            path,
            options,
            is_own,
        }
    }
}

/// Whether there is such a file.
pub(in crate::store) fn exists(file: &File) -> bool {
    file.path.exists()
}

/// Makes the file where it is missing, for the agent's user alone: it will hold answers. Its journal is a write-ahead log from then on,
/// so that readers and the writer do not wait for each other.
///
/// # Errors
///
/// The file cannot be made, or no connection to it.
pub(in crate::store) async fn make(
    file: &File,
    place: &str,
    timeout: Duration,
) -> Result<(), StoreError> {
    create(file).map_err(|error| StoreError::Unreachable {
        place: place.to_owned(),
        cause: advice(&error),
        was_asked: false,
    })?;
    log_ahead(file, place, timeout)
        .await
        .map_err(|error| StoreError::of(place, timeout, error))
}

fn create(file: &File) -> io::Result<()> {
    if let Some(directory) = file.path.parent().filter(|_| file.is_own) {
        fs::create_dir_all(directory)?;
    }
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&file.path);
    match made {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn advice(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "its directory is missing: make it".to_owned(),
        ErrorKind::PermissionDenied => {
            "the agent's user may not make the file: give it the right to write in the directory"
                .to_owned()
        }
        _ => format!("the file cannot be made: {error}"),
    }
}

async fn log_ahead(file: &File, place: &str, timeout: Duration) -> Result<(), sqlx::Error> {
    let mut connection = file.options.connect().await?;
    let began = Instant::now();
    loop {
        match journal_mode(&mut connection).await {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(mode) => {
                warn!(
                    place,
                    mode,
                    "this file system has no write-ahead log for SQLite: the store will be slow"
                );
                return Ok(());
            }
            Err(error) if began.elapsed() >= timeout => return Err(error),
            // Another agent that starts as well does the same.
            Err(sqlx::Error::Database(_)) => sleep(LOOK_AGAIN).await,
            Err(error) => return Err(error),
        }
    }
}

async fn journal_mode(connection: &mut SqliteConnection) -> Result<String, sqlx::Error> {
    sqlx::query_scalar("PRAGMA journal_mode = WAL")
        .fetch_one(connection)
        .await
}
