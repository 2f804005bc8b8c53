//! What is sent.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use tokio::sync::mpsc;

use super::*;
use crate::config::Secret;
use crate::telemetry::names;

/// A server that says OK to everything, and what it was sent: heads, each with as much of the body as its length says.
async fn recording() -> (SocketAddr, mpsc::UnboundedReceiver<String>) {
    let (tell, told) = mpsc::unbounded_channel();
    let address = server(move |mut stream| {
        let tell = tell.clone();
        async move {
            let mut asked = head(&mut stream).await;
            let length = asked
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
            stream.read_exact(&mut body).await.unwrap();
            asked.push_str(&String::from_utf8(body).unwrap());
            tell.send(asked).unwrap();
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                .await
                .unwrap();
        }
    })
    .await;
    (address, told)
}

/// Scenario: a probe with nothing configured but its URL. Guarantees: a plain GET of path and query, with the host, with what
/// names us, and asking for no compression.
#[tokio::test]
async fn a_plain_request_is_a_get() {
    let (address, mut asked) = recording().await;
    let ended = run(&settings(
        &format!("http://{address}/a%20b/c?d=e%2Ff&g"),
        |_| {},
    ))
    .await;
    ended.passes();
    let asked = asked.recv().await.unwrap();
    assert!(
        asked.starts_with("GET /a%20b/c?d=e%2Ff&g HTTP/1.1\r\n"),
        "{asked}"
    );
    let agent = concat!("user-agent: lineside/", env!("CARGO_PKG_VERSION"));
    for line in [
        &*format!("host: {address}"),
        agent,
        "accept: */*",
        "accept-encoding: identity",
    ] {
        assert!(asked.contains(&format!("{line}\r\n")), "{line}: {asked}");
    }
    assert!(
        !asked.contains("authorization") && !asked.contains("content-length"),
        "{asked}"
    );
}

/// Scenario: method, headers, body and credentials configured in every way. Guarantees: they are sent, a configured header wins
/// over ours, and a method with a body says its length even when there is none.
#[tokio::test]
async fn what_is_configured_is_sent() {
    let (address, mut asked) = recording().await;
    let headers = [
        ("User-Agent", "me"),
        ("host", "shop.example"),
        ("x-token", "t"),
    ];
    let mut full = settings(&format!("http://app:p%40ss@{address}/"), |http| {
        http.method = "POST".to_owned();
        http.body = Some(Secret::new("{\"a\":1}"));
        http.headers = headers
            .map(|(name, value)| (name.to_owned(), Secret::new(value)))
            .into();
    });
    run(&full).await.passes();
    let sent = asked.recv().await.unwrap();
    let basic = |both: &str| format!("authorization: Basic {}", BASE64_STANDARD.encode(both));
    assert!(sent.starts_with("POST / HTTP/1.1\r\n"), "{sent}");
    for line in [
        "user-agent: me",
        "host: shop.example",
        "x-token: t",
        "content-length: 7",
        &basic("app:p@ss"),
    ] {
        assert!(sent.contains(&format!("{line}\r\n")), "{line}: {sent}");
    }
    assert!(sent.ends_with("\r\n\r\n{\"a\":1}"), "{sent}");
    assert_eq!(
        sent.matches("user-agent").count() + sent.matches("host:").count(),
        2
    );

    full.password = Some(Secret::new("other"));
    full.http.as_mut().unwrap().body = None;
    run(&full).await.passes();
    let sent = asked.recv().await.unwrap();
    assert!(
        sent.contains(&basic("app:other")) && sent.contains("content-length: 0\r\n"),
        "{sent}"
    );

    let own = Secret::new("Bearer b");
    full.http.as_mut().unwrap().headers = [("Authorization".to_owned(), own)].into();
    run(&full).await.passes();
    let sent = asked.recv().await.unwrap();
    assert!(
        sent.contains("authorization: Bearer b\r\n") && !sent.contains("Basic"),
        "{sent}"
    );
}

/// Scenario: HEAD, and an answer that names a length. Guarantees: no body is waited for.
#[tokio::test]
async fn head_has_no_body() {
    let address =
        answering("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\nconnection: keep-alive\r\n\r\n")
            .await;
    let ended = probe(address, |http| http.method = "HEAD".to_owned()).await;
    ended.passes();
    assert_eq!(ended.fact("size_bytes"), 0);
}

/// Scenario: a run with a trace context, over both versions, to a server of each. Guarantees: the context is sent as it is.
#[tokio::test]
async fn the_trace_goes_along() {
    let (address, mut asked) = recording().await;
    let check = HttpCheck::new(&settings(&format!("http://{address}/"), |_| {})).unwrap();
    let context = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let mut trace = HeaderMap::new();
    trace.insert("traceparent", context.parse().unwrap());
    check.check(&Run::begin(LONG, trace)).await.unwrap();
    let asked = asked.recv().await.unwrap();
    assert!(
        asked.contains(&format!("traceparent: {context}\r\n")),
        "{asked}"
    );
}

/// Scenario: a URL with user, password and query, on an IPv6 address. Guarantees: the span's attributes name the server and the
/// URL without any of them.
#[test]
fn attributes_hold_no_secret() {
    let check = HttpCheck::new(&settings(
        "https://app:secret@[::1]:8443/path?token=abc",
        |_| {},
    ));
    let attributes = check.unwrap().attributes();
    let text = |key: &opentelemetry::Key| {
        let found = attributes.iter().find(|attribute| attribute.key == *key);
        found.unwrap().value.to_string()
    };
    assert_eq!(text(&names::URL_FULL), "https://[::1]:8443/path");
    assert_eq!(text(&names::SERVER_ADDRESS), "::1");
    assert_eq!(text(&names::SERVER_PORT), "8443");
    assert_eq!(text(&names::HTTP_METHOD), "GET");
    assert_eq!(text(&names::URL_SCHEME), "https");
    assert!(!format!("{attributes:?}").contains("secret"));
}
