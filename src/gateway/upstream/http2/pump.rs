//! The body of a request into its stream.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::{Reason, SendStream};
use http_body::{Body, Frame};

use crate::gateway::upstream::upload::MeteredBody;
use crate::gateway::upstream::wire::Meter;

/// Moves a body as fast as the upstream takes it (RFC 9113, section 5.2).
#[derive(Debug)]
pub(super) struct Pump {
    stream: SendStream<Bytes>,
    body: MeteredBody,
    meter: Arc<Meter>,
    /// What the caller has sent and the upstream not taken yet.
    held: Bytes,
}

impl Pump {
    pub(super) fn new(stream: SendStream<Bytes>, body: MeteredBody, meter: &Arc<Meter>) -> Pump {
        Pump {
            stream,
            body,
            meter: Arc::clone(meter),
            held: Bytes::new(),
        }
    }

    /// Ready: nothing more is to be moved. Whether all was, the answer tells: a stream that is reset ends it as well.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            if !ready!(self.poll_send_held(context)) {
                return Poll::Ready(());
            }
            let next = ready!(Pin::new(&mut self.body).poll_frame(context));
            match next.map(|frame| frame.map(Frame::into_data)) {
                Some(Ok(Ok(data))) => self.held = data,
                Some(Ok(Err(frame))) => {
                    let trailers = frame.into_trailers().unwrap_or_default();
                    // A stream that takes nothing any more says so where its answer is waited for.
                    let _ = self.stream.send_trailers(trailers);
                    return Poll::Ready(());
                }
                None => {
                    let _ = self.stream.send_data(Bytes::new(), true);
                    return Poll::Ready(());
                }
                Some(Err(_)) => {
                    self.stream.send_reset(Reason::CANCEL);
                    return Poll::Ready(());
                }
            }
        }
    }

    /// Sends as much of what is held as there is room for, until nothing is. False: the stream takes nothing any more, or all is sent.
    fn poll_send_held(&mut self, context: &mut Context<'_>) -> Poll<bool> {
        while !self.held.is_empty() {
            self.stream.reserve_capacity(self.held.len());
            let room = match self.stream.capacity() {
                0 => match self.poll_room(context) {
                    Poll::Ready(Some(room)) => room,
                    Poll::Ready(None) => return Poll::Ready(false),
                    Poll::Pending => return Poll::Pending,
                },
                room => room,
            };
            let part = self.held.split_to(room.min(self.held.len()));
            let is_last = self.held.is_empty() && self.body.is_end_stream();
            self.meter.count_written(part.len() as u64);
            if self.stream.send_data(part, is_last).is_err() || is_last {
                return Poll::Ready(false);
            }
        }
        // The caller may be waited for, for long: room is for others.
        self.stream.reserve_capacity(0);
        Poll::Ready(self.stream.poll_reset(context).is_pending())
    }

    /// Waits for room; `None`: there will be none.
    fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<Option<usize>> {
        loop {
            match self.stream.poll_capacity(context) {
                Poll::Ready(Some(Ok(0))) => {}
                Poll::Ready(Some(Ok(room))) => return Poll::Ready(Some(room)),
                Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(None),
                Poll::Pending => {
                    self.meter.block();
                    return Poll::Pending;
                }
            }
        }
    }
}
