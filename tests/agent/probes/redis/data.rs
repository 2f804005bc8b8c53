//! What a server holds: memory, lists and streams, files, replicas.

use std::fs;
use std::time::Duration;

use serde_json::json;

use crate::probes::Watched;
use crate::probes::servers::RedisServer;

/// Scenario: memory fills up beyond the limit, where keys are evicted and where writes are refused. Guarantees: a warning
/// that says which of both, and the counter of evicted keys.
#[tokio::test(flavor = "multi_thread")]
async fn memory_that_fills_up_is_warned_of() {
    let policy = ["--maxmemory", "4mb", "--maxmemory-policy", "allkeys-lru"];
    let server = RedisServer::start(&policy).await;
    let watched = Watched::start(&[("url", server.url("").into())]).await;
    watched.passes().await;
    server
        .cli(&["DEBUG", "POPULATE", "8000", "key", "1000"])
        .await;
    server.cli(&["SET", "one", "more"]).await;
    let check = watched.warns("% of the memory is in use").await;
    let message = check["message"].as_str().unwrap();
    assert!(
        message.contains("keys are evicted when it is full (allkeys-lru)"),
        "{message}"
    );
    let evicted = "redis_keys_evicted_total";
    watched
        .reading_where(evicted, "", |count| count > 1000.0)
        .await;
    server
        .cli(&["CONFIG", "SET", "maxmemory-policy", "noeviction"])
        .await;
    watched.warns("writes are refused when it is full").await;
    server.cli(&["FLUSHALL"]).await;
    watched.passes().await;
}

/// Scenario: a list and a stream with a group that has read half of it; then a key that holds something else. Guarantees:
/// lengths, lag and pending as the server has them; a key that is not there is empty; the other type is a failure, query,
/// that names the key.
#[tokio::test(flavor = "multi_thread")]
async fn lists_and_streams_are_measured() {
    let server = RedisServer::start(&[]).await;
    server.cli(&["RPUSH", "jobs", "a", "b", "c"]).await;
    for _ in 0..4 {
        server.cli(&["XADD", "events", "*", "what", "it"]).await;
    }
    server
        .cli(&["XGROUP", "CREATE", "events", "mail", "0"])
        .await;
    let read = [
        "XREADGROUP",
        "GROUP",
        "mail",
        "me",
        "COUNT",
        "3",
        "STREAMS",
        "events",
        ">",
    ];
    server.cli(&read).await;
    let settings = [
        ("url", server.url("").into()),
        ("redis.lists", json!(["jobs", "nothing"])),
        ("redis.streams", json!(["events", "none"])),
    ];
    let watched = Watched::start(&settings).await;
    watched.passes().await;
    for (metric, labels, is) in [
        ("redis_list_length", "key=\"jobs\"", 3.0),
        ("redis_list_length", "key=\"nothing\"", 0.0),
        ("redis_stream_length", "key=\"events\"", 4.0),
        ("redis_stream_length", "key=\"none\"", 0.0),
        ("redis_stream_group_lag", "group=\"mail\"", 1.0),
        ("redis_stream_group_pending", "group=\"mail\"", 3.0),
    ] {
        watched
            .reading_where(metric, labels, |value| value == is)
            .await;
    }
    server.cli(&["DEL", "jobs"]).await;
    server.cli(&["SET", "jobs", "none"]).await;
    let check = watched.fails("query", Some("query")).await;
    let message = check["message"].as_str().unwrap();
    assert!(
        message.contains("LLEN jobs: the key holds another type"),
        "{message}"
    );
}

/// Scenario: snapshots that cannot be saved, because the directory is gone; first with writes allowed, then refused.
/// Guarantees: a warning; then unavailable, as the server refuses writes (MISCONF).
#[tokio::test(flavor = "multi_thread")]
async fn data_that_cannot_be_saved_is_told_of() {
    let server = RedisServer::start(&["--enable-protected-configs", "yes"]).await;
    let watched = Watched::start(&[("url", server.url("").into())]).await;
    watched.passes().await;
    let gone = server.directory().join("gone");
    fs::create_dir(&gone).unwrap();
    server
        .cli(&["CONFIG", "SET", "dir", gone.to_str().unwrap()])
        .await;
    fs::remove_dir(&gone).unwrap();
    server.cli(&["BGSAVE"]).await;
    watched.warns("the last snapshot could not be saved").await;
    server.cli(&["CONFIG", "SET", "save", "3600 1"]).await;
    let check = watched.fails("unavailable", Some("query")).await;
    assert!(
        check["message"].as_str().unwrap().contains("MISCONF"),
        "{check}"
    );
}

/// Scenario: a server that loads a large file slowly. Guarantees: unavailable, with how far it is; up when it is done.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_loads_is_unavailable() {
    let mut server = RedisServer::start(&["--dbfilename", "all.rdb"]).await;
    server
        .cli(&["DEBUG", "POPULATE", "2000", "key", "10"])
        .await;
    server.cli(&["SAVE"]).await;
    let watched = Watched::start(&[("url", server.url("").into())]).await;
    watched.passes().await;
    server.stop().await;
    // A pause after each key, so that it takes about six seconds.
    server.load_slowly(Duration::from_millis(3));
    server.begin();
    let check = watched.fails("unavailable", Some("query")).await;
    assert!(
        check["message"]
            .as_str()
            .unwrap()
            .contains("loading its data"),
        "{check}"
    );
    watched.passes().await;
}

/// Scenario: a primary with a replica, seen from both; then the primary stops. Guarantees: each says its role; the primary
/// measures its replica, the replica itself; then the replica warns that its link is down.
#[tokio::test(flavor = "multi_thread")]
async fn replicas_are_measured_from_both_sides() {
    let mut primary = RedisServer::start(&[]).await;
    let replica = RedisServer::replica_of(&primary).await;
    let from_primary = Watched::start(&[("url", primary.url("").into())]).await;
    let from_replica = Watched::start(&[("url", replica.url("").into())]).await;
    let check = from_replica.passes().await;
    assert_eq!(check["facts"]["role"], "replica");
    assert_eq!(check["facts"]["primary"], primary.address().to_string());
    let check = from_primary.passes().await;
    let of_replica = &check["facts"]["replicas"][0];
    assert_eq!(of_replica["name"], replica.address().to_string());
    assert_eq!(of_replica["state"], "online");
    let label = format!("replica=\"{}\"", replica.address());
    from_primary
        .reading_where("db_server_replication_lag_seconds", &label, |lag| lag < 5.0)
        .await;
    primary.stop().await;
    let check = from_replica.warns("the link to the primary").await;
    assert!(
        check["message"].as_str().unwrap().contains("is down"),
        "{check}"
    );
    let own = "replica=\"self\"";
    from_replica
        .reading_where("db_server_replication_lag_seconds", own, |lag| lag >= 1.0)
        .await;
}
