//! The store: a database for what must outlive a request and is no telemetry. SQLite by default, PostgreSQL where several
//! agents share it.
//!
//! The database is not the agent's life: one that is away stops those requests that need it, and nothing else.

mod backend;
mod connect;
mod error;
mod keys;
mod migrate;
mod owners;
mod pools;
mod readiness;
mod sql;

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use owners::Owners;
use pools::Pools;
use readiness::Readiness;
use sql::{Row, Sql, Value};

pub use connect::StoreOptions;
pub(crate) use connect::{postgres_options, readable};
pub use error::StoreError;
pub use keys::{
    Claim, Claiming, Expired, Finished, Held, Hold, KeptAnswer, KeyFilter, KeyId, KeyList,
    KeyShown, Seeded, Settled, Swept, Terms, Verdict,
};
pub use migrate::{
    Batch, MigrationError, Status, StepState, StepStatus, migrate, rollback, status,
};

/// The database of a running agent.
#[derive(Clone, Debug)]
pub struct Store {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    pools: Pools,
    owners: Owners,
    readiness: Readiness,
    closing: CancellationToken,
}

impl Store {
    /// Opens the database, and migrates it where `store.migrate` says so. A database that is away is no error: it is tried again, and what
    /// is asked of it meanwhile fails.
    ///
    /// # Errors
    ///
    /// The database refuses, does not fit to this binary, or is not up to date and may not be migrated.
    pub async fn open(options: &StoreOptions) -> Result<Store, StoreError> {
        let closing = CancellationToken::new();
        let readiness = Readiness::prepare(options, &closing).await?;
        Ok(Store {
            shared: Arc::new(Shared {
                pools: Pools::new(options),
                owners: Owners::new(),
                readiness,
                closing,
            }),
        })
    }

    /// Whether the database can be used.
    ///
    /// # Errors
    ///
    /// Why it could not be at the last attempt to open it.
    pub fn check(&self) -> Result<(), StoreError> {
        self.shared.readiness.check()
    }

    /// Closes every connection. What is asked afterwards fails.
    pub async fn close(&self) {
        self.shared.closing.cancel();
        self.shared.pools.close().await;
    }

    fn owners(&self) -> &Owners {
        &self.shared.owners
    }

    async fn rows(&self, statement: &Sql, values: &[Value<'_>]) -> Result<Vec<Row>, StoreError> {
        self.check()?;
        self.shared.pools.rows(statement, values).await
    }

    fn failed(&self, error: sqlx::Error) -> StoreError {
        self.shared.pools.failed(error)
    }
}
