//! Counters that are added up here go on after a restart.

use crate::fixture::{Agent, Config, Signal, Sink, Transport, request};

const COUNTER: &str = "log_records_total";

async fn send(agent: &Agent, records: u64) {
    let mut sender = agent.sender(Transport::Grpc);
    sender
        .send(Signal::Logs, &request(Signal::Logs, 0..records))
        .await
        .unwrap();
}

/// Scenario: log records are counted, scraped, and the agent is killed; then more come, and it is stopped in order.
/// Guarantees: after `kill -9` the counter stands where the scrape saw it, after an orderly end exactly where it stood,
/// and both times new records are added to it.
#[tokio::test]
async fn counters_go_on_after_a_restart() {
    let sink = Sink::start().await;
    let mut agent = Agent::start(Config::to(&sink)).await;
    let mut expected = 0.0;
    for orderly in [false, true, false] {
        send(&agent, 7).await;
        expected += 7.0;
        assert_eq!(agent.metric(COUNTER, "checkout").await, expected);
        if orderly {
            send(&agent, 5).await;
            expected += 5.0;
            agent.stop().await;
        } else {
            agent.kill9();
        }
        agent.restart().await;
        assert_eq!(agent.metric(COUNTER, "checkout").await, expected);
    }
    agent.assert_no_panic();
}

/// Scenario: the same with `series.continuity = false`.
/// Guarantees: the counter begins at zero, and nothing is kept on disk.
#[tokio::test]
async fn without_continuity_counters_begin_at_zero() {
    let sink = Sink::start().await;
    let config = Config::to(&sink).set("series.continuity", false);
    let mut agent = Agent::start(config).await;
    send(&agent, 7).await;
    assert_eq!(agent.metric(COUNTER, "checkout").await, 7.0);
    agent.stop().await;
    agent.restart().await;
    assert_eq!(agent.metric(COUNTER, "checkout").await, 0.0);
    assert!(!agent.data_directory().join("series").exists());
}
