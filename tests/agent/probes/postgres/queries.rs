//! Configured queries.

use std::time::Duration;

use serde_json::json;

use super::{Postgres, watch};
use crate::fixture::eventually;

const QUEUE: &str = "SELECT queue_name, status, count(*) AS value FROM jobs GROUP BY 1, 2";

async fn with_jobs() -> Postgres {
    let server = Postgres::start().await;
    server
        .sql(
            "CREATE TABLE jobs (queue_name text, status text);
             INSERT INTO jobs VALUES ('mail', 'new'), ('mail', 'new'), ('sms', 'done');
             GRANT SELECT, INSERT ON jobs TO probe",
        )
        .await;
    server
}

/// Scenario: a query that groups jobs, another with decimal numbers, a third without rows, and one that the server comments on. Guarantees: each
/// number is a gauge with the other columns as labels, which follows the table; the comment does not fill the log.
#[tokio::test]
async fn rows_become_gauges() {
    let server = with_jobs().await;
    server
        .sql(
            "CREATE FUNCTION remark() RETURNS int LANGUAGE plpgsql AS
             $$ BEGIN RAISE WARNING 'a remark'; RETURN 1; END $$",
        )
        .await;
    let settings = [
        ("query.remark.sql", json!("SELECT remark() AS value")),
        ("query.queue.sql", json!(QUEUE)),
        ("query.queue.metric", json!("queue.size")),
        (
            "query.age.sql",
            json!("SELECT 12.50::numeric AS low, 99::bigint AS high"),
        ),
        ("query.age.values", json!(["low", "high"])),
        ("query.none.sql", json!("SELECT 1 AS value WHERE false")),
    ];
    let watched = watch(&server.url(), &settings).await;
    watched.passes().await;
    let mail = "probe=\"it\",queue_name=\"mail\",status=\"new\"";
    assert_eq!(watched.reading("queue_size", mail).await, 2.0);
    assert_eq!(
        watched.reading("queue_size", "queue_name=\"sms\"").await,
        1.0
    );
    assert_eq!(watched.reading("age_low", "it").await, 12.5);
    assert_eq!(watched.reading("age_high", "it").await, 99.0);
    server.sql("INSERT INTO jobs VALUES ('mail', 'new')").await;
    watched
        .reading_where("queue_size", mail, |size| size == 3.0)
        .await;
    assert!(!watched.agent.log().contains("a remark"));
}

/// Scenario: a query whose table is not there, beside one that works. Guarantees: the probe fails for the query, names it and the server's code;
/// the server's own numbers and those of the other query are still shown; it passes once the table is there.
#[tokio::test]
async fn a_query_that_fails_fails_alone() {
    let server = with_jobs().await;
    let settings = [
        ("query.queue.sql", json!(QUEUE)),
        (
            "query.broken.sql",
            json!("SELECT count(*) AS value FROM later"),
        ),
    ];
    let watched = watch(&server.url(), &settings).await;
    let check = watched.fails("query", Some("query")).await;
    let message = check["message"].as_str().unwrap();
    assert!(
        message.contains("query broken: relation \"later\" does not exist (42P01)"),
        "{message}"
    );
    assert_eq!(check["facts"]["role"], "primary", "{check:#}");
    let label = "application=\"lineside\"";
    watched
        .reading_where("db_server_connections", label, |count| count == 1.0)
        .await;
    assert_eq!(watched.reading("queue", "queue_name=\"sms\"").await, 1.0);
    server
        .sql("CREATE TABLE later (x int); GRANT SELECT ON later TO probe")
        .await;
    watched.passes().await;
}

/// Scenario: a query that calls a function which writes, and one that tries to make its transaction a writing one first, by a user who may
/// write. Guarantees: the server refuses both, and nothing is written.
#[tokio::test]
async fn a_query_cannot_write() {
    let server = with_jobs().await;
    server
        .sql(
            "CREATE FUNCTION sneak() RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS
             $$ BEGIN INSERT INTO jobs VALUES ('sneaked', 'in'); RETURN 1; END $$",
        )
        .await;
    let cases = [
        ("SELECT sneak() AS value", "25006"),
        (
            "SELECT set_config('transaction_read_only', 'off', false), sneak() AS value",
            "read-write mode must be set before any query",
        ),
    ];
    for (sql, expected) in cases {
        let watched = watch(&server.url(), &[("query.sneaky.sql", json!(sql))]).await;
        let check = watched.fails("query", Some("query")).await;
        let message = check["message"].as_str().unwrap();
        assert!(message.contains(expected), "{message}");
    }
    let settings = [(
        "query.sneaked.sql",
        json!("SELECT count(*) AS value FROM jobs"),
    )];
    let watched = watch(&server.url(), &settings).await;
    watched.passes().await;
    assert_eq!(watched.reading("sneaked", "it").await, 3.0);
}

/// Scenario: a query that takes longer than the run may. Guarantees: a timeout in the query that names it, and no statement of the probe that goes
/// on in the server.
#[tokio::test]
async fn a_query_that_takes_too_long_is_ended_by_the_server() {
    let server = with_jobs().await;
    let sql = "SELECT 1 AS value FROM pg_sleep(600)";
    let settings = [("query.slow.sql", json!(sql)), ("timeout", json!("2s"))];
    let watched = watch(&server.url(), &settings).await;
    watched.fails("timeout", Some("query")).await;
    // On a machine that is busy enough, the agent is the first to lose patience.
    let ended = async || {
        let check = watched.check().await;
        let message = check["message"].as_str().unwrap_or_default();
        (message.contains("query slow") && message.contains("57014")).then_some(())
    };
    let what = "the server ended the query";
    eventually(what, Duration::from_secs(20), ended).await;
    // One may be under way.
    let label = "application=\"lineside\"";
    let held = watched.reading("db_server_connections", label).await;
    assert!(held <= 1.0, "{held}");
}

/// Scenario: a million rows, and numbers that are none. Guarantees: only as many rows as allowed are made and read, with a warning; the other is a
/// failure that names column and query.
#[tokio::test]
async fn answers_are_held_to_what_was_asked() {
    let server = with_jobs().await;
    let many = "SELECT i AS number, i AS value FROM generate_series(1, 1000000) AS i";
    let settings = [
        ("query.many.sql", json!(many)),
        ("query.many.max_rows", json!(5)),
    ];
    let watched = watch(&server.url(), &settings).await;
    watched.warns("query many has more than 5 rows").await;
    watched.reading_where("many", "it", |sum| sum == 15.0).await;

    let settings = [("query.words.sql", json!("SELECT 'plenty' AS value"))];
    let watched = watch(&server.url(), &settings).await;
    let check = watched.fails("query", Some("query")).await;
    let message = check["message"].as_str().unwrap();
    assert!(
        message.contains("query words: the column value holds \"plenty\""),
        "{message}"
    );
}
