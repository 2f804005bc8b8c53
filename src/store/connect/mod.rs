//! From the settings to connections.

mod postgres;
mod readable;
mod sqlite;

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;

use super::error::StoreError;
use crate::config::{ProbeKind, ProbeUrl, StoreSettings};

pub(crate) use postgres::postgres_options;
pub(crate) use readable::readable;
pub(super) use sqlite::{exists, make};

/// The file in `data_dir` that is the store where the settings name no other.
const FILE: &str = "lineside.db";

/// Which database, and how long it may take. It cannot be printed: it holds the password.
#[derive(Clone)]
pub struct StoreOptions {
    pub(super) make: Make,
    /// The database for people: no user, no password.
    pub(super) place: String,
    pub(super) timeout: Duration,
    pub(super) max_connections: u32,
    pub(super) migrate: bool,
}

/// A make of database, and what to connect with.
#[derive(Clone)]
pub(super) enum Make {
    Sqlite(Box<File>),
    Postgres(Box<PgConnectOptions>),
}

/// A SQLite file.
#[derive(Clone)]
pub(super) struct File {
    pub(super) path: PathBuf,
    pub(super) options: SqliteConnectOptions,
    /// Whether its directory is the agent's own, which is made when it is missing.
    pub(super) is_own: bool,
}

impl StoreOptions {
    /// What `settings` ask for.
    ///
    /// # Errors
    ///
    /// Says which setting cannot be used, and what to write.
    pub fn of(settings: &StoreSettings, data_dir: &Path) -> Result<StoreOptions, StoreError> {
        let timeout = settings.timeout;
        let (make, place) = match &settings.url {
            None => {
                let path = data_dir.join(FILE);
                let place = format!("sqlite:{}", path.display());
                let file = File::new(path, timeout, true);
                (Make::Sqlite(Box::new(file)), place)
            }
            Some(url) => (make_of(url, settings)?, url.to_string()),
        };
        Ok(StoreOptions {
            make,
            place,
            timeout,
            max_connections: settings.max_connections,
            migrate: settings.migrate,
        })
    }

    /// The same, for a database that must be up to date already.
    pub fn without_migrating(self) -> StoreOptions {
        StoreOptions {
            migrate: false,
            ..self
        }
    }

    /// The database for people, without user and password.
    pub fn place(&self) -> &str {
        &self.place
    }
}

fn make_of(url: &ProbeUrl, settings: &StoreSettings) -> Result<Make, StoreError> {
    let wrong = |problem: String| StoreError::Settings {
        key: "url",
        problem,
    };
    match url.kind() {
        ProbeKind::Sqlite if !url.options().is_empty() => Err(wrong(
            "has options behind ?, which the store does not take: write only the path".to_owned(),
        )),
        ProbeKind::Sqlite => {
            let file = File::new(url.path().into(), settings.timeout, false);
            Ok(Make::Sqlite(Box::new(file)))
        }
        ProbeKind::Postgres => {
            let password = settings.password.as_ref().or(url.password());
            let options = postgres_options(url, password, settings.tls.as_ref());
            Ok(Make::Postgres(Box::new(options.map_err(wrong)?)))
        }
        _ => Err(wrong(
            "is no store: write sqlite:path/to/file.db or postgres://user@host:5432/database"
                .to_owned(),
        )),
    }
}
