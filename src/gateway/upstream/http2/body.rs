//! The body of an answer on a stream.

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::RecvStream;
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body::{Frame, SizeHint};
use tokio::task::AbortHandle;

use super::Place;
use super::meaning::meaning;
use super::pump::Pump;
use crate::gateway::upstream::failure::{CallFailure, CallFailureKind, Phase};
use crate::gateway::upstream::pool::Pool;
use crate::gateway::upstream::waiting::Waiting;
use crate::gateway::upstream::wire::Meter;

/// The rest of an answer. Where it is dropped before its end, the stream is reset.
pub(in crate::gateway::upstream) struct Http2Body {
    pool: Arc<Pool>,
    received: RecvStream,
    left: Option<u64>,
    has_ended: bool,
    waiting: Waiting,
    /// Moves what the caller still sends.
    upload: Option<AbortHandle>,
    _place: Place,
}

impl Http2Body {
    pub(super) fn new(
        pool: Arc<Pool>,
        place: Place,
        received: RecvStream,
        meter: Arc<Meter>,
        pump: Option<Pump>,
    ) -> Http2Body {
        // Neither direction waits for the other.
        let upload = pump.map(|mut pump| {
            let moved = std::future::poll_fn(move |context| pump.poll(context));
            tokio::spawn(moved).abort_handle()
        });
        Http2Body {
            pool,
            received,
            left: None,
            has_ended: false,
            waiting: Waiting::new(meter),
            upload,
            _place: place,
        }
    }

    pub(super) fn with_length(mut self, headers: &HeaderMap) -> Http2Body {
        let length = headers
            .get(CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok());
        self.left = match self.received.is_end_stream() {
            true => Some(0),
            false => length.and_then(|length| length.parse().ok()),
        };
        self
    }

    pub(in crate::gateway::upstream) fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CallFailure>>> {
        if self.has_ended {
            return Poll::Ready(None);
        }
        let next = match self.poll_received(context) {
            Poll::Ready(next) => next,
            Poll::Pending => return self.wait(context),
        };
        self.waiting.came();
        self.has_ended = !matches!(&next, Some(Ok(frame)) if frame.is_data());
        Poll::Ready(next.map(|frame| frame.map_err(|error| self.broke_off(&error))))
    }

    fn poll_received(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        if let Some(data) = ready!(self.received.poll_data(context)).transpose()? {
            // It fails only for more than was received.
            let _ = self.received.flow_control().release_capacity(data.len());
            self.left = self.left.map(|left| left.saturating_sub(data.len() as u64));
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        let trailers = ready!(self.received.poll_trailers(context))?;
        Poll::Ready(trailers.map(Frame::trailers).map(Ok))
    }

    fn broke_off(&self, error: &h2::Error) -> CallFailure {
        let terms = &self.pool.terms;
        terms.broke_off(&self.waiting.meter, true, || meaning(error))
    }

    fn wait<T>(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<T, CallFailure>>> {
        let idle = self.pool.terms.timeout.idle;
        if !self.waiting.is_over(idle, context) {
            return Poll::Pending;
        }
        self.has_ended = true;
        let kind = CallFailureKind::Timeout(Phase::Idle);
        Poll::Ready(Some(Err(self.pool.terms.timed_out(kind, true))))
    }

    pub(in crate::gateway::upstream) fn is_end_stream(&self) -> bool {
        self.has_ended || self.received.is_end_stream()
    }

    pub(in crate::gateway::upstream) fn size_hint(&self) -> SizeHint {
        self.left
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

/// A request whose answer is complete, or is not wanted any more, does not go on.
impl Drop for Http2Body {
    fn drop(&mut self) {
        if let Some(upload) = &self.upload {
            upload.abort();
        }
    }
}
