//! The statements of the probe, for PostgreSQL 10 and newer, and those that carry a configured query.

use std::time::SystemTime;

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Postgres, raw_sql};
use tokio::time::Instant;

use crate::probe::kind::server::Clock;
use crate::probe::kind::sql::{Query, Table, query_time, read};
use crate::probe::run::Run;

/// The probe's own statements give one row, or as many as there are replicas or kinds of connections.
const MAX_OWN_ROWS: usize = 10_000;

const CLOCK: &str = "SELECT extract(epoch FROM clock_timestamp()) AS now";

/// Connections kept for superusers and, from version 16, for pg_use_reserved_connections, are none for services.
pub(super) const SERVER: &str = "\
SELECT current_setting('server_version') AS version,
    extract(epoch FROM pg_postmaster_start_time()) AS started,
    extract(epoch FROM clock_timestamp() - pg_postmaster_start_time()) AS uptime,
    pg_is_in_recovery() AS replica,
    current_setting('max_connections')::int
        - current_setting('superuser_reserved_connections')::int
        - coalesce(nullif(current_setting('reserved_connections', true), ''), '0')::int AS max,
    (SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()) AS tls,
    current_user AS user,
    pg_has_role('pg_read_all_stats', 'USAGE') AS sees_all";

/// Connections of clients. For connections of other users, a user without pg_read_all_stats sees neither `backend_type`
/// nor `state`, but `usesysid` and `datid`, which background processes lack.
pub(super) const CONNECTIONS: &str = "\
SELECT application_name AS application, state,
    coalesce(wait_event_type = 'Lock', false) AS waiting, count(*) AS count
FROM pg_stat_activity
WHERE backend_type = 'client backend'
    OR (backend_type IS NULL AND usesysid IS NOT NULL AND datid IS NOT NULL)
GROUP BY 1, 2, 3";

/// The oldest transaction of another client.
pub(super) const TRANSACTION: &str = "\
SELECT extract(epoch FROM clock_timestamp() - xact_start) AS age, application_name AS application, state, pid
FROM pg_stat_activity
WHERE backend_type = 'client backend' AND xact_start IS NOT NULL AND pid <> pg_backend_pid()
ORDER BY xact_start LIMIT 1";

/// Who streams from this server, base backups aside. A replica passes on what it has received or, from its archive,
/// replayed.
pub(super) const REPLICAS: &str = "\
SELECT application_name AS name, host(client_addr) AS address, state, sync_state AS sync,
    extract(epoch FROM replay_lag) AS lag,
    pg_wal_lsn_diff(
        CASE WHEN pg_is_in_recovery()
            THEN greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())
            ELSE pg_current_wal_lsn() END,
        replay_lsn) AS behind
FROM pg_stat_replication
WHERE state IS DISTINCT FROM 'backup'
ORDER BY 1, 2 LIMIT 100";

/// What this replica has received, or knows that its primary has written, and what it has replayed.
pub(super) const STANDBY: &str = "\
SELECT greatest(pg_last_wal_receive_lsn(), receiver.latest_end_lsn) AS target,
    coalesce(pg_last_wal_replay_lsn() < greatest(pg_last_wal_receive_lsn(), receiver.latest_end_lsn), false) AS behind,
    extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) AS age,
    pg_is_wal_replay_paused() AS paused,
    receiver.pid IS NOT NULL AS receives, receiver.status
FROM (SELECT) AS one LEFT JOIN pg_stat_wal_receiver AS receiver ON true";

/// What one of the statements above answers.
pub(super) async fn table(
    connection: &mut PgConnection,
    statement: &'static str,
) -> Result<Table, sqlx::Error> {
    read::<Postgres>(raw_sql(statement).fetch(connection), MAX_OWN_ROWS).await
}

/// The server's clock beside ours. It is asked for alone, as its answer must take no longer than the way there and back.
pub(super) async fn clock(connection: &mut PgConnection) -> Result<Option<Clock>, sqlx::Error> {
    let (asked, began) = (SystemTime::now(), Instant::now());
    let table = table(connection, CLOCK).await?;
    let round_trip = began.elapsed();
    let now = table.number(0, "now");
    Ok(now.and_then(|now| Clock::at_unix_s(now, asked, round_trip)))
}

/// How far this replica has replayed `target`, a position that an earlier look found.
pub(super) async fn has_replayed(
    connection: &mut PgConnection,
    target: &str,
) -> Result<bool, sqlx::Error> {
    let statement =
        sqlx::query_scalar::<_, bool>("SELECT pg_last_wal_replay_lsn() >= $1::text::pg_lsn")
            .bind(target.to_owned())
            .persistent(false);
    statement.fetch_one(connection).await
}

/// What a configured query answers. It runs as a cursor in a read-only transaction, and is held in three ways:
///
/// - The declaration goes by the extended protocol, where a message holds one statement: nothing can follow the query and
///   end the transaction. Only what is a SELECT at heart can be a cursor.
/// - The transaction has taken its snapshot (by the SELECT of its timeout) when the query comes. From then on PostgreSQL
///   lets nothing make it a writing one, a function in the query neither (manual, SET TRANSACTION).
/// - The server makes no more rows than are read, and gives up in time.
///
/// The rows come by the simple protocol, which has every value as text.
pub(super) async fn ask(
    run: &Run,
    connection: &mut PgConnection,
    query: &Query,
) -> Result<Table, sqlx::Error> {
    let timeout_ms = query_time(run).as_millis().max(1);
    let begin =
        format!("BEGIN READ ONLY; SELECT set_config('statement_timeout', '{timeout_ms}', true)");
    raw_sql(AssertSqlSafe(begin))
        .execute(&mut *connection)
        .await?;
    let answer = fetch(connection, query).await;
    let ended = raw_sql("ROLLBACK").execute(connection).await;
    let table = answer?;
    ended?;
    Ok(table)
}

async fn fetch(connection: &mut PgConnection, query: &Query) -> Result<Table, sqlx::Error> {
    let declare = format!("DECLARE lineside NO SCROLL CURSOR FOR {}", query.sql());
    sqlx::query(AssertSqlSafe(declare))
        .persistent(false)
        .execute(&mut *connection)
        .await?;
    let rows = query.max_rows().saturating_add(1);
    let fetch = format!("FETCH FORWARD {rows} FROM lineside");
    let rows = raw_sql(AssertSqlSafe(fetch)).fetch(connection);
    read::<Postgres>(rows, query.max_rows()).await
}
