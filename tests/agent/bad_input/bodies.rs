//! Bodies that are not what they should be.

use bytes::Bytes;

use super::{Besieged, INVALID_ARGUMENT, assert_refused};
use crate::fixture::{Signal, Transport, request};

/// Protobuf that is not a request: its name and its bytes.
fn malformed() -> Vec<(&'static str, Vec<u8>)> {
    let good = request(Signal::Traces, 0..10);
    let mut endless = vec![0x0a];
    endless.extend([0xff; 20]);
    vec![
        ("truncated", good[..good.len() - 3].to_vec()),
        ("cut within a length", vec![0x0a]),
        ("a length beyond the end", vec![0x0a, 0x7f, 0x00]),
        ("a varint of twenty bytes", endless),
        (
            "a length of 2^63",
            vec![
                0x0a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01,
            ],
        ),
        ("wire type 7", vec![0x0f, 0x01]),
        ("field number 0", vec![0x02, 0x00]),
        ("a group that is not closed", vec![0x0b, 0x0b, 0x0b]),
        ("resource_spans as a number", vec![0x08, 0x01]),
        ("JSON", br#"{"resourceSpans":[]}"#.to_vec()),
        ("text", b"hello".to_vec()),
    ]
}

/// Scenario: requests that are not protobuf of their signal, on both transports. Guarantees: 400 or INVALID_ARGUMENT
/// with a Status that says why.
#[tokio::test(flavor = "multi_thread")]
async fn malformed_requests_are_refused_for_good() {
    let besieged = Besieged::start().await;
    for transport in Transport::BOTH {
        let mut sender = besieged.agent.sender(transport);
        for (what, bytes) in malformed() {
            let answer = sender.send(Signal::Traces, &bytes.into()).await.unwrap();
            assert_refused(&answer, transport, 400, INVALID_ARGUMENT, what);
        }
    }
    let refused = besieged
        .agent
        .ledger()
        .await
        .turned_away_requests("malformed");
    assert_eq!(refused, 2 * malformed().len() as u64);
    besieged.stands().await;
}

/// `depth` lists inside one another as the value of an attribute of a log record's resource.
fn nested(depth: usize) -> Bytes {
    let wrap = |tag: u8, inner: Vec<u8>| {
        let mut outer = vec![tag];
        let mut length = inner.len();
        while length >= 0x80 {
            outer.push(length as u8 | 0x80);
            length >>= 7;
        }
        outer.push(length as u8);
        outer.extend(inner);
        outer
    };
    // AnyValue { array_value (5) { values (1): … } }, in KeyValue.value (2), Resource.attributes (1), resource (1), (1).
    let any = (0..depth).fold(Vec::new(), |any, _| wrap(0x2a, wrap(0x0a, any)));
    [0x12, 0x0a, 0x0a, 0x0a]
        .into_iter()
        .fold(any, |inner, tag| wrap(tag, inner))
        .into()
}

/// Scenario: values nested ten thousand deep, as protobuf and as JSON. Guarantees: an answer, and the agent's stack
/// stands; the same at a depth of ten succeeds.
#[tokio::test(flavor = "multi_thread")]
async fn deep_nesting_breaks_no_stack() {
    let besieged = Besieged::start().await;
    for transport in Transport::BOTH {
        let mut sender = besieged.agent.sender(transport);
        sender.must_send(Signal::Logs, &nested(10)).await;
        let answer = sender.send(Signal::Logs, &nested(10_000)).await.unwrap();
        if !answer.is_success() {
            assert_refused(&answer, transport, 400, INVALID_ARGUMENT, "deep nesting");
        }
    }
    let mut json = besieged
        .agent
        .sender(Transport::Http)
        .header("content-type", "application/json");
    for deep in ["[".repeat(100_000), r#"{"a":"#.repeat(40_000)] {
        let body = format!(r#"{{"resourceLogs":[{{"future":{deep}"#);
        let answer = json.post("/v1/logs", body.into()).await.unwrap();
        assert_eq!(answer.reply.status, 400, "{answer:?}");
    }
    besieged.stands().await;
}

/// Scenario: five hundred bodies of random bytes, and five hundred good requests with one byte changed, on both transports.
/// Guarantees: each is answered with success or a refusal for good, never with a fault of the agent.
#[tokio::test(flavor = "multi_thread")]
async fn random_bytes_are_answered() {
    let besieged = Besieged::start().await;
    let mut random = fastrand::Rng::with_seed(7);
    let good = request(Signal::Metrics, 0..3);
    for transport in Transport::BOTH {
        let mut sender = besieged.agent.sender(transport);
        for _ in 0..500 {
            let noise: Vec<u8> = (0..random.usize(0..300)).map(|_| random.u8(..)).collect();
            let mut changed = good.to_vec();
            changed[random.usize(0..good.len())] = random.u8(..);
            for body in [noise, changed] {
                let answer = sender.send(Signal::Metrics, &body.into()).await.unwrap();
                if !answer.is_success() {
                    assert_refused(&answer, transport, 400, INVALID_ARGUMENT, "random bytes");
                }
            }
        }
    }
    let told = besieged.good.finish().await;
    assert!(
        told.refusals.is_empty() && told.unanswered_items == 0,
        "a good request was disturbed"
    );
    besieged.agent.assert_no_panic();
}

/// Scenario: half of a request's items have fields of the wrong kind deep inside. Guarantees: the request is refused whole,
/// as OTLP has no way to say which, and nothing of it arrives.
#[tokio::test(flavor = "multi_thread")]
async fn json_is_judged_as_strictly_as_protobuf() {
    let besieged = Besieged::start().await;
    let mut sender = besieged
        .agent
        .sender(Transport::Http)
        .header("content-type", "application/json");
    let bad = [
        "",
        "null",
        "[]",
        "{",
        r#"{"resourceSpans":{}}"#,
        r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"xyz"}]}]}]}"#,
        r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":"-1"}]}]}]}"#,
        r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":7}]}]}]}"#,
        "{\"resourceSpans\":[]} trailing",
        "\u{feff}{}",
    ];
    for body in bad {
        let answer = sender
            .post("/v1/traces", Bytes::from_static(body.as_bytes()))
            .await
            .unwrap();
        assert_eq!(answer.reply.status, 400, "{body}: {answer:?}");
        assert_eq!(
            answer.reply.header("content-type"),
            Some("application/json"),
            "{body}"
        );
        assert!(
            answer.reply.json()["message"]
                .as_str()
                .is_some_and(|message| !message.is_empty()),
            "{body}"
        );
    }
    besieged.stands().await;
}
