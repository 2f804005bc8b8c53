//! Bodies that come in parts.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tokio::sync::mpsc;
use tokio::task::yield_now;

use super::rig::{Rig, Upstream, request};
use crate::config::{ByteSize, RouteCache};
use crate::gateway::body::BodyError;
use crate::gateway::{Answer, AnswerBody};

type Part = Result<Frame<Bytes>, BodyError>;

/// A body whose parts the test sends.
struct Parts(mpsc::UnboundedReceiver<Part>);

impl futures_core::Stream for Parts {
    type Item = Part;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Part>> {
        self.0.poll_recv(context)
    }
}

struct Streamed {
    rig: Rig,
    upstream: Arc<Upstream>,
    parts: mpsc::UnboundedReceiver<mpsc::UnboundedSender<Part>>,
}

impl Streamed {
    /// An upstream whose answers to a route that keeps up to 8 bytes come in parts.
    fn new(headers: &'static [(&'static str, &'static str)]) -> Streamed {
        let (tell, parts) = mpsc::unbounded_channel();
        let upstream = Upstream::new(move |_, _| {
            let (sender, receiver) = mpsc::unbounded_channel();
            tell.send(sender).unwrap();
            let mut answer = Response::new(AnswerBody::boxed(StreamBody::new(Parts(receiver))));
            let fresh = [("cache-control", "max-age=60")];
            for (name, value) in fresh.iter().chain(headers) {
                answer.headers_mut().append(*name, value.parse().unwrap());
            }
            Ok(answer)
        });
        let rig = Rig::with(RouteCache {
            max_entry: ByteSize(8),
            ..RouteCache::default()
        });
        Streamed {
            rig,
            upstream,
            parts,
        }
    }

    async fn begin(&mut self) -> (Answer, mpsc::UnboundedSender<Part>) {
        let request = request(Method::GET, "/", &[]);
        let answer = self.rig.stage.call(request, &*self.upstream).await.unwrap();
        (answer, self.parts.recv().await.unwrap())
    }

    /// Whether a further request is answered from the cache, and with what.
    async fn kept(&mut self) -> Option<String> {
        let got = self.rig.ask(
            request(Method::GET, "/", &[("cache-control", "only-if-cached")]),
            &self.upstream,
        );
        got.await.ok().map(|got| got.body)
    }
}

fn send(parts: &mpsc::UnboundedSender<Part>, text: &'static str) {
    parts.send(Ok(Frame::data(Bytes::from(text)))).unwrap();
}

async fn settle() {
    for _ in 0..50 {
        yield_now().await;
    }
}

/// Scenario: a body in parts. Guarantees: the caller gets each as it comes, and at its end the whole is kept.
#[tokio::test(start_paused = true)]
async fn the_first_caller_streams() {
    let mut it = Streamed::new(&[]);
    let (mut answer, parts) = it.begin().await;
    for text in ["ab", "cd"] {
        send(&parts, text);
        let frame = answer.body_mut().frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), text);
    }
    assert_eq!(it.kept().await, None);
    drop(parts);
    assert!(answer.body_mut().frame().await.is_none());
    assert_eq!(it.kept().await.unwrap(), "abcd");
}

/// Scenario: a caller that reads nothing, and one that hangs up. Guarantees: the body is kept all the same.
#[tokio::test(start_paused = true)]
async fn slow_callers_hold_nobody_up() {
    for hangs_up in [false, true] {
        let mut it = Streamed::new(&[]);
        let (answer, parts) = it.begin().await;
        send(&parts, "ab");
        let answer = (!hangs_up).then_some(answer);
        settle().await;
        send(&parts, "cd");
        drop(parts);
        settle().await;
        assert_eq!(it.kept().await.unwrap(), "abcd");
        drop(answer);
    }
}

/// Scenario: bodies that are larger than what is kept, with and without saying so, and one that fits exactly.
/// Guarantees: the caller gets every byte; the cache holds no more than its limit and one part, and keeps only what fits.
#[tokio::test(start_paused = true)]
async fn larger_bodies_stream_on() {
    let mut it = Streamed::new(&[]);
    let (answer, parts) = it.begin().await;
    let told = answer.headers()["cache-status"].to_str().unwrap();
    assert!(!told.contains("stored"), "nobody knows yet: {told}");
    for text in ["12345678", "9", "0", "more"] {
        send(&parts, text);
        settle().await;
    }
    // Two parts are read; the others wait in the upstream's hands until the caller takes them.
    drop(parts);
    let whole = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(whole, "1234567890more");
    assert_eq!(it.kept().await, None);
    let mut told = Streamed::new(&[("content-length", "9")]);
    let (answer, parts) = told.begin().await;
    assert!(
        !answer.headers()["cache-status"]
            .to_str()
            .unwrap()
            .contains("stored")
    );
    send(&parts, "123456789");
    drop(parts);
    assert_eq!(
        answer.into_body().collect().await.unwrap().to_bytes(),
        "123456789"
    );
    assert_eq!(told.kept().await, None);
    let mut exact = Streamed::new(&[]);
    let (answer, parts) = exact.begin().await;
    send(&parts, "12345678");
    drop(parts);
    assert_eq!(
        answer.into_body().collect().await.unwrap().to_bytes(),
        "12345678"
    );
    assert_eq!(exact.kept().await.unwrap(), "12345678");
}

/// Scenario: a body that breaks off, one with trailers, and one that takes longer than the route waits.
/// Guarantees: the caller sees exactly that; nothing is kept.
#[tokio::test(start_paused = true)]
async fn what_is_not_whole_is_not_kept() {
    let mut it = Streamed::new(&[]);
    let (answer, parts) = it.begin().await;
    send(&parts, "ab");
    parts.send(Err("broken off".into())).unwrap();
    let error = answer.into_body().collect().await.unwrap_err();
    assert_eq!(error.to_string(), "broken off");
    assert_eq!(it.kept().await, None);

    let mut it = Streamed::new(&[]);
    let (answer, parts) = it.begin().await;
    send(&parts, "ab");
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", "1".parse().unwrap());
    parts.send(Ok(Frame::trailers(trailers.clone()))).unwrap();
    let collected = answer.into_body().collect().await.unwrap();
    assert_eq!(collected.trailers(), Some(&trailers));
    assert_eq!(it.kept().await, None);

    let mut it = Streamed::new(&[]);
    let (answer, parts) = it.begin().await;
    send(&parts, "ab");
    settle().await;
    tokio::time::advance(std::time::Duration::from_secs(71)).await;
    settle().await;
    send(&parts, "cd");
    drop(parts);
    assert_eq!(
        answer.into_body().collect().await.unwrap().to_bytes(),
        "abcd"
    );
    assert_eq!(it.kept().await, None);
}
