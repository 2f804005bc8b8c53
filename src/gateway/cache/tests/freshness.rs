//! What is kept answers, as long as it may.

use std::time::Duration;

use http::Method;

use super::rig::{Rig, Upstream, after_s, answer, request};
use crate::config::RouteCache;
use crate::gateway::Refusal;

const FRESH: &[(&str, &str)] = &[("cache-control", "max-age=60"), ("etag", "\"a\"")];

/// Scenario: the same request twice, and once more when the answer has ended. Guarantees: the upstream is asked for the first and the last;
/// what is kept carries its age, its own date, and what the cache did.
#[tokio::test(start_paused = true)]
async fn a_fresh_answer_is_given_again() {
    let (rig, upstream) = (
        Rig::new(),
        Upstream::saying(&[
            ("cache-control", "max-age=60"),
            ("date", "Tue, 14 Nov 2023 22:13:20 GMT"),
            ("link", "</a>"),
            ("link", "</b>"),
            ("keep-alive", "timeout=5"),
        ]),
    );
    let first = rig.get(&[], &upstream).await;
    assert_eq!(
        (&*first.body, first.cache()),
        ("0", "lineside; fwd=uri-miss; ttl=60; stored")
    );
    after_s(59).await;
    let kept = rig.get(&[], &upstream).await;
    assert_eq!(
        (&*kept.body, kept.cache()),
        ("0", "lineside; hit; ttl=1; detail=L1")
    );
    assert_eq!((kept.header("age"), kept.header("keep-alive")), ("59", ""));
    assert_eq!(kept.header("date"), "Tue, 14 Nov 2023 22:13:20 GMT");
    assert_eq!(kept.headers.get_all("link").iter().count(), 2);
    after_s(1).await;
    let new = rig.get(&[], &upstream).await;
    assert_eq!(
        (&*new.body, new.cache()),
        ("1", "lineside; fwd=stale; ttl=60; stored")
    );
    let reading = &rig.cache.read()[0];
    assert_eq!((reading.hits, reading.misses, reading.sets), (1, 2, 2));
    assert_eq!((reading.layer, reading.is_up), ("L1", true));
}

/// Scenario: an answer that was old already when it came. Guarantees: its age counts.
#[tokio::test(start_paused = true)]
async fn the_age_of_other_caches_counts() {
    let upstream = Upstream::saying(&[("cache-control", "max-age=60"), ("age", "50")]);
    let rig = Rig::new();
    rig.get(&[], &upstream).await;
    after_s(9).await;
    assert_eq!(rig.get(&[], &upstream).await.header("age"), "59");
    after_s(1).await;
    rig.get(&[], &upstream).await;
    assert_eq!(upstream.calls(), 2);
}

/// Scenario: an answer that ended is confirmed by the upstream, with other headers. Guarantees: the body is given again, headers are merged,
/// it is fresh again; those that describe the body stay.
#[tokio::test(start_paused = true)]
async fn a_confirmed_answer_is_fresh_again() {
    let upstream = Upstream::new(|call, _| {
        Ok(match call {
            0 => answer(
                200,
                &[FRESH, &[("x-a", "1"), ("x-b", "1"), ("age", "10")]].concat(),
                "whole",
            ),
            _ => answer(
                304,
                &[
                    ("cache-control", "max-age=30"),
                    ("x-a", "2"),
                    ("content-length", "0"),
                    ("etag", "\"a\""),
                ],
                "",
            ),
        })
    });
    let rig = Rig::new();
    rig.get(&[], &upstream).await;
    after_s(70).await;
    let confirmed = rig.get(&[("if-none-match", "\"other\"")], &upstream).await;
    assert_eq!(upstream.last("if-none-match").unwrap(), "\"a\"");
    assert_eq!((confirmed.status, &*confirmed.body), (200, "whole"));
    assert_eq!(
        confirmed.cache(),
        "lineside; fwd=stale; fwd-status=304; ttl=30; stored"
    );
    assert_eq!(
        (confirmed.header("x-a"), confirmed.header("x-b")),
        ("2", "1")
    );
    assert_eq!(
        (confirmed.header("age"), confirmed.header("content-length")),
        ("0", "")
    );
    after_s(29).await;
    assert_eq!(
        rig.get(&[], &upstream).await.cache(),
        "lineside; hit; ttl=1; detail=L1"
    );
    assert_eq!(upstream.calls(), 2);
}

/// Scenario: the upstream confirms something that is not kept. Guarantees: it is asked again for the whole, and the caller gets that.
#[tokio::test(start_paused = true)]
async fn a_confirmation_of_something_else_is_no_answer() {
    let upstream = Upstream::new(|call, _| {
        Ok(match call {
            0 => answer(200, FRESH, "old"),
            1 => answer(304, &[("etag", "\"b\"")], ""),
            _ => answer(200, FRESH, "new"),
        })
    });
    let rig = Rig::new();
    rig.get(&[], &upstream).await;
    after_s(60).await;
    let new = rig.get(&[], &upstream).await;
    assert_eq!((new.status, &*new.body, upstream.calls()), (200, "new", 3));
    assert_eq!(upstream.last("if-none-match"), None);
}

/// Scenario: callers that have the answer already, by tag or date. Guarantees: 304 without asking the upstream, also for the one that filled
/// the cache; with the headers that such an answer needs.
#[tokio::test(start_paused = true)]
async fn what_the_caller_has_is_not_sent_again() {
    let (rig, upstream) = (Rig::new(), Upstream::saying(FRESH));
    let had = [("if-none-match", "W/\"a\"")];
    for calls in [1, 1] {
        let got = rig.get(&had, &upstream).await;
        assert_eq!((got.status, &*got.body, upstream.calls()), (304, "", calls));
        assert_eq!(
            (got.header("etag"), got.header("cache-control")),
            ("\"a\"", "max-age=60")
        );
    }
    assert_eq!(upstream.last("if-none-match"), None, "asked for the whole");
    assert_eq!(
        rig.get(&[("if-none-match", "\"b\"")], &upstream)
            .await
            .status,
        200
    );
}

/// Scenario: HEAD with and without something kept. Guarantees: it is answered from a GET, with its length; its own answers are not kept.
#[tokio::test(start_paused = true)]
async fn head_is_answered_from_get() {
    let (rig, upstream) = (Rig::new(), Upstream::saying(FRESH));
    let head = || request(Method::HEAD, "/", &[]);
    rig.ask(head(), &upstream).await.unwrap();
    rig.get(&[], &upstream).await;
    assert_eq!(upstream.calls(), 2);
    let got = rig.ask(head(), &upstream).await.unwrap();
    assert_eq!((&*got.body, got.header("content-length")), ("", "1"));
    assert_eq!((got.header("etag"), upstream.calls()), ("\"a\"", 2));
}

/// Scenario: what requests ask of caches, 30 s into an answer that is fresh for 60 s, and 30 s after its end.
/// Guarantees: each gets what it asks for.
#[tokio::test(start_paused = true)]
async fn requests_say_what_they_take() {
    for (wish, is_hit_fresh, is_hit_stale) in [
        ("max-age=29", false, false),
        ("max-age=30", true, false),
        ("min-fresh=30", true, false),
        ("min-fresh=31", false, false),
        ("no-cache", false, false),
        ("no-store", false, false),
        ("max-stale", true, true),
        ("max-stale=30", true, true),
        ("max-stale=29", true, false),
        ("x", true, false),
    ] {
        for (after, is_hit) in [(30, is_hit_fresh), (90, is_hit_stale)] {
            let (rig, upstream) = (Rig::new(), Upstream::saying(&FRESH[..1]));
            rig.get(&[], &upstream).await;
            after_s(after).await;
            rig.get(&[("cache-control", wish)], &upstream).await;
            assert_eq!(upstream.calls() == 1, is_hit, "{wish} after {after} s");
        }
    }
}

/// Scenario: a request that takes nothing but what is kept. Guarantees: 504 and no request to the upstream; the answer once it is kept.
#[tokio::test(start_paused = true)]
async fn only_if_cached_asks_nobody() {
    let (rig, upstream) = (Rig::new(), Upstream::saying(FRESH));
    let only = || request(Method::GET, "/", &[("cache-control", "only-if-cached")]);
    let refused = rig.ask(only(), &upstream).await.unwrap_err();
    assert_eq!(
        (refused.status().as_u16(), refused.guard(), upstream.calls()),
        (504, "cache", 0)
    );
    rig.get(&[], &upstream).await;
    assert_eq!(rig.ask(only(), &upstream).await.unwrap().body, "0");
}

/// Scenario: parts of bodies, states that only the upstream knows, upgrades. Guarantees: they go past the cache, whatever is kept.
#[tokio::test(start_paused = true)]
async fn some_requests_go_past() {
    let (rig, upstream) = (Rig::new(), Upstream::saying(FRESH));
    rig.get(&[], &upstream).await;
    for (calls, name) in (2..).zip([
        "range",
        "if-match",
        "if-unmodified-since",
        "upgrade",
        "if-range",
    ]) {
        let got = rig.get(&[(name, "x")], &upstream).await;
        assert_eq!(
            (got.cache(), upstream.calls()),
            ("lineside; fwd=bypass", calls),
            "{name}"
        );
    }
    let options = rig
        .ask(request(Method::OPTIONS, "/", &[]), &upstream)
        .await
        .unwrap();
    assert_eq!(options.cache(), "lineside; fwd=method");
    assert_eq!(rig.get(&[], &upstream).await.body, "0");
}

fn failing(call: usize, stale_if_error: &'static str) -> Result<crate::gateway::Answer, Refusal> {
    match call {
        0 => Ok(answer(
            200,
            &[("cache-control", stale_if_error), ("etag", "\"a\"")],
            "kept",
        )),
        1 => Ok(answer(503, &[], "down")),
        2 => Ok(answer(404, &[("cache-control", "no-store")], "gone")),
        _ => Err(Refusal::NotCached),
    }
}

/// Scenario: an answer has ended, the upstream fails. Guarantees: what is kept is given for as long as the route or the answer says, and says
/// so; not where it must be confirmed, not to requests that want it confirmed, and not in place of an answer that is no failure.
#[tokio::test(start_paused = true)]
async fn a_failing_upstream_is_covered() {
    let settings = RouteCache {
        stale_if_error: Duration::from_secs(100),
        ..RouteCache::default()
    };
    for (said, after, asked, is_covered) in [
        ("max-age=60", 60 + 100, "", true),
        ("max-age=60", 60 + 101, "", false),
        ("max-age=60, stale-if-error=200", 60 + 200, "", true),
        ("max-age=60, stale-if-error=0", 61, "", false),
        ("max-age=60, must-revalidate", 61, "", false),
        ("s-maxage=60", 61, "", false),
        ("max-age=60", 61, "no-cache", false),
        (
            "max-age=60, stale-if-error=0",
            60 + 7,
            "stale-if-error=7",
            true,
        ),
    ] {
        let rig = Rig::with(settings.clone());
        let upstream = Upstream::new(move |call, _| failing(call, said));
        rig.get(&[], &upstream).await;
        after_s(after).await;
        let got = rig.get(&[("cache-control", asked)], &upstream).await;
        assert_eq!(got.body == "kept", is_covered, "{said}, {asked}: {got:?}");
        if is_covered {
            let ttl = 60_i64 - i64::try_from(after).unwrap();
            let status = format!("lineside; hit; fwd=stale; fwd-status=503; ttl={ttl}");
            assert_eq!(got.cache(), status);
            let gone = rig.get(&[("cache-control", asked)], &upstream).await;
            assert_eq!((gone.status, &*gone.body), (404, "gone"));
        }
    }
}

/// Scenario: no answer at all, with and without something kept. Guarantees: what is kept, or why there is none.
#[tokio::test(start_paused = true)]
async fn no_answer_is_covered_as_well() {
    let rig = Rig::with(RouteCache {
        stale_if_error: Duration::from_secs(100),
        ..RouteCache::default()
    });
    let upstream = Upstream::new(|call, _| match call {
        0 => Ok(answer(200, FRESH, "kept")),
        1 => Err(Refusal::NotCached),
        _ => Err(Refusal::ShuttingDown {
            retry_after: Duration::ZERO,
        }),
    });
    rig.get(&[], &upstream).await;
    after_s(61).await;
    assert_eq!(
        rig.get(&[], &upstream).await.cache(),
        "lineside; hit; fwd=stale; ttl=-1"
    );
    let ending = rig.ask(request(Method::GET, "/", &[]), &upstream).await;
    assert_eq!(ending.unwrap_err().guard(), "shutdown");
    let other = rig
        .ask(request(Method::GET, "/other", &[]), &upstream)
        .await;
    assert!(other.is_err());
}
