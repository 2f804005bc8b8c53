//! gRPC health, at the official health service.

use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::Watched;
use super::servers::GrpcHealth;
use crate::fixture::{Authority, Gate, Mode, own_loopback};

const ORDERS: &str = "shop.Orders";

async fn watch(url: String, settings: &[(&str, Value)]) -> Watched {
    let url = [("url", json!(url))];
    Watched::start(&[&url, settings].concat()).await
}

/// Scenario: a service serves, stops serving and serves again, while the server as a whole serves.
/// Guarantees: the state follows what the server says of that service; span, phases and facts say what was asked and
/// answered.
#[tokio::test]
async fn the_state_is_what_the_server_says_of_the_service() {
    let server = GrpcHealth::start(&[]).await;
    server.says("", "SERVING").await;
    server.says(ORDERS, "SERVING").await;
    let watched = watch(server.url(), &[("grpc.service", json!(ORDERS))]).await;
    let check = watched.passes().await;
    assert_eq!(check["facts"]["serving_status"], "SERVING");
    assert_eq!(check["kind"], "grpc");
    let span = watched.span().await;
    assert_eq!(span.phases, ["resolve", "connect", "first_byte", "body"]);
    let expected = [
        ("rpc.system.name", "grpc"),
        ("rpc.method", "grpc.health.v1.Health/Check"),
        ("rpc.response.status_code", "OK"),
        ("server.port", "50051"),
    ];
    for (name, value) in expected {
        assert_eq!(span.attributes[name], value, "{name}");
    }

    server.says(ORDERS, "NOT_SERVING").await;
    let check = watched.fails("unavailable", Some("body")).await;
    let message = check["message"].as_str().unwrap();
    assert!(
        message.starts_with("service \"shop.Orders\" is NOT_SERVING"),
        "{message}"
    );
    server.says(ORDERS, "SERVING").await;
    watched.passes().await;
}

/// Scenario: the service that is asked about is not known, and a server offers no health at all.
/// Guarantees: the first is missing, the second not of the protocol; both name the status of the call.
#[tokio::test]
async fn what_a_server_does_not_have_is_told_apart() {
    let server = GrpcHealth::start(&[]).await;
    let watched = watch(server.url(), &[("grpc.service", json!("shop.Nothing"))]).await;
    let check = watched.fails("missing", None).await;
    let message = check["message"].as_str().unwrap();
    assert!(
        message.contains("does not know the service (NOT_FOUND)"),
        "{message}"
    );
    let span = watched.span().await;
    assert_eq!(span.attributes["rpc.response.status_code"], "NOT_FOUND");

    let bare = GrpcHealth::start_without_health().await;
    let watched = watch(bare.url(), &[]).await;
    let check = watched.fails("protocol", None).await;
    let message = check["message"].as_str().unwrap();
    let expected = "the server does not offer grpc.health.v1.Health (UNIMPLEMENTED)";
    assert!(message.starts_with(expected), "{message}");
}

/// Scenario: the server is stopped and started again, then frozen and thawed.
/// Guarantees: refused at once, then a timeout in the phase in which the answer was awaited, and a recovery from each.
#[tokio::test]
async fn a_server_that_stops_or_freezes_is_down_until_it_is_back() {
    let mut server = GrpcHealth::start(&[]).await;
    server.says("", "SERVING").await;
    let watched = watch(server.url(), &[]).await;
    watched.passes().await;
    server.stop().await;
    watched.fails("refused", Some("connect")).await;
    server.start_again().await;
    watched.passes().await;
    server.freeze();
    watched.fails("timeout", Some("first_byte")).await;
    server.thaw();
    watched.passes().await;
}

/// Scenario: on the way to the server packets are swallowed, connections are taken without an answer, and every chunk is
/// late.
/// Guarantees: timeouts in the phase where each of them bites; slowness within the timeout is a warning where it is asked for.
#[tokio::test]
async fn the_network_on_the_way_is_told_apart_from_the_server() {
    let server = GrpcHealth::start(&[]).await;
    server.says("", "SERVING").await;
    let gate = Gate::before(server.address()).await;
    let slow_after = [("slow_after", json!("250ms"))];
    let watched = watch(format!("grpc://{}", gate.address()), &slow_after).await;
    watched.passes().await;
    gate.set(Mode::Slow(Duration::from_millis(200))).await;
    watched.warns("more than 250ms").await;
    gate.set(Mode::BlackHole).await;
    watched.fails("timeout", Some("connect")).await;
    gate.set(Mode::Mute).await;
    watched.fails("timeout", Some("first_byte")).await;
    gate.set(Mode::Pass).await;
    watched.passes().await;
}

/// Scenario: the server takes one call at a time, and that one lasts; then it ends.
/// Guarantees: full, with what the server says, and a recovery.
#[tokio::test]
async fn a_server_fills_up() {
    let server = GrpcHealth::start(&["--calls", "1"]).await;
    server.says("", "SERVING").await;
    let watched = watch(server.url(), &[]).await;
    watched.passes().await;
    server.fill().await;
    let check = watched.fails("full", Some("first_byte")).await;
    let message = check["message"].as_str().unwrap();
    assert!(message.contains("RESOURCE_EXHAUSTED"), "{message}");
    server.free().await;
    watched.passes().await;
}

/// Scenario: the server asks for a token; the probe has it, has another, and has none.
/// Guarantees: the right one passes; the others fail for that reason, and neither message nor metrics nor log hold the
/// token, though the server repeats it.
#[tokio::test]
async fn a_token_is_sent_and_never_shown() {
    let server = GrpcHealth::start(&["--token", "Bearer right-t0ken"]).await;
    let sending = |token: &str| vec![("grpc.metadata.authorization", json!(token))];
    let watched = watch(server.url(), &sending("Bearer right-t0ken")).await;
    watched.passes().await;
    let watched = watch(server.url(), &sending("Bearer wrong-t0ken")).await;
    let check = watched.fails("auth", None).await;
    let message = check["message"].as_str().unwrap();
    assert!(message.contains("größe: not [secret]"), "{message}");
    let span = watched.span().await;
    let everything = format!(
        "{check}{span:?}{}{}",
        watched.agent.metrics().await,
        watched.agent.log()
    );
    assert!(!everything.contains("wrong-t0ken"), "{everything}");
    let watched = watch(server.url(), &[]).await;
    watched.fails("auth", None).await;
}

/// Scenario: a server with TLS is asked with its authority, with another one, and in plain; one without TLS is asked with.
/// Guarantees: the first passes over TLS; the others fail for what is wrong.
#[tokio::test]
async fn tls_is_made_and_verified() {
    let (ours, other, files) = (Authority::new(), Authority::new(), TempDir::new().unwrap());
    let host = own_loopback();
    let identity = ours.certify(host);
    let file = |name: &str, text: &str| {
        let path = files.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let certificate = file("server.pem", &identity.certificate_pem);
    let key = file("server.key", &identity.key_pem);
    let server = GrpcHealth::start_at(host, &["--health", "--tls", &certificate, &key]).await;
    server.says("", "SERVING").await;
    let trusting = |name: &str, authority: &Authority| {
        vec![("tls.ca_file", json!(file(name, &authority.certificate_pem)))]
    };
    let secure = format!("grpcs://{}", server.address());

    let watched = watch(secure.clone(), &trusting("ours.pem", &ours)).await;
    let check = watched.passes().await;
    assert!(check["certificateEnds"].is_string(), "{check}");
    let span = watched.span().await;
    assert_eq!(
        span.phases,
        ["resolve", "connect", "tls", "first_byte", "body"]
    );
    assert_eq!(span.attributes["tls.protocol.version"], "1.3");

    let watched = watch(secure, &trusting("other.pem", &other)).await;
    watched.fails("certificate", Some("tls")).await;
    let watched = watch(server.url(), &[]).await;
    watched.fails("closed", Some("first_byte")).await;
    let plain = GrpcHealth::start(&[]).await;
    let url = format!("grpcs://{}", plain.address());
    let watched = watch(url, &trusting("ours.pem", &ours)).await;
    watched.fails("tls", Some("tls")).await;
}
