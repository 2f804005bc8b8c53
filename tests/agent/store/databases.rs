//! One database of each make, for tests that say the same of both.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use lineside::config::{ProbeUrl, StoreSettings};
use lineside::store::{Store, StoreOptions};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, raw_sql};
use tempfile::TempDir;

use crate::probes::servers::{Postgres, execute};

/// A database that is empty.
pub struct Database {
    pub name: &'static str,
    url: String,
    /// A SQLite file is here, and a server there.
    directory: TempDir,
    server: Option<Postgres>,
}

/// An empty SQLite file, and an empty database of a server.
pub async fn databases() -> [Database; 2] {
    [Database::sqlite(), Database::postgres().await]
}

impl Database {
    pub fn sqlite() -> Database {
        let directory = TempDir::new().unwrap();
        Database {
            name: "sqlite",
            url: format!("sqlite:{}", directory.path().join("it.db").display()),
            directory,
            server: None,
        }
    }

    pub async fn postgres() -> Database {
        let server = Postgres::start().await;
        server.sql("CREATE DATABASE first OWNER probe").await;
        Database {
            name: "postgres",
            url: format!(
                "postgres://probe:{}@{}/first",
                Postgres::PASSWORD,
                server.address()
            ),
            directory: TempDir::new().unwrap(),
            server: Some(server),
        }
    }

    /// Another database, as empty as this one was.
    pub async fn renew(&mut self) {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        match &self.server {
            Some(server) => {
                let create = format!("CREATE DATABASE next_{number} OWNER probe");
                server.sql(&create).await;
                let (password, address) = (Postgres::PASSWORD, server.address());
                self.url = format!("postgres://probe:{password}@{address}/next_{number}");
            }
            None => {
                let path = self.directory.path().join(format!("next-{number}.db"));
                self.url = format!("sqlite:{}", path.display());
            }
        }
    }

    /// The URL, with the password in it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The server of a PostgreSQL.
    pub fn server(&mut self) -> &mut Postgres {
        self.server.as_mut().unwrap()
    }

    pub fn settings(&self) -> StoreSettings {
        StoreSettings {
            url: Some(ProbeUrl::parse(&self.url).unwrap()),
            timeout: Duration::from_secs(10),
            ..StoreSettings::default()
        }
    }

    pub fn options(&self) -> StoreOptions {
        StoreOptions::of(&self.settings(), Path::new("/nonexistent")).unwrap()
    }

    /// An agent's store, migrated.
    pub async fn open(&self) -> Store {
        Store::open(&self.options()).await.unwrap()
    }

    /// Keeps everybody else from the keys of a PostgreSQL, until it is dropped.
    pub async fn lock(&self) -> PgConnection {
        let options: PgConnectOptions = self.url.parse().unwrap();
        let mut connection = options.connect().await.unwrap();
        execute(&mut connection, "BEGIN; LOCK TABLE idempotency_keys").await;
        connection
    }

    /// Executes `sql` as someone else would.
    pub async fn sql(&self, sql: &str) {
        let statement = raw_sql(AssertSqlSafe(sql));
        let executed = match self.url.strip_prefix("sqlite:") {
            Some(path) => {
                let options = SqliteConnectOptions::new().filename(path);
                let options = options.create_if_missing(true);
                let mut connection = options.connect().await.unwrap();
                let executed = statement.execute(&mut connection).await.map(drop);
                connection.close().await.unwrap();
                executed
            }
            None => {
                let options: PgConnectOptions = self.url.parse().unwrap();
                let mut connection = options.connect().await.unwrap();
                statement.execute(&mut connection).await.map(drop)
            }
        };
        executed.unwrap_or_else(|error| panic!("{}: {sql}: {error}", self.name));
    }
}
