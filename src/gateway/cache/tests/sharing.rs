//! Who gets what was kept for whom.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Method;
use http::header::{ACCEPT, HOST};
use http_body::Frame;

use super::rig::{Rig, Upstream, answer, request, route};
use crate::config::{ByteSize, Direction, RouteCache, RouteSettings};
use crate::gateway::AnswerBody;
use crate::gateway::cache::CacheStage;

const PLAIN: &[(&str, &str)] = &[("cache-control", "max-age=60")];
const PUBLIC: &[(&str, &str)] = &[("cache-control", "max-age=60, public")];

/// Scenario: callers with an authorization, a cookie or a key of their own, on answers that say nothing of sharing and on public ones.
/// Guarantees: what says nothing is neither kept for them nor given to them; what is public is both.
#[tokio::test(start_paused = true)]
async fn credentials_share_what_is_public() {
    for name in ["authorization", "cookie", "x-api-key"] {
        let who = [(name, "me")];
        let (rig, upstream) = (Rig::new(), Upstream::saying(PLAIN));
        for expected in ["0", "1"] {
            assert_eq!(
                rig.get(&who, &upstream).await.body,
                expected,
                "{name}: not kept"
            );
        }
        assert_eq!(rig.get(&[], &upstream).await.body, "2");
        assert_eq!(
            rig.get(&[], &upstream).await.body,
            "2",
            "kept for those who show nothing"
        );
        assert_eq!(
            rig.get(&who, &upstream).await.body,
            "3",
            "{name}: not given"
        );
        let (rig, upstream) = (Rig::new(), Upstream::saying(PUBLIC));
        rig.get(&who, &upstream).await;
        for headers in [&who[..], &[]] {
            assert_eq!(
                rig.get(headers, &upstream).await.body,
                "0",
                "{name}: public"
            );
        }
    }
}

fn echo_accept() -> std::sync::Arc<Upstream> {
    Upstream::new(|call, request| {
        let accept = request
            .headers()
            .get(ACCEPT)
            .map_or("", |value| value.to_str().unwrap());
        let headers = [("cache-control", "max-age=60"), ("vary", "Accept")];
        Ok(answer(200, &headers, format!("{accept}{call}")))
    })
}

/// Scenario: answers that depend on a header of the request. Guarantees: each value has its own, and says why the upstream was asked.
#[tokio::test(start_paused = true)]
async fn variants_are_kept_apart() {
    let (rig, upstream) = (Rig::new(), echo_accept());
    for (accept, body, cache) in [
        ("a", "a0", "lineside; fwd=uri-miss; ttl=60; stored"),
        ("b", "b1", "lineside; fwd=vary-miss; ttl=60; stored"),
        ("a", "a0", "lineside; hit; ttl=60; detail=L1"),
        ("b", "b1", "lineside; hit; ttl=60; detail=L1"),
    ] {
        let got = rig.get(&[("accept", accept)], &upstream).await;
        assert_eq!((&*got.body, got.cache()), (body, cache));
    }
    assert_eq!(rig.get(&[], &upstream).await.body, "2");
}

/// Scenario: more variants than one key may have. Guarantees: the latest stay, the oldest goes.
#[tokio::test(start_paused = true)]
async fn variants_are_bounded() {
    const VALUES: [&str; 17] = [
        "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q",
    ];
    let (rig, upstream) = (Rig::new(), echo_accept());
    for accept in VALUES {
        rig.get(&[("accept", accept)], &upstream).await;
    }
    for accept in &VALUES[1..] {
        rig.get(&[("accept", accept)], &upstream).await;
    }
    assert_eq!(upstream.calls(), 17);
    rig.get(&[("accept", "a")], &upstream).await;
    assert_eq!(upstream.calls(), 18);
}

/// Scenario: one of two variants turns out not to be kept, when its head comes and when its body is too large.
/// Guarantees: the other stays.
#[tokio::test(start_paused = true)]
async fn a_variant_that_is_not_kept_leaves_the_others() {
    for is_large in [false, true] {
        let rig = Rig::with(RouteCache {
            max_entry: ByteSize(8),
            ..RouteCache::default()
        });
        let upstream = Upstream::new(move |call, request| {
            let said = match request.headers()[ACCEPT].to_str().unwrap() {
                "b" if !is_large => "private",
                _ => "max-age=60",
            };
            let body = match request.headers()[ACCEPT].to_str().unwrap() {
                "b" if is_large => UnsizedBody::of("0123456789"),
                _ => AnswerBody::whole(call.to_string()),
            };
            let headers = [("cache-control", said), ("vary", "Accept")];
            Ok(answer(200, &headers, "").map(|_| body))
        });
        for accept in ["a", "b", "b", "a"] {
            rig.get(&[("accept", accept)], &upstream).await;
        }
        assert_eq!(upstream.calls(), 3, "{is_large}");
    }
}

/// A body that does not say how long it is.
struct UnsizedBody(Option<Bytes>);

impl UnsizedBody {
    fn of(text: &'static str) -> AnswerBody {
        AnswerBody::boxed(UnsizedBody(Some(Bytes::from_static(text.as_bytes()))))
    }
}

impl http_body::Body for UnsizedBody {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(self.get_mut().0.take().map(|bytes| Ok(Frame::data(bytes))))
    }
}

/// Scenario: a caller wants an answer confirmed, and gets one that is not kept. Guarantees: what is kept for the others stays.
#[tokio::test(start_paused = true)]
async fn one_caller_cannot_take_the_others_answer_away() {
    let rig = Rig::new();
    let upstream = Upstream::new(|_, request| {
        Ok(match request.headers().contains_key("x-odd") {
            true => answer(400, &[], "odd"),
            false => answer(200, PLAIN, "good"),
        })
    });
    rig.get(&[], &upstream).await;
    let odd = rig
        .get(&[("cache-control", "no-cache"), ("x-odd", "1")], &upstream)
        .await;
    assert_eq!((odd.status, upstream.calls()), (400, 2));
    assert_eq!(rig.get(&[], &upstream).await.body, "good");
    assert_eq!(upstream.calls(), 2);
}

/// Scenario: two routes to the same upstream, and one that sends other credentials. Guarantees: nothing is shared between them.
#[tokio::test(start_paused = true)]
async fn routes_share_nothing() {
    let (rig, upstream) = (Rig::new(), Upstream::saying(PLAIN));
    rig.get(&[], &upstream).await;
    let settings = route(RouteCache::default());
    let mut other = rig.cache.stage("other", &settings).unwrap();
    let with_key = RouteSettings {
        headers: [("authorization".to_owned(), crate::config::Secret::new("k"))].into(),
        ..settings
    };
    let mut sending: CacheStage = rig.cache.stage("r", &with_key).unwrap();
    for stage in [&mut other, &mut sending] {
        let got = stage
            .call(request(Method::GET, "/", &[]), &*upstream)
            .await
            .unwrap();
        let status = got.headers()["cache-status"].to_str().unwrap();
        assert!(status.contains("fwd=uri-miss"), "{status}");
    }
}

/// Scenario: requests for two hosts, on a route whose upstream gets to see the host and on one whose upstream does not.
/// Guarantees: the first keeps them apart, the second does not.
#[tokio::test(start_paused = true)]
async fn hosts_are_told_apart_where_the_upstream_does() {
    for (direction, calls) in [(Direction::Ingress, 2), (Direction::Egress, 1)] {
        let rig = Rig::of(&RouteSettings {
            direction,
            ..route(RouteCache::default())
        });
        let upstream = Upstream::saying(PLAIN);
        for host in ["a", "b", "a", "b"] {
            let mut request = request(Method::GET, "/", &[]);
            request.headers_mut().insert(HOST, host.parse().unwrap());
            rig.ask(request, &upstream).await.unwrap();
        }
        assert_eq!(upstream.calls(), calls, "{direction:?}");
    }
}
