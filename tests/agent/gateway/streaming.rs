//! Bodies stream: nothing is held, nothing waits for the end, and what is slow slows nothing else.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use xxhash_rust::xxh3::Xxh3Default;

use super::fixture::{
    Answer, Body, Length, Raw, Step, Upstream, ask, chunk_of, get, head, route_to,
};
use crate::fixture::{Agent, eventually};

const MIB: u64 = 1 << 20;

/// A mebibyte that is not the same as its neighbours.
fn block(number: u64) -> Vec<u8> {
    let seed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..MIB / 8)
        .flat_map(|at| seed.wrapping_mul(at | 1).to_le_bytes())
        .collect()
}

async fn pair() -> (Upstream, Agent) {
    let upstream = Upstream::start().await;
    let agent = Agent::start(route_to(&upstream.url())).await;
    (upstream, agent)
}

/// Scenario: an upload of 200 MiB, with a length and in chunks. Guarantees: the upstream gets every byte, and the agent's memory
/// stays as it is.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_upload_takes_no_memory() {
    let (upstream, agent) = pair().await;
    assert_eq!(get(&agent, "/up/warm").await.status, 200);
    let before = agent.rss_bytes();
    for is_chunked in [false, true] {
        let mut raw = Raw::open(agent.gateway()).await;
        let length = match is_chunked {
            true => "transfer-encoding: chunked".to_owned(),
            false => format!("content-length: {}", 200 * MIB),
        };
        raw.send(format!(
            "PUT /up/large HTTP/1.1\r\nhost: g\r\n{length}\r\n\r\n"
        ))
        .await;
        let (mut hash, mut greatest) = (Xxh3Default::new(), 0);
        let part = block(7);
        for _ in 0..200 {
            hash.update(&part);
            if is_chunked {
                raw.send(format!("{MIB:x}\r\n")).await;
            }
            raw.send(&part).await;
            if is_chunked {
                raw.send("\r\n").await;
            }
            greatest = greatest.max(agent.rss_bytes());
        }
        if is_chunked {
            raw.send("0\r\n\r\n").await;
        }
        assert_eq!(raw.reply().await.unwrap().text(), "ok");
        let seen = upstream.last();
        assert_eq!(
            (seen.body.length, seen.body.hash()),
            (200 * MIB, hash.digest())
        );
        let grown = greatest.saturating_sub(before) / MIB;
        assert!(grown < 16, "{grown} MiB more while 200 went through");
    }
}

/// Scenario: a download of 100 MiB by a caller that stops reading, then goes on. Guarantees: the upstream is slowed down, the
/// agent's memory stays as it is, and every byte arrives.
#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_does_not_read_slows_the_upstream() {
    let (upstream, agent) = pair().await;
    assert_eq!(get(&agent, "/up/warm").await.status, 200);
    let part = Bytes::from(block(3));
    let start = head(200, &[("content-length", &(100 * MIB).to_string())]);
    let steps =
        std::iter::once(Step::Send(start.into())).chain((0..100).map(|_| Step::Send(part.clone())));
    let all_sent = std::sync::Arc::new(tokio::sync::Notify::new());
    upstream.next([Answer::steps(steps).then(Step::Tell(all_sent.clone()))]);
    let before = agent.rss_bytes();
    let mut raw = Raw::open(agent.gateway()).await;
    raw.send("GET /up/large HTTP/1.1\r\nhost: g\r\n\r\n").await;
    let (_, told) = raw.head().await.unwrap();
    let sent = tokio::time::timeout(Duration::from_millis(700), all_sent.notified()).await;
    assert!(
        sent.is_err(),
        "100 MiB went into an agent whose caller does not read"
    );
    let grown = agent.rss_bytes().saturating_sub(before) / MIB;
    assert!(
        grown < 16,
        "{grown} MiB more for a caller that does not read"
    );
    let (mut length, mut body) = (told.length().unwrap().unwrap(), Body::empty());
    while raw.part(&mut length, &mut body).await.unwrap().is_some() {}
    let mut hash = Xxh3Default::new();
    (0..100).for_each(|_| hash.update(&part));
    assert_eq!((body.length, body.hash()), (100 * MIB, hash.digest()));
}

/// Scenario: server-sent events, each sent when the test says so. Guarantees: each arrives before the next is sent.
#[tokio::test]
async fn events_arrive_one_by_one() {
    let (upstream, agent) = pair().await;
    let next = std::sync::Arc::new(tokio::sync::Notify::new());
    let events = ["data: one\n\n", "data: two\n\n", "data: three\n\n"];
    let start = head(
        200,
        &[
            ("content-type", "text/event-stream"),
            ("transfer-encoding", "chunked"),
        ],
    );
    let mut steps = vec![Step::Send(start.into())];
    for event in events {
        steps.extend([
            Step::Until(next.clone()),
            Step::Send(chunk_of(event).into()),
        ]);
    }
    steps.extend([Step::Until(next.clone()), Step::Send("0\r\n\r\n".into())]);
    upstream.next([Answer::steps(steps)]);
    let mut raw = Raw::open(agent.gateway()).await;
    raw.send("GET /up/events HTTP/1.1\r\nhost: g\r\naccept: text/event-stream\r\n\r\n")
        .await;
    let (status, told) = raw.head().await.unwrap();
    assert_eq!(
        (status, told.field("content-type")),
        (200, Some("text/event-stream"))
    );
    let mut body = Body::empty();
    for event in events {
        next.notify_one();
        let part = raw.part(&mut Length::Chunked, &mut body).await.unwrap();
        assert_eq!(part.as_deref(), Some(event.as_bytes()));
    }
    next.notify_one();
    assert!(
        raw.part(&mut Length::Chunked, &mut body)
            .await
            .unwrap()
            .is_none()
    );
}

/// Scenario: a caller that sends its body in parts, each when the upstream has the one before. Guarantees: each arrives before the
/// next is sent.
#[tokio::test]
async fn a_body_arrives_part_by_part() {
    let (upstream, agent) = pair().await;
    let mut raw = Raw::open(agent.gateway()).await;
    raw.send("POST /up/slow HTTP/1.1\r\nhost: g\r\ntransfer-encoding: chunked\r\n\r\n")
        .await;
    for number in 1..=3 {
        raw.send(chunk_of("part")).await;
        eventually("the part has arrived", Duration::from_secs(5), async || {
            let seen = upstream.seen();
            seen.last()
                .filter(|seen| seen.body.length == 4 * number)
                .map(drop)
        })
        .await;
    }
    raw.send("0\r\n\r\n").await;
    assert_eq!(raw.reply().await.unwrap().text(), "ok");
}

/// Scenario: an upstream that answers before it has read the body. Guarantees: the caller gets the answer although its body is not
/// sent yet, and nothing of that body is taken for another request.
#[tokio::test]
async fn an_early_answer_reaches_the_caller() {
    let (upstream, agent) = pair().await;
    let refusal = Answer::reply(401, &[("connection", "close")], "who are you?");
    upstream.next([refusal.then(Step::Close).early()]);
    let mut raw = Raw::open(agent.gateway()).await;
    raw.send("POST /up/early HTTP/1.1\r\nhost: g\r\ncontent-length: 1000000\r\n\r\nonly this")
        .await;
    let reply = raw.reply().await.unwrap();
    assert_eq!(
        (reply.status, reply.text()),
        (401, "who are you?".to_owned())
    );
    let _ = raw
        .try_send(b"GET /up/smuggled HTTP/1.1\r\nhost: g\r\n\r\n")
        .await;
    assert_eq!(get(&agent, "/up/after").await.text(), "ok");
    let targets: Vec<_> = upstream
        .seen()
        .into_iter()
        .map(|seen| seen.target)
        .collect();
    assert_eq!(targets, ["/early", "/after"]);
}

/// Scenario: a caller that hangs up while the upstream works, and while it sends. Guarantees: the upstream's connection is closed
/// soon, in both cases.
#[tokio::test]
async fn a_caller_that_hangs_up_ends_the_call() {
    let (upstream, agent) = pair().await;
    let start = head(200, &[("transfer-encoding", "chunked")]) + &chunk_of("some");
    for answer in [Answer::hang(), Answer::bytes(start).then(Step::Hang)] {
        upstream.next([answer]);
        let before = upstream.count();
        let mut raw = Raw::open(agent.gateway()).await;
        raw.send("GET /up/left HTTP/1.1\r\nhost: g\r\n\r\n").await;
        upstream.seen_at_least(before + 1).await;
        raw.reset();
        let begun = Instant::now();
        upstream.open_connections(0).await;
        assert!(
            begun.elapsed() < Duration::from_secs(2),
            "{:?}",
            begun.elapsed()
        );
    }
    assert_eq!(get(&agent, "/up/after").await.text(), "ok");
    agent.assert_no_panic();
}

/// Scenario: one slow caller and one slow upstream among many quick ones. Guarantees: the quick ones are answered meanwhile.
#[tokio::test]
async fn what_is_slow_slows_nothing_else() {
    let (upstream, agent) = pair().await;
    upstream.next([Answer::hang()]);
    let mut waiting = Raw::open(agent.gateway()).await;
    waiting
        .send("GET /up/hang HTTP/1.1\r\nhost: g\r\n\r\n")
        .await;
    upstream.seen_at_least(1).await;
    let mut slow = Raw::open(agent.gateway()).await;
    slow.send("POST /up/slow HTTP/1.1\r\nhost: g\r\ncontent-length: 10\r\n\r\n12345")
        .await;
    let begun = Instant::now();
    for number in 0..50 {
        let reply = ask(&agent, Request::post(format!("/up/{number}")), "quick").await;
        assert_eq!(reply.text(), "ok");
    }
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    slow.send("67890").await;
    assert_eq!(slow.reply().await.unwrap().text(), "ok");
}
