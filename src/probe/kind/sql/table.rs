//! The answer to a statement.

use std::future::poll_fn;
use std::pin::Pin;

use futures_core::Stream;
use sqlx::{Column, ColumnIndex, Database, Decode, Row};

use super::failure::cut;

/// An answer is read up to this many bytes of values; what is left then is not.
const MAX_BYTES: usize = 1 << 20;

/// PostgreSQL cuts the names of applications at 63 bytes by itself.
const MAX_NAME_CHARS: usize = 64;

/// Rows of an answer, their values as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::probe::kind) struct Table {
    /// The names of the columns; empty when there is no row.
    pub(in crate::probe::kind) columns: Vec<String>,
    /// The values, `None` for NULL.
    pub(in crate::probe::kind) rows: Vec<Vec<Option<String>>>,
    /// Whether there were more rows than were read.
    pub(in crate::probe::kind) more: bool,
}

/// What `sqlx::raw_sql(…).fetch(…)` gives.
pub(in crate::probe::kind) type Rows<'c, DB> =
    Pin<Box<dyn Stream<Item = Result<<DB as Database>::Row, sqlx::Error>> + Send + 'c>>;

/// Reads at most `max_rows` of `rows`, and at most 1 MiB. It works where every value is text on the wire, or where the
/// library turns every value into text.
///
/// # Errors
///
/// Those of the statement, and of values that are not UTF-8.
pub(in crate::probe::kind) async fn read<DB>(
    mut rows: Rows<'_, DB>,
    max_rows: usize,
) -> Result<Table, sqlx::Error>
where
    DB: Database,
    usize: ColumnIndex<DB::Row>,
    for<'r> String: Decode<'r, DB>,
{
    let mut table = Table::default();
    let mut bytes = 0usize;
    while let Some(row) = poll_fn(|context| rows.as_mut().poll_next(context)).await {
        let row = row?;
        if table.rows.len() >= max_rows || bytes >= MAX_BYTES {
            table.more = true;
            break;
        }
        if table.columns.is_empty() {
            table.columns = names::<DB>(&row);
        }
        let values = values::<DB>(&row)?;
        let added = values.iter().flatten().map(String::len).sum::<usize>();
        bytes = bytes.saturating_add(added);
        table.rows.push(values);
    }
    Ok(table)
}

fn names<DB: Database>(row: &DB::Row) -> Vec<String> {
    let columns = row.columns().iter();
    columns.map(|column| column.name().to_owned()).collect()
}

fn values<DB>(row: &DB::Row) -> Result<Vec<Option<String>>, sqlx::Error>
where
    DB: Database,
    usize: ColumnIndex<DB::Row>,
    for<'r> String: Decode<'r, DB>,
{
    let all = 0..row.len();
    all.map(|at| row.try_get_unchecked::<Option<String>, usize>(at))
        .collect()
}

impl Table {
    /// The value of the column `name` in row `row`.
    pub(in crate::probe::kind) fn get(&self, row: usize, name: &str) -> Option<&str> {
        let column = self.columns.iter().position(|column| column == name)?;
        self.rows.get(row)?.get(column)?.as_deref()
    }

    /// The same, as a name within a sentence or a label: without what is beyond 64 characters.
    pub(in crate::probe::kind) fn short(&self, row: usize, name: &str) -> Option<String> {
        Some(cut(self.get(row, name)?, MAX_NAME_CHARS))
    }

    /// The same as a number that is finite.
    pub(in crate::probe::kind) fn number(&self, row: usize, name: &str) -> Option<f64> {
        let number = self.get(row, name)?.parse().ok();
        number.filter(|number: &f64| number.is_finite())
    }

    /// The same as a count.
    pub(in crate::probe::kind) fn count(&self, row: usize, name: &str) -> Option<u64> {
        self.get(row, name)?.parse().ok()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use sqlx::sqlite::SqliteConnection;
    use sqlx::{AssertSqlSafe, Connection, Sqlite, raw_sql};

    use super::*;

    async fn ask(sql: &str, max_rows: usize) -> Result<Table, sqlx::Error> {
        let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        read::<Sqlite>(raw_sql(AssertSqlSafe(sql)).fetch(&mut connection), max_rows).await
    }

    const COUNTING: &str =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000) ";

    /// Scenario: rows with texts and NULL. Guarantees: names and values come as they are, and can be looked up.
    #[tokio::test]
    async fn rows_become_text() {
        let table = ask("SELECT 'a' AS x, NULL AS y UNION ALL SELECT '2', '3.5'", 10)
            .await
            .unwrap();
        assert_eq!(table.columns, ["x", "y"]);
        assert_eq!(table.rows.len(), 2);
        assert!(!table.more);
        assert_eq!(
            (table.get(0, "x"), table.get(0, "y"), table.get(0, "z")),
            (Some("a"), None, None)
        );
        assert_eq!(
            (
                table.count(1, "x"),
                table.number(1, "y"),
                table.number(2, "y")
            ),
            (Some(2), Some(3.5), None)
        );
    }

    /// Scenario: a name of 1000 characters, and numbers that are not finite. Guarantees: the name is cut, and the numbers are none.
    #[test]
    fn values_are_taken_with_care() {
        let values = ["ä".repeat(1000), "NaN".to_owned(), "inf".to_owned()];
        let table = Table {
            columns: ["name", "nan", "inf"].map(str::to_owned).to_vec(),
            rows: vec![values.map(Some).to_vec()],
            more: false,
        };
        assert_eq!(table.short(0, "name").unwrap().chars().count(), 65);
        assert_eq!(
            (table.number(0, "nan"), table.number(0, "inf")),
            (None, None)
        );
    }

    /// Scenario: a million rows, and rows of 100 KiB. Guarantees: reading ends at the number of rows, or at 1 MiB, and says
    /// that there was more; exactly as many rows as may be read are not more.
    #[tokio::test]
    async fn what_is_read_has_limits() {
        let table = ask(&format!("{COUNTING} SELECT CAST(i AS TEXT) FROM n"), 3)
            .await
            .unwrap();
        assert_eq!((table.rows.len(), table.more), (3, true));
        let large = format!("{COUNTING} SELECT hex(zeroblob(51200)) FROM n");
        let table = ask(&large, 1000).await.unwrap();
        assert_eq!((table.rows.len(), table.more), (11, true));
        let table = ask("SELECT 'a' UNION ALL SELECT 'b'", 2).await.unwrap();
        assert_eq!((table.rows.len(), table.more), (2, false));
    }

    /// Scenario: a statement that fails, and one without rows. Guarantees: the error comes through; no rows are no error.
    #[tokio::test]
    async fn errors_come_through() {
        assert!(matches!(
            ask("SELECT * FROM missing", 1).await,
            Err(sqlx::Error::Database(_))
        ));
        assert_eq!(
            ask("SELECT 1 WHERE false", 1).await.unwrap(),
            Table::default()
        );
    }
}
