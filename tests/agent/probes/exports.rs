//! The agent's own exports, each with a probe by itself.

use std::time::Duration;

use serde_json::Value;

use crate::fixture::{Agent, Config, Reaction, Signal, Sink, Transport, eventually, request};

const PATIENCE: Duration = Duration::from_secs(30);

/// The probe, or the group, `name`.
async fn check(agent: &Agent, name: &str) -> Value {
    let health = agent.get(&format!("/api/health?include={name}")).await;
    health.unwrap().json()["checks"][name].clone()
}

/// Waits until the probe of the export says `status`, with `text` in its message.
async fn until(agent: &Agent, status: &str, text: &str) -> Value {
    let what = format!("the export is {status} with {text:?}");
    eventually(&what, PATIENCE, async || {
        let check = check(agent, "export-sink").await;
        let told = check["message"].as_str()?.contains(text);
        (check["status"] == status && told).then_some(check)
    })
    .await
}

/// Scenario: a destination takes everything, goes away for longer than `stuck_after`, and comes back.
/// Guarantees: the export's probe passes, warns while what waits is not yet late, with its number, fails as stuck when it
/// is, and recovers; it is found by its name and its group, and shows on `/metrics`.
#[tokio::test]
async fn an_export_warns_then_is_stuck_then_recovers() {
    let sink = Sink::start().await;
    let config = Config::to(&sink)
        .sink("stuck_after", "2s")
        .set("probes.own_every", "100ms");
    let agent = Agent::start(config).await;
    until(&agent, "pass", "").await;
    let up = async || {
        agent
            .metric("lineside_probe_up", "probe=\"export-sink\"")
            .await
    };
    assert_eq!(up().await, 1.0);

    sink.down().await;
    let mut sender = agent.sender(Transport::Grpc);
    sender
        .must_send(Signal::Traces, &request(Signal::Traces, 0..7))
        .await;
    let warning = until(
        &agent,
        "warn",
        "7 items wait safely on disk, the oldest for ",
    )
    .await;
    assert_eq!(warning["facts"]["items_waiting"], 7);
    assert_eq!(up().await, 1.0);

    let stuck = until(&agent, "fail", "longer than stuck_after (2s): ").await;
    assert_eq!(stuck["lastRun"]["reason"], "stuck", "{stuck}");
    assert_eq!(stuck["kind"], "export");
    assert_eq!(check(&agent, "exports").await["status"], "fail");
    assert_eq!(up().await, 0.0);
    let runs = "lineside_probe_runs_total";
    assert!(agent.metric(runs, "reason=\"stuck\"").await >= 1.0);

    sink.up().await;
    let well = until(&agent, "pass", "").await;
    assert_eq!(well["facts"]["items_waiting"], 0);
    assert_eq!(up().await, 1.0);
    assert_eq!(sink.items_at_least(7).await.len(), 7);
}

/// Scenario: a destination that is there refuses for the time being.
/// Guarantees: the warning repeats why.
#[tokio::test]
async fn a_destination_that_refuses_is_a_warning() {
    let sink = Sink::start().await;
    sink.always(Reaction::TryLater(None));
    let config = Config::to(&sink).set("probes.own_every", "100ms");
    let agent = Agent::start(config).await;
    let mut sender = agent.sender(Transport::Grpc);
    sender
        .must_send(Signal::Logs, &request(Signal::Logs, 0..1))
        .await;
    until(&agent, "warn", "UNAVAILABLE").await;
    until(&agent, "warn", "1 item waits safely on disk").await;
    sink.always(Reaction::Accept);
    until(&agent, "pass", "").await;
}
