//! The official SDKs send through the agent, and what arrives is what they sent.

use std::process::Command;

use serde_json::Value;

use crate::fixture::{
    Agent, Config, Sender, Signal, Sink, Transport, canonical, compress, eventually, node, python,
    repository, request, run,
};

const PYTHON: &str = "tests/clients/python/send.py";
const JAVASCRIPT: &str = "tests/clients/js/send.mjs";

/// Runs a client program that sends to `endpoint`, and gives back what it says it sent.
async fn sent_by(mut program: Command, script: &str, arguments: [&str; 3]) -> Value {
    program.arg(repository().join(script)).args(arguments);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("OTEL_")) {
        program.env_remove(name);
    }
    let output = run(program).await;
    serde_json::from_slice(&output.stdout).expect("the client prints JSON")
}

/// Fails unless the sink has exactly the items in `sent`, attribute by attribute.
async fn assert_arrived(sent: &Value, sink: &Sink) {
    for signal in Signal::ALL {
        let expected = sorted(
            sent[signal.name()]
                .as_array()
                .expect("a list of items")
                .clone(),
        );
        assert!(!expected.is_empty(), "the client sent no {signal}");
        let what = format!("{} {signal} at the sink", expected.len());
        let arrived = eventually(&what, std::time::Duration::from_secs(10), async || {
            let requests = sink
                .taken()
                .into_iter()
                .filter(|request| request.signal == signal);
            let items: Vec<Value> = requests
                .flat_map(|request| canonical(signal, &request.message))
                .collect();
            Some(sorted(items)).filter(|items| items.len() >= expected.len())
        })
        .await;
        for (sent, arrived) in expected.iter().zip(&arrived) {
            assert_eq!(sent, arrived, "one of the {signal}");
        }
        assert_eq!(expected.len(), arrived.len(), "{signal}");
    }
}

fn sorted(mut items: Vec<Value>) -> Vec<Value> {
    items.sort_by_cached_key(Value::to_string);
    items
}

/// The address of the agent's usual port for a client's protocol, as the clients want it.
fn endpoint(agent: &Agent, protocol: &str) -> String {
    match protocol {
        "grpc" => format!("http://{}", agent.grpc()),
        _ => format!("http://{}", agent.http()),
    }
}

async fn passes_through(program: fn() -> Command, script: &str, protocol: &str, compression: &str) {
    let sink = Sink::start().await;
    let agent = Agent::start(Config::to(&sink)).await;
    let endpoint = endpoint(&agent, protocol);
    let sent = sent_by(program(), script, [protocol, &endpoint, compression]).await;
    assert_arrived(&sent, &sink).await;
    let ledger = agent.drained().await;
    let items: usize = Signal::ALL
        .iter()
        .map(|signal| sent[signal.name()].as_array().unwrap().len())
        .sum();
    assert_eq!(ledger.export("sink").delivered, items as u64);
    assert_eq!(ledger.turned_away(), 0);
    agent.assert_no_panic();
}

/// Scenario: the Python SDK sends all signals over gRPC, plain. Guarantees: the sink has every attribute of every item.
#[tokio::test]
async fn python_over_grpc() {
    passes_through(python, PYTHON, "grpc", "none").await;
}

/// Scenario: as above with gzip. Guarantees: the same.
#[tokio::test]
async fn python_over_grpc_with_gzip() {
    passes_through(python, PYTHON, "grpc", "gzip").await;
}

/// Scenario: the Python SDK sends all signals over HTTP with protobuf. Guarantees: the same.
#[tokio::test]
async fn python_over_http() {
    passes_through(python, PYTHON, "http", "none").await;
}

/// Scenario: as above with gzip. Guarantees: the same.
#[tokio::test]
async fn python_over_http_with_gzip() {
    passes_through(python, PYTHON, "http", "gzip").await;
}

/// Scenario: the JavaScript SDK sends all signals over gRPC with gzip. Guarantees: the same.
#[tokio::test]
async fn javascript_over_grpc() {
    passes_through(node, JAVASCRIPT, "grpc", "gzip").await;
}

/// Scenario: the JavaScript SDK sends all signals over HTTP with protobuf. Guarantees: the same.
#[tokio::test]
async fn javascript_over_http() {
    passes_through(node, JAVASCRIPT, "proto", "none").await;
}

/// Scenario: the JavaScript SDK sends all signals as JSON. Guarantees: the same.
#[tokio::test]
async fn javascript_as_json() {
    passes_through(node, JAVASCRIPT, "json", "none").await;
}

/// Scenario: as above with gzip. Guarantees: the same.
#[tokio::test]
async fn javascript_as_json_with_gzip() {
    passes_through(node, JAVASCRIPT, "json", "gzip").await;
}

/// Scenario: both clients send straight to the sink. Guarantees: a difference in the tests above is the agent's, not one
/// between a client's account and the sink's.
#[tokio::test]
async fn the_comparison_itself_is_exact() {
    for protocol in ["grpc", "http"] {
        let sink = Sink::start().await;
        let sent = sent_by(python(), PYTHON, [protocol, &sink.endpoint(), "gzip"]).await;
        assert_arrived(&sent, &sink).await;
    }
    for protocol in ["grpc", "proto"] {
        let sink = Sink::start().await;
        let sent = sent_by(node(), JAVASCRIPT, [protocol, &sink.endpoint(), "none"]).await;
        assert_arrived(&sent, &sink).await;
    }
}

/// Scenario: requests too far apart to be merged, on each transport and either port. Guarantees: the sink gets the very
/// bytes, although nothing in between decoded them: unknown fields and odd but legal encodings survive.
#[tokio::test]
async fn bytes_pass_through_unchanged() {
    let sink = Sink::start().await;
    let agent = Agent::start(Config::to(&sink).sink("batch.max_delay", "0ms")).await;
    let mut sent = Vec::new();
    for transport in Transport::BOTH {
        for mut sender in [
            agent.sender(transport),
            agent.sender(transport).by_the_other_port(&agent),
        ] {
            for signal in Signal::ALL {
                let message = with_unknown_field(request(signal, 0..3));
                sender.must_send(signal, &message).await;
                sent.push((signal, message));
                sink.requests_at_least(sent.len()).await;
            }
        }
    }
    let arrived: Vec<_> = sink
        .taken()
        .into_iter()
        .map(|request| (request.signal, request.message))
        .collect();
    assert_eq!(arrived, sent);
}

/// Scenario: a compressed request comes in where the export compresses the same way, on every pair of transports.
/// Guarantees: the sink gets the very bytes that the sender compressed; nobody inflated and deflated them again.
#[tokio::test]
async fn compressed_bytes_pass_through_unchanged() {
    for protocol in ["grpc", "http"] {
        for coding in ["gzip", "zstd"] {
            let sink = Sink::start().await;
            let config = Config::to(&sink)
                .sink("protocol", protocol)
                .sink("compression", coding);
            let agent = Agent::start(config).await;
            for transport in Transport::BOTH {
                let message = request(Signal::Traces, 0..50);
                agent
                    .sender(transport)
                    .compressing(coding)
                    .must_send(Signal::Traces, &message)
                    .await;
                agent.drained().await;
                let arrived = sink.taken().pop().unwrap();
                assert_eq!(
                    arrived.raw,
                    compress(coding, &message),
                    "{transport:?} to {protocol}"
                );
            }
        }
    }
}

/// Scenario: several requests wait while the sink is slow, and are merged. Guarantees: what arrives is their bytes one
/// after the other, in the order of their arrival.
#[tokio::test]
async fn merged_bytes_are_the_requests_in_order() {
    let sink = Sink::start().await;
    let agent = Agent::start(
        Config::to(&sink)
            .sink("concurrency", 1)
            .sink("batch.max_delay", "300ms"),
    )
    .await;
    let mut sender = agent.sender(Transport::Grpc);
    let messages: Vec<_> = (0..20)
        .map(|n| with_unknown_field(request(Signal::Traces, n * 10..n * 10 + 10)))
        .collect();
    for message in &messages {
        sender.must_send(Signal::Traces, message).await;
    }
    agent.drained().await;
    let arrived = sink.taken();
    assert!(
        arrived.len() < messages.len(),
        "{} requests were not merged",
        arrived.len()
    );
    let bytes: Vec<u8> = arrived
        .iter()
        .flat_map(|request| request.message.to_vec())
        .collect();
    assert_eq!(bytes, messages.concat());
}

/// A request with a field (15, text) that no version of OTLP has yet, and a second copy of nothing: field 1 stays first.
fn with_unknown_field(message: bytes::Bytes) -> bytes::Bytes {
    [&message[..], b"\x7a\x06future"].concat().into()
}

/// Scenario: a request without items, and one of zero bytes. Guarantees: success, as OTLP asks, and nothing to deliver.
#[tokio::test]
async fn empty_requests_succeed() {
    let sink = Sink::start().await;
    let agent = Agent::start(Config::to(&sink)).await;
    for transport in Transport::BOTH {
        let mut sender: Sender = agent.sender(transport);
        for signal in Signal::ALL {
            sender.must_send(signal, &bytes::Bytes::new()).await;
            sender.must_send(signal, &request(signal, 0..0)).await;
        }
    }
    assert_eq!(agent.ledger().await.export("sink").received, 0);
    assert!(sink.requests().is_empty());
}
