//! Bodies that are sent again.

use bytes::Bytes;
use futures_core::Stream;
use http::HeaderMap;
use http_body::{Body, Frame};
use http_body_util::{BodyExt, StreamBody};
use proptest::prelude::*;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::gateway::RequestBody;
use crate::gateway::body::BodyError;
use crate::gateway::replay::Replay;

/// Frames, one after the other.
struct Frames(std::vec::IntoIter<Result<Frame<Bytes>, BodyError>>);

impl Stream for Frames {
    type Item = Result<Frame<Bytes>, BodyError>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.next())
    }
}

fn coming(parts: &[&'static str], trailers: bool, breaks: bool) -> RequestBody {
    let mut frames: Vec<Result<Frame<Bytes>, BodyError>> = parts
        .iter()
        .map(|part| Ok(Frame::data(Bytes::from_static(part.as_bytes()))))
        .collect();
    if trailers {
        let mut fields = HeaderMap::new();
        fields.insert("x-sum", 7.into());
        frames.push(Ok(Frame::trailers(fields)));
    }
    if breaks {
        frames.push(Err("broke".into()));
    }
    RequestBody::boxed(StreamBody::new(Frames(frames.into_iter())))
}

/// What a body sends: its data, and whether trailers followed.
async fn sent(body: RequestBody) -> (String, bool) {
    let collected = body.collect().await.unwrap();
    let has_trailers = collected.trailers().is_some();
    let bytes = collected.to_bytes();
    (String::from_utf8(bytes.to_vec()).unwrap(), has_trailers)
}

/// Reads so many frames and lets go.
async fn read_some(mut body: RequestBody, frames: usize) {
    for _ in 0..frames {
        body.frame().await.unwrap().unwrap();
    }
}

/// Scenario: attempts that end before the body, in its middle, and behind its end.
/// Guarantees: the next gets all of it, trailers included, whatever those before it read.
#[tokio::test]
async fn the_next_attempt_gets_everything() {
    for trailers in [false, true] {
        let replay = Replay::new(coming(&["one ", "two ", "three"], trailers, false), 100);
        for frames in [0, 1, 2, 3] {
            read_some(replay.body().unwrap(), frames).await;
            assert!(replay.may_come_again());
        }
        for _ in 0..2 {
            assert_eq!(
                sent(replay.body().unwrap()).await,
                ("one two three".to_owned(), trailers)
            );
        }
    }
}

/// Scenario: an attempt still has the body when the next wants it.
/// Guarantees: it does not get it; once the first lets go, it does.
#[tokio::test]
async fn a_body_is_sent_by_one_at_a_time() {
    let replay = Replay::new(coming(&["a"], false, false), 100);
    let first = replay.body().unwrap();
    assert!(replay.body().is_none() && replay.may_come_again());
    drop(first);
    assert_eq!(sent(replay.body().unwrap()).await.0, "a");
}

/// Scenario: a body larger than what is held, let go before its first frame, and behind that.
/// Guarantees: while nothing was read it can be sent; what was let go of is not sent without its beginning.
#[tokio::test]
async fn a_large_body_is_sent_once() {
    let replay = Replay::new(coming(&["12345", "67890"], false, false), 6);
    drop(replay.body().unwrap());
    read_some(replay.body().unwrap(), 1).await;
    let whole = replay.body().unwrap();
    assert_eq!(sent(whole).await.0, "1234567890");
    assert!(!replay.may_come_again() && replay.body().is_none());
}

/// Scenario: a body that breaks off.
/// Guarantees: nobody sends it again as if that were its end.
#[tokio::test]
async fn what_broke_off_does_not_come_again() {
    let replay = Replay::new(coming(&["a"], false, true), 100);
    assert!(replay.body().unwrap().collect().await.is_err());
    assert!(!replay.may_come_again() && replay.body().is_none());
}

/// Scenario: a body that is here already.
/// Guarantees: it comes as often as it is wanted, and says how long it is.
#[tokio::test]
async fn a_whole_body_comes_again() {
    let replay = Replay::new(RequestBody::whole("abc"), 0);
    for _ in 0..3 {
        let body = replay.body().unwrap();
        assert_eq!(body.size_hint().exact(), Some(3));
        assert_eq!(sent(body).await.0, "abc");
    }
}

proptest! {
    /// Scenario: a body in any number of parts, and attempts that read any number of them.
    /// Guarantees: what an attempt sends is always the whole body or nothing, and its hint is never wrong.
    #[test]
    fn never_a_part_of_it(
        count in 0_usize..6,
        max_bytes in 0_usize..20,
        reads in proptest::collection::vec(0_usize..7, 0..5),
        trailers in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let parts = &["a", "bc", "def", "", "ghij", "k"][..count];
            let replay = Replay::new(coming(parts, trailers, false), max_bytes);
            for frames in reads {
                let Some(mut body) = replay.body() else { break };
                for _ in 0..frames {
                    if body.frame().await.is_none() {
                        break;
                    }
                }
            }
            if let Some(body) = replay.body() {
                let hint = body.size_hint();
                let (text, _) = sent(body).await;
                prop_assert_eq!(&text, &parts.concat());
                prop_assert!(hint.lower() <= text.len() as u64);
                prop_assert!(hint.upper().is_none_or(|upper| upper >= text.len() as u64));
            }
            Ok(())
        })?;
    }
}
