//! The connections of a running agent.

use std::time::Duration;

use sqlx::pool::PoolOptions;
use sqlx::{Pool, Postgres, Sqlite};
use tokio::time::{Instant, timeout_at};

use super::backend::Backend;
use super::connect::{Make, StoreOptions};
use super::error::StoreError;
use super::sql::{Row, Sql, Value};

/// The connections to one database, made as they are needed.
#[derive(Debug)]
pub(super) struct Pools {
    make: PoolsOf,
    place: String,
    timeout: Duration,
}

#[derive(Debug)]
enum PoolsOf {
    Sqlite(Pool<Sqlite>),
    Postgres(Pool<Postgres>),
}

impl Pools {
    pub(super) fn new(options: &StoreOptions) -> Pools {
        let (place, timeout) = (options.place.clone(), options.timeout);
        let make = match &options.make {
            // SQLite has one writer at a time. Several connections would wait for each other by looking again and again, one
            // connection is waited for in a queue.
            Make::Sqlite(file) => PoolsOf::Sqlite(
                PoolOptions::new()
                    .max_connections(1)
                    .acquire_timeout(timeout)
                    .test_before_acquire(false)
                    .connect_lazy_with(file.options.clone()),
            ),
            Make::Postgres(server) => PoolsOf::Postgres(
                PoolOptions::new()
                    .max_connections(options.max_connections)
                    .acquire_timeout(timeout)
                    .connect_lazy_with(server.as_ref().clone()),
            ),
        };
        Pools {
            make,
            place,
            timeout,
        }
    }

    /// Asks `statement` and reads all of the answer.
    ///
    /// # Errors
    ///
    /// No connection, no answer within `store.timeout`, or a refusal. After the first two, what was asked may have been done, or may
    /// still be.
    pub(super) async fn rows(
        &self,
        statement: &Sql,
        values: &[Value<'_>],
    ) -> Result<Vec<Row>, StoreError> {
        let deadline = Instant::now() + self.timeout;
        let rows = match &self.make {
            PoolsOf::Sqlite(pool) => rows(pool, deadline, statement, values).await,
            PoolsOf::Postgres(pool) => rows(pool, deadline, statement, values).await,
        };
        rows.map_err(|(was_asked, error)| {
            StoreError::when(&self.place, self.timeout, was_asked, error)
        })
    }

    /// What is wrong with an answer.
    pub(super) fn failed(&self, error: sqlx::Error) -> StoreError {
        StoreError::of(&self.place, self.timeout, error)
    }

    pub(super) async fn close(&self) {
        match &self.make {
            PoolsOf::Sqlite(pool) => pool.close().await,
            PoolsOf::Postgres(pool) => pool.close().await,
        }
    }
}

/// With an error comes whether the statement was on its way.
async fn rows<DB: Backend>(
    pool: &Pool<DB>,
    deadline: Instant,
    statement: &Sql,
    values: &[Value<'_>],
) -> Result<Vec<Row>, (bool, sqlx::Error)> {
    let acquired = timeout_at(deadline, pool.acquire()).await;
    let acquired = acquired.unwrap_or(Err(sqlx::Error::PoolTimedOut));
    let mut connection = acquired.map_err(|error| (false, error))?;
    let answered = timeout_at(deadline, DB::rows(&mut connection, statement, values)).await;
    let answered = answered.unwrap_or_else(|_| {
        // Whoever took this connection next would wait for the answer to this question.
        drop(connection.detach());
        Err(sqlx::Error::PoolTimedOut)
    });
    answered.map_err(|error| (true, error))
}
