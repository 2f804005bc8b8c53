//! Servers that are stopped, frozen, unreachable, or do not want us.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::{Postgres, watch};
use crate::fixture::{Gate, Mode, own_loopback};

/// Scenario: a server that stops and starts again. Guarantees: refused while it is gone, and passing afterwards.
#[tokio::test]
async fn a_server_that_stops_is_refused() {
    let mut server = Postgres::start().await;
    let watched = watch(&server.url(), &[]).await;
    watched.passes().await;
    server.stop().await;
    let check = watched.fails("refused", Some("connect")).await;
    assert!(
        check["message"]
            .as_str()
            .unwrap()
            .contains("connection refused"),
        "{check:#}"
    );
    server.start_again().await;
    watched.passes().await;
}

/// Scenario: a server whose processes stand still, and go on. Guarantees: a timeout in the handshake, since the kernel still takes
/// connections for it; then a pass.
#[tokio::test]
async fn a_frozen_server_times_out_in_the_handshake() {
    let server = Postgres::start().await;
    let watched = watch(&server.url(), &[]).await;
    watched.passes().await;
    server.freeze();
    watched.fails("timeout", Some("handshake")).await;
    let span = watched.span().await;
    assert_eq!(span.phases, ["resolve", "connect", "handshake"]);
    server.thaw();
    watched.passes().await;
}

/// Scenario: a network that is slow, too slow, deaf, closed, and swallows everything, each in turn. Guarantees: each has its reason and
/// phase, and each recovery is noticed.
#[tokio::test]
async fn a_network_that_misbehaves_is_told_apart() {
    let server = Postgres::start().await;
    let gate = Gate::before(server.address()).await;
    let url = server.url_at(gate.address());
    let watched = watch(&url, &[("slow_after", json!("250ms"))]).await;
    watched.until("pass").await;
    gate.set(Mode::Slow(Duration::from_millis(30))).await;
    watched.until("warn").await;
    for (mode, reason, phase) in [
        (Mode::Slow(Duration::from_secs(2)), "timeout", "handshake"),
        (Mode::Mute, "timeout", "handshake"),
        (Mode::Refuse, "refused", "connect"),
        (Mode::BlackHole, "timeout", "connect"),
    ] {
        gate.set(mode).await;
        watched.fails(reason, Some(phase)).await;
        gate.set(Mode::Pass).await;
        watched.until("pass").await;
    }
}

/// Scenario: a wrong password, a user and a database that do not exist, and a name without an address. Guarantees: each has its reason and
/// phase and, where the server said it, its code; no password stands in health, metrics, spans or log.
#[tokio::test]
async fn what_the_url_has_wrong_is_told() {
    let server = Postgres::start().await;
    let wrong = "not-the-password-77";
    let address = server.address();
    let right = Postgres::PASSWORD;
    let cases = [
        (
            format!("postgres://probe:{wrong}@{address}/postgres"),
            "auth",
            "handshake",
            "28P01",
        ),
        (
            format!("postgres://nobody:{wrong}@{address}/postgres"),
            "auth",
            "handshake",
            "28P01",
        ),
        (
            format!("postgres://probe:{right}@{address}/nowhere"),
            "missing",
            "handshake",
            "3D000",
        ),
        (
            format!("postgres://probe:{right}@nowhere.invalid/postgres"),
            "resolve",
            "resolve",
            "",
        ),
    ];
    for (url, reason, phase, code) in cases {
        let watched = watch(&url, &[("every", json!("1s"))]).await;
        let check = watched.fails(reason, Some(phase)).await;
        let message = check["message"].as_str().unwrap();
        assert!(message.contains(code), "{message}");
        let span = watched.span().await;
        let status = span.attributes.get("db.response.status_code");
        assert_eq!(status.map_or("", String::as_str), code);
        let told = [
            check.to_string(),
            watched.agent.metrics().await,
            watched.agent.log(),
            format!("{span:?}"),
        ];
        for password in [wrong, right] {
            assert!(told.iter().all(|told| !told.contains(password)), "{told:?}");
        }
    }
}

/// Scenario: a server that stops once its last client has gone, one that is gone, and one that never ends its recovery. Guarantees: unavailable,
/// refused, unavailable, and passing once it is up.
#[tokio::test]
async fn a_server_that_stops_or_starts_is_unavailable() {
    let mut server = Postgres::start().await;
    let watched = watch(&server.url(), &[]).await;
    watched.passes().await;
    let last = server.session("last").await;
    server.retire();
    let check = watched.fails("unavailable", Some("handshake")).await;
    assert!(
        check["message"].as_str().unwrap().contains("57P03"),
        "{check:#}"
    );
    drop(last);
    watched.fails("refused", Some("connect")).await;

    server.stop().await;
    server.recover_for_ever();
    server.launch();
    watched.fails("unavailable", Some("handshake")).await;
    server.stop().await;
    server.recover_no_longer();
    server.start_again().await;
    watched.passes().await;
}

/// Scenario: a web server where PostgreSQL is thought to be, with TLS left to the server and ruled out. Guarantees: what it says is no
/// PostgreSQL, and the length of 1.3 GiB that can be read into it takes no memory.
#[tokio::test]
async fn a_web_server_is_no_postgres() {
    let listener = TcpListener::bind((own_loopback(), 80)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let web_server = tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let _ = client.read(&mut [0; 1024]).await;
            let _ = client.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
            // Whoever waits for the rest of a message waits in vain.
            tokio::spawn(async move { client.read(&mut [0; 1024]).await });
        }
    });
    for mode in ["prefer", "disable"] {
        let url = format!("postgres://probe@{address}/postgres?sslmode={mode}");
        let watched = watch(&url, &[]).await;
        watched.fails("protocol", Some("handshake")).await;
        let rss_bytes = watched.agent.rss_bytes();
        assert!(rss_bytes < 200 << 20, "{mode}: {rss_bytes}");
    }
    web_server.abort();
}

/// Scenario: a server that stops and starts, with TLS ruled out. Guarantees: refused while it is gone, and passing before and afterwards.
#[tokio::test]
async fn without_tls_it_is_all_the_same() {
    let mut server = Postgres::start().await;
    let url = format!("{}?sslmode=disable", server.url());
    let watched = watch(&url, &[]).await;
    watched.passes().await;
    server.stop().await;
    watched.fails("refused", Some("connect")).await;
    server.start_again().await;
    watched.passes().await;
}
