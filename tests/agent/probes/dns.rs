//! Name servers, with dnsmasq.

use serde_json::{Value, json};

use super::Watched;
use super::servers::Dnsmasq;
use crate::fixture::{Gate, Mode};

async fn watch(url: String, settings: &[(&str, Value)]) -> Watched {
    let url = [("url", json!(url))];
    Watched::start(&[&url, settings].concat()).await
}

/// Scenario: a name has two addresses.
/// Guarantees: success; facts, readings and span hold what was answered.
#[tokio::test]
async fn addresses_are_told() {
    let server = Dnsmasq::start().await;
    let watched = watch(server.url("shop.example"), &[]).await;
    let check = watched.passes().await;
    let mut answers = check["facts"]["answers"].as_array().unwrap().clone();
    answers.sort_by_key(|answer| answer.to_string());
    assert_eq!(answers, ["10.0.0.1", "10.0.0.2"]);
    assert_eq!(check["facts"]["rcode"], "NOERROR");
    assert_eq!(check["facts"]["ttl"], 120);
    assert_eq!(watched.reading("dns_answers", "probe=\"it\"").await, 2.0);
    assert_eq!(
        watched.reading("dns_ttl_seconds", "probe=\"it\"").await,
        120.0
    );
    let span = watched.span().await;
    assert_eq!(span.phases, ["resolve", "query"]);
    assert_eq!(span.attributes["dns.question.name"], "shop.example.");
    assert_eq!(span.attributes["server.port"], "5300");
}

/// Scenario: other types of records, an answer too long for UDP, and TCP from the start.
/// Guarantees: each is answered, over TCP where it must be.
#[tokio::test]
async fn other_types_and_long_answers_are_read() {
    let server = Dnsmasq::start().await;
    let cases = [
        (
            "shop.example?type=MX",
            "^10 mail\\.example\\.$",
            false,
            "resolve query",
        ),
        (
            "shop.example?type=TXT",
            "^v=spf1 -all$",
            false,
            "resolve query",
        ),
        (
            "long.example?type=TXT",
            "^a{200}b{200}c{200}d{200}$",
            false,
            "resolve query connect query",
        ),
        (
            "shop.example?type=A",
            "^10\\.0\\.0\\.",
            true,
            "resolve connect query",
        ),
    ];
    for (asked, pattern, tcp, phases) in cases {
        let settings = [("dns.expect", json!(pattern)), ("dns.tcp", json!(tcp))];
        let watched = watch(server.url(asked), &settings).await;
        watched.passes().await;
        assert_eq!(watched.span().await.phases.join(" "), phases, "{asked}");
    }
}

/// Scenario: a name that does not exist, one without records of the type, one of which the server knows nothing, and
/// addresses other than expected.
/// Guarantees: each has its reason.
#[tokio::test]
async fn answers_that_are_not_wanted_have_their_reasons() {
    let server = Dnsmasq::start().await;
    let expect = |pattern: &str| {
        vec![
            ("dns.expect", json!(pattern)),
            ("dns.expect_all", json!(true)),
        ]
    };
    let cases = [
        (
            "nothing.example",
            vec![],
            "missing",
            "the name does not exist (NXDOMAIN)",
        ),
        (
            "shop.example?type=AAAA",
            vec![],
            "missing",
            "the name has no AAAA records",
        ),
        (
            "elsewhere.test",
            vec![],
            "permission",
            "the server refuses to answer (REFUSED)",
        ),
        (
            "shop.example",
            expect("\\.1$"),
            "assertion",
            "1 of 2 answers match \\.1$, not all: ",
        ),
    ];
    for (asked, settings, reason, message) in cases {
        let watched = watch(server.url(asked), &settings).await;
        let check = watched.fails(reason, Some("query")).await;
        let told = check["message"].as_str().unwrap();
        assert!(told.starts_with(message), "{asked}: {told}");
    }
}

/// Scenario: the server is stopped and started again, then frozen and thawed.
/// Guarantees: refused while nobody listens, a timeout while it is frozen, and a recovery from each.
#[tokio::test]
async fn a_server_that_stops_or_freezes_is_down_until_it_is_back() {
    let mut server = Dnsmasq::start().await;
    let watched = watch(server.url("shop.example"), &[]).await;
    watched.passes().await;
    server.stop().await;
    watched.fails("refused", Some("query")).await;
    server.start_again().await;
    watched.passes().await;
    server.freeze();
    watched.fails("timeout", Some("query")).await;
    server.thaw();
    watched.passes().await;
}

/// Scenario: on the way over TCP nobody listens, and packets are swallowed.
/// Guarantees: both fail in the phase of the connection.
#[tokio::test]
async fn over_tcp_the_connection_is_a_phase_of_its_own() {
    let server = Dnsmasq::start().await;
    let gate = Gate::before(server.address()).await;
    let url = format!("dns://{}/shop.example", gate.address());
    let watched = watch(url, &[("dns.tcp", json!(true))]).await;
    watched.passes().await;
    gate.set(Mode::Refuse).await;
    watched.fails("refused", Some("connect")).await;
    gate.set(Mode::BlackHole).await;
    watched.fails("timeout", Some("connect")).await;
    gate.set(Mode::Pass).await;
    watched.passes().await;
}
