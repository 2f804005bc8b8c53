//! Requests for the same at the same time.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, yield_now};

use super::rig::{Got, Rig, Upstream, answer, request, route};
use crate::config::{RouteCache, RouteSettings, RouteTimeouts};
use crate::gateway::{Answer, Refusal};

const FRESH: &[(&str, &str)] = &[("cache-control", "max-age=60")];

/// An upstream that answers as many requests as the test lets through.
struct Gated {
    rig: Arc<Rig>,
    upstream: Arc<Upstream>,
    gate: Arc<Semaphore>,
}

impl Gated {
    fn new(
        rig: Rig,
        script: impl Fn(usize, &str) -> Result<Answer, Refusal> + Send + Sync + 'static,
    ) -> Gated {
        let gate = Arc::new(Semaphore::new(0));
        let (passing, script) = (Arc::clone(&gate), Arc::new(script));
        let upstream = Upstream::later(move |call, request| {
            let (gate, script) = (Arc::clone(&passing), Arc::clone(&script));
            async move {
                gate.acquire().await.unwrap().forget();
                let accept = request.headers().get("accept");
                script(call, accept.map_or("", |value| value.to_str().unwrap()))
            }
        });
        Gated {
            rig: Arc::new(rig),
            upstream,
            gate,
        }
    }

    fn ask(&self, headers: &[(&'static str, &'static str)]) -> JoinHandle<Result<Got, Refusal>> {
        let (rig, upstream) = (Arc::clone(&self.rig), Arc::clone(&self.upstream));
        let request = request(Method::GET, "/", headers);
        tokio::spawn(async move { rig.ask(request, &upstream).await })
    }

    fn ask_many(
        &self,
        headers: &[(&'static str, &'static str)],
    ) -> Vec<JoinHandle<Result<Got, Refusal>>> {
        (0..10).map(|_| self.ask(headers)).collect()
    }

    /// Lets all that can go on do so, and counts the requests at the upstream.
    async fn settled(&self) -> usize {
        for _ in 0..100 {
            yield_now().await;
        }
        self.upstream.calls()
    }
}

async fn bodies(asked: Vec<JoinHandle<Result<Got, Refusal>>>) -> Vec<String> {
    let mut bodies = Vec::new();
    for one in asked {
        bodies.push(one.await.unwrap().unwrap().body);
    }
    bodies
}

/// Scenario: ten requests for the same. Guarantees: the upstream gets one, all get its answer, and those who waited say so.
#[tokio::test(start_paused = true)]
async fn the_upstream_is_asked_once() {
    let it = Gated::new(Rig::new(), |call, _| {
        Ok(answer(200, FRESH, call.to_string()))
    });
    let mut asked = it.ask_many(&[]);
    assert_eq!(it.settled().await, 1);
    it.gate.add_permits(1);
    let last = asked.pop().unwrap().await.unwrap().unwrap();
    assert_eq!(last.cache(), "lineside; fwd=uri-miss; ttl=60; collapsed");
    assert_eq!(bodies(asked).await, ["0"; 9]);
    assert_eq!(it.upstream.calls(), 1);
    assert_eq!(it.rig.cache.read()[0].misses, 10);
}

/// Scenario: ten requests for the same, whose answer turns out not to be kept; then ten more.
/// Guarantees: the nine go all at once as soon as that is known; the later ten do not wait at all, for a while.
#[tokio::test(start_paused = true)]
async fn what_is_not_kept_holds_nobody_up() {
    let it = Gated::new(Rig::new(), |call, _| Ok(answer(200, &[], call.to_string())));
    let asked = it.ask_many(&[]);
    assert_eq!(it.settled().await, 1);
    it.gate.add_permits(1);
    assert_eq!(it.settled().await, 10);
    let more = it.ask_many(&[]);
    assert_eq!(it.settled().await, 20);
    it.gate.add_permits(19);
    assert_eq!(bodies(asked).await.len() + bodies(more).await.len(), 20);
    assert_eq!(
        it.rig.cache.read()[0].misses,
        10,
        "what is known not to be kept is no miss"
    );
    tokio::time::advance(Duration::from_secs(11)).await;
    let _later = it.ask_many(&[]);
    assert_eq!(it.settled().await, 21);
}

/// Scenario: ten requests for the same; the first fails, the second is given up by its caller, the third brings an answer.
/// Guarantees: one after the other takes over, the failure goes to the first alone, the others get the answer.
#[tokio::test(start_paused = true)]
async fn the_next_takes_over() {
    let it = Gated::new(Rig::new(), |call, _| match call {
        0 => Err(Refusal::NotCached),
        _ => Ok(answer(200, FRESH, call.to_string())),
    });
    let mut asked = it.ask_many(&[]);
    assert_eq!(it.settled().await, 1);
    it.gate.add_permits(1);
    assert_eq!(it.settled().await, 2);
    assert!(asked.remove(0).await.unwrap().is_err());
    // Nobody knows which one went; one that waits disturbs nobody, and the one that went is followed.
    let mut gone = 0;
    while it.upstream.calls() == 2 {
        asked.remove(0).abort();
        gone += 1;
        it.settled().await;
    }
    it.gate.add_permits(1);
    assert_eq!(bodies(asked).await, vec!["2"; 9 - gone]);
    assert_eq!(it.upstream.calls(), 3);
}

/// Scenario: callers that wait hang up. Guarantees: the others get the answer all the same.
#[tokio::test(start_paused = true)]
async fn a_caller_that_hangs_up_disturbs_nobody() {
    let it = Gated::new(Rig::new(), |call, _| {
        Ok(answer(200, FRESH, call.to_string()))
    });
    let mut asked = it.ask_many(&[]);
    assert_eq!(it.settled().await, 1);
    for waiting in asked.drain(5..) {
        waiting.abort();
    }
    it.gate.add_permits(1);
    assert_eq!(bodies(asked).await, ["0"; 5]);
}

/// Scenario: requests that show who asks, and requests for confirmed answers. Guarantees: each goes by itself; once the answer is known to be
/// public, they wait for its confirmation as others do.
#[tokio::test(start_paused = true)]
async fn who_shows_who_asks_waits_for_nobody() {
    for header in [
        ("authorization", "me"),
        ("cookie", "me"),
        ("cache-control", "no-cache"),
    ] {
        let it = Gated::new(Rig::new(), |call, _| {
            Ok(answer(200, FRESH, call.to_string()))
        });
        let _asked = it.ask_many(&[header]);
        assert_eq!(it.settled().await, 10, "{header:?}");
    }
    let public = &[("cache-control", "public, max-age=1"), ("etag", "\"a\"")];
    let it = Gated::new(Rig::new(), |_, _| Ok(answer(200, public, "")));
    it.gate.add_permits(1);
    it.ask(&[]).await.unwrap().unwrap();
    super::rig::after_s(2).await;
    let _asked = it.ask_many(&[("cookie", "me")]);
    assert_eq!(it.settled().await, 2);
}

/// Scenario: requests for two variants at once, before anybody knows that there are such. Guarantees: one request for each.
#[tokio::test(start_paused = true)]
async fn variants_are_asked_for_once_each() {
    let varied = &[("cache-control", "max-age=60"), ("vary", "accept")];
    let it = Gated::new(Rig::new(), |_, accept| {
        Ok(answer(200, varied, accept.to_owned()))
    });
    let one = it.ask_many(&[("accept", "a")]);
    let other = it.ask_many(&[("accept", "b")]);
    it.gate.add_permits(20);
    assert_eq!(bodies(one).await, ["a"; 10]);
    assert_eq!(bodies(other).await, ["b"; 10]);
    assert_eq!(it.upstream.calls(), 2);
}

/// Scenario: an upstream that hangs. Guarantees: who waits for another's request goes by itself when the route's time is over.
#[tokio::test(start_paused = true)]
async fn nobody_waits_forever() {
    let settings = RouteSettings {
        timeout: RouteTimeouts {
            total: Some(Duration::from_secs(3)),
            ..RouteTimeouts::default()
        },
        ..route(RouteCache::default())
    };
    let it = Gated::new(Rig::of(&settings), |_, _| Ok(answer(200, FRESH, "")));
    let _asked = it.ask_many(&[]);
    assert_eq!(it.settled().await, 1);
    tokio::time::advance(Duration::from_millis(2990)).await;
    assert_eq!(it.settled().await, 1);
    tokio::time::advance(Duration::from_millis(20)).await;
    assert_eq!(it.settled().await, 10);
}

/// Scenario: an answer has ended, ten requests come, and the one that went is given up by its caller; what is kept may be given when the upstream fails.
/// Guarantees: the next asks the upstream, which did not fail; nobody gets what has ended.
#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_is_no_failure() {
    let rig = Rig::with(RouteCache {
        stale_if_error: Duration::from_secs(100),
        ..RouteCache::default()
    });
    let it = Gated::new(rig, |call, _| Ok(answer(200, FRESH, call.to_string())));
    it.gate.add_permits(1);
    it.ask(&[]).await.unwrap().unwrap();
    super::rig::after_s(61).await;
    let gone = it.ask(&[]);
    assert_eq!(it.settled().await, 2);
    let asked = it.ask_many(&[]);
    assert_eq!(it.settled().await, 2);
    gone.abort();
    assert_eq!(it.settled().await, 3);
    it.gate.add_permits(1);
    assert_eq!(bodies(asked).await, ["2"; 10]);
}

/// Scenario: an answer has ended, ten requests come, the upstream fails; what is kept may be given then.
/// Guarantees: the upstream is asked once, and all get what is kept.
#[tokio::test(start_paused = true)]
async fn a_failure_is_covered_for_all() {
    let rig = Rig::with(RouteCache {
        stale_if_error: Duration::from_secs(100),
        ..RouteCache::default()
    });
    let it = Gated::new(rig, |call, _| match call {
        0 => Ok(answer(200, FRESH, "kept")),
        _ => Err(Refusal::NotCached),
    });
    it.gate.add_permits(1);
    it.ask(&[]).await.unwrap().unwrap();
    super::rig::after_s(61).await;
    let asked = it.ask_many(&[]);
    assert_eq!(it.settled().await, 2);
    it.gate.add_permits(1);
    assert_eq!(bodies(asked).await, ["kept"; 10]);
    assert_eq!(it.upstream.calls(), 2);
}
