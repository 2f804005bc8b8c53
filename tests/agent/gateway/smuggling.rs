//! No two readers may understand a request in two ways: what is doubtful is refused, and nothing of it reaches an upstream as a
//! request of its own.

use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config as Runs, TestRunner};

use super::fixture::{Answer, Canary, Raw, Upstream, route_to};
use crate::fixture::{Agent, eventually};

/// What a smuggled request would ask for.
const SMUGGLED: &str = "GET /up/smuggled HTTP/1.1\r\nHost: gateway\r\n\r\n";

struct Ground {
    agent: Agent,
    upstream: Upstream,
    canary: Canary,
}

async fn ground() -> Ground {
    let upstream = Upstream::start().await;
    Ground {
        agent: Agent::start(route_to(&upstream.url())).await,
        upstream,
        canary: Canary::listen().await,
    }
}

impl Ground {
    /// Sends bytes on a connection, and gives the status of the first answer, 0 where there is none.
    async fn send(&self, bytes: &[u8]) -> u16 {
        self.send_for(bytes, Duration::from_millis(800)).await
    }

    /// The same, where an answer that does not come in `patience` does not matter.
    async fn send_for(&self, bytes: &[u8], patience: Duration) -> u16 {
        let answer = Raw::exchange(self.agent.gateway(), bytes, patience).await;
        let text = String::from_utf8_lossy(&answer);
        let status = text
            .strip_prefix("HTTP/1.1 ")
            .or(text.strip_prefix("HTTP/1.0 "));
        status
            .and_then(|rest| rest.get(..3)?.parse().ok())
            .unwrap_or(0)
    }

    /// Nothing came to the upstream that looks like a part of another request.
    fn check(&self, what: &str) {
        self.canary.assert_alone();
        self.upstream.assert_well_formed();
        for seen in self.upstream.seen() {
            assert!(!seen.target.contains("smuggled"), "{what:?}: {seen:?}");
            let own = self.upstream.address().to_string();
            assert_eq!(
                seen.header("host"),
                Some(own.as_str()),
                "{what:?}: {seen:?}"
            );
        }
        self.agent.assert_no_panic();
    }
}

/// Scenario: bodies whose length can be read in two ways, each with a request hidden in what one reader takes for the body and the
/// other does not. Guarantees: refused with 400 or by closing; at the upstream nothing comes, or one whole request.
#[tokio::test]
async fn lengths_that_can_be_read_in_two_ways() {
    let ground = ground().await;
    let framings = [
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 0\r\nContent-Length: 44",
        "Content-Length: 5, 6",
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: 0\r\nTransfer-Encoding: chunked",
        "Content-Length: +5",
        "Content-Length: -5",
        "Content-Length: 0x5",
        "Content-Length: 5 5",
        "Content-Length: 5.0",
        "Content-Length: 99999999999999999999",
        "Content-Length: ",
        "Content-Length: five",
        "Content-Length : 0",
        "Content-Length\t: 0",
        " Content-Length: 0",
        "X: y\r\n Content-Length: 44",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: identity, chunked",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding\t: chunked",
        " Transfer-Encoding: chunked",
        "X: y\r\n Transfer-Encoding: chunked",
        "Transfer-Encoding:\r\n chunked",
        "Transfer-Encoding: \x0bchunked",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding: chunked;x=y",
        "Transfer-Encoding: chunk",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: ",
        "Transfer-Encoding:\x00chunked",
        "X: y\nTransfer-Encoding: chunked",
        "X: y\rTransfer-Encoding: chunked",
        "X: y\r\n\rTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\nContent-Length: 6",
    ];
    for framing in framings {
        for body in [
            format!("0\r\n\r\n{SMUGGLED}"),
            format!("abcde{SMUGGLED}"),
            SMUGGLED.to_owned(),
        ] {
            // A body of chunks may be taken, and then what is behind it is a request: that of the sender.
            let hidden = body.replace("/up/smuggled", "/hidden");
            let request =
                format!("POST /up/x HTTP/1.1\r\nHost: gateway\r\n{framing}\r\n\r\n{hidden}");
            ground.upstream.forget();
            let status = ground
                .send_for(request.as_bytes(), Duration::from_millis(200))
                .await;
            let seen = ground.upstream.seen();
            assert!(seen.len() <= 1, "{framing:?} {body:?}: {seen:?}");
            if status / 100 == 2 {
                // Where one meaning is certain, it is that of the stricter reader: chunked beats the length, and the connection ends.
                assert!(
                    seen[0].is_whole
                        && seen[0]
                            .header("content-length")
                            .is_none_or(|_| seen[0].header("transfer-encoding").is_none()),
                    "{framing:?}: {seen:?}"
                );
            } else {
                assert!(
                    status == 0 || (400..=505).contains(&status),
                    "{framing:?}: {status}"
                );
            }
            ground.check(framing);
        }
    }
}

/// Scenario: chunks that can be read in two ways. Guarantees: refused, or read as RFC 9112 says; the upstream gets chunks of the
/// gateway's own making.
#[tokio::test]
async fn chunks_that_can_be_read_in_two_ways() {
    let ground = ground().await;
    let bodies = [
        "5\r\nabcde\r\n0\r\n\r\n",
        "5;x=y\r\nabcde\r\n0\r\n\r\n",
        "05\r\nabcde\r\n0\r\n\r\n",
        "5 \r\nabcde\r\n0\r\n\r\n",
        "0x5\r\nabcde\r\n0\r\n\r\n",
        "+5\r\nabcde\r\n0\r\n\r\n",
        "-5\r\nabcde\r\n0\r\n\r\n",
        "5\nabcde\r\n0\r\n\r\n",
        "5\rabcde\r\n0\r\n\r\n",
        "5\r\nabcdeXX0\r\n\r\n",
        "5\r\nabcdef\r\n0\r\n\r\n",
        "5\r\nabcde\n0\r\n\r\n",
        "5;\nx\r\nabcde\r\n0\r\n\r\n",
        "fffffffffffffffff\r\nabcde\r\n0\r\n\r\n",
        "8000000000000005\r\nabcde\r\n0\r\n\r\n",
        "5\r\nabcde\r\n0\r\nContent-Length: 44\r\n\r\n",
        "5\r\nabcde\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n",
        "5\r\nabcde\r\n0\r\nHost: evil\r\n\r\n",
        "5\r\nabcde\r\n0\r\n\r",
        "\r\n5\r\nabcde\r\n0\r\n\r\n",
        "five\r\nabcde\r\n0\r\n\r\n",
    ];
    for body in bodies {
        ground.upstream.forget();
        let head = "POST /up/x HTTP/1.1\r\nHost: gateway\r\nTransfer-Encoding: chunked\r\n\r\n";
        let status = ground.send(format!("{head}{body}").as_bytes()).await;
        let seen = ground.upstream.seen();
        for seen in &seen {
            assert!(
                !seen.is_whole || seen.text() == "abcde",
                "{body:?}: {seen:?} {}",
                seen.text()
            );
            for name in ["content-length", "transfer-encoding", "host"] {
                assert!(
                    seen.body.trailers.iter().all(|(given, _)| given != name),
                    "{body:?}: {:?}",
                    seen.body.trailers
                );
            }
        }
        let is_answered = status == 200;
        assert_eq!(
            is_answered,
            seen.iter().any(|seen| seen.is_whole),
            "{body:?}: {status}"
        );
        ground.check(body);
    }
}

/// Scenario: heads that are not as RFC 9112 has them. Guarantees: 400, 431 or 505, or a closed connection, and no byte at the
/// upstream.
#[tokio::test]
async fn heads_that_are_not_well_formed() {
    let ground = ground().await;
    let long_name = format!(
        "GET /up/x HTTP/1.1\r\nHost: gateway\r\n{}: 1\r\n\r\n",
        "x".repeat(70_000)
    );
    let long_value = format!(
        "GET /up/x HTTP/1.1\r\nHost: gateway\r\nX: {}\r\n\r\n",
        "x".repeat(40_000)
    );
    let long_target = format!(
        "GET /up/{} HTTP/1.1\r\nHost: gateway\r\n\r\n",
        "x".repeat(40_000)
    );
    let many = format!(
        "GET /up/x HTTP/1.1\r\nHost: gateway\r\n{}\r\n",
        "X: 1\r\n".repeat(5000)
    );
    let heads = [
        "GET /up/x\r\n",
        "GET /up/x\r\n\r\n",
        "GET /up/x HTTP/0.9\r\nHost: gateway\r\n\r\n",
        "GET /up/x HTTP/1.2\r\nHost: gateway\r\n\r\n",
        "GET /up/x HTTP/2.0\r\nHost: gateway\r\n\r\n",
        "GET /up/x HTTP/3\r\nHost: gateway\r\n\r\n",
        "GET /up/x http/1.1\r\nHost: gateway\r\n\r\n",
        "GET /up/x HTTP/1.1 \r\nHost: gateway\r\n\r\n",
        "GET /up/x HTTP/1.1 x\r\nHost: gateway\r\n\r\n",
        "GET /up/x y HTTP/1.1\r\nHost: gateway\r\n\r\n",
        "GET\t/up/x\tHTTP/1.1\r\nHost: gateway\r\n\r\n",
        "GET /up/x\tHTTP/1.1\r\nHost: gateway\r\n\r\n",
        " GET /up/x HTTP/1.1\r\nHost: gateway\r\n\r\n",
        "G ET /up/x HTTP/1.1\r\nHost: gateway\r\n\r\n",
        "G(T /up/x HTTP/1.1\r\nHost: gateway\r\n\r\n",
        "GET /up/\0x HTTP/1.1\r\nHost: gateway\r\n\r\n",
        "GET /up/x HTTP/1.1\r\nHost: gateway\r\nX y: 1\r\n\r\n",
        "GET /up/x HTTP/1.1\r\nHost: gateway\r\nX : 1\r\n\r\n",
        "GET /up/x HTTP/1.1\r\nHost : gateway\r\n\r\n",
        "GET /up/x HTTP/1.1\r\nHost: gateway\r\n: 1\r\n\r\n",
        "GET /up/x HTTP/1.1\r\nHost: gateway\r\nX\r\n\r\n",
        "GET /up/x HTTP/1.1\r\nHost: gateway\r\nX: a\0b\r\n\r\n",
        "GET /up/x HTTP/1.1\r\nHost: gateway\r\nX: a\rb\r\n\r\n",
        "GET /up/x HTTP/1.1\r\nHost: gateway\r\nX: a\x01b\r\n\r\n",
        "GET /up/x HTTP/1.1\r\nHost: gateway\r\nX: a\r\n b\r\n\r\n",
        "GET /up/x HTTP/1.1\r\nHost: gateway\r\nX: a\r\n\tb\r\n\r\n",
        "GET /up/x HTTP/1.1\r\n Host: gateway\r\n\r\n",
        "GET /up/x HTTP/1.1\r\n\r\n",
        "GET /up/x HTTP/1.1\r\nHost: gateway\r\nHost: gateway\r\n\r\n",
        "GET /up/x HTTP/1.1\r\nHost: gateway\r\nhost: other\r\n\r\n",
        "GET /up/x HTTP/1.1\r\nHost:\r\n gateway\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00",
        long_name.as_str(),
        long_value.as_str(),
        long_target.as_str(),
        many.as_str(),
    ];
    for head in heads {
        let status = ground.send(head.as_bytes()).await;
        let shown = head.get(..80).unwrap_or(head);
        assert!(
            [0, 400, 414, 431, 505].contains(&status),
            "{shown:?}: {status}"
        );
        assert_eq!(
            ground.upstream.count(),
            0,
            "{shown:?}: {:?}",
            ground.upstream.seen()
        );
        ground.check(shown);
    }
    assert_eq!(ground.send(long_value.as_bytes()).await, 431);
}

/// Scenario: line ends that strict readers refuse: bare LF. Guarantees: if it is taken, then as one request that reads the same to
/// everybody.
#[tokio::test]
async fn bare_line_feeds_end_no_request_for_others() {
    let ground = ground().await;
    for request in [
        "GET /up/x HTTP/1.1\nHost: gateway\n\n",
        "GET /up/x HTTP/1.1\r\nHost: gateway\n\r\n",
        "POST /up/x HTTP/1.1\nHost: gateway\nContent-Length: 44\n\nGET /up/smuggled HTTP/1.1\r\nHost: gateway\r\n\r\n",
        "GET /up/x HTTP/1.1\r\nHost: gateway\r\nX: y\n\nGET /hidden HTTP/1.1\r\nHost: gateway\r\n\r\n",
    ] {
        ground.upstream.forget();
        ground.send(request.as_bytes()).await;
        assert!(
            ground.upstream.count() <= 1,
            "{request:?}: {:?}",
            ground.upstream.seen()
        );
        ground.check(request);
    }
}

/// Scenario: several requests in one write, behind a good one, behind one that is refused for its head, and behind one that is
/// refused for its body. Guarantees: good ones are answered in order; behind one whose end is not certain nothing more is read.
#[tokio::test]
async fn pipelined_requests() {
    let ground = ground().await;
    let good = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: gateway\r\n\r\n");
    let all = ["/up/1", "/nowhere", "/up/2", "/up/3"].map(good).concat();
    let mut raw = Raw::open(ground.agent.gateway()).await;
    raw.send(all).await;
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(raw.reply().await.unwrap().status);
    }
    assert_eq!(statuses, [200, 404, 200, 200]);
    let targets: Vec<_> = ground
        .upstream
        .seen()
        .into_iter()
        .map(|seen| seen.target)
        .collect();
    assert_eq!(targets, ["/1", "/2", "/3"]);
    for refused in [
        "GET /up/x HTTP/1.1\r\nHost: gateway\r\nX y: 1\r\n\r\n",
        "POST /up/x HTTP/1.1\r\nHost: gateway\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "POST /up/x HTTP/1.1\r\nHost: gateway\r\nTransfer-Encoding: chunked, identity\r\n\r\n",
        "GET /up/x HTTP/9.9\r\nHost: gateway\r\n\r\n",
    ] {
        ground.upstream.forget();
        ground.send(format!("{refused}{SMUGGLED}").as_bytes()).await;
        ground.check(refused);
    }
}

/// Scenario: refused requests whose bodies are still to come, each holding a request. Guarantees: bodies are read as bodies or the
/// connection ends: no part of one is answered as a request.
#[tokio::test]
async fn bodies_of_refused_requests_are_no_requests() {
    let ground = ground().await;
    let length = SMUGGLED.len();
    for (target, status) in [
        ("/nowhere", 404),
        ("/up/../x", 400),
        ("http://other/x", 421),
    ] {
        let host = if target.starts_with("http") {
            "other"
        } else {
            "gateway"
        };
        let request = format!(
            "POST {target} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n\r\n{SMUGGLED}"
        );
        assert_eq!(ground.send(request.as_bytes()).await, status, "{target}");
        let chunked = format!(
            "POST {target} HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n{SMUGGLED}\r\n0\r\n\r\n"
        );
        assert_eq!(ground.send(chunked.as_bytes()).await, status, "{target}");
        ground.check(target);
    }
    assert_eq!(ground.upstream.count(), 0);
}

/// Scenario: an upstream that sends more than its answer, as if it had been asked again. Guarantees: nobody else gets that: the
/// connection is not used again.
#[tokio::test]
async fn answers_that_nobody_asked_for_go_to_nobody() {
    let ground = ground().await;
    let more = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison";
    let no_content = "HTTP/1.1 204 No Content\r\ncontent-length: 6\r\n\r\npoison";
    let to_head = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison";
    for (method, answer) in [("GET", more), ("GET", no_content), ("HEAD", to_head)] {
        ground.upstream.next([Answer::bytes(answer)]);
        let request = format!("{method} /up/first HTTP/1.1\r\nHost: gateway\r\n\r\n");
        let mut raw = Raw::open(ground.agent.gateway()).await;
        raw.send(request).await;
        raw.head().await.unwrap();
        for number in 0..5 {
            let reply = super::fixture::get(&ground.agent, &format!("/up/{number}")).await;
            assert_eq!(reply.text(), "ok", "after {answer:?}");
        }
    }
    ground.check("poison");
}

/// Scenario: random bytes, and requests with random parts, thrown at the gateway for a while. Guarantees: it answers or closes, and
/// serves the next caller; whatever reaches the upstream is well formed and for it; the canary is left alone.
#[test]
fn random_bytes_do_no_harm() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let ground = runtime.block_on(ground());
    let canary = ground.canary.address();
    let bit = prop_oneof![
        Just("GET /up/x HTTP/1.1\r\n".to_owned()),
        Just("POST /up/x HTTP/1.1\r\n".to_owned()),
        Just("Host: gateway\r\n".to_owned()),
        Just(format!("GET http://{canary}/ HTTP/1.1\r\n")),
        Just(format!("Host: {canary}\r\n")),
        Just("Content-Length: 5\r\n".to_owned()),
        Just("Transfer-Encoding: chunked\r\n".to_owned()),
        Just("Connection: upgrade\r\nUpgrade: websocket\r\n".to_owned()),
        Just("Expect: 100-continue\r\n".to_owned()),
        Just("5\r\nabcde\r\n0\r\n".to_owned()),
        Just("\r\n".to_owned()),
        Just("\n".to_owned()),
        Just(" ".to_owned()),
        Just("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned()),
        "[ -~]{0,20}",
        "\\PC{0,8}",
    ];
    let text = prop::collection::vec(bit, 0..12).prop_map(|bits| bits.concat().into_bytes());
    let bytes = prop_oneof![3 => text, 1 => prop::collection::vec(any::<u8>(), 0..200)];
    let mut runner = TestRunner::new(Runs {
        cases: 600,
        max_shrink_time: 20_000,
        failure_persistence: None,
        ..Runs::default()
    });
    runner
        .run(&bytes, |bytes| {
            runtime.block_on(async {
                let sent = tokio::time::timeout(
                    Duration::from_secs(15),
                    ground.send_for(&bytes, Duration::from_millis(20)),
                )
                .await;
                assert!(sent.is_ok(), "the connection does not end");
                ground.check("random bytes");
            });
            Ok(())
        })
        .unwrap();
    runtime.block_on(async {
        eventually(
            "the next caller is served",
            Duration::from_secs(5),
            async || {
                let reply = super::fixture::get(&ground.agent, "/up/after").await;
                (reply.text() == "ok").then_some(())
            },
        )
        .await;
    });
}
