//! Connections that are too large, too slow, too many, or not what they seem.

use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Besieged, RESOURCE_EXHAUSTED, UNIMPLEMENTED, assert_refused};
use crate::fixture::{Agent, Config, Sender, Signal, Sink, Transport, frame, request, request_of};

/// Scenario: a body larger than the limit, with its length declared and without, and a gRPC frame that claims 4 GB.
/// Guarantees: 413 or RESOURCE_EXHAUSTED without RetryInfo; never OUT_OF_RANGE, which senders retry.
#[tokio::test(flavor = "multi_thread")]
async fn oversized_requests_are_refused_for_good() {
    let besieged = Besieged::start().await;
    let large = request_of("large", Signal::Logs, 0..30, 10_000);
    for transport in Transport::BOTH {
        let answer = besieged
            .agent
            .sender(transport)
            .send(Signal::Logs, &large)
            .await
            .unwrap();
        assert_refused(
            &answer,
            transport,
            413,
            RESOURCE_EXHAUSTED,
            "an oversized body",
        );
    }
    let mut claim = frame(false, b"").to_vec();
    claim[1..5].fill(0xff);
    let mut sender = besieged.agent.sender(Transport::Grpc);
    let answer = sender
        .post(Signal::Logs.grpc_path(), claim.into())
        .await
        .unwrap();
    assert_refused(
        &answer,
        Transport::Grpc,
        0,
        RESOURCE_EXHAUSTED,
        "a frame that claims 4 GB",
    );

    let head = "POST /v1/logs HTTP/1.1\r\nhost: a\r\ncontent-type: application/x-protobuf\r\ntransfer-encoding: chunked\r\n\r\n";
    let mut chunked = head.as_bytes().to_vec();
    for chunk in large.chunks(8192) {
        chunked.extend(format!("{:x}\r\n", chunk.len()).as_bytes());
        chunked.extend(chunk);
        chunked.extend(b"\r\n");
    }
    chunked.extend(b"0\r\n\r\n");
    let answer = speak(&besieged.agent, &chunked).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    besieged.stands().await;
}

/// Writes bytes to the HTTP port and reads until the agent closes or has answered.
async fn speak(agent: &Agent, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(agent.http()).await.unwrap();
    // The agent may answer and close before it has read everything.
    let _ = stream.write_all(bytes).await;
    let mut answer = vec![0; 16 << 10];
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read(&mut answer)).await;
    let length = read.expect("an answer or a closed connection").unwrap_or(0);
    String::from_utf8_lossy(&answer[..length]).into_owned()
}

/// Scenario: frames that are no gRPC message: none at all, a length longer than what comes, two messages, a flag of 7, and
/// the compressed flag without a coding. Guarantees: an error status, not a broken connection.
#[tokio::test(flavor = "multi_thread")]
async fn bad_grpc_frames_are_refused() {
    let besieged = Besieged::start().await;
    let good = frame(false, &request(Signal::Logs, 0..1));
    let mut strange_flag = good.to_vec();
    strange_flag[0] = 7;
    let frames: [(&str, Vec<u8>); 6] = [
        ("no message", Vec::new()),
        ("half a prefix", vec![0, 0, 0]),
        ("a message that ends early", good[..good.len() - 1].to_vec()),
        ("two messages", [&good[..], &good[..]].concat()),
        ("flag 7", strange_flag),
        ("compressed without a coding", frame(true, b"x").to_vec()),
    ];
    let mut sender = besieged.agent.sender(Transport::Grpc);
    for (what, bytes) in frames {
        let answer = sender
            .post(Signal::Logs.grpc_path(), bytes.into())
            .await
            .unwrap();
        assert!(
            !answer.is_success() && !answer.is_retryable(),
            "{what}: {answer:?}"
        );
        assert!(!answer.rpc_status().message.is_empty(), "{what}");
    }
    besieged.stands().await;
}

/// Scenario: paths and methods that do not exist. Guarantees: 404, 405 with Allow, UNIMPLEMENTED.
#[tokio::test(flavor = "multi_thread")]
async fn wrong_paths_and_methods_are_told_so() {
    let besieged = Besieged::start().await;
    let mut http = besieged.agent.sender(Transport::Http);
    for path in ["/", "/v1/profiles", "/v1/traces/", "/v2/traces"] {
        assert_eq!(
            http.post(path, Bytes::new()).await.unwrap().reply.status,
            404,
            "{path}"
        );
    }
    let get = crate::fixture::get(besieged.agent.http(), "/v1/traces")
        .await
        .unwrap();
    assert_eq!(get.status, 405);
    assert_eq!(get.header("allow"), Some("POST"));
    let mut grpc = besieged.agent.sender(Transport::Grpc);
    for path in [
        "/a.B/C",
        "/opentelemetry.proto.collector.trace.v1.TraceService/Import",
    ] {
        let answer = grpc.post(path, frame(false, b"")).await.unwrap();
        assert_eq!(answer.grpc_code(), Some(UNIMPLEMENTED), "{answer:?}");
    }
    besieged.stands().await;
}

/// Scenario: connections that send nothing, a header byte by byte, or half a body and then nothing. Guarantees: each is
/// ended by its own timeout, the slow body with an answer, and good senders see none of it.
#[tokio::test(flavor = "multi_thread")]
async fn the_slow_and_the_silent_are_cut_off() {
    let besieged = Besieged::start().await;
    let begun = Instant::now();
    let head = "POST /v1/logs HTTP/1.1\r\nhost: a\r\ncontent-type: application/x-protobuf\r\n";
    let body = format!("{head}content-length: 100\r\n\r\nhalf");
    let (silent, header, body) = tokio::join!(
        speak(&besieged.agent, b""),
        speak(&besieged.agent, head.as_bytes()),
        speak(&besieged.agent, body.as_bytes()),
    );
    assert!(
        begun.elapsed() < Duration::from_secs(8),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(silent, "");
    assert!(
        header.is_empty() || header.starts_with("HTTP/1.1 408"),
        "{header}"
    );
    assert!(body.starts_with("HTTP/1.1 408"), "{body}");
    besieged.stands().await;
}

/// Scenario: a request head that never ends, one that is not HTTP, and a TLS greeting on a plain port. Guarantees: the
/// connection ends, with a client error or silently.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_http_is_turned_away() {
    let besieged = Besieged::start().await;
    let endless = format!(
        "POST /v1/logs HTTP/1.1\r\n{}",
        "x-filler: yyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n".repeat(30_000)
    );
    for bytes in [
        endless.as_bytes(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"EHLO example.com\r\n\r\n",
    ] {
        let answer = speak(&besieged.agent, bytes).await;
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
            "{answer}"
        );
    }
    besieged.stands().await;
}

/// Scenario: more connections than `max_connections` stand open and silent. Guarantees: those beyond are closed at once,
/// and there is room again when the silent ones have been cut off.
#[tokio::test]
async fn connections_are_capped() {
    let sink = Sink::start().await;
    let config = Config::to(&sink)
        .set("receive.max_connections", 8)
        .set("receive.header_timeout", "700ms");
    let agent = Agent::start(config).await;
    let mut silent = Vec::new();
    for _ in 0..8 {
        silent.push(TcpStream::connect(agent.http()).await.unwrap());
    }
    tokio::time::timeout(Duration::from_secs(5), async {
        // The one beyond the cap is accepted by the kernel and closed by the agent.
        let mut beyond = TcpStream::connect(agent.http()).await.unwrap();
        assert_eq!(beyond.read(&mut [0; 1]).await.unwrap_or(0), 0);
        for mut stream in silent {
            let _ = stream.read(&mut [0; 1]).await;
        }
    })
    .await
    .expect("silent connections are closed");
    let mut sender: Sender = agent.sender(Transport::Http);
    sender
        .must_send(Signal::Logs, &request(Signal::Logs, 0..1))
        .await;
}

/// Scenario: an HTTP/2 client opens a connection. Guarantees: it is told `receive.max_streams` as the limit of concurrent
/// streams (RFC 9113, section 6.5.2), before it has sent a request.
#[tokio::test]
async fn streams_are_capped() {
    let sink = Sink::start().await;
    let agent = Agent::start(Config::to(&sink).set("receive.max_streams", 7)).await;
    let mut stream = TcpStream::connect(agent.grpc()).await.unwrap();
    let empty_settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    stream
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        .await
        .unwrap();
    stream.write_all(&empty_settings).await.unwrap();
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.unwrap();
    let (length, kind) = (u32::from_be_bytes([0, head[0], head[1], head[2]]), head[3]);
    assert_eq!(kind, 4, "the first frame is SETTINGS");
    let mut settings = vec![0; length as usize];
    stream.read_exact(&mut settings).await.unwrap();
    const MAX_CONCURRENT_STREAMS: [u8; 2] = [0, 3];
    let told = settings
        .chunks(6)
        .find(|setting| setting[..2] == MAX_CONCURRENT_STREAMS)
        .map(|setting| u32::from_be_bytes([setting[2], setting[3], setting[4], setting[5]]));
    assert_eq!(told, Some(7));
}
