//! What a destination answers, and what becomes of the items.

use std::time::{Duration, Instant};

use super::assert_row;
use crate::fixture::{Agent, Config, Reaction, Signal, Sink, Transport, own_loopback, request};

/// Scenario: twenty requests are merged while the sink is down; it refuses whatever contains item 77 for good.
/// Guarantees: only the request with that item is lost to it, and is counted as refused.
#[tokio::test]
async fn a_poisoned_request_takes_no_others_with_it() {
    let sink = Sink::at(own_loopback(), None);
    let agent = Agent::start(Config::to(&sink)).await;
    let mut sender = agent.sender(Transport::Http);
    for number in 0..20 {
        sender
            .must_send(
                Signal::Traces,
                &request(Signal::Traces, number * 10..number * 10 + 10),
            )
            .await;
    }
    sink.decide(|request| match request.ids().contains(&77) {
        true => Reaction::Refuse,
        false => Reaction::Accept,
    });
    sink.up().await;
    let ledger = agent.drained().await;
    assert_row(ledger.export("sink"), 200, 190, 10, 0);
    let arrived = sink.items();
    assert_eq!(arrived.len(), 190);
    assert!((70..80).all(|poisoned| !arrived.contains_key(&poisoned)));
    let merged = sink
        .requests()
        .iter()
        .any(|request| request.ids().len() > 10);
    assert!(merged, "nothing was merged, so nothing was isolated");
}

/// Scenario: the sink takes all but three items of a request of ten, over both transports. Guarantees: the three are
/// counted as refused and nothing is sent again.
#[tokio::test]
async fn partial_success_is_counted() {
    for protocol in ["grpc", "http"] {
        let sink = Sink::start().await;
        let agent = Agent::start(Config::to(&sink).sink("protocol", protocol)).await;
        sink.next([Reaction::AcceptAllBut(3)]);
        agent
            .sender(Transport::Grpc)
            .must_send(Signal::Traces, &request(Signal::Traces, 0..10))
            .await;
        let ledger = agent.drained().await;
        assert_row(ledger.export("sink"), 10, 7, 3, 0);
        assert_eq!(sink.requests().len(), 1);
    }
}

/// Scenario: the sink claims to have rejected more items than it was sent. Guarantees: the account still adds up.
#[tokio::test]
async fn an_absurd_partial_success_does_not_bend_the_ledger() {
    let sink = Sink::start().await;
    let agent = Agent::start(Config::to(&sink)).await;
    sink.next([Reaction::AcceptAllBut(i64::MAX), Reaction::AcceptAllBut(-4)]);
    let mut sender = agent.sender(Transport::Grpc);
    for batch in 0..2 {
        sender
            .must_send(
                Signal::Logs,
                &request(Signal::Logs, batch * 10..batch * 10 + 10),
            )
            .await;
        sink.requests_at_least(batch as usize + 1).await;
    }
    let ledger = agent.drained().await;
    assert_row(ledger.export("sink"), 20, 10, 10, 0);
}

/// Scenario: the sink asks for a second of peace, by RetryInfo over gRPC and by Retry-After over HTTP, where the agent's
/// own backoff is a few milliseconds. Guarantees: the agent comes back after that second, and then delivers.
#[tokio::test]
async fn retry_hints_are_honoured() {
    for protocol in ["grpc", "http"] {
        let sink = Sink::start().await;
        let agent = Agent::start(Config::to(&sink).sink("protocol", protocol)).await;
        sink.next([Reaction::TryLater(Some(Duration::from_secs(1)))]);
        agent
            .sender(Transport::Http)
            .must_send(Signal::Metrics, &request(Signal::Metrics, 0..5))
            .await;
        sink.requests_at_least(1).await;
        let refused = Instant::now();
        sink.requests_at_least(2).await;
        let waited = refused.elapsed();
        assert!(
            waited > Duration::from_millis(950),
            "{protocol}: came back after {waited:?}"
        );
        assert!(
            waited < Duration::from_secs(5),
            "{protocol}: came back after {waited:?}"
        );
        assert_row(agent.drained().await.export("sink"), 5, 5, 0, 0);
    }
}

/// Scenario: the sink refuses four times without a hint, hangs once past the timeout, and drops the connection twice.
/// Guarantees: each is tried again until it is delivered.
#[tokio::test]
async fn what_may_succeed_is_tried_again() {
    for protocol in ["grpc", "http"] {
        let sink = Sink::start().await;
        let config = Config::to(&sink)
            .sink("protocol", protocol)
            .sink("timeout", "300ms");
        let agent = Agent::start(config.sink("breaker.failures", 100)).await;
        sink.next(vec![Reaction::TryLater(None); 4]);
        sink.next([Reaction::Hang, Reaction::Drop, Reaction::Drop]);
        agent
            .sender(Transport::Grpc)
            .must_send(Signal::Logs, &request(Signal::Logs, 0..5))
            .await;
        assert_row(agent.drained().await.export("sink"), 5, 5, 0, 0);
        assert_eq!(sink.requests().len(), 8, "{protocol}");
        assert_eq!(sink.items().len(), 5);
    }
}
