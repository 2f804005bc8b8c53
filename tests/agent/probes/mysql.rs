//! MySQL probes, against real MariaDB servers.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use sqlx::{Executor, raw_sql};

use super::Watched;
use super::servers::{MARIADB_PASSWORD as PASSWORD, MariaDb};
use crate::fixture::{Authority, Gate, Mode, debian_tool, eventually};

/// A probe of `server` with further settings below `probe.it`.
async fn watch(server: &MariaDb, settings: &[(&str, Value)]) -> Watched {
    watch_at(server.address(), settings).await
}

async fn watch_at(address: std::net::SocketAddr, settings: &[(&str, Value)]) -> Watched {
    let url = format!("mariadb://probe@{address}/shop");
    let mut all = vec![("url", json!(url)), ("password", json!(PASSWORD))];
    all.extend(settings.iter().cloned());
    Watched::start(&all).await
}

/// Scenario: A healthy server, asked again and again under its own scheme and under `mysql`.
/// Guarantees: The check passes with its facts, readings and span, and knows that it is MariaDB. The server counts no
/// connection as broken off.
#[tokio::test]
async fn a_healthy_server_passes() {
    let server = MariaDb::start(&[]).await;
    let url = format!("mysql://probe@{}/shop", server.address());
    let mut all = Vec::new();
    for settings in [vec![], vec![("url", json!(url))]] {
        let watched = watch(&server, &settings).await;
        let check = watched.passes().await;
        let facts = &check["facts"];
        let version = facts["server_version"].as_str().unwrap();
        assert!(version.contains("MariaDB"), "{facts:#}");
        assert_eq!(facts["role"], "primary", "{facts:#}");
        assert_eq!(facts["read_only"], false, "{facts:#}");
        assert_eq!(facts["limited"], Value::Null, "{facts:#}");
        assert_eq!(facts["connections"]["active"], 1, "{facts:#}");
        assert_eq!(facts["connections"]["max"], 151, "{facts:#}");
        assert!(
            facts["clock_skew_ms"].as_f64().unwrap().abs() < 1000.0,
            "{facts:#}"
        );
        assert_eq!(watched.reading("db_server_connections_used", "").await, 1.0);
        assert_eq!(
            watched.reading("db_server_connections_max", "").await,
            151.0
        );
        let uptime = watched.reading("db_server_uptime_seconds", "").await;
        assert!(uptime >= 0.0, "{uptime}");

        let span = watched.span().await;
        assert_eq!(span.attributes["db.system.name"], "mariadb");
        assert_eq!(span.attributes["db.namespace"], "shop");
        assert_eq!(span.attributes["server.port"], "3306");
        assert_eq!(span.phases, ["resolve", "connect", "query"]);
        for _ in 0..5 {
            watched.run().await;
        }
        // One that is ended here may be in the middle of a run.
        all.push(watched);
    }
    assert_eq!(server.status("Aborted_clients").await, 0);
    assert_eq!(server.status("Aborted_connects").await, 0);
}

/// Scenario: The server ends, comes back, is frozen, and goes on.
/// Guarantees: Each state shows with its reason and phase, and ends by itself.
#[tokio::test]
async fn stopped_started_frozen_thawed() {
    let mut server = MariaDb::start(&[]).await;
    let watched = watch(&server, &[]).await;
    watched.passes().await;
    server.stop().await;
    watched.fails("refused", Some("connect")).await;
    server.start_again().await;
    watched.passes().await;
    server.daemon().freeze();
    let check = watched.fails("timeout", Some("handshake")).await;
    let message = check["message"].as_str().unwrap();
    assert!(message.contains("connected, but"), "{message}");
    server.daemon().thaw();
    watched.passes().await;
}

/// Scenario: A server hangs for many runs, then goes on; `max_connect_errors` would shut this host out.
/// Guarantees: Run after run fails, and the server counts two handshakes that were broken off at most: the witness, and one
/// that a run began when the login before it had ended.
#[tokio::test]
async fn a_server_that_hangs_counts_no_errors_against_this_host() {
    let server = MariaDb::start(&[]).await;
    let watched = watch(&server, &[("timeout", json!("200ms"))]).await;
    watched.passes().await;
    server.daemon().freeze();
    let runs = async || {
        watched
            .reading("lineside_probe_runs_total", "reason=\"timeout\"")
            .await
    };
    eventually("ten runs in vain", Duration::from_secs(30), async || {
        (runs().await >= 10.0).then_some(())
    })
    .await;
    watched.fails("timeout", Some("handshake")).await;
    server.daemon().thaw();
    watched.passes().await;
    let broken_off = server.status("Aborted_connects").await;
    assert!(broken_off <= 2, "{broken_off}");
}

/// Scenario: A way to the server that is slow, too slow, mute, closed, and a black hole.
/// Guarantees: Slow passes and is seen to be; each other fails with its reason, in its phase.
#[tokio::test]
async fn the_way_to_the_server_misbehaves() {
    let server = MariaDb::start(&[]).await;
    let gate = Gate::before(server.address()).await;
    let watched = watch_at(gate.address(), &[("slow_after", json!("300ms"))]).await;
    watched.passes().await;
    gate.set(Mode::Slow(Duration::from_millis(65))).await;
    watched.warns("more than 300ms").await;
    for (mode, reason, phase) in [
        (Mode::Slow(Duration::from_secs(2)), "timeout", "handshake"),
        (Mode::BlackHole, "timeout", "connect"),
        (Mode::Mute, "timeout", "handshake"),
        (Mode::Refuse, "refused", "connect"),
    ] {
        gate.set(mode).await;
        watched.fails(reason, Some(phase)).await;
    }
    gate.set(Mode::Pass).await;
    watched.passes().await;
}

/// Scenario: A service opens connection after connection, until the server takes no more, and lets go of them.
/// Guarantees: A warning at 80 % that names the service, then a failure, then health.
#[tokio::test]
async fn a_server_fills_up() {
    let server = MariaDb::start(&["--max-connections=10", "--performance-schema=ON"]).await;
    let watched = watch(&server, &[]).await;
    watched.passes().await;
    let mut held = Vec::new();
    while held.len() < 8 {
        held.extend(server.connect("app").await.ok());
    }
    let check = watched.warns("9 of 10 connections are in use").await;
    let message = check["message"].as_str().unwrap();
    assert!(message.contains("8 by app@127.0.0.1 (8 idle)"), "{message}");
    let label = "application=\"app@127.0.0.1\"";
    assert_eq!(watched.reading("db_server_connections", label).await, 8.0);
    // Both the service and the probe want the last ones.
    while held.len() < 10 {
        held.extend(server.connect("app").await.ok());
    }
    let check = watched.fails("full", Some("handshake")).await;
    let message = check["message"].as_str().unwrap();
    assert!(message.contains("(1040)"), "{message}");
    let span = watched.span().await;
    assert_eq!(span.attributes["db.response.status_code"], "1040");
    drop(held);
    watched.passes().await;
}

/// Scenario: A wrong password, an unknown user, a database that is not there or not for this user.
/// Guarantees: Each fails with its reason in the handshake, and nothing shows the password.
#[tokio::test]
async fn logins_that_are_refused() {
    let server = MariaDb::start(&[]).await;
    server.sql("GRANT SELECT ON *.* TO app@'%'").await;
    for (user, password, database, reason, code) in [
        ("probe", "hidden-guess", "shop", "auth", "1045"),
        ("nobody", PASSWORD, "shop", "auth", "1045"),
        ("app", PASSWORD, "nowhere", "missing", "1049"),
        ("plain", PASSWORD, "shop", "permission", "1044"),
    ] {
        let url = format!("mysql://{user}@{}/{database}", server.address());
        let watched = watch(
            &server,
            &[("url", json!(url)), ("password", json!(password))],
        )
        .await;
        let check = watched.fails(reason, Some("handshake")).await;
        assert!(!check.to_string().contains(password), "{check:#}");
        let span = watched.span().await;
        assert_eq!(span.attributes["db.response.status_code"], code);
    }
}

/// Scenario: Queries with numbers; one whose function writes, which its user may; one about a column that is not there; one
/// that takes too long.
/// Guarantees: The first are gauges, even where another one fails. The others fail with their reasons, and nothing is
/// written.
#[tokio::test]
async fn queries_measure_and_only_read() {
    let server = MariaDb::start(&[]).await;
    let reads = "SELECT queue, waiting AS value, NULL AS hint FROM jobs";
    let query = |sql: &str| {
        vec![
            ("query.jobs.sql", json!(reads)),
            ("query.jobs.unit", json!("{job}")),
            ("query.other.sql", json!(sql)),
        ]
    };
    let watched = watch(&server, &query("SELECT 1.5 AS value")).await;
    watched.passes().await;
    assert_eq!(watched.reading("jobs", "queue=\"pdf\"").await, 4.0);
    assert_eq!(watched.reading("other", "").await, 1.5);
    for (sql, reason) in [
        ("SELECT take() AS value", "query"),
        ("SELECT nothing AS value FROM jobs", "query"),
        ("SELECT SLEEP(30) AS value FROM jobs", "timeout"),
    ] {
        let watched = watch(&server, &query(sql)).await;
        let check = watched.fails(reason, Some("query")).await;
        let message = check["message"].as_str().unwrap();
        assert!(message.contains("query other: "), "{sql}: {message}");
        assert_eq!(watched.reading("jobs", "queue=\"pdf\"").await, 4.0, "{sql}");
    }
    let watched = watch(&server, &[("query.jobs.sql", json!(reads))]).await;
    watched.passes().await;
    assert_eq!(watched.reading("jobs", "").await, 7.0);
}

/// Scenario: A user that may do nothing but log in, beside a service with several connections.
/// Guarantees: The check passes, counts all connections, and says what it does not see and what would show it.
#[tokio::test]
async fn a_user_that_sees_little_says_so() {
    let server = MariaDb::start(&[]).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(server.connect("app").await.unwrap());
    }
    let url = format!("mariadb://plain@{}", server.address());
    let watched = watch(&server, &[("url", json!(url))]).await;
    let check = watched.passes().await;
    let limited = check["facts"]["limited"].as_str().unwrap();
    assert!(limited.contains("GRANT PROCESS"), "{limited}");
    assert!(limited.contains("GRANT REPLICA MONITOR"), "{limited}");
    assert_eq!(check["facts"]["role"], Value::Null);
    assert_eq!(watched.reading("db_server_connections_used", "").await, 4.0);
    let idle = "application=\"all\",probe=\"it\",state=\"idle\"";
    assert_eq!(watched.reading("db_server_connections", idle).await, 3.0);
}

/// Scenario: A program that says its name sleeps within a transaction that holds a lock, and a service waits for that.
/// Guarantees: The program counts under its name, each in its state; the old transaction is a warning that says who.
#[tokio::test]
async fn a_transaction_is_left_open() {
    let server = MariaDb::start(&["--performance-schema=ON"]).await;
    let watched = watch(&server, &[("transaction_warn", json!("1s"))]).await;
    watched.passes().await;
    let mut client = named_client(&server);
    let mut stdin = client.stdin.take().unwrap();
    writeln!(stdin, "BEGIN; SELECT * FROM jobs FOR UPDATE;").unwrap();
    let name = "application=\"mysql\"";
    watched
        .reading_where("db_server_connections", name, |count| count == 1.0)
        .await;
    let mut service = server.connect("app").await.unwrap();
    let waits = tokio::spawn(async move {
        let _ = service.execute(raw_sql("DELETE FROM jobs")).await;
    });
    for label in [
        "application=\"mysql\",probe=\"it\",state=\"idle_in_transaction\"",
        "application=\"app@127.0.0.1\",probe=\"it\",state=\"waiting\"",
    ] {
        watched
            .reading_where("db_server_connections", label, |count| count == 1.0)
            .await;
    }
    // The waiting one is in a transaction as well, and may be as old to the second.
    let check = watched.warns("a transaction of app from 127.0.0.1").await;
    let message = check["message"].as_str().unwrap();
    assert!(message.contains("KILL "), "{message}");
    waits.abort();
    client.kill().unwrap();
    client.wait().unwrap();
    watched.passes().await;
}

/// The command-line client, which tells the server the name of its program.
fn named_client(server: &MariaDb) -> std::process::Child {
    let mut client: Command = debian_tool("mariadb", "mariadb-client");
    client
        .args([
            "--no-defaults",
            "--unbuffered",
            "--user=app",
            "--database=shop",
        ])
        .arg(format!("--host={}", server.host()))
        .env("MYSQL_PWD", PASSWORD)
        .stdin(Stdio::piped())
        .stdout(Stdio::null());
    client.spawn().unwrap()
}

/// Scenario: A replica follows its source, then stops applying, then goes on; its source ends.
/// Guarantees: The replica says what it is and how far behind, and warns with the cause whenever it does not follow.
#[tokio::test]
async fn a_replica_is_watched() {
    let mut source = MariaDb::start(&["--log-bin", "--server-id=1"]).await;
    let replica = MariaDb::start(&["--server-id=2"]).await;
    let user = format!("GRANT REPLICATION SLAVE ON *.* TO copy@'%' IDENTIFIED BY '{PASSWORD}'");
    source.sql("RESET MASTER").await;
    replica
        .sql(&format!(
            "CHANGE MASTER TO MASTER_HOST='{}', MASTER_USER='copy', MASTER_PASSWORD='{PASSWORD}', MASTER_CONNECT_RETRY=1; START SLAVE",
            source.host()
        ))
        .await;
    source.sql(&user).await;
    source.sql("INSERT INTO shop.jobs VALUES ('fax', 5)").await;
    let settings = [(
        "query.jobs.sql",
        json!("SELECT count(*) AS value FROM jobs"),
    )];
    let watched = watch(&replica, &settings).await;
    watched
        .reading_where("jobs", "", |count| count == 3.0)
        .await;
    let check = watched.passes().await;
    assert_eq!(check["facts"]["role"], "replica", "{check:#}");
    let lag = watched
        .reading("db_server_replication_lag_seconds", "replica=\"self\"")
        .await;
    assert_eq!(lag, 0.0);

    replica.sql("STOP SLAVE SQL_THREAD").await;
    watched.warns("it applies nothing").await;
    replica.sql("START SLAVE SQL_THREAD").await;
    watched.passes().await;
    // What the replica already has breaks replication with the row in the error.
    replica
        .sql("INSERT INTO shop.jobs VALUES ('hidden', 1)")
        .await;
    source
        .sql("INSERT INTO shop.jobs VALUES ('hidden', 2)")
        .await;
    let check = watched.warns("it applies nothing (").await;
    assert!(
        check["message"]
            .as_str()
            .unwrap()
            .contains("Duplicate entry"),
        "{check:#}"
    );
    replica
        .sql("STOP SLAVE; SET GLOBAL sql_slave_skip_counter = 1; START SLAVE")
        .await;
    watched.passes().await;
    source.stop().await;
    watched.warns("it cannot connect to its source").await;
}

/// Scenario: A server with TLS, whose certificate is of an authority that the probe knows, of another, or not asked for; and
/// one without TLS that must have it.
/// Guarantees: The first and third pass, and the span says the version; the others fail in the phase of TLS.
#[tokio::test]
async fn tls_is_asked_for() {
    let server = MariaDb::start(&[]).await;
    let files = server.directory().to_owned();
    let (known, other) = (Authority::new(), Authority::new());
    let identity = known.certify(server.host());
    for (name, text) in [
        ("known.pem", &known.certificate_pem),
        ("other.pem", &other.certificate_pem),
        ("server.pem", &identity.certificate_pem),
        ("server.key", &identity.key_pem),
    ] {
        fs::write(files.join(name), text).unwrap();
    }
    let at = |name: &str| files.join(name).display().to_string();
    let required = format!("mysql://probe@{}/shop?ssl-mode=required", server.address());
    let watched = watch(&server, &[("url", json!(required))]).await;
    watched.fails("tls", Some("tls")).await;

    let server = server
        .restarted(&[
            &format!("--ssl-cert={}", at("server.pem")),
            &format!("--ssl-key={}", at("server.key")),
        ])
        .await;
    let check = watched.passes().await;
    assert_eq!(check["status"], "pass");
    let span = watched.span().await;
    assert_eq!(span.attributes["tls.protocol.version"], "1.3");
    let trusting = watch(&server, &[("tls.ca_file", json!(at("known.pem")))]).await;
    trusting.passes().await;
    let doubting = watch(&server, &[("tls.ca_file", json!(at("other.pem")))]).await;
    doubting.fails("certificate", Some("tls")).await;
    assert_eq!(server.status("Aborted_clients").await, 0);
}
