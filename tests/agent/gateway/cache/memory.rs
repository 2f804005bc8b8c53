//! Answers in the agent's own memory.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::gateway::fixture::Step;

/// Scenario: the same request again, HEAD, a request with what it has already, and others. Guarantees: the upstream is asked once for what is kept;
/// what the cache did stands in each answer; metrics and /metrics/cache count it.
#[tokio::test]
async fn what_is_kept_is_not_asked_for_again() {
    let upstream = counting().await;
    let agent = Agent::start(keeping(&upstream)).await;
    let first = get(&agent, "/up/a?b").await;
    assert_eq!(first.text(), "1");
    assert!(
        told(&first).starts_with("lineside; fwd=uri-miss; ttl="),
        "{first:?}"
    );
    assert!(told(&first).ends_with("; stored"), "{first:?}");
    for _ in 0..9 {
        let kept = get(&agent, "/up/a?b").await;
        assert_eq!((kept.status.as_u16(), kept.text()), (200, "1".to_owned()));
        assert!(told(&kept).starts_with("lineside; hit; ttl="), "{kept:?}");
        assert!(kept.header("age").is_some() && kept.header("x-request-id").is_some());
    }
    let head = ask(&agent, Request::head("/up/a?b"), "").await;
    assert_eq!(
        (head.header("content-length"), head.body.len()),
        (Some("1"), 0)
    );
    assert_eq!(upstream.count(), 1);
    assert_eq!(get(&agent, "/up/a?c").await.text(), "2");
    let past = get_with(&agent, "/up/a?b", &[("range", "bytes=0-0")]).await;
    assert_eq!(told(&past), "lineside; fwd=bypass");
    let shown = cache(&agent).await;
    let metrics = &shown["L1"]["metrics"];
    assert_eq!(
        (&metrics["hits"], &metrics["misses"]),
        (&10.into(), &2.into()),
        "{shown}"
    );
    assert_eq!(shown["L1"]["memory"]["entries"], 2);
    assert!(shown["L1"]["latencyDistribution"]["p99"].as_f64().unwrap() > 0.0);
    assert_eq!(
        agent
            .metric("cache_requests_total", "outcome=\"hit\"")
            .await,
        10.0
    );
    let rate = agent.metric("cache_L1_hit_rate", "").await;
    assert!((rate - 10.0 / 12.0).abs() < 1e-9, "{rate}");
}

/// Scenario: a change of what is kept, by a request that succeeds and by one that fails. Guarantees: the first makes it be asked for again.
#[tokio::test]
async fn a_change_is_seen_at_once() {
    let upstream = Upstream::start().await;
    let count = AtomicUsize::new(0);
    upstream.decide(move |seen: &Seen| {
        let count = count.fetch_add(1, Relaxed) + 1;
        let status = if seen.header("x-fail").is_some() {
            422
        } else {
            200
        };
        Answer::reply(
            status,
            &[("cache-control", "max-age=60")],
            &count.to_string(),
        )
    });
    let agent = Agent::start(keeping(&upstream)).await;
    assert_eq!(get(&agent, "/up/a").await.text(), "1");
    ask(&agent, Request::post("/up/a").header("x-fail", "1"), "x").await;
    assert_eq!(get(&agent, "/up/a").await.text(), "1");
    ask(&agent, Request::post("/up/a"), "x").await;
    assert_eq!(get(&agent, "/up/a").await.text(), "4");
}

/// Scenario: thirty callers at once, an upstream that takes its time over head and body. Guarantees: it is asked once, and everybody has the whole
/// answer; where the answer is not kept, all go at once.
#[tokio::test]
async fn callers_at_once_wait_for_one() {
    for (said, requests) in [("max-age=60", 1), ("private", 30)] {
        let upstream = Upstream::start().await;
        let head = format!("HTTP/1.1 200 OK\r\ncache-control: {said}\r\ncontent-length: 8\r\n\r\n");
        upstream.always(Answer::steps([
            Step::Pause(Duration::from_millis(300)),
            Step::Send((head + "half").into()),
            Step::Pause(Duration::from_millis(300)),
            Step::Send("half".into()),
        ]));
        let agent = Arc::new(Agent::start(keeping(&upstream)).await);
        let began = std::time::Instant::now();
        let mut callers = tokio::task::JoinSet::new();
        for _ in 0..30 {
            let agent = Arc::clone(&agent);
            callers.spawn(async move { get(&agent, "/up/a").await.text() });
        }
        while let Some(text) = callers.join_next().await {
            assert_eq!(text.unwrap(), "halfhalf");
        }
        assert_eq!(upstream.count(), requests, "{said}");
        assert!(
            began.elapsed() < Duration::from_secs(5),
            "{:?}",
            began.elapsed()
        );
    }
}

/// Scenario: a body that is larger than what is kept, and callers one of whom hangs up. Guarantees: it streams through whole, and is not kept; memory
/// stays where it was.
#[tokio::test]
async fn large_bodies_stream_on() {
    let upstream = Upstream::start().await;
    let body = "0123456789".repeat(300_000);
    upstream.decide(move |_| Answer::reply(200, &[("cache-control", "max-age=60")], &body));
    let agent = Agent::start(keeping(&upstream).set("route.up.cache.max_entry", "1MiB")).await;
    for count in 1..=3 {
        let reply = get(&agent, "/up/a").await;
        assert_eq!(reply.body.len(), 3_000_000);
        assert!(!told(&reply).contains("stored"), "{}", told(&reply));
        assert_eq!(upstream.count(), count);
    }
    assert!(
        cache(&agent).await["L1"]["memory"]["bytes"]
            .as_u64()
            .unwrap()
            < 10_000
    );
}

/// Scenario: the upstream goes away after an answer that has ended. Guarantees: the answer is given as long as the route allows, and says so; what
/// is not kept gets the gateway's own refusal, and what asks for a kept answer alone too.
#[tokio::test]
async fn a_gone_upstream_is_covered() {
    let upstream = Upstream::start().await;
    upstream.always(Answer::reply(
        200,
        &[
            ("cache-control", "max-age=60"),
            ("age", "60"),
            ("etag", "\"a\""),
        ],
        "kept",
    ));
    let agent = Agent::start(keeping(&upstream).set("route.up.cache.stale_if_error", "1h")).await;
    assert_eq!(get(&agent, "/up/a").await.text(), "kept");
    upstream.stop().await;
    let kept = get(&agent, "/up/a").await;
    assert_eq!(
        (kept.status.as_u16(), kept.text()),
        (200, "kept".to_owned())
    );
    assert!(
        told(&kept).starts_with("lineside; hit; fwd=stale; ttl="),
        "{}",
        told(&kept)
    );
    problem(&get(&agent, "/up/b").await, 502, "upstream");
    let only = get_with(&agent, "/up/b", &[("cache-control", "only-if-cached")]).await;
    problem(&only, 504, "cache");
}

/// Scenario: callers who show who they are, one after the other. Guarantees: nobody gets what was meant for another, unless it is public.
#[tokio::test]
async fn nobody_gets_the_answer_of_another() {
    let upstream = Upstream::start().await;
    upstream.decide(|seen: &Seen| {
        let said = if seen.target.contains("public") {
            "public, max-age=60"
        } else {
            "max-age=60"
        };
        let who = seen
            .header("authorization")
            .or(seen.header("cookie"))
            .unwrap_or("nobody");
        Answer::reply(200, &[("cache-control", said)], who)
    });
    let agent = Agent::start(keeping(&upstream).set("route.up.cache.default_ttl", "1h")).await;
    for name in ["authorization", "cookie"] {
        for who in ["one", "two", "one"] {
            let reply = get_with(&agent, "/up/a", &[(name, who)]).await;
            assert_eq!(reply.text(), who, "{name}");
        }
    }
    assert_eq!(get(&agent, "/up/a").await.text(), "nobody");
    assert_eq!(
        get_with(&agent, "/up/public", &[("cookie", "one")])
            .await
            .text(),
        "one"
    );
    assert_eq!(
        get_with(&agent, "/up/public", &[("cookie", "two")])
            .await
            .text(),
        "one"
    );
}

/// Scenario: a route without a cache beside one with. Guarantees: it keeps nothing and says nothing of a cache; where no route keeps answers,
/// /metrics/cache says so.
#[tokio::test]
async fn routes_keep_what_they_are_told_to() {
    let upstream = counting().await;
    let agent = Agent::start(route_to(&upstream.url())).await;
    for body in ["1", "2"] {
        let reply = get(&agent, "/up/a").await;
        assert_eq!((reply.text().as_str(), told(&reply)), (body, ""));
    }
    let shown = cache(&agent).await;
    assert!(
        shown["hint"]
            .as_str()
            .unwrap()
            .contains("[route.<name>.cache]"),
        "{shown}"
    );
    assert!(!agent.metrics().await.contains("cache_requests"));
}
