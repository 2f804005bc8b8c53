//! Content negotiation over HTTP, with the headers that scrapers send.

use std::io::Read;

use http::Method;

use super::otlp::{gauge, metrics, now, point, service};
use super::shown::{Shown, ask};
use crate::fixture::{Agent, Config, Signal, Transport};

const TEXT: &str = "text/plain; version=0.0.4";
const TEXT_100: &str = "text/plain; version=1.0.0";
const OPEN: &str = "application/openmetrics-text; version=1.0.0";
const PROTOBUF: &str =
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";

/// Who asks, with which `Accept`, and what the answer's type begins with.
const ACCEPT: &[(&str, Option<&str>, &str)] = &[
    ("nothing", None, TEXT),
    ("curl", Some("*/*"), TEXT),
    ("any text", Some("text/*"), TEXT),
    (
        "a browser",
        Some(
            "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
        ),
        TEXT,
    ),
    ("rubbish", Some(";;;q=,,=//"), TEXT),
    ("something else", Some("application/json"), TEXT),
    (
        "Prometheus 2.42",
        Some(
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
        ),
        OPEN,
    ),
    (
        "Prometheus 2.42 with native histograms",
        Some(
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
        ),
        PROTOBUF,
    ),
    (
        "Prometheus 3",
        Some(
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
        ),
        "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8",
    ),
    (
        "Prometheus 3 with native histograms",
        Some(
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
        ),
        "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited; escaping=allow-utf-8",
    ),
    (
        "the newest text",
        Some("text/plain;version=1.0.0;escaping=underscores"),
        TEXT_100,
    ),
    (
        "the better of two",
        Some("text/plain;version=0.0.4;q=0.9,application/openmetrics-text;version=1.0.0;q=0.2"),
        TEXT,
    ),
    (
        "what is refused",
        Some("application/openmetrics-text;version=1.0.0;q=0,text/plain;q=0.1"),
        TEXT,
    ),
];

async fn agent_with_a_gauge() -> Agent {
    let agent = Agent::start(Config::new()).await;
    let level = gauge("level", point(0, now(), 4.5));
    let message = metrics(service("negotiated"), vec![level]);
    let mut sender = agent.sender(Transport::Grpc);
    sender.must_send(Signal::Metrics, &message).await;
    agent
}

/// Scenario: the literal `Accept` of Prometheus 2.42 and 3, of a browser, of curl, of nobody, and nonsense, on both paths.
/// Guarantees: each is answered in the format that it prefers, and what suits nobody is text 0.0.4.
#[tokio::test]
async fn scrapers_get_what_they_prefer() {
    let agent = agent_with_a_gauge().await;
    for path in ["/metrics", "/api/metrics"] {
        for (who, accept, expected) in ACCEPT {
            let headers: Vec<_> = accept
                .map(|accept| ("accept", accept))
                .into_iter()
                .collect();
            let reply = ask(&agent, Method::GET, path, &headers).await;
            assert_eq!(reply.status, 200, "{who}");
            let content_type = reply.header("content-type").unwrap();
            assert!(
                content_type.starts_with(expected),
                "{who} got {content_type}"
            );
            match *expected == PROTOBUF || expected.starts_with(PROTOBUF) {
                true => assert!(
                    delimited_families(&reply.body).contains(&"level".to_owned()),
                    "{who}"
                ),
                false => assert_eq!(Shown::read(&reply).value("level", &[]), Some(4.5), "{who}"),
            }
            let ends = reply.text().ends_with("# EOF\n");
            assert_eq!(
                ends,
                expected.starts_with("application/openmetrics"),
                "{who}"
            );
        }
    }
}

/// The names of the families in a body of length-delimited messages, whose first field is the name.
fn delimited_families(mut body: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    while !body.is_empty() {
        let length = prost::encoding::decode_varint(&mut body).unwrap() as usize;
        let (family, rest) = body.split_at(length);
        body = rest;
        let mut family = family;
        assert_eq!(family[0], 0x0a, "the name comes first");
        family = &family[1..];
        let length = prost::encoding::decode_varint(&mut family).unwrap() as usize;
        names.push(String::from_utf8(family[..length].to_vec()).unwrap());
    }
    names
}

/// Scenario: scrapes that take gzip, that refuse it, and that say nothing of it. Guarantees: gzip where it is taken, with the
/// same content behind it, and plain everywhere else.
#[tokio::test]
async fn scrapes_are_compressed_for_those_who_ask() {
    let agent = agent_with_a_gauge().await;
    for (encodings, is_gzip) in [
        (Some("gzip"), true),
        (Some("deflate, gzip;q=0.5, br"), true),
        (Some("*"), true),
        (Some("gzip;q=0"), false),
        (Some("identity"), false),
        (None, false),
    ] {
        let headers: Vec<_> = encodings
            .map(|all| ("accept-encoding", all))
            .into_iter()
            .collect();
        let mut reply = ask(&agent, Method::GET, "/metrics", &headers).await;
        let encoding = reply.header("content-encoding").map(str::to_owned);
        assert_eq!(
            encoding.as_deref(),
            is_gzip.then_some("gzip"),
            "{encodings:?}"
        );
        if is_gzip {
            let mut plain = Vec::new();
            let mut decoder = flate2::read::GzDecoder::new(&reply.body[..]);
            decoder.read_to_end(&mut plain).unwrap();
            assert!(plain.len() > reply.body.len(), "{encodings:?}");
            reply.body = plain.into();
        }
        assert_eq!(Shown::read(&reply).value("level", &[]), Some(4.5));
    }
}

/// Scenario: HEAD, with and without an `Accept`. Guarantees: the headers of GET and no body.
#[tokio::test]
async fn head_answers_without_a_body() {
    let agent = agent_with_a_gauge().await;
    for (accept, expected) in [
        ("*/*", TEXT),
        ("application/openmetrics-text;version=1.0.0", OPEN),
    ] {
        let reply = ask(&agent, Method::HEAD, "/metrics", &[("accept", accept)]).await;
        assert_eq!(reply.status, 200);
        assert!(reply.body.is_empty());
        assert!(reply.header("content-type").unwrap().starts_with(expected));
    }
}
