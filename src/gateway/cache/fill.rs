//! The body of an answer on its way to the caller and into the cache at the same time.
//!
//! Whoever waits for the same answer must not wait for a caller that reads slowly, and a caller that hangs up must not take the answer away
//! from them. So a body that is not there at once is read by a task of its own, up to the limit of what is kept; the caller reads what came so
//! far. A larger body goes to the caller alone from there on.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame};
use tokio::time::{Instant, timeout_at};

use crate::gateway::AnswerBody;
use crate::gateway::body::BodyError;

/// What becomes of a body once it is known.
pub(super) trait Keep: Send + 'static {
    /// All of it is there.
    fn keep(self, body: Bytes);

    /// It is for its caller alone.
    fn let_go(self);

    /// It broke off.
    fn fail(self);
}

/// How far a body has been read.
enum Progress {
    /// All of it.
    Ended,
    /// More is to come, but not at once.
    Pending,
    /// It is too large, or ends with what is not kept: trailers.
    NotKept(Option<HeaderMap>),
    /// It broke off.
    Broken(BodyError),
}

/// Passes `body` on and has it kept by `keep`, if it ends within `limit` bytes and `time`.
pub(super) async fn fill(
    body: AnswerBody,
    limit: usize,
    time: Duration,
    keep: impl Keep,
) -> AnswerBody {
    let mut reading = Reading {
        body,
        chunks: Vec::new(),
        length: 0,
        limit,
    };
    // What came with the head needs no task.
    let progress = std::future::poll_fn(|context| Poll::Ready(reading.read_on(context))).await;
    match progress {
        Progress::Ended => {
            let body = concatenated(&reading.chunks);
            keep.keep(body.clone());
            AnswerBody::whole(body)
        }
        Progress::Pending => {
            let passed = Arc::new(Passed::default());
            passed.add(&mut reading.chunks.iter().cloned());
            let until = Instant::now() + time;
            tokio::spawn(in_the_background(reading, until, Arc::clone(&passed), keep));
            AnswerBody::boxed(Reader::of(passed))
        }
        other => {
            let passed = Arc::new(Passed::default());
            passed.add(&mut reading.chunks.drain(..));
            passed.end(other, reading.body, keep);
            AnswerBody::boxed(Reader::of(passed))
        }
    }
}

async fn in_the_background(
    mut reading: Reading,
    until: Instant,
    passed: Arc<Passed>,
    keep: impl Keep,
) {
    loop {
        let known = reading.chunks.len();
        let more = std::future::poll_fn(|context| match reading.read_on(context) {
            Progress::Pending if reading.chunks.len() == known => Poll::Pending,
            progress => Poll::Ready(progress),
        });
        let progress = timeout_at(until, more).await;
        passed.add(&mut reading.chunks[known..].iter().cloned());
        match progress {
            Ok(Progress::Pending) => {}
            Ok(Progress::Ended) => {
                keep.keep(concatenated(&reading.chunks));
                return passed.set(Rest::Ended);
            }
            Ok(other) => return passed.end(other, reading.body, keep),
            Err(_) => return passed.end(Progress::NotKept(None), reading.body, keep),
        }
    }
}

/// A body that is being read.
struct Reading {
    body: AnswerBody,
    chunks: Vec<Bytes>,
    length: usize,
    limit: usize,
}

impl Reading {
    /// Reads what is there.
    fn read_on(&mut self, context: &mut Context<'_>) -> Progress {
        loop {
            let frame = match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Pending => return Progress::Pending,
                Poll::Ready(None) => return Progress::Ended,
                Poll::Ready(Some(Err(error))) => return Progress::Broken(error),
                Poll::Ready(Some(Ok(frame))) => frame,
            };
            match frame.into_data() {
                Ok(data) => {
                    self.length = self.length.saturating_add(data.len());
                    self.chunks.push(data);
                }
                Err(frame) => return Progress::NotKept(frame.into_trailers().ok()),
            }
            if self.length > self.limit {
                return Progress::NotKept(None);
            }
        }
    }
}

/// One piece, whose memory is its own.
fn concatenated(chunks: &[Bytes]) -> Bytes {
    chunks.concat().into()
}

/// What the caller has not read yet.
#[derive(Default)]
struct Passed(Mutex<Unread>);

#[derive(Default)]
struct Unread {
    chunks: VecDeque<Bytes>,
    rest: Rest,
    waker: Option<Waker>,
}

/// What comes behind the chunks.
#[derive(Default)]
enum Rest {
    /// More of them.
    #[default]
    Chunks,
    /// Trailers, and then nothing.
    Trailers(HeaderMap),
    /// The rest of the body, which nobody else reads any more.
    Body(Box<AnswerBody>),
    /// It broke off.
    Broken(BodyError),
    /// Nothing.
    Ended,
}

impl Passed {
    fn add(&self, chunks: &mut dyn Iterator<Item = Bytes>) {
        let mut unread = self.lock();
        unread.chunks.extend(chunks);
        unread.wake();
    }

    fn set(&self, rest: Rest) {
        let mut unread = self.lock();
        unread.rest = rest;
        unread.wake();
    }

    /// The end of what is read for the cache.
    fn end(&self, progress: Progress, body: AnswerBody, keep: impl Keep) {
        match progress {
            Progress::Broken(error) => {
                keep.fail();
                self.set(Rest::Broken(error));
            }
            Progress::NotKept(Some(trailers)) => {
                keep.let_go();
                self.set(Rest::Trailers(trailers));
            }
            _ => {
                keep.let_go();
                self.set(Rest::Body(Box::new(body)));
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Unread> {
        // Each change is a single one.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Unread {
    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// The body as the caller reads it.
struct Reader {
    passed: Arc<Passed>,
    /// The rest, once it is the caller's alone.
    rest: Option<Box<AnswerBody>>,
}

impl Reader {
    fn of(passed: Arc<Passed>) -> Reader {
        Reader { passed, rest: None }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // A rest that nobody reads would hold its connection.
        let mut unread = self.passed.lock();
        if let Rest::Body(_) = unread.rest {
            unread.rest = Rest::Ended;
        }
    }
}

impl Body for Reader {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        if let Some(rest) = &mut this.rest {
            return Pin::new(rest).poll_frame(context);
        }
        let mut unread = this.passed.lock();
        if let Some(chunk) = unread.chunks.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(chunk))));
        }
        match std::mem::replace(&mut unread.rest, Rest::Ended) {
            Rest::Chunks => {
                unread.rest = Rest::Chunks;
                unread.waker = Some(context.waker().clone());
                Poll::Pending
            }
            Rest::Trailers(all) => Poll::Ready(Some(Ok(Frame::trailers(all)))),
            Rest::Broken(error) => Poll::Ready(Some(Err(error))),
            Rest::Ended => Poll::Ready(None),
            Rest::Body(body) => {
                drop(unread);
                Pin::new(this.rest.insert(body)).poll_frame(context)
            }
        }
    }
}
