//! What a server that works says of itself.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Postgres, watch};
use crate::fixture::eventually;
use crate::probes::servers::execute;

/// Scenario: a server with connections that are idle, in a transaction, and waiting for a lock of it. Guarantees: health, metrics and
/// span say so, with the server's own facts; the run has its three phases.
#[tokio::test]
async fn a_server_that_works_tells_of_itself() {
    let server = Postgres::start().await;
    server.sql("CREATE TABLE jobs (name text)").await;
    let _idle = server.session("billing").await;
    let mut holder = server.session("shop").await;
    execute(&mut holder, "BEGIN; LOCK TABLE jobs").await;
    let mut waiter = server.session("shop").await;
    let waiting = tokio::spawn(async move { execute(&mut waiter, "SELECT * FROM jobs").await });
    let watched = watch(&server.url(), &[]).await;
    let check = watched.passes().await;

    for (label, count) in [
        ("application=\"billing\",probe=\"it\",state=\"idle\"", 1.0),
        (
            "application=\"shop\",probe=\"it\",state=\"idle_in_transaction\"",
            1.0,
        ),
        ("application=\"shop\",probe=\"it\",state=\"waiting\"", 1.0),
        (
            "application=\"lineside\",probe=\"it\",state=\"active\"",
            1.0,
        ),
    ] {
        let metric = "db_server_connections";
        watched
            .reading_where(metric, label, |value| value == count)
            .await;
    }
    assert_eq!(
        watched.reading("db_server_connections_max", "it").await,
        97.0
    );
    assert!(watched.reading("db_server_connections_used", "it").await >= 4.0);
    assert!(watched.reading("db_server_uptime_seconds", "it").await > 0.0);
    assert!(
        watched
            .reading("db_server_clock_skew_seconds", "it")
            .await
            .abs()
            < 0.5
    );
    let longest = "db_server_transaction_longest_seconds";
    watched.reading_where(longest, "it", |age| age > 0.0).await;

    let facts = &check["facts"];
    assert!(
        facts["server_version"].is_string() && facts["server_time"].is_string(),
        "{facts}"
    );
    assert_eq!(facts["role"], "primary");
    assert!(
        facts["clock_skew_ms"].as_f64().unwrap().abs() < 500.0,
        "{facts}"
    );
    assert_eq!(facts["limited"], Value::Null);
    assert_eq!(facts["connections"]["max"], 97);

    let span = watched.span().await;
    assert_eq!(span.phases, ["resolve", "connect", "query"]);
    for (name, value) in [
        ("db.system.name", "postgresql"),
        ("db.namespace", "postgres"),
        ("server.address", &server.address().ip().to_string()),
        ("server.port", "5432"),
    ] {
        assert_eq!(
            span.attributes.get(name).map(String::as_str),
            Some(value),
            "{name}"
        );
    }
    drop(holder);
    waiting.await.unwrap();
}

/// Scenario: a probe over the server's socket in the file system; the server stops and starts. Guarantees: it works, is refused
/// where the socket is gone, and works again.
#[tokio::test]
async fn a_socket_in_the_file_system_works_as_well() {
    let mut server = Postgres::start().await;
    server.allow_socket().await;
    let directory = server.directory().display().to_string();
    let url = format!("{}?host={directory}", server.url());
    let watched = watch(&url, &[]).await;
    watched.passes().await;
    let span = watched.span().await;
    let socket = format!("{directory}/.s.PGSQL.5432");
    assert_eq!(span.attributes["server.address"], socket);
    server.stop().await;
    watched.fails("refused", Some("connect")).await;
    server.start_again().await;
    watched.passes().await;
}

/// Scenario: a user who may log in and nothing else. Guarantees: the probe passes, counts connections whose state it may not see,
/// and says what it lacks.
#[tokio::test]
async fn a_user_without_rights_sees_less_and_says_so() {
    let server = Postgres::start().await;
    server.sql("REVOKE pg_monitor FROM probe").await;
    let _billing = server.session("billing").await;
    let watched = watch(&server.url(), &[]).await;
    let check = watched.passes().await;
    let limited = check["facts"]["limited"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    assert!(limited.contains("GRANT pg_monitor TO probe"), "{check:#}");
    let label = "application=\"billing\",probe=\"it\",state=\"unknown\"";
    watched
        .reading_where("db_server_connections", label, |value| value == 1.0)
        .await;
}

/// Scenario: a transaction that stays open and does nothing. Guarantees: a warning names the application, how it is and how to end it;
/// once it has ended, the probe passes.
#[tokio::test]
async fn a_transaction_that_stays_open_is_warned_of() {
    let server = Postgres::start().await;
    let watched = watch(&server.url(), &[("transaction_warn", json!("500ms"))]).await;
    watched.passes().await;
    let mut session = server.session("billing").await;
    execute(&mut session, "BEGIN; SELECT 1").await;
    let check = watched
        .warns("a transaction of billing has been open")
        .await;
    let message = check["message"].as_str().unwrap();
    assert!(message.contains("idle in transaction"), "{message}");
    assert!(message.contains("pg_terminate_backend("), "{message}");
    execute(&mut session, "COMMIT").await;
    watched.passes().await;
}

/// Scenario: a server that is filled, first beyond the share that warns, then to its last connection, then emptied. Guarantees: a warning
/// that names who holds them, then a failure as full, then a pass.
#[tokio::test]
async fn a_server_that_fills_up_warns_before_it_is_full() {
    let settings = [
        ("max_connections", "13"),
        ("superuser_reserved_connections", "3"),
    ];
    let server = Postgres::start_with(&settings).await;
    let watched = watch(&server.url(), &[]).await;
    watched.passes().await;
    let mut held = Vec::new();
    for _ in 0..8 {
        held.push(server.session("billing").await);
    }
    let check = watched
        .warns("of 10 connections are in use, 8 by billing (8 idle)")
        .await;
    assert_eq!(check["facts"]["connections"]["max"], 10, "{check:#}");
    // A run may hold the last one at this moment.
    while held.len() < 10 {
        held.push(server.session("billing").await);
    }
    let check = watched.fails("full", Some("handshake")).await;
    let message = check["message"].as_str().unwrap();
    assert!(message.contains("53300"), "{message}");
    let span = watched.span().await;
    assert_eq!(span.attributes["db.response.status_code"], "53300");
    held.clear();
    watched.passes().await;
    let gone = async || {
        let label = "application=\"billing\"";
        let count = watched.reading("db_server_connections", label).await;
        (count == 0.0).then_some(())
    };
    eventually("no connection of billing", Duration::from_secs(20), gone).await;
}
