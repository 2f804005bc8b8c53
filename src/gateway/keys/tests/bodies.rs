//! Bodies that come in parts, break off and stall.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Method;
use http_body::{Body, Frame};

use super::rig::{Rig, Upstream, answer, charge, request};
use crate::config::ByteSize;
use crate::gateway::body::BodyError;
use crate::gateway::caller_body::CallerFault;
use crate::gateway::{AnswerBody, RequestBody};

/// A body of parts, behind which it ends, breaks off or stalls.
struct Parts {
    parts: VecDeque<Bytes>,
    end: End,
}

#[derive(Clone, Copy)]
enum End {
    Whole,
    Broken,
    TooLarge,
    Stalled,
}

impl Body for Parts {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        match (this.parts.pop_front(), this.end) {
            (Some(part), _) => Poll::Ready(Some(Ok(Frame::data(part)))),
            (None, End::Whole) => Poll::Ready(None),
            (None, End::Broken) => Poll::Ready(Some(Err("reset".into()))),
            (None, End::TooLarge) => {
                let fault = CallerFault::TooLarge { max_bytes: 1 };
                Poll::Ready(Some(Err(fault.into())))
            }
            (None, End::Stalled) => Poll::Pending,
        }
    }
}

fn parts(bytes: &'static [u8], end: End) -> Parts {
    let parts = bytes.chunks(3).map(Bytes::from_static).collect();
    Parts { parts, end }
}

/// An answer's body of several parts, whose length nobody tells.
pub(super) fn in_parts(bytes: &'static [u8]) -> AnswerBody {
    AnswerBody::boxed(parts(bytes, End::Whole))
}

/// Scenario: requests whose bodies are too long, with a length and without, break off, stall, or are more than the route takes.
/// Guarantees: each is refused as what it is; nothing runs, and no key is held.
#[tokio::test]
async fn bodies_that_do_not_come_whole_hold_no_key() {
    let rig = Rig::with(|settings| settings.max_body = ByteSize(8)).await;
    let upstream = Upstream::answering(200, "");
    let cases = [
        (RequestBody::whole("123456789"), 413, "idempotency.max_body"),
        (
            RequestBody::boxed(parts(b"123456789", End::Whole)),
            413,
            "idempotency.max_body",
        ),
        (
            RequestBody::boxed(parts(b"1234", End::TooLarge)),
            413,
            "`max_body` of the route",
        ),
        (
            RequestBody::boxed(parts(b"1234", End::Broken)),
            400,
            "broke off",
        ),
        (
            RequestBody::boxed(parts(b"1234", End::Stalled)),
            408,
            "timeout.send",
        ),
    ];
    for (body, status, detail) in cases {
        let given = rig
            .ask(request(Method::POST, Some("k"), body), &upstream)
            .await;
        assert_eq!(given.status, status, "{given:?}");
        assert!(given.detail().contains(detail), "{given:?}");
    }
    assert_eq!((upstream.requests(), rig.shown().await), (0, None));
    let whole = RequestBody::boxed(parts(b"12345678", End::Whole));
    let given = rig
        .ask(request(Method::POST, Some("k"), whole), &upstream)
        .await;
    assert_eq!(given.status, 200);
    assert!(
        rig.ask(charge("k", "12345678"), &upstream)
            .await
            .is_replay()
    );
}

/// Scenario: an answer that breaks off within what would be kept, and one behind it.
/// Guarantees: the first becomes a 502 and an unknown outcome; the second breaks off at its caller as well, and its status is kept; a
/// repeated request runs in neither case.
#[tokio::test]
async fn answers_that_break_off_are_not_kept() {
    for (max_answer, status, said, reason) in [
        (8, 502, "answered with 200", "outcome_unknown"),
        (4, 200, "reset", "answer_not_kept"),
    ] {
        let rig = Rig::with(|settings| settings.max_answer = ByteSize(max_answer)).await;
        let upstream = Upstream::giving(|| {
            let mut answer = answer(200, "");
            *answer.body_mut() = AnswerBody::boxed(parts(b"123456", End::Broken));
            Ok(answer)
        });
        let first = rig.ask(charge("k", "a"), &upstream).await;
        assert_eq!(first.status, status, "{first:?}");
        assert!(first.detail().contains(said), "{first:?}");
        let again = rig.ask(charge("k", "a"), &upstream).await;
        assert_eq!((again.status, upstream.requests()), (409, 1), "{again:?}");
        assert!(again.detail().contains(reason), "{again:?}");
    }
}
