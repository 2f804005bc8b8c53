//! The end: what is under way ends, what is new is told when to come back, and the agent exits with 0.

use std::time::{Duration, Instant};

use super::fixture::{Answer, Raw, Step, Upstream, chunk_of, head, retry_after_of, route_to};
use crate::fixture::{Agent, eventually};

const GET: &str = "GET /up/x HTTP/1.1\r\nhost: g\r\n\r\n";

/// Asks the agent to end, and waits until it says that it does.
async fn ending(agent: &Agent) {
    agent.terminate();
    eventually("the agent drains", Duration::from_secs(5), async || {
        let ready = agent.get("/health/ready").await;
        ready.filter(|reply| reply.status == 503).map(drop)
    })
    .await;
}

/// Scenario: SIGTERM while one request waits for its upstream, one answer is half sent, one body half received, and a connection
/// stands idle. Guarantees: the three end whole; a new request on the idle connection gets 503 with Retry-After; the agent exits
/// with 0 as soon as they are done.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_under_way_ends() {
    let upstream = Upstream::start().await;
    let config = route_to(&upstream.url())
        .set("shutdown.drain", "10s")
        .set("gateway.retry_after", "7s");
    let mut agent = Agent::start(config).await;
    let go_on = std::sync::Arc::new(tokio::sync::Notify::new());
    let mut idle = Raw::open(agent.gateway()).await;
    idle.send(GET).await;
    assert_eq!(idle.reply().await.unwrap().status, 200);
    let start = head(200, &[("transfer-encoding", "chunked")]) + &chunk_of("some, ");
    upstream.next([
        Answer::ok().after(Step::Until(go_on.clone())),
        Answer::bytes(start)
            .then(Step::Until(go_on.clone()))
            .then(Step::Send((chunk_of("all") + "0\r\n\r\n").into())),
        Answer::ok(),
    ]);
    let mut waiting = Raw::open(agent.gateway()).await;
    waiting.send(GET).await;
    upstream.seen_at_least(2).await;
    let mut half = Raw::open(agent.gateway()).await;
    half.send(GET).await;
    upstream.seen_at_least(3).await;
    let mut sending = Raw::open(agent.gateway()).await;
    sending
        .send("POST /up/x HTTP/1.1\r\nhost: g\r\ncontent-length: 10\r\n\r\n12345")
        .await;
    upstream.seen_at_least(4).await;
    ending(&agent).await;
    idle.send(GET).await;
    let refused = idle.reply().await.unwrap();
    assert_eq!(
        (refused.status, retry_after_of(&refused)),
        (503, 7),
        "{refused:?}"
    );
    assert!(
        refused.text().contains("\"guard\":\"shutdown\""),
        "{refused:?}"
    );
    sending.send("67890").await;
    assert_eq!(sending.reply().await.unwrap().text(), "ok");
    go_on.notify_waiters();
    assert_eq!(waiting.reply().await.unwrap().text(), "ok");
    assert_eq!(half.reply().await.unwrap().text(), "some, all");
    let begun = Instant::now();
    let status = agent.ended(Duration::from_secs(15)).await;
    assert_eq!(status.code(), Some(0), "{}", agent.log());
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "it waited for nobody: {:?}",
        begun.elapsed()
    );
    assert_eq!(upstream.count(), 4);
}

/// Scenario: a request that never ends. Guarantees: it is cut off after the drain, and the agent exits with 0.
#[tokio::test]
async fn what_never_ends_is_cut_off() {
    let upstream = Upstream::start().await;
    upstream.always(Answer::hang());
    let config = route_to(&upstream.url()).set("shutdown.drain", "400ms");
    let mut agent = Agent::start(config).await;
    let mut waiting = Raw::open(agent.gateway()).await;
    waiting.send(GET).await;
    upstream.seen_at_least(1).await;
    let begun = Instant::now();
    let status = agent.stop().await;
    let took = begun.elapsed();
    assert_eq!(status.code(), Some(0), "{}", agent.log());
    assert!(
        took >= Duration::from_millis(350) && took < Duration::from_secs(6),
        "{took:?}"
    );
    assert!(!waiting.rest().await.starts_with(b"HTTP/1.1 200"));
    upstream.open_connections(0).await;
}

/// Scenario: callers that keep asking on kept connections while the agent is stopped. Guarantees: each request is answered by the
/// upstream, or with 503 and a hint, or its connection ends before the answer begins; the upstream gets no request that the caller
/// was told to repeat.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_without_a_word() {
    let upstream = Upstream::start().await;
    let mut agent = Agent::start(route_to(&upstream.url())).await;
    let gateway = agent.gateway();
    let callers: Vec<_> = (0..4)
        .map(|_| {
            tokio::spawn(async move {
                let (mut answered, mut refused) = (0, 0);
                let mut raw = Raw::open(gateway).await;
                loop {
                    let sent = raw.try_send(GET.as_bytes()).await;
                    let Ok(reply) = raw.reply().await else {
                        return (answered, refused);
                    };
                    sent.unwrap();
                    match reply.status {
                        200 => answered += 1,
                        503 => {
                            assert!(retry_after_of(&reply) >= 1);
                            refused += 1;
                        }
                        other => panic!("{other}: {reply:?}"),
                    }
                }
            })
        })
        .collect();
    upstream.seen_at_least(50).await;
    let status = agent.stop().await;
    assert_eq!(status.code(), Some(0), "{}", agent.log());
    let mut answered = 0;
    for caller in callers {
        answered += caller.await.unwrap().0;
    }
    assert_eq!(upstream.count(), answered);
}
