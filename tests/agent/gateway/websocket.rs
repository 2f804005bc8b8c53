//! WebSockets pass in both directions, and end in order.

use std::time::{Duration, Instant};

use super::fixture::{
    Answer, Frame, Opcode, Raw, Step, Upstream, ask, get, head, problem, route_to,
};
use crate::fixture::{Agent, Config, eventually};

/// The answer to the key of RFC 6455, section 1.3.
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// An upstream that takes WebSockets and sends everything back.
async fn echo() -> Upstream {
    let upstream = Upstream::start().await;
    upstream.always(switched(&[]).then(Step::Echo));
    upstream
}

fn switched(headers: &[(&str, &str)]) -> Answer {
    let own = [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-accept", ACCEPT),
    ];
    Answer::bytes(head(101, &[&own[..], headers].concat()))
}

/// Asks for a WebSocket.
async fn ask_for_one(agent: &Agent, path: &str) -> Raw {
    let mut raw = Raw::open(agent.gateway()).await;
    raw.send(format!(
        "GET {path} HTTP/1.1\r\nHost: gateway\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: chat\r\n\r\n"
    ))
    .await;
    raw
}

/// A WebSocket that is open.
async fn open(agent: &Agent, path: &str) -> Raw {
    let mut raw = ask_for_one(agent, path).await;
    let (status, head) = raw.head().await.unwrap();
    assert_eq!(status, 101, "{head:?}");
    assert_eq!(head.field("sec-websocket-accept"), Some(ACCEPT));
    assert_eq!(
        head.field("upgrade")
            .map(str::to_ascii_lowercase)
            .as_deref(),
        Some("websocket")
    );
    raw
}

/// Scenario: messages of many sizes, in both directions, then a close. Guarantees: the upstream is asked for a WebSocket as the
/// caller asked, every message comes back whole, masked by the client and not by the server, and the close as well.
#[tokio::test(flavor = "multi_thread")]
async fn messages_pass_in_both_directions() {
    let upstream = echo().await;
    let agent = Agent::start(route_to(&upstream.url())).await;
    let mut raw = open(&agent, "/up/chat?room=1").await;
    let seen = upstream.last();
    assert_eq!(seen.target, "/chat?room=1");
    assert_eq!(
        seen.header("upgrade")
            .map(str::to_ascii_lowercase)
            .as_deref(),
        Some("websocket")
    );
    assert!(
        seen.header("connection")
            .is_some_and(|value| value.eq_ignore_ascii_case("upgrade")),
        "{seen:?}"
    );
    assert_eq!(
        seen.header("sec-websocket-key"),
        Some("dGhlIHNhbXBsZSBub25jZQ==")
    );
    assert_eq!(seen.header("sec-websocket-protocol"), Some("chat"));
    for size in [0, 5, 125, 126, 65_535, 65_536, 3 << 20] {
        let frame = Frame::binary(vec![0x5a; size]);
        raw.send(frame.to_bytes(Some(MASK))).await;
        assert_eq!(raw.frame().await.unwrap(), frame, "{size}");
    }
    raw.send(Frame::text("bye").to_bytes(Some(MASK))).await;
    raw.send(Frame::close(1000).to_bytes(Some(MASK))).await;
    assert_eq!(raw.frame().await.unwrap(), Frame::text("bye"));
    assert_eq!(raw.frame().await.unwrap().close_code(), Some(1000));
    assert!(raw.rest().await.is_empty());
    upstream.open_connections(0).await;
}

/// Scenario: an upstream that speaks first, in the same packet as its answer. Guarantees: nothing of that is lost.
#[tokio::test]
async fn the_upstream_may_speak_first() {
    let upstream = Upstream::start().await;
    let hello = [
        head(
            101,
            &[
                ("connection", "upgrade"),
                ("upgrade", "websocket"),
                ("sec-websocket-accept", ACCEPT),
            ],
        )
        .into_bytes(),
        Frame::text("hello").to_bytes(None),
    ]
    .concat();
    upstream.always(Answer::bytes(hello).then(Step::Echo));
    let agent = Agent::start(route_to(&upstream.url())).await;
    let mut raw = open(&agent, "/up/chat").await;
    assert_eq!(raw.frame().await.unwrap(), Frame::text("hello"));
    raw.send(Frame::text("and you").to_bytes(Some(MASK))).await;
    assert_eq!(raw.frame().await.unwrap(), Frame::text("and you"));
}

/// Scenario: an upstream that refuses to switch, one that switches to something else, a route that lets no WebSocket pass, and
/// requests that ask for other protocols. Guarantees: the refusal is the caller's; the others become 502 or plain requests; nobody
/// gets a tunnel.
#[tokio::test]
async fn only_websockets_switch() {
    let upstream = Upstream::start().await;
    let config = route_to(&upstream.url());
    let config = super::fixture::and_route(config, "closed", &upstream.url())
        .set("route.closed.websocket", false);
    let agent = Agent::start(config).await;
    upstream.next([Answer::reply(403, &[], "not you")]);
    let refused = ask_for_one(&agent, "/up/chat").await.reply().await.unwrap();
    assert_eq!(
        (refused.status, refused.text()),
        (403, "not you".to_owned())
    );
    let other = head(101, &[("connection", "upgrade"), ("upgrade", "h2c")]);
    upstream.next([Answer::bytes(other).then(Step::Hang)]);
    let refused = ask_for_one(&agent, "/up/chat").await.reply().await.unwrap();
    assert_eq!(refused.status, 502, "{refused:?}");
    let before = upstream.count();
    let status = ask_for_one(&agent, "/closed/chat")
        .await
        .reply()
        .await
        .unwrap()
        .status;
    assert!([200, 403].contains(&status), "{status}");
    for seen in &upstream.seen()[before..] {
        assert_eq!(seen.header("upgrade"), None, "{seen:?}");
    }
    for protocol in ["h2c", "TLS/1.0", "websocket, h2c", "foo"] {
        let request = http::Request::get("/up/x")
            .header("connection", "upgrade")
            .header("upgrade", protocol);
        let reply = ask(&agent, request, "").await;
        assert_eq!(reply.text(), "ok", "{protocol}");
        assert_eq!(upstream.last().header("upgrade"), None, "{protocol}");
    }
}

/// Scenario: a caller that breaks off, an upstream that breaks off, and silence in both directions for longer than `timeout.idle`.
/// Guarantees: the other side is closed soon.
#[tokio::test(flavor = "multi_thread")]
async fn one_end_ends_the_other() {
    let upstream = echo().await;
    let agent =
        Agent::start(route_to(&upstream.url()).set("route.up.timeout.idle", "1500ms")).await;
    let mut raw = open(&agent, "/up/chat").await;
    raw.send(Frame::text("a").to_bytes(Some(MASK))).await;
    raw.frame().await.unwrap();
    raw.reset();
    let begun = Instant::now();
    upstream.open_connections(0).await;
    assert!(
        begun.elapsed() < Duration::from_secs(1),
        "{:?}",
        begun.elapsed()
    );
    upstream.next([switched(&[])
        .then(Step::Pause(Duration::from_millis(100)))
        .then(Step::Reset)]);
    let mut raw = open(&agent, "/up/chat").await;
    assert!(raw.rest().await.is_empty());
    let mut raw = open(&agent, "/up/chat").await;
    let begun = Instant::now();
    raw.rest().await;
    let took = begun.elapsed();
    assert!(
        took >= Duration::from_millis(1400) && took < Duration::from_secs(6),
        "{took:?}"
    );
    upstream.open_connections(0).await;
    assert_eq!(
        get(&agent, "/up/x").await.status,
        502,
        "a WebSocket that nobody asked for"
    );
}

/// Scenario: SIGTERM while a WebSocket is open and a request is under way. Guarantees: the WebSocket goes on as long as the request
/// does; then its caller gets a close that says that the server goes away (1001), and the agent exits with 0.
#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_says_goodbye() {
    let upstream = echo().await;
    let config = route_to(&upstream.url())
        .set("shutdown.drain", "8s")
        .set("shutdown.deadline", "15s");
    let mut agent = Agent::start(config).await;
    let mut raw = open(&agent, "/up/chat").await;
    let go_on = std::sync::Arc::new(tokio::sync::Notify::new());
    upstream.next([Answer::ok().after(Step::Until(go_on.clone()))]);
    let mut waiting = Raw::open(agent.gateway()).await;
    waiting.send("GET /up/x HTTP/1.1\r\nhost: g\r\n\r\n").await;
    upstream.seen_at_least(2).await;
    agent.terminate();
    eventually("the agent drains", Duration::from_secs(5), async || {
        let ready = agent.get("/health/ready").await;
        ready.filter(|reply| reply.status == 503).map(drop)
    })
    .await;
    raw.send(Frame::text("still here").to_bytes(Some(MASK)))
        .await;
    assert_eq!(raw.frame().await.unwrap(), Frame::text("still here"));
    go_on.notify_one();
    assert_eq!(waiting.reply().await.unwrap().text(), "ok");
    let begun = Instant::now();
    let goodbye = raw.frame().await.unwrap();
    assert_eq!(goodbye.opcode, Opcode::CLOSE, "{goodbye:?}");
    assert_eq!(goodbye.close_code(), Some(1001));
    assert!(
        begun.elapsed() < Duration::from_secs(4),
        "{:?}",
        begun.elapsed()
    );
    raw.send(Frame::close(1001).to_bytes(Some(MASK))).await;
    raw.rest().await;
    let status = agent.ended(Duration::from_secs(10)).await;
    assert_eq!(status.code(), Some(0), "{}", agent.log());
    upstream.open_connections(0).await;
}

/// Scenario: an upstream that fails when it is asked for a WebSocket, often enough for the breaker. Guarantees: WebSockets are
/// guarded like all requests.
#[tokio::test]
async fn websockets_are_guarded() {
    let upstream = Upstream::start().await;
    let config: Config = route_to(&upstream.url())
        .set("route.up.breaker.mode", "auto")
        .set("route.up.breaker.failures", 2);
    let agent = Agent::start(config).await;
    upstream.always(Answer::reset());
    for _ in 0..2 {
        assert_eq!(
            ask_for_one(&agent, "/up/chat")
                .await
                .reply()
                .await
                .unwrap()
                .status,
            502
        );
    }
    assert_eq!(
        ask_for_one(&agent, "/up/chat")
            .await
            .reply()
            .await
            .unwrap()
            .status,
        503
    );
    problem(&get(&agent, "/up/x").await, 503, "breaker");
    assert_eq!(upstream.count(), 2);
}
