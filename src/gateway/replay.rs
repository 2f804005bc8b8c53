//! A request's body that can be sent again: what an attempt took of it is held while it streams.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;

use super::body::{BodyError, RequestBody, with_front};

/// The body of a request, for one attempt after the other.
#[derive(Debug)]
pub(super) struct Replay(Kind);

#[derive(Debug)]
enum Kind {
    /// All of it is here.
    Whole(Full<Bytes>),
    /// It comes from the caller; between two attempts it lies in the slot.
    Coming(Slot),
}

type Slot = Arc<Mutex<Option<Held>>>;

/// What has been read of a body, and what has not.
#[derive(Debug)]
struct Held {
    parts: Vec<Bytes>,
    held_bytes: usize,
    max_bytes: usize,
    trailers: Option<HeaderMap>,
    /// What comes behind `parts`; `None` once there is no more.
    rest: Option<Box<RequestBody>>,
    /// Something was let go, as it did not fit: the body cannot be sent again.
    is_incomplete: bool,
}

impl Replay {
    /// `body`, of which up to `max_bytes` are held.
    pub(super) fn new(body: RequestBody, max_bytes: usize) -> Replay {
        Replay(match body {
            RequestBody::Whole(whole) => Kind::Whole(whole),
            coming => Kind::Coming(Arc::new(Mutex::new(Some(Held {
                parts: Vec::new(),
                held_bytes: 0,
                max_bytes,
                trailers: None,
                rest: Some(Box::new(coming)),
                is_incomplete: false,
            })))),
        })
    }

    /// The body from its beginning; `None` where it can't be had again, or another attempt still sends it.
    pub(super) fn body(&self) -> Option<RequestBody> {
        match &self.0 {
            Kind::Whole(whole) => Some(RequestBody::Whole(whole.clone())),
            Kind::Coming(slot) => {
                let held = lock(slot).take_if(|held| !held.is_incomplete)?;
                Some(RequestBody::Replayed(ReplayBody {
                    slot: Arc::clone(slot),
                    held: Some(held),
                    next: 0,
                }))
            }
        }
    }

    /// Whether [`Replay::body`] may give it once more. An attempt that has not let go of it yet may still do so.
    pub(super) fn may_come_again(&self) -> bool {
        match &self.0 {
            Kind::Whole(_) => true,
            Kind::Coming(slot) => lock(slot).as_ref().is_none_or(|held| !held.is_incomplete),
        }
    }
}

fn lock(slot: &Slot) -> std::sync::MutexGuard<'_, Option<Held>> {
    // What lies in it is put there and taken in one assignment each.
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A body for one attempt: what others read before it, then what comes. Dropped, it leaves to the next attempt what it has.
#[derive(Debug)]
pub struct ReplayBody {
    slot: Slot,
    /// `None` only while it is dropped.
    held: Option<Held>,
    /// The part to send next, or [`SENT_TRAILERS`].
    next: usize,
}

/// Behind every part.
const SENT_TRAILERS: usize = usize::MAX;

impl Held {
    /// Holds what has just been read, where it fits.
    fn hold(&mut self, data: &Bytes) {
        let bytes = self.held_bytes.saturating_add(data.len());
        if self.is_incomplete || bytes > self.max_bytes {
            self.is_incomplete = true;
            self.parts = Vec::new();
            return;
        }
        self.held_bytes = bytes;
        self.parts.push(data.clone());
    }

    fn unsent_bytes(&self, next: usize) -> u64 {
        let parts = self.parts.get(next..).unwrap_or_default();
        parts.iter().map(|part| part.len() as u64).sum()
    }
}

impl ReplayBody {
    fn poll_rest(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Some(held) = &mut self.held else {
            return Poll::Ready(None);
        };
        let Some(rest) = &mut held.rest else {
            let trailers = held.trailers.clone().filter(|_| self.next != SENT_TRAILERS);
            self.next = SENT_TRAILERS;
            return Poll::Ready(trailers.map(|fields| Ok(Frame::trailers(fields))));
        };
        let frame = ready!(Pin::new(rest).poll_frame(context));
        match &frame {
            None => held.rest = None,
            // What broke off breaks off again.
            Some(Err(_)) => held.is_incomplete = true,
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    held.hold(data);
                    self.next = held.parts.len();
                }
                if let Some(fields) = frame.trailers_ref() {
                    held.trailers = Some(fields.clone());
                    held.rest = None;
                    self.next = SENT_TRAILERS;
                }
            }
        }
        Poll::Ready(frame)
    }
}

impl Body for ReplayBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let held = this.held.as_ref();
        if let Some(part) = held.and_then(|held| held.parts.get(this.next)) {
            this.next += 1;
            return Poll::Ready(Some(Ok(Frame::data(part.clone()))));
        }
        this.poll_rest(context)
    }

    fn is_end_stream(&self) -> bool {
        let Some(held) = &self.held else { return true };
        let is_over = match &held.rest {
            Some(rest) => rest.is_end_stream(),
            None => held.trailers.is_none() || self.next == SENT_TRAILERS,
        };
        is_over && self.next >= held.parts.len()
    }

    fn size_hint(&self) -> SizeHint {
        let Some(held) = &self.held else {
            return SizeHint::with_exact(0);
        };
        let rest = held.rest.as_ref();
        let rest = rest.map_or_else(|| SizeHint::with_exact(0), |rest| rest.size_hint());
        with_front(held.unsent_bytes(self.next), &rest)
    }
}

impl Drop for ReplayBody {
    fn drop(&mut self) {
        *lock(&self.slot) = self.held.take();
    }
}
