//! The statements of the probe, for MySQL 5.7 and MariaDB 10.3 and newer, and those that carry a configured query.
//!
//! The probe's own statements join, group and sort nothing: that takes temporary tables, which with columns like these are
//! on the server's disk, and a server in trouble may have no room for them.

use std::time::SystemTime;

use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Executor, MySql, SqlSafeStr, raw_sql};
use tokio::time::Instant;

use super::codes::is_lacking;
use super::make::Make;
use crate::probe::kind::server::Clock;
use crate::probe::kind::sql::{Query, Table, query_time, read};
use crate::probe::run::Run;

/// The probe's own statements give one row, or as many as there are connections.
const MAX_OWN_ROWS: usize = 100_000;

const CLOCK: &str = "SELECT UNIX_TIMESTAMP(NOW(6)) AS now";

pub(super) const SERVER: &str = "\
SELECT VERSION() AS version, @@max_connections AS max, @@global.read_only AS read_only, CURRENT_USER() AS user";

/// Everybody may see these.
pub(super) const STATUS: &str = "\
SHOW SESSION STATUS
WHERE Variable_name IN ('Uptime', 'Threads_connected', 'Threads_running', 'Ssl_version')";

/// A row for each connection that the user may see.
pub(super) const PROCESSES: &str = "SHOW PROCESSLIST";

/// A row for each transaction, for users with the privilege PROCESS. Each began at a time of the system's zone, whatever that
/// of the session is.
pub(super) const TRANSACTIONS: &str = "\
SELECT trx_mysql_thread_id AS thread, trx_state AS state,
    TIMESTAMPDIFF(MICROSECOND, trx_started, CONVERT_TZ(NOW(6), @@session.time_zone, 'SYSTEM')) / 1000000 AS age
FROM information_schema.INNODB_TRX";

/// The programs that say their name. MariaDB has performance_schema turned off by default.
pub(super) const PROGRAMS: &str = "\
SELECT PROCESSLIST_ID AS thread, ATTR_VALUE AS program
FROM performance_schema.session_connect_attrs WHERE ATTR_NAME = 'program_name'";

/// What one of the statements above answers.
pub(super) async fn table(
    connection: &mut MySqlConnection,
    statement: &'static str,
) -> Result<Table, sqlx::Error> {
    read::<MySql>(raw_sql(statement).fetch(connection), MAX_OWN_ROWS).await
}

/// The same; `None` when this server or this user has no such thing.
pub(super) async fn table_or_none(
    connection: &mut MySqlConnection,
    statement: &'static str,
) -> Result<Option<Table>, sqlx::Error> {
    match table(connection, statement).await {
        Err(error) if is_lacking(&error) => Ok(None),
        answered => answered.map(Some),
    }
}

/// The server's clock beside ours. It is asked for alone, as its answer must take no longer than the way there and back.
pub(super) async fn clock(connection: &mut MySqlConnection) -> Result<Option<Clock>, sqlx::Error> {
    let (asked, began) = (SystemTime::now(), Instant::now());
    let table = table(connection, CLOCK).await?;
    let round_trip = began.elapsed();
    let now = table.number(0, "now");
    Ok(now.and_then(|now| Clock::at_unix_s(now, asked, round_trip)))
}

/// What a configured query answers. It is held in three ways:
///
/// - It is prepared first, which takes one statement only: nothing can follow it and end the transaction.
/// - The transaction is read-only, and so is every other of the session: nothing is written after a COMMIT in a routine
///   either (MySQL, "SET TRANSACTION").
/// - The server gives up in time.
///
/// The rows come by the text protocol, which has every value as text.
pub(super) async fn ask(
    run: &Run,
    connection: &mut MySqlConnection,
    make: Make,
    query: &Query,
) -> Result<Table, sqlx::Error> {
    limit(connection, make.time_limit(query_time(run))).await?;
    execute(connection, "SET SESSION TRANSACTION READ ONLY").await?;
    execute(connection, "START TRANSACTION READ ONLY").await?;
    let answer = fetch(connection, query).await;
    let ended = execute(connection, "ROLLBACK").await;
    let table = answer?;
    ended?;
    Ok(table)
}

async fn fetch(connection: &mut MySqlConnection, query: &Query) -> Result<Table, sqlx::Error> {
    let statement = AssertSqlSafe(query.sql().to_owned()).into_sql_str();
    (&mut *connection).prepare(statement.clone()).await?;
    let rows = raw_sql(statement).fetch(connection);
    read::<MySql>(rows, query.max_rows()).await
}

/// A server that knows no such limit goes without.
async fn limit(connection: &mut MySqlConnection, statement: String) -> Result<(), sqlx::Error> {
    let set = raw_sql(AssertSqlSafe(statement)).execute(connection).await;
    match set {
        Err(error) if is_lacking(&error) => Ok(()),
        set => set.map(drop),
    }
}

async fn execute(
    connection: &mut MySqlConnection,
    statement: &'static str,
) -> Result<(), sqlx::Error> {
    raw_sql(statement).execute(connection).await.map(drop)
}
