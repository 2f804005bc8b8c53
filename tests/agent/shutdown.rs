//! SIGTERM: readiness first, requests in flight end, new ones hear when to come back, nothing acknowledged is lost.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::fixture::{
    Agent, Config, Load, LoadPlan, Reaction, Signal, Sink, Transport, eventually, own_loopback,
    request,
};

/// Scenario: SIGTERM while senders on both transports send as fast as they can. Guarantees: refusals are retryable with a
/// hint, the exit code is 0, and after the next start every acknowledged item has arrived.
#[tokio::test(flavor = "multi_thread")]
async fn stopping_under_load_loses_nothing() {
    let sink = Sink::start().await;
    let mut agent = Agent::start(Config::to(&sink)).await;
    let plan = LoadPlan {
        senders: 8,
        items: 10,
        padding: 0,
        pause: Duration::ZERO,
    };
    let load = Load::start(&agent, plan, &Arc::new(AtomicU64::new(0)));
    sink.items_at_least(500).await;
    let status = agent.stop().await;
    let told = load.finish().await;
    assert_eq!(status.code(), Some(0), "{}", agent.log());
    for refusal in &told.refusals {
        assert!(
            refusal.is_retryable() && refusal.retry_hint().is_some(),
            "{refusal:?}"
        );
    }
    agent.restart().await;
    agent.drained().await;
    let arrived = sink.items();
    assert!(
        told.acknowledged.iter().all(|id| arrived.contains_key(id)),
        "acknowledged items were lost"
    );
    let again = arrived.values().filter(|times| **times > 1).count();
    assert_eq!(
        again, 0,
        "items were delivered before and after an orderly stop"
    );
}

/// Opens an HTTP request whose body is still to come.
async fn half_sent(agent: &Agent, body: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(agent.http()).await.unwrap();
    let head = format!(
        "POST /v1/logs HTTP/1.1\r\nhost: a\r\ncontent-type: application/x-protobuf\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&body[..body.len() / 2]).await.unwrap();
    stream
}

/// Waits until the agent has begun to read as many bodies.
async fn readiness(agent: &Agent, status: u16) {
    eventually("readiness changes", Duration::from_secs(5), async || {
        agent
            .get("/health/ready")
            .await
            .filter(|reply| reply.status == status)
    })
    .await;
}

/// Scenario: SIGTERM while one request is half sent. Guarantees: readiness turns 503, new requests on both transports hear
/// 503 or UNAVAILABLE with a hint, the request in flight is taken in and answered, and only then does the agent end.
#[tokio::test]
async fn requests_in_flight_are_answered() {
    let sink = Sink::start().await;
    let mut agent = Agent::start(Config::to(&sink)).await;
    let body = request(Signal::Logs, 0..5);
    let mut open: Vec<_> = Transport::BOTH
        .into_iter()
        .map(|transport| agent.sender(transport))
        .collect();
    for sender in &mut open {
        sender
            .must_send(Signal::Logs, &request(Signal::Logs, 5..6))
            .await;
    }
    let mut in_flight = half_sent(&agent, &body).await;
    eventually(
        "the body is being read",
        Duration::from_secs(5),
        async || (agent.metric("lineside_receive_connections", "").await >= 3.0).then_some(()),
    )
    .await;
    agent.terminate();
    readiness(&agent, 503).await;
    for sender in &mut open {
        let refused = sender
            .send(Signal::Logs, &request(Signal::Logs, 6..7))
            .await
            .unwrap();
        assert!(
            refused.is_retryable() && refused.retry_hint().is_some(),
            "{refused:?}"
        );
    }
    in_flight.write_all(&body[body.len() / 2..]).await.unwrap();
    let mut answer = String::new();
    in_flight.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(
        agent.ended(Duration::from_secs(10)).await.code(),
        Some(0),
        "{}",
        agent.log()
    );
    assert!(
        (0..5).all(|id| sink.items().contains_key(&id)),
        "the export was not flushed"
    );
}

/// Scenario: SIGTERM while the sink hangs and items wait. Guarantees: the agent ends by itself within its deadline, and the
/// items arrive after the next start.
#[tokio::test]
async fn a_hanging_export_does_not_hold_the_shutdown_for_ever() {
    let sink = Sink::start().await;
    sink.always(Reaction::Hang);
    let config = Config::to(&sink)
        .set("shutdown.drain", "200ms")
        .set("shutdown.deadline", "2s");
    let mut agent = Agent::start(config).await;
    agent
        .sender(Transport::Grpc)
        .must_send(Signal::Logs, &request(Signal::Logs, 0..5))
        .await;
    sink.requests_at_least(1).await;
    let begun = Instant::now();
    agent.stop().await;
    assert!(
        begun.elapsed() < Duration::from_secs(4),
        "took {:?}",
        begun.elapsed()
    );
    sink.always(Reaction::Accept);
    agent.restart().await;
    assert_eq!(sink.items_at_least(5).await.len(), 5);
}

/// Scenario: a request never ends, and the drain time passes. Guarantees: it is cut off, and the agent ends with 0.
#[tokio::test]
async fn a_request_that_never_ends_is_cut_off() {
    let sink = Sink::start().await;
    let config = Config::to(&sink)
        .set("shutdown.drain", "300ms")
        .set("shutdown.deadline", "10s");
    let mut agent = Agent::start(config).await;
    let mut in_flight = half_sent(&agent, &request(Signal::Logs, 0..5)).await;
    agent
        .sender(Transport::Grpc)
        .must_send(Signal::Logs, &request(Signal::Logs, 5..6))
        .await;
    let begun = Instant::now();
    assert_eq!(agent.stop().await.code(), Some(0), "{}", agent.log());
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "took {:?}",
        begun.elapsed()
    );
    let mut answer = Vec::new();
    let _ = in_flight.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP/1.1 200"));
}

/// Scenario: a second SIGTERM while the first is waiting for a request. Guarantees: the agent ends at once with a code
/// that is not 0, and what it had acknowledged is delivered after the next start.
#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let sink = Sink::at(own_loopback(), None);
    let mut agent = Agent::start(Config::to(&sink)).await;
    agent
        .sender(Transport::Grpc)
        .must_send(Signal::Logs, &request(Signal::Logs, 0..5))
        .await;
    let _in_flight = half_sent(&agent, &request(Signal::Logs, 5..9)).await;
    agent.terminate();
    readiness(&agent, 503).await;
    let begun = Instant::now();
    agent.terminate();
    let status = agent.ended(Duration::from_secs(3)).await;
    assert_ne!(status.code(), Some(0));
    assert!(
        begun.elapsed() < Duration::from_secs(2),
        "took {:?}",
        begun.elapsed()
    );
    sink.up().await;
    agent.restart().await;
    assert_eq!(sink.items_at_least(5).await.len(), 5);
}
