//! The guards of a route in their order, seen from both sides.

use std::time::Duration;

use tokio::io::AsyncWriteExt;

use super::rig::{Reply, Rig, body, eventually, header, reply, status};
use crate::config::{ByteSize, Endpoint, RateSettings};

const OK: (u16, &str) = (200, "ok");

fn ok() -> Reply {
    reply(200, "", "ok")
}

fn seen(answer: &str) -> (u16, &str) {
    (status(answer), body(answer))
}

/// Scenario: an upstream that fails twice and then answers, asked with GET, with POST, and with POST and a key.
/// Guarantees: what may run twice is sent until it is answered, with its body; what may not is sent once.
#[tokio::test]
async fn what_may_run_twice_is_repeated() {
    let replies = [reply(503, "", "no"), Reply::Cut, ok()];
    let rig = Rig::start(&replies, |_| {}).await;
    assert_eq!(seen(&rig.get("/").await), OK);
    assert_eq!(rig.asked().len(), 3);

    let rig = Rig::start(&replies, |_| {}).await;
    let key = "Idempotency-Key: k\r\n";
    assert_eq!(seen(&rig.post(key, "hello").await), OK);
    let asked = rig.asked();
    assert_eq!(asked.len(), 3);
    assert!(
        asked.iter().all(|asked| body(asked) == "hello"),
        "{asked:?}"
    );

    let rig = Rig::start(&replies, |_| {}).await;
    assert_eq!(seen(&rig.post("", "hello").await), (503, "no"));
    assert_eq!(rig.asked().len(), 1);
}

/// Scenario: a chunked body of which the first attempt takes everything before the upstream cuts the connection.
/// Guarantees: the second attempt sends all of it. A body larger than what is held is sent once.
#[tokio::test]
async fn streamed_bodies_are_sent_again_as_far_as_they_are_held() {
    let put = "transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    for (max_body, answer, count) in [(5, 200, 2), (4, 502, 1)] {
        let rig = Rig::start(&[Reply::Cut, ok()], |route| {
            route.retry.max_body = ByteSize(max_body);
        })
        .await;
        let told = rig.ask("PUT /", put).await;
        assert_eq!(
            (status(&told), rig.asked().len()),
            (answer, count),
            "{told}"
        );
        for asked in rig.asked() {
            let sent = body(&asked).chars();
            let sent: String = sent.filter(char::is_ascii_lowercase).collect();
            assert_eq!(sent, "abcde", "{asked}");
        }
    }
}

/// Scenario: an upstream that asks to be left alone for longer than the route waits.
/// Guarantees: it is, and the caller is told for how long.
#[tokio::test]
async fn patience_that_is_too_long_is_the_callers() {
    let rig = Rig::start(&[reply(503, "retry-after: 3600\r\n", "no")], |_| {}).await;
    let told = rig.get("/").await;
    assert_eq!((status(&told), rig.asked().len()), (503, 1));
    assert_eq!(header(&told, "retry-after"), Some("3600"));
}

/// Scenario: an upstream that fails for many requests.
/// Guarantees: repetitions end when the budget is used up, although each request could have more.
#[tokio::test]
async fn repetitions_have_a_budget() {
    let rig = Rig::start(&[reply(503, "", "no")], |route| {
        route.retry.budget = 0.0;
        route.retry.budget_floor = 0.3;
        route.breaker.failures = Some(1000);
    })
    .await;
    for _ in 0..10 {
        assert_eq!(status(&rig.get("/").await), 503);
    }
    // Ten seconds bring three; a slow machine may see one more.
    let asked = rig.asked().len();
    assert!((13..=14).contains(&asked), "{asked}");
}

/// Scenario: failures in a row, then a request.
/// Guarantees: the breaker opens, the request reaches nobody and is told when to come back; what is counted shows it.
#[tokio::test]
async fn an_upstream_that_fails_is_left_alone() {
    let rig = Rig::start(&[reply(500, "", "no")], |route| {
        route.breaker.failures = Some(3);
        route.breaker.open_for = Some(Duration::from_secs(60));
    })
    .await;
    for _ in 0..3 {
        assert_eq!(seen(&rig.get("/").await), (500, "no"));
    }
    let told = rig.get("/").await;
    assert_eq!((status(&told), rig.asked().len()), (503, 3));
    let wait: u64 = header(&told, "retry-after").unwrap().parse().unwrap();
    assert!((59..=67).contains(&wait), "{wait}");
    assert!(
        body(&told).contains("\"guard\":\"breaker\",\"reason\":\"held_back\",\"route\":\"up\""),
        "{told}"
    );
    let scrape = rig.scrape();
    assert!(scrape.contains("guard=\"breaker\""), "{scrape}");
}

/// Scenario: answers that break off behind a good head, one after the other.
/// Guarantees: they count as failures: the breaker opens.
#[tokio::test]
async fn bodies_that_break_off_open_the_breaker() {
    let broken = Reply::With(
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\nconnection: close\r\n\r\nhalf".to_owned(),
    );
    let rig = Rig::start(&[broken], |route| {
        route.breaker.failures = Some(2);
        route.timeout.idle = Duration::from_millis(50);
    })
    .await;
    for _ in 0..2 {
        assert_eq!(seen(&rig.get("/").await), (200, "half"));
    }
    eventually(|| rig.gateway.breakers().get("up").unwrap().state().word() == "open").await;
    assert_eq!(status(&rig.get("/").await), 503);
}

/// Scenario: a caller whose body breaks off, again and again.
/// Guarantees: that is no failure of the upstream.
#[tokio::test]
async fn callers_do_not_open_the_breaker() {
    let rig = Rig::start(&[ok()], |route| route.breaker.failures = Some(1)).await;
    for _ in 0..3 {
        let mut stream = rig.connect().await;
        let head = "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhalf";
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
    }
    assert_eq!(seen(&rig.get("/").await), OK);
}

/// Scenario: as many requests under way as the route takes, and one more.
/// Guarantees: that one is refused at once; when one ends there is room again.
#[tokio::test]
async fn places_are_limited() {
    let slow = Reply::With("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf".to_owned());
    let rig = Rig::start(&[slow, ok()], |route| route.concurrency = 1).await;
    let mut first = rig.connect().await;
    first
        .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    eventually(|| rig.asked().len() == 1).await;
    let told = rig.get("/").await;
    assert_eq!(
        (status(&told), header(&told, "retry-after")),
        (503, Some("1"))
    );
    assert!(body(&told).contains("\"guard\":\"bulkhead\""), "{told}");
    drop(first);
    let mut answer = rig.get("/").await;
    while status(&answer) == 503 {
        tokio::time::sleep(Duration::from_millis(5)).await;
        answer = rig.get("/").await;
    }
    assert_eq!(seen(&answer), OK);
}

/// Scenario: more requests than the route's limit, by callers of which one is limited sooner.
/// Guarantees: 429 with the limit's headers; those stand on answers that pass as well. What a caller asks for beyond its own limit takes nothing of
/// the route's.
#[tokio::test]
async fn limits_are_told() {
    let rig = Rig::start(&[ok()], |route| {
        let rate = |requests| RateSettings {
            per: Duration::from_secs(600),
            ..RateSettings::new(requests)
        };
        route.limit.route = Some(rate(2));
        route.limit.caller = Some(rate(1));
    })
    .await;
    let ask = async |key: &str| rig.ask("GET /", &format!("x-api-key: {key}\r\n\r\n")).await;
    let first = ask("a").await;
    assert_eq!(seen(&first), OK);
    assert!(
        header(&first, "ratelimit")
            .unwrap()
            .starts_with("\"caller\";r=0;t="),
        "{first}"
    );
    let policies = "\"route\";q=2;w=600, \"caller\";q=1;w=600";
    assert_eq!(header(&first, "ratelimit-policy"), Some(policies));
    let again = ask("a").await;
    assert_eq!(status(&again), 429);
    assert!(header(&again, "retry-after").is_some());
    assert!(body(&again).contains("limit.caller"), "{again}");
    assert_eq!(seen(&ask("b").await), OK);
    let all = ask("c").await;
    assert_eq!(status(&all), 429);
    assert!(body(&all).contains("limit.route"), "{all}");
    assert_eq!(rig.asked().len(), 2);
    assert!(rig.scrape().contains("limit=\"caller\""));
}

/// Scenario: an upstream says 429 and for how long.
/// Guarantees: the next request reaches nobody and is told how long it still is.
#[tokio::test]
async fn an_upstreams_own_limit_is_kept() {
    let rig = Rig::start(&[reply(429, "retry-after: 60\r\n", "slow down")], |_| {}).await;
    assert_eq!(seen(&rig.get("/").await), (429, "slow down"));
    let told = rig.get("/").await;
    assert_eq!((status(&told), rig.asked().len()), (429, 1));
    let wait: u64 = header(&told, "retry-after").unwrap().parse().unwrap();
    assert!((55..=60).contains(&wait), "{wait}");
    assert!(body(&told).contains("\"guard\":\"quota\""), "{told}");
}

/// Scenario: an upstream that never answers.
/// Guarantees: the caller gets 504 once all attempts together have had their time, and the breaker has heard of it.
#[tokio::test]
async fn the_total_time_is_limited() {
    let rig = Rig::start(&[Reply::Hang], |route| {
        route.timeout.total = Some(Duration::from_millis(50));
        route.breaker.failures = Some(1);
    })
    .await;
    let told = rig.get("/").await;
    assert_eq!(status(&told), 504);
    assert!(body(&told).contains("timeout.total"), "{told}");
    assert_eq!(status(&rig.get("/").await), 503);
    assert_eq!(rig.asked().len(), 1);
}

/// Scenario: bodies larger than the route takes, with their length and without.
/// Guarantees: 413; with the length nothing reaches the upstream.
#[tokio::test]
async fn large_bodies_are_refused() {
    let rig = Rig::start(&[ok()], |route| route.max_body = ByteSize(4)).await;
    assert_eq!(seen(&rig.post("", "1234").await), OK);
    assert_eq!(status(&rig.post("", "12345").await), 413);
    let chunked = "transfer-encoding: chunked\r\n\r\n5\r\n12345\r\n0\r\n\r\n";
    assert_eq!(status(&rig.ask("POST /", chunked).await), 413);
    assert_eq!(rig.asked().len(), 1);
}

/// Scenario: a caller that stops in the middle of its body.
/// Guarantees: 408 after `timeout.send`.
#[tokio::test]
async fn callers_that_stall_are_told() {
    let rig = Rig::start(&[ok()], |route| {
        route.timeout.send = Duration::from_millis(50);
    })
    .await;
    let told = rig.ask("POST /", "content-length: 9\r\n\r\nhalf").await;
    assert_eq!(status(&told), 408, "{told}");
    assert!(body(&told).contains("timeout.send"), "{told}");
}

/// Scenario: redirects to the upstream, to elsewhere, out of its path, and without end.
/// Guarantees: only those that stay are followed, so often as the route says; the rest goes to the caller.
#[tokio::test]
async fn redirects_stay_with_the_upstream() {
    let location = |location: &str| reply(302, &format!("location: {location}\r\n"), "moved");
    let cases = [
        (vec![location("/v1/next?a=b"), ok()], 200, 2),
        (vec![location("next"), location("/v1"), ok()], 200, 3),
        (vec![location("http://evil.example/")], 302, 1),
        (vec![location("//evil.example/")], 302, 1),
        (vec![location("/v1/%2e%2e/b")], 302, 1),
        (vec![location("/v12")], 302, 1),
        (vec![location("/v1/a%2fb")], 302, 1),
        (vec![location("/v1/again")], 302, 3),
        (vec![reply(304, "location: /x\r\n", "")], 304, 1),
    ];
    for (replies, answer, count) in cases {
        let rig = Rig::start(&replies, |route| {
            route.redirects = 2;
            let below = format!("{}/v1", route.upstream);
            route.upstream = Endpoint::parse(&below).unwrap();
        })
        .await;
        let told = rig.get("/start/here").await;
        assert_eq!(
            (status(&told), rig.asked().len()),
            (answer, count),
            "{replies:?}"
        );
    }
    let rig = Rig::start(&[location("/next"), ok()], |route| route.redirects = 2).await;
    assert_eq!(status(&rig.post("", "x").await), 302);
    let rig = Rig::start(&[location("/next"), ok()], |_| {}).await;
    assert_eq!(status(&rig.get("/").await), 302);
}

/// Scenario: a request that went through this gateway again and again.
/// Guarantees: 508 instead of another round.
#[tokio::test]
async fn circles_end() {
    let rig = Rig::start(&[ok()], |_| {}).await;
    let via = |count: usize| format!("via: {}\r\n\r\n", vec!["1.1 lineside"; count].join(", "));
    assert_eq!(status(&rig.ask("GET /", &via(8)).await), 508);
    assert_eq!(status(&rig.ask("GET /", &via(7)).await), 200);
}

/// Scenario: a caller with a trace and an id of its own, and one without.
/// Guarantees: the upstream and the answer have the same id, and the upstream's parent is in the caller's trace.
#[tokio::test]
async fn requests_have_one_identity() {
    let rig = Rig::start(&[ok()], |_| {}).await;
    let told = rig.ask("GET /", "x-request-id: order-7\r\n\r\n").await;
    assert_eq!(header(&told, "x-request-id"), Some("order-7"));
    let told = rig.get("/").await;
    let asked = rig.asked();
    assert_eq!(header(&asked[0], "x-request-id"), Some("order-7"));
    assert_eq!(
        header(&asked[1], "x-request-id"),
        header(&told, "x-request-id")
    );
    assert_eq!(header(&told, "x-request-id").unwrap().len(), 32);
}

/// Scenario: an answer streams for much longer than a connection may stand without a request, with pauses as long as that.
/// Guarantees: it arrives whole: a request is under way until its answer has ended.
#[tokio::test]
async fn answers_may_stream_for_long() {
    let silence = Duration::from_millis(60);
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_owned();
    let mut parts = vec![head];
    parts.extend((0..8).map(|_| "1\r\nx\r\n".to_owned()));
    parts.push("0\r\n\r\n".to_owned());
    let rig = Rig::start_with(silence, &[Reply::Parts(parts, silence)], |_| {}).await;
    let told = rig.get("/").await;
    assert_eq!(body(&told).matches('x').count(), 8, "{told}");
    assert!(told.ends_with("0\r\n\r\n"), "{told}");
}
