//! Replication, seen from both of its ends.

use std::time::Duration;

use serde_json::json;

use super::{Postgres, watch};

const LAG: &str = "db_server_replication_lag_seconds";

/// Scenario: a replica that streams from an idle primary, whose last transaction gets old. Guarantees: neither end shows a lag, long after
/// that age has passed the limit.
#[tokio::test]
async fn an_idle_primary_is_no_lag() {
    let primary = Postgres::start().await;
    let replica = primary.replica("one").await;
    primary.sql("CREATE TABLE last (x int)").await;
    let warn = [("lag_warn", json!("500ms"))];
    let (above, below) = (
        watch(&primary.url(), &warn).await,
        watch(&replica.url(), &warn).await,
    );
    let check = below.passes().await;
    assert_eq!(check["facts"]["role"], "replica");
    above.passes().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let check = below.run().await;
    assert_eq!(check["status"], "pass", "{check:#}");
    assert_eq!(check["facts"]["replication_lag_ms"], 0.0, "{check:#}");
    assert_eq!(below.reading(LAG, "replica=\"self\"").await, 0.0);
    assert_eq!(above.run().await["status"], "pass");
    assert!(above.agent.metrics().await.contains("replica=\"one\""));
    assert_eq!(above.reading(LAG, "replica=\"one\"").await, 0.0);
}

/// Scenario: the replay of a replica is paused while its primary writes, and goes on. Guarantees: the lag grows on both ends until both warn, the
/// replica with the cause; then both pass.
#[tokio::test]
async fn paused_replay_is_lag_on_both_ends() {
    let primary = Postgres::start().await;
    let replica = primary.replica("one").await;
    let warn = [("lag_warn", json!("2s"))];
    let (above, below) = (
        watch(&primary.url(), &warn).await,
        watch(&replica.url(), &warn).await,
    );
    above.passes().await;
    below.passes().await;
    replica.sql("SELECT pg_wal_replay_pause()").await;
    primary.sql("CREATE TABLE behind (x int)").await;
    let check = below
        .warns("behind its primary: its replay is paused")
        .await;
    assert_eq!(check["facts"]["replay_paused"], true);
    let first = below
        .reading_where(LAG, "replica=\"self\"", |lag| lag > 2.0)
        .await;
    below
        .reading_where(LAG, "replica=\"self\"", |lag| lag > first + 0.5)
        .await;
    above.warns("replica one is").await;
    above
        .reading_where(LAG, "replica=\"one\"", |lag| lag > 2.0)
        .await;
    replica.sql("SELECT pg_wal_replay_resume()").await;
    below.passes().await;
    above.passes().await;
}

/// Scenario: the primary of a replica stops and starts again. Guarantees: the replica warns that it receives nothing, and passes once it does.
#[tokio::test]
async fn a_replica_without_its_primary_warns() {
    let mut primary = Postgres::start().await;
    let replica = primary.replica("one").await;
    let watched = watch(&replica.url(), &[]).await;
    watched.passes().await;
    primary.stop().await;
    watched.warns("receives nothing from its primary").await;
    primary.start_again().await;
    watched.passes().await;
}
