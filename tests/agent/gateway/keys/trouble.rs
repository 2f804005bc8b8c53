//! Callers that leave, upstreams whose answer is lost, agents that die, a store that is away.

use std::time::Duration;

use super::{is_replayed, is_unknown, keyed, order, post};
use crate::fixture::{Agent, eventually};
use crate::gateway::fixture::{Answer, Raw, Step, Upstream, ask, head, problem};
use crate::probes::servers::Postgres;

/// A keyed POST on a connection that the test can break off.
async fn sent(agent: &Agent, key: &str) -> Raw {
    let mut raw = Raw::open(agent.gateway()).await;
    raw.send(format!(
        "POST /up/orders HTTP/1.1\r\nhost: {}\r\nidempotency-key: {key}\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{{}}",
        agent.gateway()
    ))
    .await;
    raw
}

/// Scenario: a caller that hangs up while its request runs. Guarantees: the request runs to its end, once, and its answer is there
/// for whoever asks again.
#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_leaves_does_not_stop_its_request() {
    let upstream = Upstream::start().await;
    let agent = Agent::start(keyed(&upstream)).await;
    let go_on = std::sync::Arc::new(tokio::sync::Notify::new());
    let body = Step::Send((head(201, &[("content-length", "4")]) + "do").into());
    upstream.next([Answer::steps([
        Step::Until(go_on.clone()),
        body,
        Step::Until(go_on.clone()),
        Step::Send("ne".into()),
    ])]);
    let raw = sent(&agent, "k").await;
    upstream.seen_at_least(1).await;
    raw.reset();
    problem(&post(&agent, "k", "{}").await, 409, "idempotency");
    go_on.notify_one();
    tokio::time::sleep(Duration::from_millis(100)).await;
    problem(&post(&agent, "k", "{}").await, 409, "idempotency");
    go_on.notify_one();
    let again = eventually("the answer is kept", Duration::from_secs(10), async || {
        Some(post(&agent, "k", "{}").await).filter(is_replayed)
    })
    .await;
    assert_eq!(
        (again.status.as_u16(), again.text(), upstream.count()),
        (201, "done".to_owned(), 1)
    );
}

/// Scenario: a caller that breaks off before its body is whole. Guarantees: nothing runs, and the key is free.
#[tokio::test]
async fn half_a_request_holds_no_key() {
    let upstream = Upstream::start().await;
    let agent = Agent::start(keyed(&upstream)).await;
    let mut raw = Raw::open(agent.gateway()).await;
    raw.send("POST /up/orders HTTP/1.1\r\nhost: g\r\nidempotency-key: k\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{").await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    raw.reset();
    let reply = post(&agent, "k", "{}").await;
    assert!(reply.status == 200 && !is_replayed(&reply), "{reply:?}");
    assert_eq!(upstream.count(), 1);
}

/// Scenario: an upstream that takes the request and breaks off, that is silent, and that breaks off in its answer.
/// Guarantees: nobody knows whether it acted: a repeated request is refused and told so, and nothing runs twice; with
/// `unknown = "repeat"` it runs again.
#[tokio::test]
async fn an_answer_that_is_lost_leaves_the_outcome_unknown() {
    let cut = head(200, &[("content-length", "9")]) + "some";
    let losses = [
        ("reset", Answer::reset(), 502),
        ("silent", Answer::hang(), 504),
        ("cut", Answer::bytes(cut).then(Step::Close), 502),
    ];
    let upstream = Upstream::start().await;
    for policy in ["refuse", "repeat"] {
        let config = keyed(&upstream)
            .set("route.up.idempotency.unknown", policy)
            .set("route.up.timeout.first_byte", "300ms");
        let agent = Agent::start(config).await;
        for (key, loss, status) in &losses {
            upstream.forget();
            upstream.next([loss.clone()]);
            assert_eq!(post(&agent, key, "{}").await.status, *status, "{key}");
            let again = post(&agent, key, "{}").await;
            if policy == "repeat" {
                assert_eq!((again.text(), upstream.count()), ("ok".to_owned(), 2));
                continue;
            }
            assert!(is_unknown(&problem(&again, 409, "idempotency")));
            assert_eq!(upstream.count(), 1, "{key}");
        }
        let told = "outcome=\"unknown\"";
        let unknown = agent
            .metric("lineside_idempotency_requests_total", told)
            .await;
        assert_eq!(unknown, if policy == "refuse" { 3.0 } else { 0.0 });
    }
}

/// Scenario: the agent is killed while the upstream works, and while it answers, and is started again.
/// Guarantees: until the dead agent's hold ends the key is in flight; then its outcome is unknown, which a repeated request is
/// told; nothing runs twice, and other keys are free.
#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_dies_leaves_the_outcome_unknown() {
    let upstream = Upstream::start().await;
    let mut agent = Agent::start(keyed(&upstream).set("route.up.idempotency.lease", "1s")).await;
    let half = head(201, &[("content-length", "4")]) + "do";
    for (key, answer) in [
        ("works", Answer::hang()),
        ("answers", Answer::bytes(half).then(Step::Hang)),
    ] {
        upstream.forget();
        upstream.next([answer]);
        let _raw = sent(&agent, key).await;
        upstream.seen_at_least(1).await;
        agent.restart().await;
        eventually("the hold has ended", Duration::from_secs(10), async || {
            let told = problem(&post(&agent, key, "{}").await, 409, "idempotency");
            is_unknown(&told).then_some(())
        })
        .await;
        assert_eq!(upstream.count(), 1, "{key}");
        assert_eq!(
            post(&agent, &format!("another-{key}"), "{}").await.status,
            200
        );
    }
}

/// Scenario: a request that runs for longer than its lease. Guarantees: the hold is renewed: it is in flight all the while, and its
/// answer is kept.
#[tokio::test(flavor = "multi_thread")]
async fn a_hold_is_renewed_while_the_request_runs() {
    let upstream = Upstream::start().await;
    let agent = Agent::start(keyed(&upstream).set("route.up.idempotency.lease", "1s")).await;
    upstream.next([Answer::ok().after(Step::Pause(Duration::from_millis(3500)))]);
    let mut raw = sent(&agent, "k").await;
    upstream.seen_at_least(1).await;
    for _ in 0..6 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let told = problem(&post(&agent, "k", "{}").await, 409, "idempotency");
        assert!(!is_unknown(&told), "{told}");
    }
    assert_eq!(raw.reply().await.unwrap().text(), "ok");
    assert!(is_replayed(&post(&agent, "k", "{}").await));
    assert_eq!(upstream.count(), 1);
}

/// Scenario: a shutdown while a keyed request runs. Guarantees: its answer is kept before the agent ends.
#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_keeps_what_was_answered() {
    let upstream = Upstream::start().await;
    let mut agent = Agent::start(keyed(&upstream)).await;
    upstream.next([Answer::ok().after(Step::Pause(Duration::from_millis(700)))]);
    let raw = sent(&agent, "k").await;
    upstream.seen_at_least(1).await;
    raw.reset();
    assert_eq!(agent.stop().await.code(), Some(0), "{}", agent.log());
    agent.restart().await;
    let again = post(&agent, "k", "{}").await;
    assert!(is_replayed(&again), "{again:?}");
    assert_eq!(upstream.count(), 1);
}

/// Scenario: the PostgreSQL that holds the keys is away, then there again. Guarantees: meanwhile requests with keys get 503 of the
/// store and do not run; those without keys pass; afterwards all is as before.
#[tokio::test(flavor = "multi_thread")]
async fn without_the_store_nothing_with_a_key_runs() {
    let (upstream, mut postgres) = (Upstream::start().await, Postgres::start().await);
    let config = super::shared::on(keyed(&upstream), &postgres)
        .await
        .set("store.timeout", "1s");
    let agent = Agent::start(config).await;
    assert_eq!(post(&agent, "k", "{}").await.status, 200);
    postgres.stop().await;
    for key in ["k", "new"] {
        let reply = post(&agent, key, "{}").await;
        problem(&reply, 503, "store");
        assert!(reply.header("retry-after").is_some(), "{reply:?}");
    }
    let without = http::Request::post("/up/orders");
    assert_eq!(ask(&agent, without, "{}").await.status, 200);
    assert_eq!(upstream.count(), 2);
    postgres.start_again().await;
    eventually("the store is back", Duration::from_secs(20), async || {
        Some(post(&agent, "k", "{}").await).filter(is_replayed)
    })
    .await;
    assert_eq!(upstream.count(), 2);
    let text = agent.log() + &agent.metrics().await;
    assert!(!text.contains(Postgres::PASSWORD));
}

/// Scenario: the store goes away while a keyed request runs. Guarantees: whatever the caller is told, a repeated request does not
/// run again once the store is back.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_leaves_in_between_lets_nothing_run_twice() {
    let (upstream, mut postgres) = (Upstream::start().await, Postgres::start().await);
    let config = super::shared::on(keyed(&upstream), &postgres)
        .await
        .set("store.timeout", "1s")
        .set("route.up.idempotency.lease", "2s");
    let agent = Agent::start(config).await;
    let go_on = std::sync::Arc::new(tokio::sync::Notify::new());
    upstream.next([Answer::ok().after(Step::Until(go_on.clone()))]);
    let mut raw = sent(&agent, "k").await;
    upstream.seen_at_least(1).await;
    postgres.stop().await;
    go_on.notify_one();
    let told = raw.reply().await.unwrap();
    assert!(told.status == 200 || told.status >= 500, "{told:?}");
    postgres.start_again().await;
    for _ in 0..20 {
        let again = ask(&agent, order("k"), "{}").await;
        assert!(
            is_replayed(&again) || [409, 503].contains(&again.status.as_u16()),
            "{again:?}"
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(upstream.count(), 1);
}
