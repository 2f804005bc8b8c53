//! A server that works, and every way in which it cannot be reached or does not let anybody in.

use std::time::Duration;

use serde_json::json;

use crate::fixture::{Authority, Gate, Mode, eventually, own_loopback};
use crate::probes::Watched;
use crate::probes::servers::{RedisServer, TlsFiles};

/// Scenario: a server that works. Guarantees: the check passes with version, clock, role and connections as facts; the
/// span names system, server and database, and has the phases; the readings are those of the server.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_works_is_told_of() {
    let server = RedisServer::start(&[]).await;
    server.cli(&["SET", "it", "here"]).await;
    server.cli(&["GET", "it"]).await;
    server.cli(&["GET", "that"]).await;
    let watched = Watched::start(&[("url", server.url("/2").into())]).await;
    let check = watched.passes().await;
    let facts = &check["facts"];
    assert_eq!(facts["server_name"], "redis");
    let version = facts["server_version"].as_str().unwrap();
    assert!(version.contains('.'), "{facts}");
    assert_eq!(facts["role"], "primary");
    assert!(
        facts["clock_skew_ms"].as_f64().unwrap().abs() < 1000.0,
        "{facts}"
    );
    assert_eq!(facts["connections"]["max"], 10000);
    let own = &facts["connections"]["by_application"][0];
    assert_eq!(
        own,
        &json!({"application": "lineside", "total": 1, "active": 1})
    );
    assert_eq!(facts["memory"]["policy"], "noeviction");

    let span = watched.span().await;
    for (name, value) in [
        ("db.system.name", "redis"),
        ("db.namespace", "2"),
        ("server.address", &*server.host().to_string()),
        ("server.port", "6379"),
    ] {
        assert_eq!(span.attributes[name], value, "{name}");
    }
    assert_eq!(span.phases, ["resolve", "connect", "handshake", "query"]);

    for (metric, is) in [
        ("db_server_connections_max", 10000.0),
        ("db_server_connections_used", 1.0),
        ("redis_keyspace_hits_total", 1.0),
        ("redis_keyspace_misses_total", 1.0),
        ("redis_maxmemory_bytes", 0.0),
    ] {
        assert_eq!(
            watched.reading(metric, "probe=\"it\"").await,
            is,
            "{metric}"
        );
    }
    let lineside = "application=\"lineside\"";
    assert_eq!(
        watched.reading("db_server_connections", lineside).await,
        1.0
    );
    assert!(watched.reading("redis_memory_used_bytes", "").await > 100_000.0);
}

/// Scenario: the server is stopped, started, killed and started again. Guarantees: refused in connect, and back up each
/// time.
#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_server_is_refused_and_comes_back() {
    let mut server = RedisServer::start(&[]).await;
    let watched = Watched::start(&[("url", server.url("").into())]).await;
    watched.passes().await;
    server.stop().await;
    let check = watched.fails("refused", Some("connect")).await;
    let message = check["message"].as_str().unwrap();
    assert!(message.starts_with("connection refused"), "{message}");
    server.start_again().await;
    watched.passes().await;
    server.kill();
    watched.fails("refused", Some("connect")).await;
    server.start_again().await;
    watched.passes().await;
}

/// Scenario: the server is frozen, then goes on. Guarantees: the kernel still connects, so it is a timeout in the
/// handshake, and every connection of the checks that were cut off is closed: those that the server finds when it goes on
/// are gone soon.
#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_server_is_a_timeout_in_the_handshake() {
    let server = RedisServer::start(&[]).await;
    let settings = [("url", server.url("").into()), ("timeout", json!("400ms"))];
    let watched = Watched::start(&settings).await;
    watched.passes().await;
    server.daemon().freeze();
    watched.fails("timeout", Some("handshake")).await;
    server.daemon().thaw();
    watched.passes().await;
    let connections = async || {
        let check = watched.check().await;
        (check["facts"]["connections"]["total"] == 1).then_some(())
    };
    eventually(
        "one connection, that of the check",
        Duration::from_secs(10),
        connections,
    )
    .await;
}

/// Scenario: a server behind a relay that is slow, mute, gone, and a black hole. Guarantees: slow is a warning where it is
/// asked for, mute a timeout in the handshake, gone is refused, and a black hole a timeout in connect.
#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_fails_is_told_apart() {
    let server = RedisServer::start(&[]).await;
    let gate = Gate::before(server.address()).await;
    let settings = [
        ("url", format!("redis://{}", gate.address()).into()),
        ("slow_after", json!("150ms")),
    ];
    let watched = Watched::start(&settings).await;
    watched.passes().await;
    gate.set(Mode::Slow(Duration::from_millis(100))).await;
    watched.until("warn").await;
    gate.set(Mode::Slow(Duration::from_secs(2))).await;
    watched.fails("timeout", Some("handshake")).await;
    // The handshake is through after 600 ms, the answer to the first question after 1200.
    gate.set(Mode::Slow(Duration::from_millis(600))).await;
    watched.fails("timeout", Some("query")).await;
    gate.set(Mode::Mute).await;
    watched.fails("timeout", Some("handshake")).await;
    gate.set(Mode::Refuse).await;
    watched.fails("refused", Some("connect")).await;
    gate.set(Mode::BlackHole).await;
    watched.fails("timeout", Some("connect")).await;
    gate.set(Mode::Pass).await;
    watched.passes().await;
}

/// Scenario: connections fill up the server, to more than 80 %, then to the last. Guarantees: a warning that says whose they
/// are, then a failure, full, in the handshake; up again when they are closed.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_server_is_warned_of_and_then_full() {
    let server = RedisServer::start(&["--maxclients", "10"]).await;
    let watched = Watched::start(&[("url", server.url("").into())]).await;
    watched.passes().await;
    let mut held = Vec::new();
    for _ in 0..8 {
        held.push(client(&server, "billing").await);
    }
    let check = watched
        .warns("9 of 10 connections are in use, 8 by billing")
        .await;
    let message = check["message"].as_str().unwrap();
    assert!(message.contains("raise maxclients"), "{message}");
    let idle = "application=\"billing\",probe=\"it\",state=\"idle\"";
    watched
        .reading_where("db_server_connections", idle, |count| count == 8.0)
        .await;
    // The probe's own connection comes and goes meanwhile.
    for _ in 0..8 {
        held.push(client(&server, "billing").await);
    }
    let check = watched.fails("full", Some("handshake")).await;
    assert!(
        check["message"].as_str().unwrap().contains("maxclients"),
        "{check}"
    );
    drop(held);
    watched.passes().await;
}

/// A connection that says its name and then nothing. Where the server turns it away, it is no connection.
async fn client(server: &RedisServer, name: &str) -> tokio::net::TcpStream {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut client = tokio::net::TcpStream::connect(server.address())
        .await
        .unwrap();
    let naming = format!("CLIENT SETNAME {name}\r\n");
    let _ = client.write_all(naming.as_bytes()).await;
    let _ = client.read(&mut [0; 64]).await;
    client
}

/// Scenario: no password, a wrong one, an unknown user, the right one; and a password where the server has none.
/// Guarantees: auth in the handshake with what is wrong, never the password itself; then it passes.
#[tokio::test(flavor = "multi_thread")]
async fn wrong_passwords_are_auth() {
    let guarded = RedisServer::idle(&["--requirepass", "correct-horse"]);
    let mut guarded = guarded.with_cli(&["-a", "correct-horse"]);
    guarded.start_again().await;
    let open = RedisServer::start(&[]).await;
    let named = format!("redis://nobody@{}", guarded.address());
    for (url, password, words, code) in [
        (guarded.url(""), "", "asks for a password", "NOAUTH"),
        (
            guarded.url(""),
            "battery-staple",
            "wrong password for the default user",
            "WRONGPASS",
        ),
        (
            named,
            "battery-staple",
            "wrong password for user \"nobody\"",
            "WRONGPASS",
        ),
        (
            open.url(""),
            "battery-staple",
            "the server's default user has none",
            "ERR",
        ),
    ] {
        let mut settings = vec![("url", url.into())];
        if !password.is_empty() {
            settings.push(("password", password.into()));
        }
        let watched = Watched::start(&settings).await;
        let check = watched.fails("auth", Some("handshake")).await;
        let shown = check.to_string();
        assert!(shown.contains(&words.replace('"', "\\\"")), "{shown}");
        assert!(!shown.contains("battery-staple"), "{shown}");
        assert_eq!(
            watched.span().await.attributes["db.response.status_code"],
            code
        );
        assert!(!watched.agent.log().contains("battery-staple"));
    }
    let settings = [
        ("url", guarded.url("").into()),
        ("password", "correct-horse".into()),
    ];
    Watched::start(&settings).await.passes().await;
    let in_url = format!("redis://default:correct-horse@{}/0", guarded.address());
    Watched::start(&[("url", in_url.into())])
        .await
        .passes()
        .await;
}

/// Scenario: users with less and less rights. Guarantees: the least that is needed passes, without the list of clients and
/// saying so; without INFO it is a failure, permission, that names the command.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_without_rights_is_permission() {
    let server = RedisServer::start(&[]).await;
    server
        .cli(&["ACL", "SETUSER", "least", "on", ">pw", "+ping", "+info"])
        .await;
    server
        .cli(&["ACL", "SETUSER", "blind", "on", ">pw", "+ping"])
        .await;
    let url = |user| format!("redis://{user}@{}", server.address());
    let settings = [("url", url("least").into()), ("password", "pw".into())];
    let watched = Watched::start(&settings).await;
    let check = watched.passes().await;
    let limited = check["facts"]["limited"].as_str().unwrap();
    assert!(limited.contains("CLIENT LIST"), "{limited}");
    assert_eq!(check["facts"].get("server_time"), None);

    let settings = [("url", url("blind").into()), ("password", "pw".into())];
    let watched = Watched::start(&settings).await;
    let check = watched.fails("permission", Some("query")).await;
    let message = check["message"].as_str().unwrap();
    assert!(
        message.contains("user \"blind\" may not do INFO (NOPERM)"),
        "{message}"
    );
    server.cli(&["ACL", "SETUSER", "blind", "+info"]).await;
    watched.passes().await;
}

/// Scenario: a database beyond those there are. Guarantees: missing, in the handshake.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_not_there_is_missing() {
    let server = RedisServer::start(&["--databases", "4"]).await;
    let watched = Watched::start(&[("url", server.url("/4").into())]).await;
    watched.fails("missing", Some("handshake")).await;
}

/// Scenario: a server with TLS and a certificate of its own authority; then a probe that does not know the authority, one
/// without a certificate where one is asked for, and one that speaks plain. Guarantees: it passes with the phase tls and the
/// certificate's end; otherwise certificate, tls and closed.
#[tokio::test(flavor = "multi_thread")]
async fn tls_is_spoken_and_checked() {
    let authority = Authority::new();
    let mut server = RedisServer::idle(&[]);
    let files = TlsFiles::write(&authority, server.host(), server.directory());
    server.speak_tls(&files, "no");
    server.start_again().await;
    let url = format!("rediss://{}", server.address());
    let trusting = [
        ("url", url.clone().into()),
        ("tls.ca_file", files.ca.clone().into()),
    ];
    let watched = Watched::start(&trusting).await;
    let check = watched.passes().await;
    assert!(check["certificateEnds"].is_string(), "{check}");
    let span = watched.span().await;
    assert_eq!(
        span.phases,
        ["resolve", "connect", "tls", "handshake", "query"]
    );
    assert_eq!(span.attributes["tls.protocol.version"], "1.3");

    let distrusting = Watched::start(&[("url", url.clone().into())]).await;
    distrusting.fails("certificate", Some("tls")).await;
    let plain = Watched::start(&[("url", server.url("").into())]).await;
    plain.fails("closed", Some("handshake")).await;

    server.stop().await;
    server.speak_tls(&files, "yes");
    server.start_again().await;
    watched.fails("tls", Some("handshake")).await;
    let shown = [
        ("url", url.into()),
        ("tls.ca_file", files.ca.into()),
        ("tls.cert_file", files.certificate.into()),
        ("tls.key_file", files.key.into()),
    ];
    Watched::start(&shown).await.passes().await;
}

/// Scenario: a sentinel and an HTTP server where Redis is expected. Guarantees: protocol, with what answers there.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_redis_is_protocol() {
    let server = RedisServer::start(&[]).await;
    let watched = Watched::start(&[("url", server.url("").into())]).await;
    let api = watched.agent.api();
    let settings = [("url", format!("redis://{api}").into())];
    let check = Watched::start(&settings)
        .await
        .fails("protocol", Some("handshake"))
        .await;
    assert!(
        check["message"].as_str().unwrap().contains("HTTP"),
        "{check}"
    );
    let nobody = format!("redis://{}:6379", own_loopback());
    Watched::start(&[("url", nobody.into())])
        .await
        .fails("refused", Some("connect"))
        .await;
}
