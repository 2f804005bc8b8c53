//! What differs between the makes of database.

use sqlx::migrate::Migrate;
use sqlx::{Postgres, Sqlite};

use super::sql::{Row, Sql, Value};

/// A make of database.
pub(super) trait Backend: sqlx::Database<Connection: Migrate> {
    /// Begins a transaction that nobody else can write beside, where locks are not enough.
    const BEGIN_ALONE: &'static str;

    /// Asks `statement` and reads all of the answer.
    fn rows<'c>(
        connection: &'c mut Self::Connection,
        statement: &Sql,
        values: &[Value<'_>],
    ) -> impl Future<Output = Result<Vec<Row>, sqlx::Error>> + Send + 'c;
}

macro_rules! backend {
    ($backend:ident, $dialect:ident, $begin:literal) => {
        impl Backend for $backend {
            const BEGIN_ALONE: &'static str = $begin;

            fn rows<'c>(
                connection: &'c mut Self::Connection,
                statement: &Sql,
                values: &[Value<'_>],
            ) -> impl Future<Output = Result<Vec<Row>, sqlx::Error>> + Send + 'c {
                let mut query = sqlx::query::<$backend>(statement.$dialect);
                for value in values {
                    query = match *value {
                        Value::Int(number) => query.bind(number),
                        Value::Flag(flag) => query.bind(flag),
                        Value::Text(text) => query.bind(text),
                        Value::Bytes(bytes) => query.bind(bytes),
                    };
                }
                async move {
                    let rows = query.fetch_all(connection).await?;
                    Ok(rows.into_iter().map(Row::$backend).collect())
                }
            }
        }
    };
}

// A transaction that begins by reading cannot be sure to write later.
backend!(Sqlite, sqlite, "BEGIN EXCLUSIVE");
// sqlx holds an advisory lock while it migrates.
backend!(Postgres, postgres, "BEGIN");
