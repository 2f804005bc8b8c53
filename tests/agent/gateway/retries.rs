//! What is repeated, how often, and when: counted at the upstream.

use std::time::{Duration, Instant};

use http::Request;

use super::fixture::{Answer, Step, Upstream, ask, get, head, problem, retry_after, route_to};
use crate::fixture::{Agent, Config};

/// Quick repetitions with a budget that does not limit them.
fn repeating(upstream: &Upstream) -> Config {
    route_to(&upstream.url())
        .set("route.up.retry.attempts", 3)
        .set("route.up.retry.base", "2ms")
        .set("route.up.retry.budget", 10.0)
        .set("route.up.limit.learn", false)
}

/// Scenario: an upstream that fails twice, in many ways, then answers. Guarantees: a GET is asked again until it is answered; all
/// attempts ask for the same.
#[tokio::test]
async fn what_fails_is_repeated() {
    let upstream = Upstream::start().await;
    let agent =
        Agent::start(repeating(&upstream).set("route.up.timeout.first_byte", "200ms")).await;
    let failures = [
        Answer::close(),
        Answer::reset(),
        Answer::hang(),
        Answer::bytes("HTTP/1.1 200 OK\r\nx-cut: ").then(Step::Close),
        Answer::reply(429, &[], "slowly"),
        Answer::reply(502, &[], "bad"),
        Answer::reply(503, &[], "later"),
        Answer::reply(504, &[], "late"),
    ];
    for failure in failures {
        upstream.forget();
        upstream.next([failure.clone(), failure.clone()]);
        let request = Request::get("/up/again?x=1").header("x-mine", "1");
        let reply = ask(&agent, request, "").await;
        assert_eq!(
            (reply.status.as_u16(), reply.text()),
            (200, "ok".to_owned()),
            "{failure:?}"
        );
        let seen = upstream.seen();
        assert_eq!(seen.len(), 3, "{failure:?}");
        for seen in seen {
            assert_eq!(
                (seen.target.as_str(), seen.header("x-mine")),
                ("/again?x=1", Some("1"))
            );
        }
    }
    let retried = agent
        .metric("lineside_gateway_retries_total", "lineside_route=\"up\"")
        .await;
    assert_eq!(retried, 16.0);
}

/// Scenario: failures that go on. Guarantees: after `attempts` the caller gets the upstream's last answer as it was, or the problem
/// of the last failure.
#[tokio::test]
async fn the_last_answer_is_the_callers() {
    let upstream = Upstream::start().await;
    let agent = Agent::start(repeating(&upstream)).await;
    upstream.always(Answer::reply(503, &[("x-told", "1")], "later"));
    let reply = get(&agent, "/up/x").await;
    assert_eq!(
        (reply.status.as_u16(), reply.text()),
        (503, "later".to_owned())
    );
    assert_eq!((reply.header("x-told"), upstream.count()), (Some("1"), 3));
    upstream.forget();
    upstream.always(Answer::close());
    problem(&get(&agent, "/up/x").await, 502, "upstream");
    assert_eq!(upstream.count(), 3);
}

/// Scenario: statuses that are not to be repeated, a body that has begun to reach the caller, and retries that are switched off.
/// Guarantees: one request each.
#[tokio::test]
async fn what_is_final_is_not_repeated() {
    let upstream = Upstream::start().await;
    let agent = Agent::start(repeating(&upstream)).await;
    for status in [200, 301, 400, 404, 409, 500, 501] {
        upstream.forget();
        upstream.next([Answer::reply(status, &[], "told")]);
        assert_eq!(get(&agent, "/up/x").await.status, status);
        assert_eq!(upstream.count(), 1, "{status}");
    }
    upstream.forget();
    upstream
        .next([Answer::bytes(head(200, &[("content-length", "10")]) + "some").then(Step::Close)]);
    let broken = crate::fixture::get(agent.gateway(), "/up/x").await;
    assert!(broken.is_err(), "{broken:?}");
    assert_eq!(upstream.count(), 1);
}

/// Scenario: methods and keys, with an upstream that resets after the request, that says 503, and where nobody listens. Guarantees:
/// what may have been done is repeated only where that is harmless: by its method, or by the key it carries; what was not sent at
/// all may always be.
#[tokio::test]
async fn only_what_is_harmless_is_repeated() {
    let upstream = Upstream::start().await;
    let agent = Agent::start(repeating(&upstream)).await;
    let cases = [
        ("GET", None, 3),
        ("HEAD", None, 3),
        ("OPTIONS", None, 3),
        ("PUT", None, 3),
        ("DELETE", None, 3),
        ("POST", None, 1),
        ("PATCH", None, 1),
        ("REPORT", None, 1),
        ("POST", Some("idempotency-key"), 3),
        ("POST", Some("x-idempotency-key"), 3),
        ("PATCH", Some("idempotency-key"), 3),
    ];
    for (method, key, attempts) in cases {
        for failure in [Answer::reset(), Answer::reply(503, &[], "")] {
            upstream.forget();
            upstream.always(failure.clone());
            let mut request = Request::builder().method(method).uri("/up/x");
            if let Some(name) = key {
                request = request.header(name, "order-1");
            }
            ask(&agent, request, "a body").await;
            assert_eq!(upstream.count(), attempts, "{method} {key:?} {failure:?}");
            assert!(upstream.seen().iter().all(|seen| seen.text() == "a body"));
        }
    }
}

/// Scenario: a POST without a key, to an upstream that does not listen at first. Guarantees: it is sent when somebody listens:
/// nothing was sent before.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_sent_is_repeated() {
    let upstream = Upstream::down();
    let config = repeating(&upstream)
        .set("route.up.retry.attempts", 20)
        .set("route.up.retry.base", "200ms")
        .set("route.up.retry.max", "200ms");
    let agent = Agent::start(config).await;
    let call = ask(&agent, Request::post("/up/x"), "a body");
    let later = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        upstream.up().await;
    };
    let (reply, ()) = tokio::join!(call, later);
    assert_eq!((reply.text(), upstream.count()), ("ok".to_owned(), 1));
    assert_eq!(upstream.last().text(), "a body");
}

/// Scenario: bodies up to `retry.max_body` and larger ones, with a length and without. Guarantees: the small ones are sent again
/// whole, the large ones once, and none cut.
#[tokio::test]
async fn only_small_bodies_are_held() {
    let upstream = Upstream::start().await;
    let agent = Agent::start(repeating(&upstream).set("route.up.retry.max_body", "1KiB")).await;
    upstream.always(Answer::reply(503, &[], ""));
    for (length, attempts) in [(0, 3), (1024, 3), (1025, 1), (300_000, 1)] {
        for framing in ["length", "chunks"] {
            upstream.forget();
            let body = "x".repeat(length);
            let mut raw = super::fixture::Raw::open(agent.gateway()).await;
            raw.send("PUT /up/x HTTP/1.1\r\nhost: g\r\n").await;
            let rest = match (framing, length) {
                ("length", _) => format!("content-length: {length}\r\n\r\n{body}"),
                (_, 0) => "transfer-encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(),
                _ => format!("transfer-encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n"),
            };
            raw.send(rest).await;
            assert_eq!(raw.reply().await.unwrap().status, 503);
            let seen = upstream.seen();
            assert_eq!(seen.len(), attempts, "{framing} of {length}");
            assert!(
                seen.iter()
                    .all(|seen| seen.is_whole && seen.body.length == length as u64)
            );
        }
    }
}

/// Scenario: Retry-After in seconds, as a date and in milliseconds, short and longer than `retry.max`. Guarantees: the next attempt
/// comes no sooner; one that would come too late is not made, and the caller is told when to come.
#[tokio::test]
async fn the_upstreams_hint_is_obeyed() {
    let upstream = Upstream::start().await;
    let agent = Agent::start(repeating(&upstream).set("route.up.retry.max", "3s")).await;
    let in_two = || httpdate::fmt_http_date(std::time::SystemTime::now() + Duration::from_secs(2));
    let hints = [
        ("retry-after", "1".to_owned(), 1000),
        ("retry-after-ms", "600".to_owned(), 600),
        // A date has no fractions of a second.
        ("retry-after", in_two(), 900),
    ];
    for (name, value, least_ms) in hints {
        for status in [429, 503] {
            upstream.forget();
            let value = if least_ms == 900 {
                in_two()
            } else {
                value.clone()
            };
            upstream.next([Answer::reply(status, &[(name, &value)], "")]);
            let begun = Instant::now();
            assert_eq!(get(&agent, "/up/x").await.text(), "ok");
            let took = begun.elapsed();
            assert!(
                took >= Duration::from_millis(least_ms),
                "{name}: {value} after {took:?}"
            );
            assert!(
                took < Duration::from_secs(5),
                "{name}: {value} after {took:?}"
            );
            assert_eq!(upstream.count(), 2);
        }
    }
    upstream.forget();
    upstream.next([Answer::reply(503, &[("retry-after", "60")], "much later")]);
    let begun = Instant::now();
    let reply = get(&agent, "/up/x").await;
    assert!(begun.elapsed() < Duration::from_secs(1));
    assert_eq!(
        (reply.status.as_u16(), reply.text(), retry_after(&reply)),
        (503, "much later".to_owned(), 60)
    );
    assert_eq!(upstream.count(), 1);
}

/// Scenario: an outage under load, with a budget of 0.2 and two a second. Guarantees: the upstream gets at most one request in five
/// more than it was sent, and the floor.
#[tokio::test(flavor = "multi_thread")]
async fn retries_do_not_make_an_outage_worse() {
    const CALLS: usize = 300;
    let upstream = Upstream::start().await;
    let config = route_to(&upstream.url())
        .set("route.up.retry.attempts", 5)
        .set("route.up.retry.base", "1ms")
        .set("route.up.retry.max", "5ms")
        .set("route.up.retry.budget", 0.2)
        .set("route.up.retry.budget_floor", 2.0)
        .set("route.up.limit.learn", false);
    let agent = Agent::start(config).await;
    upstream.always(Answer::reply(503, &[], ""));
    let begun = Instant::now();
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let gateway = agent.gateway();
            tokio::spawn(async move {
                for _ in 0..CALLS / 4 {
                    let reply = crate::fixture::get(gateway, "/up/x").await.unwrap();
                    assert_eq!(reply.status, 503);
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    // The floor gathers for at most ten seconds before it is used.
    let floor = 2.0 * (begun.elapsed().as_secs_f64() + 10.0);
    let most = CALLS as f64 * 1.2 + floor;
    let (seen, expected) = (upstream.count(), CALLS as f64 * 1.1);
    assert!(seen as f64 <= most, "{seen} requests for {CALLS} calls");
    assert!(
        seen as f64 >= expected,
        "{seen} requests for {CALLS} calls: nothing was repeated"
    );
}
