//! TCP and TLS, against a server that greets and a real nginx.

use std::time::{Duration, SystemTime};

use serde_json::json;

use super::Watched;
use super::greeter::Greeter;
use super::servers::{Nginx, Site};
use crate::fixture::{Authority, Gate, Mode, own_loopback};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Scenario: a port that takes connections, through a gate that then closes, swallows, and opens again. Guarantees: a connection
/// alone is a success; otherwise the phase says how far it came.
#[tokio::test]
async fn a_port_takes_connections() {
    let greeter = Greeter::start().await;
    let gate = Gate::before(greeter.address).await;
    let watched = Watched::start(&[("url", json!(format!("tcp://{}", gate.address())))]).await;
    let check = watched.passes().await;
    assert_eq!(check["kind"], "tcp");
    let span = watched.span().await;
    assert_eq!(span.phases, ["resolve", "connect"]);
    assert_eq!(span.attributes["server.port"], "2525");
    gate.set(Mode::Refuse).await;
    watched.fails("refused", Some("connect")).await;
    gate.set(Mode::BlackHole).await;
    watched.fails("timeout", Some("connect")).await;
    gate.set(Mode::Pass).await;
    watched.passes().await;
}

/// Scenario: a greeting that is as expected, one that is not, and none. Guarantees: well; what came instead, although the server
/// closes not; a timeout in the greeting.
#[tokio::test]
async fn a_greeting_is_expected() {
    let greeter = Greeter::start().await;
    let gate = Gate::before(greeter.address).await;
    let url = json!(format!("tcp://{}", gate.address()));
    let watched = Watched::start(&[("url", url.clone()), ("tcp.expect", json!("^220 "))]).await;
    let check = watched.passes().await;
    assert_eq!(check["facts"]["answer"], "220 ready\\r\\n");
    assert_eq!(
        watched.span().await.phases,
        ["resolve", "connect", "handshake"]
    );
    gate.set(Mode::Mute).await;
    watched.fails("timeout", Some("handshake")).await;
    gate.set(Mode::Pass).await;
    let other = Watched::start(&[("url", url), ("tcp.expect", json!("^250 "))]).await;
    let check = other.fails("assertion", Some("handshake")).await;
    let said = check["message"].as_str().unwrap();
    assert!(
        said.contains("expected ^250 , but \"220 ready\\r\\n\" came"),
        "{said}"
    );
}

/// Scenario: nginx is asked in plain and over TLS, and answers as expected, or otherwise, or is frozen. Guarantees: the answer is
/// judged wherever it stands; a frozen server is a timeout before the first byte, or within TLS.
#[tokio::test]
async fn an_answer_is_expected() {
    let authority = Authority::new();
    let address = own_loopback();
    let site = Site::of("location / { return 200 'well\\n'; }").tls(&authority.certify(address));
    let nginx = Nginx::start_at(address, site).await;
    let send = json!("GET / HTTP/1.0\r\n\r\n");
    let trusted = json!(nginx.write("authority.pem", &authority.certificate_pem));
    let plain = [
        ("url", json!(format!("tcp://{}", nginx.http()))),
        ("tcp.send", send),
        (
            "tcp.expect",
            json!("^HTTP/1.1 200 OK[^$]*\\r\\n\\r\\nwell\\n$"),
        ),
    ];
    let mut secured = plain.to_vec();
    secured[0].1 = json!(format!("tls://{}", nginx.https()));
    secured.push(("tls.ca_file", trusted));
    let (plain, secured) = (Watched::start(&plain).await, Watched::start(&secured).await);
    plain.passes().await;
    assert_eq!(
        plain.span().await.phases,
        ["resolve", "connect", "first_byte", "body"]
    );
    let check = secured.passes().await;
    assert!(check["certificateEnds"].is_string(), "{check}");
    assert_eq!(
        secured.span().await.attributes["tls.protocol.version"],
        "1.3"
    );
    nginx.daemon().freeze();
    plain.fails("timeout", Some("first_byte")).await;
    secured.fails("timeout", Some("tls")).await;
    nginx.daemon().thaw();
    plain.passes().await;
    secured.passes().await;
}

/// Scenario: tls:// to a certificate that ends soon. Guarantees: a warning, without anything being sent.
#[tokio::test]
async fn a_certificate_that_ends_soon_is_a_warning() {
    let authority = Authority::new();
    let address = own_loopback();
    let identity = authority.certify_until(&address.to_string(), SystemTime::now() + 3 * DAY);
    let nginx = Nginx::start_at(address, Site::of("").tls(&identity)).await;
    let watched = Watched::start(&[
        ("url", json!(format!("tls://{}", nginx.https()))),
        (
            "tls.ca_file",
            json!(nginx.write("authority.pem", &authority.certificate_pem)),
        ),
    ])
    .await;
    watched.warns("the certificate ends in 2 days (").await;
    assert_eq!(watched.span().await.phases, ["resolve", "connect", "tls"]);
}
