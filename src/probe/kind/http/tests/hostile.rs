//! Servers that mean no good: every run ends in time, for a reason that fits, and takes no more than it may.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// More than this is not taken from anybody: the sockets' buffers, and what is read before a limit is noticed.
const MOST_TAKEN_BYTES: usize = 32 << 20;

/// Runs a probe against a server that answers with `begin`, then with `rest` for ever: how it ended, and how many bytes it
/// took.
async fn endless(
    begin: &'static str,
    rest: &'static [u8],
    pause: Option<Duration>,
    limit: Duration,
) -> (Ended, usize) {
    let taken = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&taken);
    let address = server(move |mut stream| {
        let counter = Arc::clone(&counter);
        async move {
            head(&mut stream).await;
            stream.write_all(begin.as_bytes()).await.unwrap();
            while stream.write_all(rest).await.is_ok() {
                counter.fetch_add(rest.len(), Ordering::Relaxed);
                if let Some(pause) = pause {
                    tokio::time::sleep(pause).await;
                }
            }
        }
    })
    .await;
    let settings = settings(&format!("http://{address}/"), |_| {});
    let ended = run_within(&settings, limit).await;
    (ended, taken.load(Ordering::Relaxed))
}

/// Scenario: headers without end, in one line, in many, and in small ones. Guarantees: not HTTP, at once, and little of it
/// is taken.
#[tokio::test]
async fn endless_headers_are_refused() {
    const LINE: &[u8; 4096] = &[b'a'; 4096];
    for (begin, rest) in [
        ("HTTP/1.1 200 OK\r\nx: ", &LINE[..]),
        ("HTTP/1.1 200 OK\r\n", b"x: y\r\n".repeat(100).leak()),
        ("HTTP/1.1 ", &LINE[..]),
        ("", &LINE[..]),
    ] {
        let (ended, taken) = endless(begin, rest, None, LONG).await;
        ended.fails(Reason::Protocol, Phase::FirstByte, "");
        assert!(taken < MOST_TAKEN_BYTES, "{begin}: {taken}");
        assert!(ended.took < LONG / 2, "{ended:?}");
    }
}

/// Scenario: bodies without end, with a length, in chunks, and until the connection closes. Guarantees: as much is read as
/// the configuration says, and the run succeeds, since nothing of the body is asserted.
#[tokio::test]
async fn endless_bodies_are_cut() {
    let part = b"0123456789".repeat(1000).leak();
    let chunk = [b"2710\r\n", &*part, b"\r\n"].concat().leak();
    for (begin, rest) in [
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 9223372036854775807\r\n\r\n",
            &*part,
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            &*chunk,
        ),
        ("HTTP/1.1 200 OK\r\n\r\n", &*part),
        ("HTTP/1.0 200 OK\r\n\r\n", &*part),
    ] {
        let (ended, taken) = endless(begin, rest, None, LONG).await;
        ended.passes();
        assert_eq!(ended.fact("size_bytes"), 256 << 10, "{begin}");
        assert_eq!(ended.fact("size_is_cut"), true, "{begin}");
        assert!(taken < MOST_TAKEN_BYTES, "{begin}: {taken}");
    }
}

/// Scenario: answers that never end and never stop for long: a byte at a time, in the head, in the body, in the size of a
/// chunk, and interim answers without end. Guarantees: the run ends with its timeout, in the phase
/// that went on.
#[tokio::test]
async fn drips_run_into_the_timeout() {
    let limit = Duration::from_millis(300);
    let pause = Some(Duration::from_millis(10));
    for (begin, rest, pause, phase) in [
        ("HTTP/1.1 200 OK\r\nx: ", &b"a"[..], pause, Phase::FirstByte),
        (
            "",
            b"HTTP/1.1 100 Continue\r\n\r\n",
            pause,
            Phase::FirstByte,
        ),
        ("HTTP/1.1 200 OK\r\n\r\n", b"a", pause, Phase::Body),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            b"0",
            Some(Duration::from_millis(40)),
            Phase::Body,
        ),
    ] {
        let (ended, _) = endless(begin, rest, pause, limit).await;
        ended.fails(Reason::Timeout, phase, "300ms");
        assert!(ended.took < limit * 5, "{ended:?}");
    }
}

/// Scenario: interim answers without end at full speed. Guarantees: refused long before the timeout.
#[tokio::test]
async fn floods_are_refused() {
    let interim = b"HTTP/1.1 103 Early Hints\r\nlink: </style.css>\r\n\r\n".repeat(100);
    let (ended, taken) = endless("", interim.leak(), None, LONG).await;
    ended.fails(Reason::Protocol, Phase::FirstByte, "without end");
    assert!(taken < MOST_TAKEN_BYTES, "{taken}");
}

/// Scenario: a body in chunks of one byte each, as long as may be read. Guarantees: it is read whole.
#[tokio::test]
async fn small_chunks_are_read() {
    let begin = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let body = [
        begin.as_bytes(),
        &b"1\r\nx\r\n".repeat(256 << 10),
        b"0\r\n\r\n",
    ]
    .concat();
    let ended = probe(answering(body).await, |_| {}).await;
    ended.passes();
    assert_eq!(ended.fact("size_bytes"), 256 << 10);
    assert_eq!(ended.fact("size_is_cut"), Value::Null);
}

/// Scenario: what is no HTTP, or not the version that was asked for. Guarantees: not the protocol, whatever came.
#[tokio::test]
async fn other_protocols_are_told() {
    for garbage in [
        "SSH-2.0-OpenSSH_9.2\r\n",
        "220 mail.example ESMTP\r\n",
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\r\n",
        "HTTP/9.9 200 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 5, 6\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 18446744073709551616\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
    ] {
        let address = answering(garbage).await;
        probe(address, |_| {})
            .await
            .fails(Reason::Protocol, Phase::FirstByte, "HTTP/1.1");
    }
    for garbage in [
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
    ] {
        let address = answering(garbage).await;
        probe(address, |_| {})
            .await
            .fails(Reason::Protocol, Phase::Body, "HTTP/1.1");
    }
}

/// Scenario: a server that speaks before it is asked, as mail servers do. Guarantees: not the protocol.
#[tokio::test]
async fn a_greeting_is_no_answer() {
    let address = server(|mut stream| async move {
        stream
            .write_all(b"220 mail.example ESMTP\r\n")
            .await
            .unwrap();
        head(&mut stream).await;
    })
    .await;
    let ended = probe(address, |_| {}).await;
    ended.fails(Reason::Protocol, Phase::FirstByte, "unexpected message");
}

/// Scenario: connections that end too early: at once, within the head, within the body, in order and by a reset. Guarantees:
/// closed, in the phase that went on.
#[tokio::test]
async fn connections_that_end_are_told() {
    let cases = [
        ("", Phase::FirstByte),
        ("HTTP/1.1 200", Phase::FirstByte),
        ("HTTP/1.1 200 OK\r\nx: ", Phase::FirstByte),
        ("HTTP/1.1 100 Continue\r\n\r\n", Phase::FirstByte),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabc",
            Phase::Body,
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabc",
            Phase::Body,
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
            Phase::Body,
        ),
    ];
    for (answer, phase) in cases {
        let address = answering(answer).await;
        probe(address, |_| {})
            .await
            .fails(Reason::Closed, phase, "closed the connection");
    }
    for (answer, phase) in cases {
        let address = server(move |mut stream| async move {
            head(&mut stream).await;
            stream.write_all(answer.as_bytes()).await.unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
            stream.set_zero_linger().unwrap();
        })
        .await;
        probe(address, |_| {})
            .await
            .fails(Reason::Closed, phase, "closed the connection");
    }
}

/// Scenario: bodies of which the length says less than comes, or nothing. Guarantees: what belongs to the answer is read, and
/// the run succeeds.
#[tokio::test]
async fn lengths_bound_bodies() {
    for (answer, size) in [
        ("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabcdef", 3),
        ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\nabcdef", 0),
        ("HTTP/1.1 200 OK\r\n\r\nabcdef", 6),
        ("HTTP/1.1 204 No Content\r\n\r\nabcdef", 0),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc",
            3,
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            3,
        ),
        ("HTTP/1.0 200 OK\r\n\r\nabc", 3),
    ] {
        let address = answering(answer).await;
        let ended = probe(address, |_| {}).await;
        ended.passes();
        assert_eq!(ended.fact("size_bytes"), size, "{answer}");
        assert_eq!(ended.fact("size_is_cut"), Value::Null);
    }
}

/// Scenario: HTTP/2 by prior knowledge to a server of HTTP/1.1 that answers, closes, or stays silent; and garbage in frames.
/// Guarantees: not the protocol, closed, or the timeout; nothing hangs.
#[tokio::test]
async fn http2_to_another_server_is_told() {
    let frames = |bytes: &[u8]| [b"\0\0\0\x04\0\0\0\0\0", bytes].concat();
    let cases = [
        (
            b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n".to_vec(),
            Reason::Protocol,
        ),
        (Vec::new(), Reason::Closed),
        // A frame that is larger than was agreed on.
        (frames(b"\xff\xff\xff\x01\x04\0\0\0\x01"), Reason::Protocol),
        // Headers that cannot be unpacked.
        (frames(b"\0\0\x01\x01\x05\0\0\0\x01\xff"), Reason::Protocol),
        // Data before headers.
        (frames(b"\0\0\x01\0\0\0\0\0\x01a"), Reason::Protocol),
        // The stream is reset, with NO_ERROR and with REFUSED_STREAM.
        (
            frames(b"\0\0\x04\x03\0\0\0\0\x01\0\0\0\0"),
            Reason::Protocol,
        ),
        (
            frames(b"\0\0\x04\x03\0\0\0\0\x01\0\0\0\x07"),
            Reason::Unavailable,
        ),
        // GOAWAY with NO_ERROR that leaves the request out, and with ENHANCE_YOUR_CALM.
        (
            frames(b"\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\0"),
            Reason::Closed,
        ),
        (
            frames(b"\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\x0b"),
            Reason::Full,
        ),
    ];
    for (answer, reason) in cases {
        let shown = answer.escape_ascii().to_string();
        let address = server(move |mut stream| {
            let answer = answer.clone();
            async move {
                // The preface, settings and the request's headers, until nothing more comes.
                let mut read = vec![0; 4096];
                let quiet = Duration::from_millis(50);
                while timeout(quiet, stream.read(&mut read))
                    .await
                    .is_ok_and(|read| read.unwrap() > 0)
                {}
                stream.write_all(&answer).await.unwrap();
                // What is still unread would turn the end into a reset.
                let _ = timeout(quiet, stream.read(&mut read)).await;
            }
        })
        .await;
        let ended = probe(address, |http| {
            http.version = crate::config::HttpVersion::Http2
        })
        .await;
        let failure = ended.failure.as_ref().unwrap_or_else(|| panic!("{shown}"));
        assert_eq!(failure.reason, reason, "{shown}: {ended:?}");
        assert_eq!(failure.phase, Some(Phase::FirstByte), "{shown}: {ended:?}");
    }
    let silent = server(|mut stream| async move {
        let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
    })
    .await;
    let settings = settings(&format!("http://{silent}/"), |http| {
        http.version = crate::config::HttpVersion::Http2;
    });
    let ended = run_within(&settings, Duration::from_millis(200)).await;
    ended.fails(Reason::Timeout, Phase::FirstByte, "no answer");
}

/// Scenario: a run is cut off while its connection is open, over both versions. Guarantees: the server sees the end of the
/// connection at once.
#[tokio::test]
async fn a_dropped_run_closes_its_connection() {
    for version in [
        crate::config::HttpVersion::Http1,
        crate::config::HttpVersion::Http2,
    ] {
        let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
        let address = server(move |mut stream| {
            let tell = tell.clone();
            async move {
                let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
                let _ = tell.send(());
            }
        })
        .await;
        let settings = settings(&format!("http://{address}/"), |http| http.version = version);
        let ended = run_within(&settings, Duration::from_millis(100)).await;
        ended.fails(Reason::Timeout, Phase::FirstByte, "");
        timeout(LONG, told.recv()).await.unwrap().unwrap();
    }
}
