//! A caller's body as it comes, and no more of it than the route takes.
//!
//! How slowly it may come is for those to say who read it: the upstream's connection counts its time.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::body::BodyError;

/// What is wrong with a caller's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallerFault {
    /// It is larger than the route takes.
    #[error("the body is larger than {max_bytes} bytes")]
    TooLarge {
        /// What the route takes.
        max_bytes: u64,
    },
    /// No more of it came for too long.
    #[error("no more of the body came within {within:?}")]
    Stalled {
        /// How long the route waits.
        within: Duration,
    },
    /// It ended before its end, or is not framed as it should.
    #[error("the body broke off")]
    Broken,
}

/// A body that is read from the caller while it is sent on.
#[derive(Debug)]
pub struct CallerBody {
    incoming: Incoming,
    max_bytes: u64,
    left_bytes: u64,
}

impl CallerBody {
    /// `incoming`, up to `max_bytes`.
    pub(super) fn new(incoming: Incoming, max_bytes: u64) -> CallerBody {
        CallerBody {
            incoming,
            max_bytes,
            left_bytes: max_bytes,
        }
    }

    fn take(&mut self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, CallerFault> {
        let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
        let max_bytes = self.max_bytes;
        let left = self.left_bytes.checked_sub(bytes);
        self.left_bytes = left.ok_or(CallerFault::TooLarge { max_bytes })?;
        Ok(frame)
    }
}

impl Body for CallerBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.incoming).poll_frame(context);
        polled.map(|frame| {
            frame.map(|frame| {
                let frame = frame.map_err(|_| CallerFault::Broken);
                Ok(this.take(frame?)?)
            })
        })
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
