//! Ages, sizes and a full journal.

use std::time::Duration;

use super::{assert_row, small_journal};
use crate::fixture::{
    Agent, Config, Received, Signal, Sink, Transport, own_loopback, request, request_of,
};

/// Scenario: a sink stays down for longer than the export's `max_age`. Guarantees: what waited longer is dropped as
/// expired and never arrives; what comes later arrives.
#[tokio::test]
async fn what_is_too_old_is_dropped_and_counted() {
    let sink = Sink::at(own_loopback(), None);
    let agent = Agent::start(Config::to(&sink).sink("max_age", "1s")).await;
    let mut sender = agent.sender(Transport::Grpc);
    sender
        .must_send(Signal::Logs, &request(Signal::Logs, 0..7))
        .await;
    let ledger = agent.drained().await;
    assert_row(ledger.export("sink"), 7, 0, 0, 7);
    assert_eq!(ledger.dropped("sink", "expired"), 7);
    sink.up().await;
    sender
        .must_send(Signal::Logs, &request(Signal::Logs, 7..10))
        .await;
    assert_eq!(sink.items_at_least(3).await.len(), 3);
    assert_row(agent.drained().await.export("sink"), 10, 3, 0, 7);
}

/// Scenario: twice what the journal holds comes while the sink is down, with `drop_oldest`. Guarantees: nothing is
/// refused at the door, the oldest items are counted as evicted, and exactly the others arrive.
#[tokio::test]
async fn drop_oldest_gives_up_the_oldest() {
    let sink = Sink::at(own_loopback(), None);
    // The export holds little, or it would hold in memory what the journal gives up.
    let config = small_journal(Config::to(&sink))
        .set("journal.when_full", "drop_oldest")
        .sink("concurrency", 1)
        .sink("batch.max_bytes", "64KiB");
    let agent = Agent::start(config).await;
    let mut sender = agent.sender(Transport::Grpc);
    for batch in 0..80 {
        let message = request_of(
            "checkout",
            Signal::Logs,
            batch * 10..batch * 10 + 10,
            10_000,
        );
        sender.must_send(Signal::Logs, &message).await;
    }
    sink.up().await;
    let ledger = agent.drained().await;
    let (row, evicted) = (ledger.export("sink"), ledger.dropped("sink", "evicted"));
    // What the export already held when its segment went is delivered all the same.
    assert!(
        evicted >= 300,
        "8 MB went into 4 MiB, but only {evicted} of 800 items were evicted"
    );
    assert_row(row, 800, 800 - evicted, 0, evicted);
    let arrived = sink.items();
    assert_eq!(arrived.len() as u64, row.delivered);
    assert!(
        (500..800).all(|id| arrived.contains_key(&id)),
        "the newest are not among those that arrived"
    );
}

/// Scenario: the journal is full and refuses. Guarantees: the sender hears a retryable refusal with a hint, nothing that
/// was acknowledged is lost, and there is room again once the sink is back.
#[tokio::test]
async fn a_full_journal_refuses_with_a_hint() {
    let sink = Sink::at(own_loopback(), None);
    let agent = Agent::start(small_journal(Config::to(&sink))).await;
    let mut taken = 0;
    for transport in Transport::BOTH {
        let mut sender = agent.sender(transport);
        let refusal = loop {
            assert!(taken < 800, "8 MB went into a journal of 4 MiB");
            let message = request_of("checkout", Signal::Logs, taken..taken + 10, 10_000);
            match sender.send(Signal::Logs, &message).await.unwrap() {
                answer if answer.is_success() => taken += 10,
                refusal => break refusal,
            }
        };
        assert!(refusal.is_retryable(), "{refusal:?}");
        assert!(
            refusal
                .retry_hint()
                .is_some_and(|delay| delay <= Duration::from_secs(1)),
            "{refusal:?}"
        );
    }
    assert_eq!(agent.ledger().await.turned_away_requests("full"), 2);
    sink.up().await;
    assert_row(agent.drained().await.export("sink"), taken, taken, 0, 0);
    assert_eq!(sink.items().len() as u64, taken);
    agent
        .sender(Transport::Http)
        .must_send(Signal::Logs, &request(Signal::Logs, taken..taken + 1))
        .await;
}

/// Scenario: a thousand small requests wait. Guarantees: they go out in few large ones, none larger than
/// `batch.max_bytes`.
#[tokio::test]
async fn merged_requests_keep_to_their_size() {
    let sink = Sink::at(own_loopback(), None);
    let agent = Agent::start(Config::to(&sink).sink("batch.max_bytes", "16KiB")).await;
    let mut sender = agent.sender(Transport::Grpc);
    for number in 0..500 {
        sender
            .must_send(Signal::Logs, &request(Signal::Logs, number..number + 1))
            .await;
    }
    sink.up().await;
    sink.items_at_least(500).await;
    let taken: Vec<Received> = sink.taken();
    assert!(taken.len() < 50, "{} requests", taken.len());
    let largest = taken
        .iter()
        .map(|request| request.message.len())
        .max()
        .unwrap();
    assert!(largest <= 16 << 10, "{largest} bytes");
}
