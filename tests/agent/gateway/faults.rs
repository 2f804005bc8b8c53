//! Whatever an upstream does wrong has one answer: a status, a reason, and within the time that its step may take.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use http::Request;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use super::fixture::{Answer, Raw, Step, Upstream, and_route, ask, chunk_of, get, head, problem};
use crate::fixture::{Agent, Authority, Config, Gate, Mode, eventually, own_loopback};

/// More than a step takes besides its limit, on a loaded machine.
const SLACK: Duration = Duration::from_secs(3);

/// The limits of steps, each a different one.
fn with_limits(config: Config, route: &str) -> Config {
    let limits = [
        ("connect", "300ms"),
        ("tls", "400ms"),
        ("first_byte", "500ms"),
        ("idle", "600ms"),
        ("send", "700ms"),
    ];
    limits.iter().fold(config, |config, (step, time)| {
        config.set(&format!("route.{route}.timeout.{step}"), *time)
    })
}

/// What a fault must come to.
struct Expected {
    route: &'static str,
    status: u16,
    /// What `error.type` is on the metric.
    error: &'static str,
    /// A word of the detail.
    word: &'static str,
    /// It takes at least as long.
    after: Duration,
}

const fn expected(
    route: &'static str,
    status: u16,
    error: &'static str,
    word: &'static str,
    after_ms: u64,
) -> Expected {
    Expected {
        route,
        status,
        error,
        word,
        after: Duration::from_millis(after_ms),
    }
}

/// Asks, and checks status, problem, time and metrics.
async fn check(agent: &Agent, expected: &Expected) {
    let Expected { route, .. } = expected;
    let begun = Instant::now();
    let reply = ask(agent, Request::post(format!("/{route}/x")), "a body").await;
    let took = begun.elapsed();
    let told = problem(&reply, expected.status, "upstream");
    assert_eq!(told["route"], *route);
    let detail = told["detail"].as_str().unwrap();
    assert!(detail.contains(expected.word), "{route}: {detail}");
    assert!(took >= expected.after, "{route}: after {took:?}");
    assert!(took < expected.after + SLACK, "{route}: after {took:?}");
    let labels = format!("lineside_route=\"{route}\"");
    let text = agent.metrics().await;
    for name in [
        "http_client_request_duration_seconds_count",
        "http_server_request_duration_seconds_count",
    ] {
        let line = text
            .lines()
            .find(|line| line.starts_with(name) && line.contains(&labels));
        let line = line.unwrap_or_else(|| panic!("no {name} of {route}"));
        assert!(line.ends_with(" 1"), "{line}");
    }
    let client = text.lines().find(|line| {
        line.starts_with("http_client_request_duration_seconds_count") && line.contains(&labels)
    });
    let error = format!("error_type=\"{}\"", expected.error);
    assert!(
        client.is_some_and(|line| line.contains(&error)),
        "{client:?} without {error}"
    );
    let status = format!("http_response_status_code=\"{}\"", expected.status);
    let served = agent
        .metric("http_server_request_duration_seconds_count", &status)
        .await;
    assert!(served >= 1.0);
    let refused = agent
        .metric("lineside_gateway_refusals_total", &labels)
        .await;
    assert_eq!(refused, 1.0, "{route}");
}

/// Scenario: upstreams that cannot be connected to: nobody listens, nobody answers, the name does not exist. Guarantees: 502, or
/// 504 where it took too long, with the step that failed.
#[tokio::test]
async fn upstreams_that_cannot_be_reached() {
    let (nobody, hole) = (Upstream::down(), Upstream::start().await);
    let gate = Gate::before(hole.address()).await;
    gate.set(Mode::BlackHole).await;
    let mut config = Config::new();
    for (route, url) in [
        ("nobody", nobody.url()),
        ("hole", format!("http://{}", gate.address())),
        ("nameless", "http://does-not-exist.invalid:80".to_owned()),
    ] {
        config = with_limits(and_route(config, route, &url), route);
    }
    let agent = Agent::start(config.set("route.nameless.timeout.connect", "5s")).await;
    for expected in [
        expected("nobody", 502, "connect", "refused", 0),
        expected("hole", 504, "timeout_connect", "300ms", 300),
        expected("nameless", 502, "resolve", "does-not-exist.invalid", 0),
    ] {
        check(&agent, &expected).await;
    }
}

/// Scenario: upstreams that fail at TLS: silence, plain HTTP, no certificate that is known. Guarantees: 504 after the time for TLS,
/// or 502.
#[tokio::test]
async fn upstreams_that_fail_at_tls() {
    let mute = Upstream::start().await;
    let gate = Gate::before(mute.address()).await;
    gate.set(Mode::Mute).await;
    let plain = greeter().await;
    let address = own_loopback();
    let strange = Upstream::start_tls(address, &Authority::new().certify(address)).await;
    let mut config = Config::new();
    for (route, url) in [
        ("mute", format!("https://{}", gate.address())),
        ("plain", format!("https://{plain}")),
        ("strange", strange.url()),
    ] {
        config = with_limits(and_route(config, route, &url), route);
    }
    let agent = Agent::start(config).await;
    for expected in [
        expected("mute", 504, "timeout_tls", "400ms", 400),
        expected("plain", 502, "tls", "TLS", 0),
        expected("strange", 502, "certificate", "certificate", 0),
    ] {
        check(&agent, &expected).await;
    }
    assert_eq!((mute.count(), strange.count()), (0, 0));
}

/// A server that greets in plain, as mail servers do.
async fn greeter() -> SocketAddr {
    let listener = TcpListener::bind((own_loopback(), 8080)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"220 mail.example ESMTP\r\n").await;
        }
    });
    address
}

/// Scenario: upstreams that take a request and then fail before the head of their answer is whole, or send what is no answer.
/// Guarantees: 504 after the time for the first byte, else 502; the connection is not used again.
#[tokio::test]
async fn upstreams_that_fail_before_the_head_is_whole() {
    let faults = [
        (
            expected("silent", 504, "timeout_first_byte", "500ms", 500),
            Answer::hang(),
        ),
        (
            expected("half-head", 504, "timeout_first_byte", "500ms", 500),
            Answer::bytes("HTTP/1.1 200 OK\r\nx-one: ").then(Step::Hang),
        ),
        (
            expected("closed", 502, "closed", "closed", 0),
            Answer::close(),
        ),
        (expected("reset", 502, "closed", "", 0), Answer::reset()),
        (
            expected("cut-head", 502, "closed", "", 0),
            Answer::bytes("HTTP/1.1 200 OK\r\nx-one: 1\r\n").then(Step::Close),
        ),
        (
            expected("garbage", 502, "protocol", "", 0),
            Answer::bytes("220 mail.example ESMTP\r\n\r\n").then(Step::Hang),
        ),
        (
            expected("two-lengths", 502, "protocol", "", 0),
            Answer::bytes("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok!")
                .then(Step::Hang),
        ),
        (
            expected("bad-length", 502, "protocol", "", 0),
            Answer::bytes("HTTP/1.1 200 OK\r\ncontent-length: +2\r\n\r\nok").then(Step::Hang),
        ),
        (
            expected("folded", 502, "protocol", "", 0),
            Answer::bytes("HTTP/1.1 200 OK\r\nx-one: 1\r\n two\r\ncontent-length: 2\r\n\r\nok")
                .then(Step::Hang),
        ),
        (
            expected("large-head", 502, "head_too_large", "head", 0),
            Answer::bytes(format!(
                "HTTP/1.1 200 OK\r\nx-large: {}",
                "x".repeat(80 << 10)
            ))
            .then(Step::Hang),
        ),
        (
            expected("switched", 502, "protocol", "", 0),
            Answer::bytes(
                "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
            )
            .then(Step::Hang),
        ),
    ];
    let (mut config, mut upstreams) = (Config::new(), Vec::new());
    for (expected, answer) in &faults {
        let upstream = Upstream::start().await;
        upstream.next([answer.clone()]);
        config = with_limits(
            and_route(config, expected.route, &upstream.url()),
            expected.route,
        );
        upstreams.push(upstream);
    }
    let agent = Agent::start(config).await;
    for ((expected, _), upstream) in faults.iter().zip(&upstreams) {
        check(&agent, expected).await;
        assert_eq!(upstream.count(), 1, "{}", expected.route);
        let reply = get(&agent, &format!("/{}/after", expected.route)).await;
        assert_eq!(reply.text(), "ok", "{}", expected.route);
        assert_eq!(
            upstream.connections(),
            2,
            "{}: a broken connection was used again",
            expected.route
        );
    }
    agent.assert_no_panic();
}

/// Scenario: answers that break off after their head: a length that is too great, chunks without an end, silence, a reset.
/// Guarantees: the caller gets the status, and never a body that looks whole: its connection ends, or its stream with an error. The
/// breaker counts a failure.
#[tokio::test]
async fn answers_that_break_off_do_not_look_whole() {
    let chunked = head(200, &[("transfer-encoding", "chunked")]) + &chunk_of("some");
    let long = head(200, &[("content-length", "100")]) + "some";
    let faults = [
        ("long-closed", Answer::bytes(long.clone()).then(Step::Close)),
        (
            "long-reset",
            Answer::bytes(long.clone())
                .then(Step::Pause(Duration::from_millis(50)))
                .then(Step::Reset),
        ),
        ("long-silent", Answer::bytes(long).then(Step::Hang)),
        (
            "chunks-closed",
            Answer::bytes(chunked.clone()).then(Step::Close),
        ),
        (
            "chunks-silent",
            Answer::bytes(chunked.clone()).then(Step::Hang),
        ),
        (
            "chunks-broken",
            Answer::bytes(chunked.clone() + "zz\r\n").then(Step::Hang),
        ),
        (
            "chunk-too-long",
            Answer::bytes(chunked + "2\r\nthree\r\n0\r\n\r\n").then(Step::Hang),
        ),
    ];
    let (mut config, mut upstreams) = (Config::new(), Vec::new());
    for (route, answer) in &faults {
        let upstream = Upstream::start().await;
        upstream.next([answer.clone()]);
        config = with_limits(and_route(config, route, &upstream.url()), route)
            .set(&format!("route.{route}.breaker.mode"), "metrics_only");
        upstreams.push(upstream);
    }
    let agent = Agent::start(config).await;
    for ((route, _), upstream) in faults.iter().zip(&upstreams) {
        let mut raw = Raw::open(agent.gateway()).await;
        raw.send(format!("GET /{route}/x HTTP/1.1\r\nhost: g\r\n\r\n"))
            .await;
        match raw.reply().await {
            Err(_) => {}
            Ok(reply) => assert_eq!(reply.status, 502, "{route}: {reply:?}"),
        }
        eventually(
            "the breaker counts a failure",
            Duration::from_secs(5),
            async || {
                let labels = format!("outcome=\"failure\",service=\"{route}\"");
                let failures = agent.metric("circuit_breaker_calls_total", &labels).await;
                (failures == 1.0).then_some(())
            },
        )
        .await;
        assert_eq!(
            get(&agent, &format!("/{route}/after")).await.text(),
            "ok",
            "{route}"
        );
        assert_eq!(
            upstream.connections(),
            2,
            "{route}: a broken connection was used again"
        );
    }
}

/// Scenario: an upstream that stops taking the body, a caller that stops sending it, and a caller that breaks off. Guarantees: 504,
/// 408, and the end of the call at the upstream, which never takes half a body for a whole one.
#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_stall() {
    let (upstream, deaf) = (Upstream::start().await, Upstream::start().await);
    let config = with_limits(super::fixture::route_to(&upstream.url()), "up");
    let agent = Agent::start(with_limits(and_route(config, "deaf", &deaf.url()), "deaf")).await;
    deaf.next([Answer::hang().early()]);
    let large = "x".repeat(32 << 20);
    let begun = Instant::now();
    let reply = ask(&agent, Request::post("/deaf/x"), &large).await;
    problem(&reply, 504, "upstream");
    assert!(begun.elapsed() >= Duration::from_millis(500) && begun.elapsed() < SLACK * 2);
    for framing in ["content-length: 10", "transfer-encoding: chunked"] {
        upstream.forget();
        let mut raw = Raw::open(agent.gateway()).await;
        let begun = Instant::now();
        let part = if framing.starts_with('c') {
            "12345".to_owned()
        } else {
            chunk_of("12345")
        };
        raw.send(format!(
            "POST /up/stalls HTTP/1.1\r\nhost: g\r\n{framing}\r\n\r\n{part}"
        ))
        .await;
        let reply = raw.reply().await.unwrap();
        assert_eq!(reply.status, 408, "{reply:?}");
        assert!(
            begun.elapsed() >= Duration::from_millis(700),
            "{:?}",
            begun.elapsed()
        );
        upstream.open_connections(0).await;
        let mut raw = Raw::open(agent.gateway()).await;
        raw.send(format!(
            "POST /up/breaks HTTP/1.1\r\nhost: g\r\n{framing}\r\n\r\n{part}"
        ))
        .await;
        upstream.seen_at_least(2).await;
        raw.reset();
        upstream.open_connections(0).await;
        assert!(
            upstream.seen().iter().all(|seen| !seen.is_whole),
            "{:?}",
            upstream.seen()
        );
    }
}

/// Scenario: a limit for all attempts together, with an upstream that hangs and one that answers just in time. Guarantees: 504
/// after that time, in the middle of an attempt as well.
#[tokio::test]
async fn all_attempts_together_have_a_limit() {
    let upstream = Upstream::start().await;
    let config = super::fixture::route_to(&upstream.url())
        .set("route.up.timeout.first_byte", "400ms")
        .set("route.up.timeout.total", "900ms")
        .set("route.up.retry.attempts", 10)
        .set("route.up.retry.base", "1ms")
        .set("route.up.retry.budget", 10.0);
    let agent = Agent::start(config).await;
    upstream.always(Answer::hang());
    let begun = Instant::now();
    problem(&get(&agent, "/up/x").await, 504, "upstream");
    let took = begun.elapsed();
    assert!(
        took >= Duration::from_millis(850) && took < SLACK,
        "{took:?}"
    );
    assert!((2..=3).contains(&upstream.count()), "{:?}", upstream.seen());
    upstream.always(Answer::ok().after(Step::Pause(Duration::from_millis(200))));
    assert_eq!(get(&agent, "/up/y").await.text(), "ok");
}
