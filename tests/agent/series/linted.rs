//! `promtool check metrics` reads what an agent shows, its own and what it was sent.

use std::io::Write;
use std::process::Stdio;

use super::client;
use super::shop;
use super::shown::Shown;
use crate::fixture::{Agent, Config, Signal, Sink, Transport, debian_tool, request};

/// Complaints about names that others chose, and that dashboards ask for as they are.
const ALLOWED: [&str; 2] = [
    // The span metrics connector counts in milliseconds by default.
    "traces_span_metrics_duration_milliseconds use base unit",
    "traces_span_metrics_duration_milliseconds metric names should not contain abbreviated units",
];

/// Scenario: an agent that forwards, has been sent every kind of instrument by the SDK and the traces and logs of a shop, and
/// is asked for its text. Guarantees: promtool reads it, and complains of no name that this agent chose.
#[tokio::test]
async fn promtool_accepts_what_is_shown() {
    let sink = Sink::start().await;
    let agent = Agent::start(Config::to(&sink)).await;
    client::printed_by("measure.py", &agent).await;
    shop::visit(&agent, 3).await;
    let mut sender = agent.sender(Transport::Http);
    sender
        .must_send(Signal::Logs, &request(Signal::Logs, 0..10))
        .await;
    let shown = Shown::by(&agent).await;
    for received in [
        "orders_placed_total",
        "payload_size_bytes_bucket",
        "log_records_total",
    ] {
        assert!(!shown.all(received, &[]).is_empty(), "no {received}");
    }
    let complaints = complaints_of_promtool(&shown.text);
    let new: Vec<&str> = complaints
        .lines()
        .filter(|line| !ALLOWED.iter().any(|allowed| line.starts_with(allowed)))
        .collect();
    assert!(new.is_empty(), "{new:#?}");
}

/// What promtool has to say. Fails the test if it cannot read the text at all.
fn complaints_of_promtool(text: &str) -> String {
    let mut promtool = debian_tool("promtool", "prometheus")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = promtool.stdin.take().unwrap();
    stdin.write_all(text.as_bytes()).unwrap();
    drop(stdin);
    let output = promtool.wait_with_output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    // 1: cannot be parsed. 3: has something to say about names.
    let is_read = matches!(output.status.code(), Some(0 | 3));
    assert!(is_read, "{}: {said}", output.status);
    said
}
