//! The agent tells about itself, through its own door, and never about telling.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::Value;

use crate::fixture::{
    Agent, Config, Received, Signal, Sink, Transport, canonical, eventually, request,
};

/// An agent that exports its own telemetry often.
fn telling(sink: &Sink) -> Config {
    Config::to(sink)
        .set("telemetry.export_own", true)
        .set("telemetry.metrics_every", "1s")
        .set("telemetry.trace_ratio", 1.0)
        .environment("OTEL_BSP_SCHEDULE_DELAY", "200")
        .environment("OTEL_BLRP_SCHEDULE_DELAY", "200")
}

fn own_items(requests: &[Received], signal: Signal) -> Vec<Value> {
    let of_signal = requests.iter().filter(|request| request.signal == signal);
    let items = of_signal.flat_map(|request| canonical(signal, &request.message));
    items
        .filter(|item| item["resource"]["service.name"] == "lineside")
        .collect()
}

/// Scenario: an agent that is sent a little. Guarantees: its spans, metrics and logs reach the sink as OTLP with
/// `service.name` lineside and its version, and the ledger counts them as its own.
#[tokio::test]
async fn it_reaches_the_sink() {
    let sink = Sink::start().await;
    let agent = Agent::start(telling(&sink)).await;
    let mut sender = agent.sender(Transport::Http);
    sender
        .must_send(Signal::Traces, &request(Signal::Traces, 0..3))
        .await;
    for signal in Signal::ALL {
        let what = format!("own {signal} at the sink");
        let items = eventually(&what, Duration::from_secs(15), async || {
            Some(own_items(&sink.taken(), signal)).filter(|items| !items.is_empty())
        })
        .await;
        assert_eq!(
            items[0]["resource"]["service.version"],
            env!("CARGO_PKG_VERSION")
        );
    }
    let names: HashSet<String> = own_items(&sink.taken(), Signal::Metrics)
        .iter()
        .map(|item| item["name"].as_str().unwrap().to_owned())
        .collect();
    for expected in ["lineside.items.received", "process.uptime"] {
        assert!(names.contains(expected), "no {expected} in {names:?}");
    }
    assert!(agent.ledger().await.service("sink", "lineside").delivered > 0);
}

/// Scenario: a sender's request carries a traceparent. Guarantees: the agent's span for it is part of that trace.
#[tokio::test]
async fn a_callers_trace_goes_on() {
    let sink = Sink::start().await;
    let agent = Agent::start(telling(&sink).set("telemetry.trace_ratio", 0.0)).await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    for transport in Transport::BOTH {
        let mut sender = agent
            .sender(transport)
            .header("traceparent", &format!("00-{trace}-00f067aa0ba902b7-01"));
        sender
            .must_send(Signal::Logs, &request(Signal::Logs, 0..1))
            .await;
    }
    eventually(
        "two spans of the caller's trace",
        Duration::from_secs(10),
        async || {
            let spans = own_items(&sink.taken(), Signal::Traces);
            let of_trace = spans.iter().filter(|span| span["trace_id"] == trace);
            (of_trace
                .filter(|span| span["parent_span_id"] == "00f067aa0ba902b7")
                .count()
                >= 2)
                .then_some(())
        },
    )
    .await;
}

/// Scenario: an agent that nobody sends anything, for some seconds, with all its own telemetry on. Guarantees: what it says
/// about itself in a second is small and does not grow: exporting its own telemetry makes no telemetry.
#[tokio::test]
async fn an_idle_agent_does_not_talk_to_itself() {
    let sink = Sink::start().await;
    let _agent = Agent::start(telling(&sink)).await;
    let total = || Signal::ALL.map(|signal| own_items(&sink.taken(), signal).len());
    eventually("the first metrics", Duration::from_secs(15), async || {
        (total()[1] > 0).then_some(())
    })
    .await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let mut windows = Vec::new();
    for _ in 0..2 {
        let before = total();
        tokio::time::sleep(Duration::from_secs(4)).await;
        let after = total();
        windows.push([0, 1, 2].map(|signal| after[signal] - before[signal]));
    }
    let [first, second] = [windows[0], windows[1]];
    assert!(
        second[0] + second[2] <= 4,
        "an idle agent made {} spans and {} logs in 4 s",
        second[0],
        second[2]
    );
    assert!(second[1] <= 4 * 400, "{} data points in 4 s", second[1]);
    assert!(
        second[1] <= first[1] * 3 / 2 + 20,
        "own metrics grow: {first:?}, then {second:?}"
    );
}

/// Scenario: the sink refuses everything. Guarantees: failing to deliver its own telemetry does not make more and more
/// of it.
#[tokio::test]
async fn a_failing_export_is_not_a_flood() {
    let sink = Sink::start().await;
    sink.always(crate::fixture::Reaction::TryLater(None));
    let agent = Agent::start(telling(&sink)).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let first = agent.ledger().await.export("sink").received;
    tokio::time::sleep(Duration::from_secs(4)).await;
    let second = agent.ledger().await.export("sink").received - first;
    assert!(
        second <= 4 * 400 + 100,
        "{first} items in 3 s, then {second} in 4 s"
    );
    let lines = agent.log().lines().count();
    assert!(lines < 100, "{lines} lines of log");
}

/// Scenario: JSON logs. Guarantees: every line is JSON with a time, a level and a message, those within a trace with
/// their trace_id.
#[tokio::test]
async fn logs_can_be_json() {
    let sink = Sink::start().await;
    let agent = Agent::start(Config::to(&sink).set("telemetry.log_format", "json")).await;
    let log = agent.log();
    assert!(!log.is_empty());
    for line in log.lines() {
        let entry: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(
            entry.get("level").is_some() && entry.get("timestamp").is_some(),
            "{line}"
        );
    }
}
