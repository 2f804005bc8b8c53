//! Upstreams that send what they must not.

use super::*;
use crate::config::ByteSize;

/// Scenario: heads that are no head of an answer, or not one that can be trusted. Guarantees: a failure of the right kind; the
/// caller gets none of it, and the connection is not used again.
#[tokio::test]
async fn heads_that_are_none_are_refused() {
    use CallFailureKind::{Closed, HeadTooLarge, Protocol};
    const CASES: [(&str, CallFailureKind); 14] = [
        ("SSH-2.0-OpenSSH_9.2\r\n", Protocol),
        ("HTTP/3.0 200 OK\r\n\r\n", Protocol),
        ("HTTP/1.1 abc OK\r\n\r\n", Protocol),
        ("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", Protocol),
        ("HTTP/1.1 200 OK\r\nX : y\r\n\r\n", Protocol),
        ("HTTP/1.1 200 OK\r\nX: a\r\n folded\r\n\r\n", Protocol),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            Protocol,
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", Protocol),
        ("HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\na", Protocol),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            Protocol,
        ),
        (
            "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            Protocol,
        ),
        (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: any\r\n\r\n",
            Protocol,
        ),
        ("HTTP/1.1 200 OK\r\nX: ", Closed),
        ("", Closed),
    ];
    for (index, (said, _)) in CASES.iter().enumerate() {
        let server = Server::new(move |mut peer, _| async move {
            peer.head().await;
            peer.say(CASES[index].0).await;
            if CASES[index].1 != Closed {
                peer.closed().await;
            }
        })
        .await;
        let upstream = server.upstream();
        let failed = failure(&upstream, get()).await;
        assert_eq!(failed.kind, CASES[index].1, "{said}: {failed}");
        assert!(failed.may_have_arrived, "{said}");
        assert!(
            failed.message().contains(&server.address.to_string()),
            "{failed}"
        );
        settled(&upstream, 0, 0).await;
        assert_ne!(failed.kind, HeadTooLarge);
    }
}

/// Scenario: heads at the limit, beyond it, without end, of too many headers, and 1xx without end. Guarantees: the first passes,
/// the others are refused as soon as they are too large.
#[tokio::test]
async fn heads_are_limited() {
    const LIMIT: usize = 8192;
    let head = |size: usize| {
        let frame = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: \r\n\r\n".len();
        format!(
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: {}\r\n\r\n",
            "a".repeat(size - frame)
        )
    };
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(101));
    let cases: [(&'static str, usize, bool); 5] = [
        (head(LIMIT).leak(), 1, true),
        (head(LIMIT + 1).leak(), 1, false),
        (many.leak(), 1, false),
        ("X: endless\r\n", usize::MAX, false),
        ("HTTP/1.1 100 Continue\r\n\r\n", usize::MAX, false),
    ];
    for (said, times, passes) in cases {
        let server = Server::new(move |mut peer, _| async move {
            peer.head().await;
            if said.starts_with('X') {
                peer.say("HTTP/1.1 200 OK\r\n").await;
            }
            for _ in 0..times {
                if peer.stream.write_all(said.as_bytes()).await.is_err() {
                    return;
                }
            }
            peer.closed().await;
        })
        .await;
        let upstream = server.upstream_with(|route| {
            route.max_answer_head = ByteSize(LIMIT as u64);
        });
        let shown = &said[..20.min(said.len())];
        match soon(upstream.send(get())).await {
            Ok(answer) => assert!(passes && told(answer).await.0 == 200, "{shown}"),
            Err(failed) => {
                assert!(!passes, "{shown}");
                assert_eq!(
                    failed.kind,
                    CallFailureKind::HeadTooLarge,
                    "{shown}: {failed}"
                );
                settled(&upstream, 0, 0).await;
            }
        }
    }
}

/// Scenario: bodies that break off, and chunks that are none. Guarantees: what came whole is passed on, then a failure follows, never
/// an end; the connection is not used again.
#[tokio::test]
async fn bodies_that_break_off_are_told() {
    use CallFailureKind::{Closed, Protocol};
    const LENGTH: &str = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n";
    const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    const CASES: [(&str, &str, CallFailureKind); 9] = [
        (LENGTH, "abc", Closed),
        (LENGTH, "", Closed),
        (CHUNKED, "3\r\nabc\r\n", Closed),
        (CHUNKED, "5\r\nabc", Closed),
        (CHUNKED, "3\r\nabc\r\n0\r\n", Closed),
        (CHUNKED, "3\r\nabcde\r\n", Protocol),
        (CHUNKED, "x\r\n", Protocol),
        (CHUNKED, "fffffffffffffffff\r\nabc", Protocol),
        (CHUNKED, "-1\r\nabc", Protocol),
    ];
    for (head, body, kind) in CASES {
        for pause in [0, 10] {
            let server = Server::new(move |mut peer, _| async move {
                peer.head().await;
                peer.say(head).await;
                sleep(Duration::from_millis(pause)).await;
                peer.say(body).await;
                if kind == Protocol {
                    peer.closed().await;
                }
            })
            .await;
            let upstream = server.upstream();
            let answer = match soon(upstream.send(get())).await {
                Ok(answer) => answer,
                Err(failed) => panic!("{body}: {failed}"),
            };
            let failed = broken(answer).await;
            assert_eq!(failed.kind, kind, "{body}: {failed}");
            settled(&upstream, 0, 0).await;
        }
    }
}

/// Scenario: bytes behind the end of an answer: at once, a little later, and as the body of an answer to HEAD. Guarantees: no
/// later request gets them; it goes to a connection of its own.
#[tokio::test]
async fn bytes_behind_the_end_go_to_nobody() {
    const FORGED: &str = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged";
    for (method, first, pause) in [
        ("GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 0),
        ("GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 30),
        ("GET", "HTTP/1.1 204 No Content\r\n\r\n", 0),
        ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 81\r\n\r\n", 0),
        (
            "GET",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            0,
        ),
    ] {
        let server = Server::new(move |mut peer, number| async move {
            peer.head().await;
            if number > 0 {
                peer.say("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntrue")
                    .await;
                return peer.closed().await;
            }
            if pause == 0 {
                peer.say([first, FORGED].concat()).await;
            } else {
                peer.say(first).await;
                sleep(Duration::from_millis(pause)).await;
                peer.say(FORGED).await;
            }
            peer.closed().await;
        })
        .await;
        let upstream = server.upstream();
        told(call(&upstream, request(method, RequestBody::whole(""))).await).await;
        sleep(Duration::from_millis(2 * pause)).await;
        let (_, body) = told(call(&upstream, get()).await).await;
        assert_eq!(body, "true", "{method} {first}");
        assert_eq!(server.connections(), 2);
    }
}
