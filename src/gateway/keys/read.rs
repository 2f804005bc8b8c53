//! Reading bodies whole: those of requests with a key, and those of answers that are to be kept.

use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::time::timeout;

use super::KeyRefusal;
use crate::gateway::body::{BodyError, with_front};
use crate::gateway::caller_body::CallerFault;
use crate::gateway::{AnswerBody, Refusal, RequestBody};

/// A body with all that belongs to it.
#[derive(Clone, Debug, Default)]
pub(super) struct Whole {
    pub(super) bytes: Bytes,
    pub(super) trailers: Option<HeaderMap>,
}

/// What reading the body of an answer gave.
pub(super) enum Read {
    Whole(Whole),
    /// There is more than was to be read. All of it is here, and in it.
    Longer(Started),
    Broken(BodyError),
}

/// Reads the body of a request, of which more must come within `stall` each time.
///
/// # Errors
///
/// It is larger than `max_bytes`, or its caller breaks off or stalls.
pub(super) async fn request(
    body: RequestBody,
    max_bytes: u64,
    stall: Duration,
) -> Result<Whole, Refusal> {
    let too_large = || Refusal::Key(KeyRefusal::BodyTooLarge { max_bytes });
    if body.size_hint().lower() > max_bytes {
        return Err(too_large());
    }
    let (mut body, mut parts) = (pin!(body), Parts::default());
    loop {
        let frame = timeout(stall, body.frame()).await;
        let frame = frame.map_err(|_| Refusal::Body(CallerFault::Stalled { within: stall }))?;
        let Some(frame) = frame.transpose().map_err(|error| broken(&error))? else {
            return Ok(parts.whole());
        };
        parts.take(frame);
        if parts.length > max_bytes {
            return Err(too_large());
        }
    }
}

fn broken(error: &BodyError) -> Refusal {
    let fault = error.downcast_ref().copied();
    Refusal::Body(fault.unwrap_or(CallerFault::Broken))
}

/// Reads the body of an answer, up to `max_bytes`. How long it may take is the upstream's to say.
pub(super) async fn answer(mut body: AnswerBody, max_bytes: u64) -> Read {
    let mut parts = Parts::default();
    if body.size_hint().lower() > max_bytes {
        return Read::Longer(Started { parts, body });
    }
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => parts.take(frame),
            Err(error) => return Read::Broken(error),
        }
        if parts.length > max_bytes {
            return Read::Longer(Started { parts, body });
        }
    }
    Read::Whole(parts.whole())
}

/// What has been read.
#[derive(Debug, Default)]
struct Parts {
    data: Vec<Bytes>,
    length: u64,
    trailers: Option<HeaderMap>,
}

impl Parts {
    fn take(&mut self, frame: Frame<Bytes>) {
        match frame.into_data() {
            Ok(data) => {
                self.length = self.length.saturating_add(data.len() as u64);
                self.data.push(data);
            }
            Err(frame) => self.trailers = frame.into_trailers().ok().or(self.trailers.take()),
        }
    }

    fn whole(self) -> Whole {
        let bytes = match self.data.as_slice() {
            [only] => only.clone(),
            all => all.concat().into(),
        };
        Whole {
            bytes,
            trailers: self.trailers,
        }
    }
}

impl Whole {
    /// The body of a request, once more.
    pub(super) fn into_request(self) -> RequestBody {
        match self.trailers {
            None => RequestBody::whole(self.bytes),
            Some(trailers) => RequestBody::boxed(with_trailers(self.bytes, trailers)),
        }
    }

    /// The body of an answer, once more.
    pub(super) fn into_answer(self) -> AnswerBody {
        match self.trailers {
            None => AnswerBody::whole(self.bytes),
            Some(trailers) => AnswerBody::boxed(with_trailers(self.bytes, trailers)),
        }
    }
}

fn with_trailers(
    bytes: Bytes,
    trailers: HeaderMap,
) -> impl Body<Data = Bytes, Error = BodyError> + Send + 'static {
    http_body_util::Full::new(bytes)
        .map_err(|never| match never {})
        .with_trailers(std::future::ready(Some(Ok(trailers))))
}

/// A body of which the beginning was read: that, and then the rest.
#[derive(Debug)]
pub(super) struct Started {
    parts: Parts,
    body: AnswerBody,
}

impl Started {
    pub(super) fn into_answer(mut self) -> AnswerBody {
        // Its end was not reached.
        self.parts.data.reverse();
        AnswerBody::boxed(self)
    }
}

impl Body for Started {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        if let Some(data) = this.parts.data.pop() {
            this.parts.length = this.parts.length.saturating_sub(data.len() as u64);
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        Pin::new(&mut this.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.parts.data.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        with_front(self.parts.length, &self.body.size_hint())
    }
}
