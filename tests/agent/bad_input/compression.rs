//! Codings that are unknown, broken or a trap.

use bytes::Bytes;
use tokio::task::JoinSet;

use super::{Besieged, INVALID_ARGUMENT, RESOURCE_EXHAUSTED, UNIMPLEMENTED, assert_refused};
use crate::fixture::{Signal, Transport, compress, frame, request};

/// Scenario: content types that are not OTLP, none at all, and codings that the agent does not speak. Guarantees: 415 or
/// UNIMPLEMENTED, and the answer names what it speaks.
#[tokio::test(flavor = "multi_thread")]
async fn unknown_types_and_codings_are_refused() {
    let besieged = Besieged::start().await;
    let body = request(Signal::Logs, 0..1);
    for content_type in ["text/plain", "application/x-www-form-urlencoded", ""] {
        let mut sender = besieged
            .agent
            .sender(Transport::Http)
            .header("content-type", content_type);
        let answer = sender.post("/v1/logs", body.clone()).await.unwrap();
        assert_eq!(answer.reply.status, 415, "{content_type:?}: {answer:?}");
        assert!(answer.reply.body.len() > 10, "no reason given");
    }
    for coding in ["br", "deflate", "snappy", "gzip, gzip"] {
        let mut http = besieged
            .agent
            .sender(Transport::Http)
            .header("content-encoding", coding);
        let answer = http.post("/v1/logs", body.clone()).await.unwrap();
        assert_eq!(answer.reply.status, 415, "{coding}: {answer:?}");
        assert!(
            answer
                .reply
                .header("accept-encoding")
                .is_some_and(|spoken| spoken.contains("zstd")),
            "{answer:?}"
        );
        let mut grpc = besieged
            .agent
            .sender(Transport::Grpc)
            .header("grpc-encoding", coding);
        let answer = grpc
            .post(Signal::Logs.grpc_path(), frame(true, &body))
            .await
            .unwrap();
        assert_refused(&answer, Transport::Grpc, 0, UNIMPLEMENTED, coding);
        assert!(
            answer
                .reply
                .header("grpc-accept-encoding")
                .is_some_and(|spoken| spoken.contains("gzip")),
            "{answer:?}"
        );
    }
    besieged.stands().await;
}

/// Scenario: bodies whose coding is not the one they claim, or that end in the middle. Guarantees: 400 or
/// INVALID_ARGUMENT.
#[tokio::test(flavor = "multi_thread")]
async fn broken_compression_is_refused() {
    let besieged = Besieged::start().await;
    let body = request(Signal::Logs, 0..50);
    for transport in Transport::BOTH {
        for coding in ["gzip", "zstd"] {
            let header = if transport == Transport::Grpc {
                "grpc-encoding"
            } else {
                "content-encoding"
            };
            let mut sender = besieged.agent.sender(transport).header(header, coding);
            let whole = compress(coding, &body);
            for bytes in [
                body.clone(),
                whole.slice(..whole.len() - 9),
                Bytes::from_static(b"\x1f\x8b\x08"),
                Bytes::new(),
            ] {
                let answer = match transport {
                    Transport::Grpc => {
                        sender
                            .post(Signal::Logs.grpc_path(), frame(true, &bytes))
                            .await
                    }
                    Transport::Http => sender.post(Signal::Logs.http_path(), bytes).await,
                };
                let answer = answer.unwrap();
                if !answer.is_success() {
                    assert_refused(&answer, transport, 400, INVALID_ARGUMENT, coding);
                }
            }
        }
    }
    let refused = besieged
        .agent
        .ledger()
        .await
        .turned_away_requests("malformed");
    assert!(
        refused >= 12,
        "only {refused} of sixteen were refused, and at most four were empty"
    );
    besieged.stands().await;
}

/// Scenario: a few kilobytes that inflate to 200 MB, over both transports and codings, many at once. Guarantees: refused
/// for good at the limit, while memory stays far below what they hold.
#[tokio::test(flavor = "multi_thread")]
async fn bombs_stop_at_the_limit() {
    let besieged = Besieged::start().await;
    let before = besieged.agent.rss_bytes();
    for coding in ["gzip", "zstd"] {
        let bomb = compress(coding, &vec![0; 200 << 20]);
        // gzip of 200 MB is longer than a body may be; its first part is a bomb as well.
        let bomb = bomb.slice(..bomb.len().min(250 << 10));
        for transport in Transport::BOTH {
            let (path, header, body) = match transport {
                Transport::Grpc => (
                    Signal::Traces.grpc_path(),
                    "grpc-encoding",
                    frame(true, &bomb),
                ),
                Transport::Http => (Signal::Traces.http_path(), "content-encoding", bomb.clone()),
            };
            let mut bombs = JoinSet::new();
            for _ in 0..8 {
                let mut sender = besieged.agent.sender(transport).header(header, coding);
                let body = body.clone();
                bombs.spawn(async move { sender.post(path, body).await.unwrap() });
            }
            for answer in bombs.join_all().await {
                assert_refused(&answer, transport, 413, RESOURCE_EXHAUSTED, coding);
            }
        }
    }
    let grown = besieged.agent.rss_bytes().saturating_sub(before);
    assert!(grown < 64 << 20, "memory grew by {} MiB", grown >> 20);
    assert_eq!(
        besieged
            .agent
            .ledger()
            .await
            .turned_away_requests("too_large"),
        32
    );
    besieged.stands().await;
}
