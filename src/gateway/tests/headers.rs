//! What becomes of headers.

use http::{HeaderMap, HeaderName, HeaderValue, Version};

use super::plan;
use crate::config::{Direction, RouteSettings, Secret};
use crate::gateway::host::Authority;
use crate::gateway::peer::Peer;

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let pair = |(name, value): &(&str, &str)| {
        let name: HeaderName = name.parse().unwrap();
        (name, HeaderValue::from_bytes(value.as_bytes()).unwrap())
    };
    pairs.iter().map(pair).collect()
}

/// What the upstream sees of a request with `pairs`, besides Via.
fn seen(change: impl FnOnce(&mut RouteSettings), pairs: &[(&str, &str)]) -> Vec<String> {
    let plan = plan("http://up.example:81/base", change);
    let peer = Peer::new("192.0.2.7:1234".parse().unwrap(), true);
    let mut headers = headers(pairs);
    let asked = Authority::read("Shop.example.:8443").unwrap();
    let host = plan.request_headers.host(Some(&asked));
    plan.request_headers.receive(&mut headers, &peer, host);
    plan.request_headers.send(&mut headers, Version::HTTP_11);
    let lines = headers
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
    let mut lines: Vec<_> = lines.filter(|line| !line.starts_with("via: ")).collect();
    lines.sort();
    lines
}

/// Scenario: a request to a third party with every header that is for one connection alone.
/// Guarantees: none of them goes on, nor what Connection names; everything else does, and the host is the upstream's.
#[test]
fn what_is_for_one_connection_stays_there() {
    let lines = seen(
        |_| {},
        &[
            ("accept", "*/*"),
            ("connection", "close, X-Own, \"quoted\""),
            ("connection", "x-other,upgrade"),
            ("host", "gateway"),
            ("keep-alive", "timeout=5"),
            ("proxy-authorization", "Basic eA=="),
            ("proxy-connection", "keep-alive"),
            ("te", "gzip;q=0.5, Trailers"),
            ("transfer-encoding", "chunked"),
            ("content-length", "5"),
            ("upgrade", "h2c"),
            ("http2-settings", "x"),
            ("expect", "100-continue"),
            ("trailer", "x-sum"),
            ("x-own", "1"),
            ("x-other", "2"),
            ("x-kept", "3"),
            ("x-forwarded-for", "10.0.0.1"),
            ("cookie", "a=b"),
        ],
    );
    let kept = [
        "accept: */*",
        "cookie: a=b",
        "host: up.example:81",
        "http2-settings: x",
        "te: trailers",
        "trailer: x-sum",
        "x-forwarded-for: 10.0.0.1",
        "x-kept: 3",
    ];
    assert_eq!(lines, kept);
}

/// Scenario: a request to one's own service that claims to come from elsewhere, in every spelling.
/// Guarantees: the service sees who really asked and for what, and none of the claims.
#[test]
fn claims_are_not_believed() {
    let lines = seen(
        |route| route.direction = Direction::Ingress,
        &[
            ("forwarded", "for=10.0.0.1"),
            ("x-forwarded-for", "10.0.0.1"),
            ("x-forwarded-for", "10.0.0.2"),
            ("X_Forwarded_For", "10.0.0.3"),
            ("x-forwarded-host", "evil"),
            ("x-forwarded-proto", "http"),
            ("x-forwarded-port", "1"),
            ("x-forwarded-anything", "1"),
            ("x_forwarded-host", "evil"),
            ("x-real-ip", "10.0.0.1"),
            ("x_real_ip", "10.0.0.1"),
            ("x-forward", "kept"),
            ("x_own", "kept"),
            ("connection", "x-forwarded-for, host"),
        ],
    );
    let seen = [
        "host: shop.example:8443",
        "x-forward: kept",
        "x-forwarded-for: 192.0.2.7",
        "x-forwarded-host: shop.example:8443",
        "x-forwarded-proto: https",
        "x_own: kept",
    ];
    assert_eq!(lines, seen);
}

/// Scenario: a route that puts its own credential in the place of the caller's, and drops a header.
/// Guarantees: the upstream sees the credential once, and neither the caller's nor what is dropped.
#[test]
fn credentials_are_replaced() {
    let lines = seen(
        |route| {
            let key = Secret::new("Bearer own");
            route.headers.insert("Authorization".to_owned(), key);
            route.drop_request_headers = vec!["Cookie".to_owned()];
        },
        &[
            ("authorization", "Bearer caller"),
            ("authorization", "Bearer twice"),
            ("connection", "authorization"),
            ("cookie", "a=b"),
            ("cookie", "c=d"),
        ],
    );
    assert_eq!(lines, ["authorization: Bearer own", "host: up.example:81"]);
}

/// Scenario: the credential of a route, as it is sent.
/// Guarantees: it is marked as sensitive, so that HPACK does not remember it and nothing prints it.
#[test]
fn credentials_are_sensitive() {
    let plan = plan("http://up", |route| {
        let key = Secret::new("Bearer own");
        route.headers.insert("authorization".to_owned(), key);
    });
    let mut headers = HeaderMap::new();
    plan.request_headers.send(&mut headers, Version::HTTP_2);
    assert!(headers["authorization"].is_sensitive());
    assert_eq!(headers["via"], "2 lineside");
    assert!(!format!("{headers:?} {:?}", plan.request_headers).contains("own"));
}

/// Scenario: an answer with headers for one connection alone, with a coding beside a length, and with what the route drops.
/// Guarantees: none of them goes on; the rest does.
#[test]
fn answers_keep_what_is_for_the_caller() {
    let plan = plan("http://up", |route| {
        route.drop_answer_headers = vec!["Server".to_owned()]
    });
    let mut answer = headers(&[
        ("connection", "x-own"),
        ("content-length", "5"),
        ("transfer-encoding", "chunked"),
        ("keep-alive", "timeout=5"),
        ("upgrade", "h2"),
        ("proxy-authenticate", "Basic"),
        ("server", "x"),
        ("x-own", "1"),
        ("set-cookie", "a=b"),
        ("set-cookie", "c=d"),
        ("location", "https://elsewhere/"),
    ]);
    plan.answer_headers.receive(&mut answer);
    let cookies = [("set-cookie", "a=b"), ("set-cookie", "c=d")];
    assert_eq!(
        answer,
        headers(&[cookies[0], cookies[1], ("location", "https://elsewhere/")])
    );
}

/// Scenario: headers in the configuration that frame a message.
/// Guarantees: refused when the configuration is read.
#[test]
fn framing_cannot_be_configured() {
    for name in [
        "Connection",
        "content-length",
        "Transfer-Encoding",
        "te",
        "upgrade",
    ] {
        let mut settings = plan("http://up", |_| {}).settings;
        settings.headers.insert(name.to_owned(), Secret::new("x"));
        let refused = crate::gateway::headers::RequestHeaders::of(&settings);
        let told = refused.unwrap_err();
        assert!(
            told.contains(&name.to_lowercase()) && told.contains("remove it"),
            "{told}"
        );
    }
}
