//! What a request gets that is sent again.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use serde_json::json;

use super::{is_replayed, keyed, order, post};
use crate::fixture::{Agent, eventually};
use crate::gateway::fixture::{Answer, Step, Upstream, ask, problem, retry_after};

/// Scenario: a POST that is sent three times with its key, spelled in both ways, before and after the agent was killed. Guarantees:
/// it ran once; the others get the same status, headers and body, and are told that they are replays.
#[tokio::test]
async fn it_is_answered_as_the_first_was() {
    let upstream = Upstream::start().await;
    let mut agent = Agent::start(keyed(&upstream)).await;
    upstream.next([Answer::reply(
        201,
        &[("location", "/orders/7"), ("x-many", "1"), ("x-many", "2")],
        "{\"id\":7}",
    )]);
    let first = post(&agent, "order-7", "{}").await;
    assert_eq!(
        (first.status.as_u16(), first.text()),
        (201, "{\"id\":7}".to_owned())
    );
    assert_eq!(first.header("x-idempotency-key"), Some("order-7"));
    assert!(!is_replayed(&first));
    for number in 0..3 {
        if number == 2 {
            agent.restart().await;
        }
        let name = if number == 0 {
            "x-idempotency-key"
        } else {
            "idempotency-key"
        };
        let request = Request::post("/up/orders")
            .header(name, "order-7")
            .header("content-type", "application/json");
        let again = ask(&agent, request, "{}").await;
        assert_eq!(
            (again.status.as_u16(), again.text()),
            (201, "{\"id\":7}".to_owned())
        );
        assert_eq!(again.header("location"), Some("/orders/7"));
        let many: Vec<_> = again.headers.get_all("x-many").iter().collect();
        assert_eq!(many, ["1", "2"]);
        assert_eq!(again.header("x-idempotency-key"), Some("order-7"));
        assert!(is_replayed(&again));
    }
    assert_eq!(upstream.count(), 1);
    let replayed = agent
        .metric(
            "lineside_idempotency_requests_total",
            "outcome=\"replayed\"",
        )
        .await;
    assert_eq!(replayed, 1.0, "since its last start");
}

/// Scenario: fifty requests with one key at the same time, while the first is under way. Guarantees: one runs; the others are told
/// 409 with Retry-After meanwhile, and its answer afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_at_once_runs() {
    let upstream = Upstream::start().await;
    let agent = Agent::start(keyed(&upstream)).await;
    let go_on = std::sync::Arc::new(tokio::sync::Notify::new());
    upstream.always(Answer::reply(200, &[], "done").after(Step::Until(go_on.clone())));
    let calls: Vec<_> = (0..50)
        .map(|_| {
            let gateway = agent.gateway();
            tokio::spawn(async move {
                let mut connection = crate::fixture::Connection::open(gateway, false, None)
                    .await
                    .unwrap();
                let request = crate::gateway::fixture::to(gateway, order("one"), "{}");
                connection.send(request).await.unwrap()
            })
        })
        .collect();
    eventually(
        "49 were told to wait",
        Duration::from_secs(20),
        async || {
            let told = agent
                .metric(
                    "lineside_idempotency_requests_total",
                    "outcome=\"in_flight\"",
                )
                .await;
            (told == 49.0).then_some(())
        },
    )
    .await;
    go_on.notify_one();
    let mut answered = 0;
    for call in calls {
        let reply = call.await.unwrap();
        if reply.status == 200 {
            answered += 1;
            continue;
        }
        problem(&reply, 409, "idempotency");
        assert!(retry_after(&reply) >= 1);
    }
    assert_eq!((answered, upstream.count()), (1, 1));
    let again = post(&agent, "one", "{}").await;
    assert!(is_replayed(&again) && again.text() == "done", "{again:?}");
}

/// Scenario: the same key with another body, another path, another query, another content type. Guarantees: 422, and nothing runs.
#[tokio::test]
async fn another_request_with_the_same_key_is_refused() {
    let upstream = Upstream::start().await;
    let agent = Agent::start(keyed(&upstream)).await;
    assert_eq!(post(&agent, "order-7", "{}").await.status, 200);
    let another = [
        ("/up/orders", "application/json", "{ }"),
        ("/up/orders", "application/json", ""),
        ("/up/orders/7", "application/json", "{}"),
        ("/up/orders?x=1", "application/json", "{}"),
        ("/up/orders", "text/plain", "{}"),
    ];
    for (path, content_type, body) in another {
        let request = Request::post(path)
            .header("idempotency-key", "order-7")
            .header("content-type", content_type);
        let reply = ask(&agent, request, body).await;
        problem(&reply, 422, "idempotency");
    }
    assert_eq!(upstream.count(), 1);
    assert!(is_replayed(&post(&agent, "order-7", "{}").await));
}

/// Scenario: keys that are none, and none where one is needed. Guarantees: 400 that says what to send; nothing runs.
#[tokio::test]
async fn keys_must_be_keys() {
    let upstream = Upstream::start().await;
    let agent = Agent::start(keyed(&upstream).set("route.up.idempotency.required", true)).await;
    let bad: [&[(&str, Bytes)]; 7] = [
        &[],
        &[("idempotency-key", Bytes::new())],
        &[("idempotency-key", "x".repeat(256).into())],
        &[("idempotency-key", "a b\u{e4}".into())],
        &[("idempotency-key", "a\tb".into())],
        &[
            ("idempotency-key", "one".into()),
            ("idempotency-key", "two".into()),
        ],
        &[
            ("idempotency-key", "one".into()),
            ("x-idempotency-key", "two".into()),
        ],
    ];
    for headers in bad {
        let mut request = Request::post("/up/orders");
        for (name, value) in headers {
            request = request.header(*name, &value[..]);
        }
        problem(&ask(&agent, request, "{}").await, 400, "idempotency");
    }
    assert_eq!(upstream.count(), 0);
    assert_eq!(
        ask(&agent, Request::get("/up/orders"), "").await.status,
        200
    );
    assert_eq!(post(&agent, &"x".repeat(255), "{}").await.status, 200);
}

/// Scenario: the same key by different callers, on different routes, and with methods that keys are not for. Guarantees: each runs
/// by itself.
#[tokio::test]
async fn keys_belong_to_their_caller_and_route() {
    let upstream = Upstream::start().await;
    let config = crate::gateway::fixture::and_route(keyed(&upstream), "other", &upstream.url())
        .set("route.other.idempotency.methods", json!(["PUT"]));
    let agent = Agent::start(config).await;
    for caller in ["one", "two"] {
        let request = order("k").header("authorization", format!("Bearer {caller}"));
        let reply = ask(&agent, request, "{}").await;
        assert!(reply.status == 200 && !is_replayed(&reply), "{caller}");
    }
    assert!(!is_replayed(&post(&agent, "k", "{}").await));
    let put = || Request::put("/other/x").header("idempotency-key", "k");
    assert!(!is_replayed(&ask(&agent, put(), "{}").await));
    assert!(is_replayed(&ask(&agent, put(), "{}").await));
    for _ in 0..2 {
        let request = Request::post("/other/x").header("idempotency-key", "k");
        assert!(!is_replayed(&ask(&agent, request, "{}").await));
        let request = Request::put("/up/x").header("idempotency-key", "k");
        assert!(!is_replayed(&ask(&agent, request, "{}").await));
    }
    assert_eq!(upstream.count(), 3 + 1 + 4);
}

/// Scenario: answers of each kind to the first request. Guarantees: outcomes are given again, refusals of the upstream that say
/// that nothing was done free the key, and so does what was never sent.
#[tokio::test]
async fn outcomes_are_kept_and_refusals_are_not() {
    let upstream = Upstream::start().await;
    let agent = Agent::start(keyed(&upstream)).await;
    for (status, is_kept) in [
        (200, true),
        (201, true),
        (204, true),
        (302, true),
        (400, true),
        (404, true),
        (409, true),
        (422, true),
        (500, true),
        (502, true),
        (401, false),
        (429, false),
        (503, false),
    ] {
        let key = format!("s-{status}");
        let answer = match status {
            204 => Answer::bytes("HTTP/1.1 204 No Content\r\n\r\n"),
            _ => Answer::reply(status, &[], "first"),
        };
        upstream.next([answer]);
        let before = upstream.count();
        assert_eq!(post(&agent, &key, "{}").await.status, status);
        let again = post(&agent, &key, "{}").await;
        assert_eq!(is_replayed(&again), is_kept, "{status}");
        assert_eq!(again.status, if is_kept { status } else { 200 });
        assert_eq!(
            upstream.count() - before,
            if is_kept { 1 } else { 2 },
            "{status}"
        );
    }
    upstream.stop().await;
    problem(&post(&agent, "unsent", "{}").await, 502, "upstream");
    upstream.up().await;
    let reply = post(&agent, "unsent", "{}").await;
    assert!(reply.status == 200 && !is_replayed(&reply));
}

/// Scenario: 5xx with `server_errors = "release"`. Guarantees: the request may be made again.
#[tokio::test]
async fn server_errors_can_release() {
    let upstream = Upstream::start().await;
    let agent =
        Agent::start(keyed(&upstream).set("route.up.idempotency.server_errors", "release")).await;
    upstream.next([Answer::reply(500, &[], "broken")]);
    assert_eq!(post(&agent, "k", "{}").await.status, 500);
    let again = post(&agent, "k", "{}").await;
    assert!(again.status == 200 && !is_replayed(&again));
}

/// Scenario: bodies of requests and answers that are larger than is kept, and an answer in chunks. Guarantees: 413 for the first;
/// of a large answer the caller gets all, and a repeated request is told what was, without running again.
#[tokio::test]
async fn what_is_kept_has_a_limit() {
    let upstream = Upstream::start().await;
    let config = keyed(&upstream)
        .set("route.up.idempotency.max_body", "1KiB")
        .set("route.up.idempotency.max_answer", "1KiB");
    let agent = Agent::start(config).await;
    problem(&post(&agent, "large", &"x".repeat(1025)).await, 413, "body");
    assert_eq!(upstream.count(), 0);
    upstream.next([Answer::chunked(&["a ", "body"], &[])]);
    assert_eq!(post(&agent, "chunks", "{}").await.text(), "a body");
    let again = post(&agent, "chunks", "{}").await;
    assert!(is_replayed(&again) && again.text() == "a body", "{again:?}");
    let large = "x".repeat(5000);
    upstream.next([Answer::reply(201, &[], &large)]);
    let first = post(&agent, "answer", "{}").await;
    assert_eq!((first.status.as_u16(), first.text()), (201, large));
    let again = post(&agent, "answer", "{}").await;
    assert!(again.text().len() < 2000, "{again:?}");
    assert_eq!(upstream.count(), 2, "{again:?}");
}

/// Scenario: an answer that is kept for a second. Guarantees: after that the request runs again.
#[tokio::test]
async fn answers_are_kept_for_a_time() {
    let upstream = Upstream::start().await;
    let agent = Agent::start(keyed(&upstream).set("route.up.idempotency.keep_for", "1s")).await;
    assert_eq!(post(&agent, "k", "{}").await.status, 200);
    assert!(is_replayed(&post(&agent, "k", "{}").await));
    eventually("it runs again", Duration::from_secs(5), async || {
        let again = post(&agent, "k", "{}").await;
        (!is_replayed(&again)).then_some(())
    })
    .await;
    assert_eq!(upstream.count(), 2);
}

/// Scenario: an upstream that fails twice before it answers a keyed POST. Guarantees: the attempts carry the key, and the answer
/// that is kept is the last.
#[tokio::test]
async fn attempts_share_the_key() {
    let upstream = Upstream::start().await;
    let config = keyed(&upstream)
        .set("route.up.retry.attempts", 3)
        .set("route.up.retry.base", "2ms")
        .set("route.up.retry.budget", 10.0);
    let agent = Agent::start(config).await;
    upstream.next([Answer::reply(503, &[], ""), Answer::reply(503, &[], "")]);
    assert_eq!(post(&agent, "k", "{}").await.text(), "ok");
    assert!(is_replayed(&post(&agent, "k", "{}").await));
    let seen = upstream.seen();
    assert_eq!(seen.len(), 3);
    assert!(
        seen.iter()
            .all(|seen| seen.header("idempotency-key") == Some("k") && seen.text() == "{}")
    );
}
