//! How many requests are let through: for a route, for each caller, and as many as the upstream itself allows.

use std::time::{Duration, Instant};

use http::Request;

use super::fixture::{Answer, Upstream, ask, get, problem, retry_after, route_to};
use crate::fixture::{Agent, Config, Reply};

/// The parameters `r` (what remains) and `t` (seconds until then) of RateLimit, or `q` and `w` of RateLimit-Policy.
fn parameter(reply: &Reply, header: &str, key: &str) -> u64 {
    let value = reply
        .header(header)
        .unwrap_or_else(|| panic!("no {header}: {:?}", reply.headers));
    let (name, parameters) = value.split_once(';').expect("parameters");
    assert!(
        name.starts_with('"') && name.ends_with('"'),
        "{header}: {value}"
    );
    let mut named = parameters.split(';').filter_map(|one| one.split_once('='));
    let found = named.find(|(given, _)| *given == key);
    found
        .unwrap_or_else(|| panic!("no {key} in {value}"))
        .1
        .parse()
        .unwrap()
}

/// A limit that does not fill up again while a test runs.
fn limited(upstream: &Upstream, whom: &str, requests: u64) -> Config {
    route_to(&upstream.url())
        .set(&format!("route.up.limit.{whom}.requests"), requests)
        .set(&format!("route.up.limit.{whom}.per"), "1h")
}

/// Scenario: a route that takes three requests an hour, asked four times. Guarantees: three pass; the fourth is 429 with
/// Retry-After and does not reach the upstream; every answer says what remains (draft-ietf-httpapi-ratelimit-headers-10).
#[tokio::test]
async fn a_route_has_a_limit() {
    let upstream = Upstream::start().await;
    let agent = Agent::start(limited(&upstream, "route", 3)).await;
    for left in [2, 1, 0] {
        let reply = get(&agent, "/up/x").await;
        assert_eq!(reply.status, 200);
        assert_eq!(parameter(&reply, "ratelimit", "r"), left);
        assert_eq!(parameter(&reply, "ratelimit-policy", "q"), 3);
        assert_eq!(parameter(&reply, "ratelimit-policy", "w"), 3600);
    }
    let reply = get(&agent, "/up/x").await;
    let told = problem(&reply, 429, "limit");
    assert_eq!(told["route"], "up");
    assert_eq!(parameter(&reply, "ratelimit", "r"), 0);
    // One of three an hour comes back every twenty minutes.
    assert!((1100..=1200).contains(&retry_after(&reply)), "{reply:?}");
    assert_eq!(upstream.count(), 3);
    assert!(
        agent.metric("rate_limit_hits_total", "").await >= 1.0,
        "{}",
        agent.metrics().await
    );
}

/// Scenario: a limit for each caller, told apart by a header, and by the address where there is none. Guarantees: each has its own.
#[tokio::test]
async fn each_caller_has_a_limit() {
    let upstream = Upstream::start().await;
    let agent = Agent::start(limited(&upstream, "caller", 2)).await;
    let callers = [
        Some(("authorization", "Bearer one")),
        Some(("authorization", "Bearer two")),
        Some(("x-api-key", "Bearer one")),
        None,
    ];
    for caller in callers {
        let ask_once = async || {
            let mut request = Request::get("/up/x");
            if let Some((name, value)) = caller {
                request = request.header(name, value);
            }
            ask(&agent, request, "").await
        };
        for _ in 0..2 {
            assert_eq!(ask_once().await.status, 200, "{caller:?}");
        }
        problem(&ask_once().await, 429, "limit");
    }
    assert_eq!(upstream.count(), 8);
    let text = agent.metrics().await + &agent.log();
    assert!(!text.contains("Bearer"), "a caller's credentials are shown");
}

/// Scenario: more callers than are counted apart. Guarantees: the further ones share one count; nobody gets around it with a new
/// name for each request.
#[tokio::test]
async fn new_names_do_not_get_around_the_limit() {
    let upstream = Upstream::start().await;
    let config = limited(&upstream, "caller", 2).set("route.up.limit.max_callers", 3);
    let agent = Agent::start(config).await;
    let mut passed = 0;
    for number in 0..40 {
        let request = Request::get("/up/x").header("x-api-key", number.to_string());
        passed += usize::from(ask(&agent, request, "").await.status == 200);
    }
    assert!(
        passed <= 3 + 2 + 1,
        "{passed} requests passed for three callers and the rest"
    );
    assert_eq!(upstream.count(), passed);
}

/// Scenario: a caller's limit and a route's, the second greater. Guarantees: what the caller may not does not count for the route
/// as an answer of the upstream.
#[tokio::test]
async fn limits_of_routes_and_callers_both_hold() {
    let upstream = Upstream::start().await;
    let config = limited(&upstream, "caller", 2)
        .set("route.up.limit.route.requests", 5)
        .set("route.up.limit.route.per", "1h");
    let agent = Agent::start(config).await;
    let mut statuses = Vec::new();
    for caller in ["a", "a", "a", "b", "b", "c", "c"] {
        let request = Request::get("/up/x").header("x-api-key", caller);
        statuses.push(ask(&agent, request, "").await.status.as_u16());
    }
    assert_eq!(
        statuses.iter().filter(|status| **status == 200).count(),
        upstream.count()
    );
    assert!(upstream.count() <= 5, "{statuses:?}");
    assert_eq!(statuses[..3], [200, 200, 429]);
}

/// Scenario: an upstream that says what remains of its limit, in each usual spelling, and that nothing does. Guarantees: the next
/// request is held until the limit begins anew, or gets 429 where that is further away than `limit.max_wait`; the upstream itself
/// never has to say 429.
#[tokio::test]
async fn the_upstreams_limit_is_learned() {
    let cases: [&[(&str, &str)]; 4] = [
        &[
            ("ratelimit", "\"default\";r=0;t=1"),
            ("ratelimit-policy", "\"default\";q=10;w=60"),
        ],
        &[
            ("ratelimit-limit", "10"),
            ("ratelimit-remaining", "0"),
            ("ratelimit-reset", "1"),
        ],
        &[
            ("x-ratelimit-limit", "10"),
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", "1"),
        ],
        &[
            ("x-ratelimit-remaining-requests", "0"),
            ("x-ratelimit-reset-requests", "1s"),
        ],
    ];
    let mut config = Config::new();
    let mut upstreams = Vec::new();
    for number in 0..cases.len() {
        let upstream = Upstream::start().await;
        let name = format!("r{number}");
        config = super::fixture::and_route(config, &name, &upstream.url());
        upstreams.push(upstream);
    }
    let agent = Agent::start(config).await;
    for (number, (headers, upstream)) in cases.iter().zip(&upstreams).enumerate() {
        let path = format!("/r{number}/x");
        upstream.next([Answer::reply(200, headers, "last one")]);
        assert_eq!(get(&agent, &path).await.text(), "last one");
        let begun = Instant::now();
        assert_eq!(get(&agent, &path).await.text(), "ok");
        let took = begun.elapsed();
        assert!(
            took >= Duration::from_millis(800),
            "{headers:?}: after {took:?}"
        );
        assert!(took < Duration::from_secs(4), "{headers:?}: after {took:?}");
        let far: Vec<(&str, String)> = headers
            .iter()
            .map(|(name, value)| (*name, value.replace("t=1", "t=60").replace("1s", "60s")))
            .map(|(name, value)| match name.ends_with("-reset") {
                true => (name, "60".to_owned()),
                false => (name, value),
            })
            .collect();
        let far: Vec<(&str, &str)> = far
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        upstream.next([Answer::reply(200, &far, "last one")]);
        assert_eq!(get(&agent, &path).await.text(), "last one");
        let before = upstream.count();
        let reply = get(&agent, &path).await;
        problem(&reply, 429, "quota");
        assert!(
            (50..=61).contains(&retry_after(&reply)),
            "{headers:?}: {reply:?}"
        );
        assert_eq!(upstream.count(), before);
    }
}

/// Scenario: an upstream that says 429 with Retry-After, to a POST. Guarantees: the caller gets that answer; those behind it wait
/// their turn, and no request reaches the upstream sooner than it asked for.
#[tokio::test(flavor = "multi_thread")]
async fn a_429_holds_those_behind_it() {
    let upstream = Upstream::start().await;
    let agent = Agent::start(route_to(&upstream.url())).await;
    upstream.next([Answer::reply(429, &[("retry-after", "1")], "slowly")]);
    let reply = ask(&agent, Request::post("/up/x"), "a body").await;
    assert_eq!(
        (reply.status.as_u16(), reply.text(), retry_after(&reply)),
        (429, "slowly".to_owned(), 1)
    );
    let begun = Instant::now();
    let gateway = agent.gateway();
    let waiting: Vec<_> = (0..5)
        .map(|_| tokio::spawn(async move { crate::fixture::get(gateway, "/up/x").await.unwrap() }))
        .collect();
    for call in waiting {
        assert_eq!(call.await.unwrap().status, 200);
    }
    assert!(
        begun.elapsed() >= Duration::from_millis(800),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(upstream.count(), 6);
}
