//! The breaker of a route: it opens, says so without a byte to the upstream, tries once, and closes.

use std::time::{Duration, Instant};

use http::Request;

use super::fixture::{Answer, Step, Upstream, and_route, ask, get, problem, retry_after, route_to};
use crate::fixture::{Agent, Config, eventually};

/// A breaker that opens after three failures, for `open_for`.
fn guarded(upstream: &Upstream, open_for: &str) -> Config {
    route_to(&upstream.url())
        .set("route.up.breaker.mode", "auto")
        .set("route.up.breaker.failures", 3)
        .set("route.up.breaker.open_for", open_for)
}

/// What the gauge says: 0 closed, 1 open, 2 half open.
async fn state(agent: &Agent) -> f64 {
    agent
        .metric("circuit_breaker_state", "service=\"up\"")
        .await
}

/// Scenario: three failures in a row, then calls, then the open time passes with the upstream still failing, then again with it
/// well. Guarantees: while it is open calls get 503 with Retry-After at once and the upstream gets no byte; then one call is tried;
/// after its failure it opens for longer, after a success it closes.
#[tokio::test]
async fn it_opens_tries_and_closes() {
    let upstream = Upstream::start().await;
    let agent = Agent::start(guarded(&upstream, "700ms")).await;
    assert_eq!(get(&agent, "/up/well").await.status, 200);
    upstream.always(Answer::reply(500, &[], "broken"));
    for _ in 0..3 {
        assert_eq!(state(&agent).await, 0.0);
        assert_eq!(get(&agent, "/up/fails").await.text(), "broken");
    }
    assert_eq!(state(&agent).await, 1.0);
    let (seen, connections) = (upstream.count(), upstream.connections());
    for _ in 0..5 {
        let reply = get(&agent, "/up/held").await;
        let told = problem(&reply, 503, "breaker");
        assert_eq!(
            (told["route"].as_str(), retry_after(&reply)),
            (Some("up"), 1)
        );
    }
    assert_eq!(
        (upstream.count(), upstream.connections()),
        (seen, connections)
    );
    let held = agent
        .metric("circuit_breaker_calls_total", "outcome=\"held_back\"")
        .await;
    assert_eq!(held, 5.0);
    tokio::time::sleep(Duration::from_millis(850)).await;
    assert_eq!(get(&agent, "/up/trial").await.text(), "broken");
    problem(&get(&agent, "/up/held").await, 503, "breaker");
    assert_eq!(upstream.count(), seen + 1);
    tokio::time::sleep(Duration::from_millis(800)).await;
    problem(&get(&agent, "/up/twice-as-long").await, 503, "breaker");
    upstream.always(Answer::ok());
    eventually("a trial succeeds", Duration::from_secs(5), async || {
        (get(&agent, "/up/trial").await.status == 200).then_some(())
    })
    .await;
    assert_eq!(state(&agent).await, 0.0);
    assert_eq!(upstream.count(), seen + 2);
    let log = agent.log();
    for word in ["open", "half-open", "closed"] {
        assert!(
            log.contains(word) || log.contains(&word.replace('-', "_")),
            "no {word} in {log}"
        );
    }
}

/// Scenario: many calls at the moment when it becomes half open. Guarantees: one reaches the upstream, the others get 503
/// meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn one_call_is_tried_at_a_time() {
    let upstream = Upstream::start().await;
    let agent = Agent::start(guarded(&upstream, "300ms")).await;
    upstream.always(Answer::reply(502, &[], ""));
    for _ in 0..3 {
        get(&agent, "/up/fails").await;
    }
    tokio::time::sleep(Duration::from_millis(400)).await;
    let answered = std::sync::Arc::new(tokio::sync::Notify::new());
    upstream.always(Answer::ok().after(Step::Until(answered.clone())));
    let gateway = agent.gateway();
    let calls: Vec<_> = (0..10)
        .map(|_| tokio::spawn(async move { crate::fixture::get(gateway, "/up/x").await.unwrap() }))
        .collect();
    upstream.seen_at_least(4).await;
    eventually("nine were held", Duration::from_secs(5), async || {
        let held = agent
            .metric("circuit_breaker_calls_total", "outcome=\"held_back\"")
            .await;
        (held == 9.0).then_some(())
    })
    .await;
    assert_eq!(state(&agent).await, 2.0);
    answered.notify_one();
    let mut statuses = Vec::new();
    for call in calls {
        statuses.push(call.await.unwrap().status.as_u16());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [&[200][..], &[503; 9][..]].concat());
    assert_eq!((upstream.count(), state(&agent).await), (4, 0.0));
}

/// Scenario: what an upstream can do to a call, three times each. Guarantees: what is the upstream's fault opens the breaker;
/// answers that refuse a request, and callers that leave, do not.
#[tokio::test]
async fn only_the_upstreams_faults_count() {
    let cut = super::fixture::head(200, &[("content-length", "9")]) + "some";
    let cases = [
        ("500", Answer::reply(500, &[], ""), true),
        ("503", Answer::reply(503, &[], ""), true),
        ("reset", Answer::reset(), true),
        ("silent", Answer::hang(), true),
        ("cut", Answer::bytes(cut).then(Step::Close), true),
        ("404", Answer::reply(404, &[], ""), false),
        ("429", Answer::reply(429, &[], ""), false),
        ("501", Answer::reply(501, &[], ""), false),
        ("302", Answer::reply(302, &[], ""), false),
    ];
    let (mut config, mut upstreams) = (Config::new(), Vec::new());
    for (name, answer, _) in &cases {
        let upstream = Upstream::start().await;
        upstream.always(answer.clone());
        let key = |setting: &str| format!("route.{name}.{setting}");
        config = and_route(config, name, &upstream.url())
            .set(&key("breaker.mode"), "auto")
            .set(&key("breaker.failures"), 3)
            .set(&key("timeout.first_byte"), "100ms")
            .set(&key("limit.learn"), false);
        upstreams.push(upstream);
    }
    let agent = Agent::start(config).await;
    for ((name, _, opens), upstream) in cases.iter().zip(&upstreams) {
        for _ in 0..3 {
            let _ = crate::fixture::get(agent.gateway(), &format!("/{name}/x")).await;
        }
        upstream.always(Answer::ok());
        let gauge = async || {
            agent
                .metric("circuit_breaker_state", &format!("service=\"{name}\""))
                .await
        };
        if *opens {
            let opened = async || (gauge().await == 1.0).then_some(());
            eventually(&format!("{name} opens"), Duration::from_secs(5), opened).await;
        }
        let reply = get(&agent, &format!("/{name}/after")).await;
        assert_eq!(
            reply.status.as_u16(),
            if *opens { 503 } else { 200 },
            "{name}"
        );
    }
}

/// Scenario: callers that hang up before the upstream has answered, more often than the breaker allows failures. Guarantees: it
/// stays closed.
#[tokio::test]
async fn callers_that_leave_are_no_failures() {
    let upstream = Upstream::start().await;
    let agent = Agent::start(guarded(&upstream, "30s")).await;
    upstream.always(Answer::hang());
    for number in 1..=6 {
        let mut raw = super::fixture::Raw::open(agent.gateway()).await;
        raw.send("GET /up/left HTTP/1.1\r\nhost: g\r\n\r\n").await;
        upstream.seen_at_least(number).await;
        raw.reset();
        upstream.open_connections(0).await;
    }
    upstream.always(Answer::ok());
    assert_eq!(get(&agent, "/up/x").await.status, 200);
    assert_eq!(state(&agent).await, 0.0);
}

/// Scenario: each preset, and a preset with a value of its own. Guarantees: it opens after as many failures as CONTRACT says, and
/// for so long.
#[tokio::test]
async fn presets_do_as_they_promise() {
    let presets = [
        ("stripe", 3, 30),
        ("twilio", 5, 60),
        ("namesilo", 3, 120),
        ("openai", 5, 30),
    ];
    let mut config = Config::new();
    let upstream = Upstream::start().await;
    for (preset, ..) in presets {
        config = and_route(config, preset, &upstream.url())
            .set(&format!("route.{preset}.breaker.mode"), "auto")
            .set(&format!("route.{preset}.breaker.preset"), preset);
    }
    config = and_route(config, "mine", &upstream.url())
        .set("route.mine.breaker.mode", "auto")
        .set("route.mine.breaker.preset", "twilio")
        .set("route.mine.breaker.failures", 2);
    let agent = Agent::start(config).await;
    upstream.always(Answer::reply(500, &[], ""));
    for (name, failures, open_s) in presets.into_iter().chain([("mine", 2, 60)]) {
        upstream.forget();
        let path = format!("/{name}/x");
        for _ in 0..failures {
            assert_eq!(get(&agent, &path).await.status, 500, "{name}");
        }
        let reply = get(&agent, &path).await;
        problem(&reply, 503, "breaker");
        let wait = retry_after(&reply);
        assert!(
            (open_s - 5..=open_s + open_s / 10).contains(&wait),
            "{name}: {wait} s"
        );
        assert_eq!(upstream.count(), failures, "{name}");
    }
}

/// Scenario: a breaker that counts only, and one that is disabled. Guarantees: nothing is held; the first shows what it counted.
#[tokio::test]
async fn other_modes_hold_nothing() {
    let upstream = Upstream::start().await;
    let config = guarded(&upstream, "30s").set("route.up.breaker.mode", "metrics_only");
    let agent = Agent::start(and_route(config, "off", &upstream.url())).await;
    upstream.always(Answer::reply(500, &[], ""));
    for _ in 0..6 {
        assert_eq!(get(&agent, "/up/x").await.status, 500);
        assert_eq!(get(&agent, "/off/x").await.status, 500);
    }
    let failures = |service: &str| format!("outcome=\"failure\",service=\"{service}\"");
    assert_eq!(
        agent
            .metric("circuit_breaker_calls_total", &failures("up"))
            .await,
        6.0
    );
}

/// Scenario: retries with a breaker that opens in their midst. Guarantees: no attempt is made once it is open, and the caller hears
/// of it soon.
#[tokio::test]
async fn retries_end_where_it_opens() {
    let upstream = Upstream::start().await;
    let config = guarded(&upstream, "30s")
        .set("route.up.retry.attempts", 10)
        .set("route.up.retry.base", "1ms")
        .set("route.up.retry.budget", 10.0);
    let agent = Agent::start(config).await;
    upstream.always(Answer::reply(502, &[], ""));
    let begun = Instant::now();
    let reply = ask(&agent, Request::get("/up/x"), "").await;
    assert!(
        [502, 503].contains(&reply.status.as_u16()),
        "{}",
        reply.status
    );
    assert!(begun.elapsed() < Duration::from_secs(3));
    assert_eq!(upstream.count(), 3);
}

/// Scenario: more requests at once than `concurrency`, without and with a time to wait. Guarantees: 503 of the bulkhead with
/// Retry-After, or an answer when there is room.
#[tokio::test(flavor = "multi_thread")]
async fn the_bulkhead_holds() {
    let upstream = Upstream::start().await;
    let config = route_to(&upstream.url()).set("route.up.concurrency", 2);
    let config = and_route(config, "waits", &upstream.url())
        .set("route.waits.concurrency", 1)
        .set("route.waits.concurrency_wait", "5s");
    let agent = Agent::start(config).await;
    let released = std::sync::Arc::new(tokio::sync::Notify::new());
    upstream.always(Answer::ok().after(Step::Until(released.clone())));
    let gateway = agent.gateway();
    let start = |path: &'static str| {
        tokio::spawn(async move { crate::fixture::get(gateway, path).await.unwrap() })
    };
    let inside = [start("/up/1"), start("/up/2")];
    upstream.seen_at_least(2).await;
    let reply = get(&agent, "/up/3").await;
    problem(&reply, 503, "bulkhead");
    assert!(retry_after(&reply) >= 1);
    released.notify_waiters();
    for call in inside {
        assert_eq!(call.await.unwrap().status, 200);
    }
    let first = start("/waits/1");
    upstream.seen_at_least(3).await;
    let second = start("/waits/2");
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(upstream.count(), 3);
    released.notify_one();
    assert_eq!(first.await.unwrap().status, 200);
    upstream.seen_at_least(4).await;
    released.notify_one();
    assert_eq!(second.await.unwrap().status, 200);
}
