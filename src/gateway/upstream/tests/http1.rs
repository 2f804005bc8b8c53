//! HTTP/1.1: bodies in both directions, and what becomes of connections.

use super::*;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

/// Scenario: one call after the other, whose answers end in every way that leaves a connection open. Guarantees: each body is
/// whole, trailers included; what is known of its length is told; one connection carries them all.
#[tokio::test]
async fn answers_end_where_they_end_and_connections_are_reused() {
    const ANSWERS: [(&str, &str, &str, Option<u64>); 8] = [
        ("GET", OK, "hello", Some(5)),
        (
            "GET",
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            "",
            Some(0),
        ),
        ("GET", "HTTP/1.1 204 No Content\r\n\r\n", "", Some(0)),
        (
            "GET",
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
            "",
            Some(0),
        ),
        (
            "HEAD",
            "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n",
            "",
            Some(0),
        ),
        (
            "GET",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
            "abcde",
            None,
        ),
        (
            "GET",
            "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            "ok",
            Some(2),
        ),
        (
            "GET",
            "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nold",
            "old",
            Some(3),
        ),
    ];
    let server = Server::new(|mut peer, _| async move {
        for (_, answer, _, _) in ANSWERS {
            peer.head().await;
            peer.say(answer).await;
        }
        peer.closed().await;
    })
    .await;
    let upstream = server.upstream();
    for (method, answer, body, length) in ANSWERS {
        let got = call(&upstream, request(method, RequestBody::whole(""))).await;
        if let Some(length) = length {
            assert_eq!(got.body().size_hint().exact(), Some(length), "{answer}");
            assert_eq!(got.body().is_end_stream(), length == 0, "{answer}");
        }
        assert_eq!(told(got).await.1, body, "{answer}");
        settled(&upstream, 0, 1).await;
    }
    assert_eq!(server.connections(), 1);
}

/// Scenario: a body with trailers, slowly and at once. Guarantees: the trailers follow the data.
#[tokio::test]
async fn trailers_are_passed_on() {
    let server = Server::new(|mut peer, _| async move {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n";
        peer.head().await;
        peer.say(head).await;
        sleep(Duration::from_millis(10)).await;
        peer.say("3\r\nabc\r\n").await;
        sleep(Duration::from_millis(10)).await;
        peer.say("0\r\nx-sum: 6\r\n\r\n").await;
        peer.head().await;
        peer.say(format!("{head}3\r\nabc\r\n0\r\nx-sum: 6\r\n\r\n"))
            .await;
        peer.closed().await;
    })
    .await;
    let upstream = server.upstream();
    for _ in 0..2 {
        let answer = call(&upstream, get()).await;
        assert_eq!(answer.body().size_hint().exact(), None);
        let whole = soon(answer.into_body().collect());
        let whole = whole.await.unwrap();
        assert_eq!(whole.trailers().unwrap()["x-sum"], "6");
        assert_eq!(whole.to_bytes(), "abc");
    }
    settled(&upstream, 0, 1).await;
}

/// Scenario: large bodies in both directions. Guarantees: every byte arrives, and the connection is reused.
#[tokio::test]
async fn large_bodies_pass() {
    const SIZE: usize = 3_000_000;
    let server = Server::new(|mut peer, _| async move {
        for _ in 0..2 {
            peer.head().await;
            let body = peer.bytes(SIZE).await;
            peer.say(format!("HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n"))
                .await;
            peer.say(&body).await;
        }
        peer.closed().await;
    })
    .await;
    let upstream = server.upstream();
    let text: String = ('a'..='z').cycle().take(SIZE).collect();
    for _ in 0..2 {
        let answer = call(&upstream, request("PUT", RequestBody::whole(text.clone()))).await;
        assert!(told(answer).await.1 == text);
    }
    assert_eq!(server.connections(), 1);
}

/// Scenario: requests of every method with bodies of known and unknown length, some of which say something else of it.
/// Guarantees: the upstream is told once, and exactly, where each ends.
#[tokio::test]
async fn requests_are_framed() {
    let server = Server::new(|mut peer, _| async move {
        loop {
            let head = peer.head().await;
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            let mut seen = head.clone();
            if head.contains("transfer-encoding: chunked") {
                while !seen.ends_with("0\r\n\r\n") {
                    seen.push_str(&String::from_utf8(peer.bytes(1).await).unwrap());
                }
            } else if let Some(length) = length {
                let body = peer.bytes(length.parse().unwrap()).await;
                seen.push_str(&String::from_utf8(body).unwrap());
            }
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", seen.len());
            peer.say(answer + &seen).await;
            if head.is_empty() {
                return;
            }
        }
    })
    .await;
    let upstream = server.upstream();
    let unknown = |texts: &[&str]| {
        let (says, body) = piecemeal();
        for text in texts {
            says.send(piece(text)).unwrap();
        }
        body
    };
    let cases = [
        ("GET", RequestBody::whole(""), None, "", ""),
        (
            "GET",
            RequestBody::whole("q"),
            None,
            "content-length: 1",
            "q",
        ),
        (
            "GET",
            unknown(&["q"]),
            None,
            "transfer-encoding: chunked",
            "1\r\nq\r\n0\r\n\r\n",
        ),
        (
            "POST",
            RequestBody::whole(""),
            None,
            "content-length: 0",
            "",
        ),
        (
            "POST",
            RequestBody::whole("abc"),
            None,
            "content-length: 3",
            "abc",
        ),
        (
            "POST",
            RequestBody::whole("abc"),
            Some(("content-length", "7")),
            "content-length: 3",
            "abc",
        ),
        (
            "DELETE",
            RequestBody::whole(""),
            Some(("content-length", "7")),
            "content-length: 0",
            "",
        ),
        (
            "PUT",
            RequestBody::whole("ab"),
            Some(("transfer-encoding", "gzip")),
            "content-length: 2",
            "ab",
        ),
        (
            "PATCH",
            unknown(&["ab", "", "c"]),
            Some(("content-length", "1")),
            "transfer-encoding: chunked",
            "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
        ),
    ];
    for (method, body, header, framing, sent) in cases {
        let mut asked = request(method, body);
        if let Some((name, value)) = header {
            asked.headers_mut().insert(name, value.parse().unwrap());
        }
        *asked.version_mut() = http::Version::HTTP_10;
        let (_, seen) = told(call(&upstream, asked).await).await;
        let (head, body) = seen.split_once("\r\n\r\n").unwrap();
        assert!(
            head.starts_with(&format!("{method} /a?b=c HTTP/1.1\r\n")),
            "{head}"
        );
        assert!(head.contains("host: service.example"), "{head}");
        let found: Vec<_> = head
            .lines()
            .filter(|line| line.starts_with("content-length") || line.starts_with("transfer-enc"))
            .collect();
        assert_eq!(found.join(","), framing, "{method}");
        assert_eq!(body, sent, "{method}");
    }
    assert_eq!(server.connections(), 1);
}

/// Scenario: a caller that is gone before the head, or in the middle of a body. Guarantees: the upstream sees the connection
/// close, and it is not used again.
#[tokio::test]
async fn a_call_that_is_dropped_is_broken_off() {
    let server = Server::new(|mut peer, number| async move {
        peer.head().await;
        if number == 1 {
            peer.say("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
                .await;
        }
        peer.closed().await;
    })
    .await;
    let upstream = server.upstream();
    assert!(timeout(SHORT, upstream.send(get())).await.is_err());
    settled(&upstream, 0, 0).await;
    let mut body = call(&upstream, get()).await.into_body();
    assert_eq!(next(&mut body).await.unwrap().unwrap(), "abc");
    settled(&upstream, 1, 0).await;
    drop(body);
    settled(&upstream, 0, 0).await;
    assert_eq!(server.connections(), 2);
}

/// Scenario: WebSocket by hand: an upstream that switches protocols and speaks first, and one that does not switch.
/// Guarantees: the connection is handed out with all that was said on it; else the answer is an answer, and nothing is reused.
#[tokio::test]
async fn an_upgrade_hands_the_connection_out() {
    let server = Server::new(|mut peer, number| async move {
        let head = peer.head().await;
        assert!(head.contains("upgrade: echo"), "{head}");
        if number == 1 {
            peer.say("HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\n\r\nno")
                .await;
            return peer.closed().await;
        }
        peer.say(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nfirst",
        )
        .await;
        let said = peer.bytes(4).await;
        peer.say(said).await;
        peer.closed().await;
    })
    .await;
    let upstream = server.upstream();
    let asking = || {
        let mut asked = get();
        asked
            .headers_mut()
            .insert("connection", "upgrade".parse().unwrap());
        asked
            .headers_mut()
            .insert("upgrade", "echo".parse().unwrap());
        asked
    };
    let mut answer = call(&upstream, asking()).await;
    assert_eq!(answer.status(), 101);
    assert!(answer.body().is_end_stream());
    let upgraded = soon(hyper::upgrade::on(&mut answer)).await.unwrap();
    drop(answer);
    let mut upgraded = hyper_util::rt::TokioIo::new(upgraded);
    let mut said = [0; 5];
    upgraded.read_exact(&mut said).await.unwrap();
    assert_eq!(&said, b"first");
    upgraded.write_all(b"ping").await.unwrap();
    upgraded.read_exact(&mut said[..4]).await.unwrap();
    assert_eq!(&said[..4], b"ping");
    settled(&upstream, 1, 0).await;
    drop(upgraded);
    settled(&upstream, 0, 0).await;

    let answer = call(&upstream, asking()).await;
    assert_eq!(told(answer).await, (426, "no".to_owned()));
    settled(&upstream, 0, 0).await;
}

/// Scenario: one client, a caller's task and an answer's task are different ones. Guarantees: a body can be read elsewhere than
/// where its head came, and wakes whoever waits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_may_move_to_another_task() {
    let server = Server::new(|mut peer, _| async move {
        while !peer.head().await.is_empty() {
            peer.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                .await;
            for _ in 0..20 {
                tokio::task::yield_now().await;
                peer.say("1\r\na\r\n").await;
            }
            peer.say("0\r\n\r\n").await;
        }
    })
    .await;
    let upstream = server.upstream();
    let callers: Vec<_> = (0..20)
        .map(|_| {
            let upstream = upstream.clone();
            tokio::spawn(async move {
                for _ in 0..20 {
                    let answer = call(&upstream, get()).await;
                    let read = tokio::spawn(told(answer)).await.unwrap();
                    assert_eq!(read.1, "a".repeat(20));
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    assert!(server.connections() <= 20);
}
