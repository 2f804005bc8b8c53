//! Statements in both dialects, what is put into them, and what comes back.

use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{ColumnIndex, Decode, Postgres, Row as _, Sqlite, Type};

/// One statement, as each make of database understands it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sql {
    pub(super) sqlite: &'static str,
    pub(super) postgres: &'static str,
}

/// Joins pieces to a [`Sql`]: texts that both understand, and names for what they say differently.
///
/// - `now`: the database's own clock, in milliseconds of Unix time.
/// - `skip_locked`: leave out rows that another agent is working on. SQLite has one writer at a time.
/// - `has_table`: whether there is a table with the name in `$1`.
/// - `installed_on`: that column as text, in UTC.
macro_rules! sql {
    ($($piece:tt)+) => {
        $crate::store::sql::Sql {
            sqlite: concat!($($crate::store::sql::piece!(sqlite $piece)),+),
            postgres: concat!($($crate::store::sql::piece!(postgres $piece)),+),
        }
    };
}

macro_rules! piece {
    (sqlite now) => {
        "CAST(round(unixepoch('subsec') * 1000) AS INTEGER)"
    };
    (postgres now) => {
        "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)"
    };
    (sqlite skip_locked) => {
        ""
    };
    (postgres skip_locked) => {
        " FOR UPDATE SKIP LOCKED"
    };
    (sqlite has_table) => {
        "EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = $1)"
    };
    (postgres has_table) => {
        "to_regclass($1) IS NOT NULL"
    };
    (sqlite installed_on) => {
        "CAST(installed_on AS TEXT)"
    };
    (postgres installed_on) => {
        "to_char(installed_on AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')"
    };
    ($dialect:ident $text:literal) => {
        $text
    };
}

pub(super) use {piece, sql};

/// A value that is put into a statement.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'v> {
    Int(Option<i64>),
    Flag(bool),
    Text(&'v str),
    Bytes(Option<&'v [u8]>),
}

/// One row of an answer.
#[derive(Debug)]
pub(super) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl Row {
    /// The value of `column`.
    pub(super) fn get<T>(&self, column: &str) -> Result<T, sqlx::Error>
    where
        T: for<'r> Decode<'r, Sqlite>
            + Type<Sqlite>
            + for<'r> Decode<'r, Postgres>
            + Type<Postgres>,
        for<'n> &'n str: ColumnIndex<SqliteRow> + ColumnIndex<PgRow>,
    {
        match self {
            Row::Sqlite(row) => row.try_get(column),
            Row::Postgres(row) => row.try_get(column),
        }
    }
}
