//! The body of an upstream's answer, with what the guards hold as long as it comes.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::body::BodyError;
use super::upstream::UpstreamBody;
use crate::resilience::{Permit, Place};

/// A body that comes from the upstream.
///
/// A body that breaks off is a failure of the upstream. One that the caller does not want to the end is not.
#[derive(Debug)]
pub struct Streamed {
    body: UpstreamBody,
    /// `None` once the breaker has been told.
    permit: Option<Permit>,
    _place: Place,
}

impl Streamed {
    pub(super) fn new(body: UpstreamBody, permit: Option<Permit>, place: Place) -> Streamed {
        Streamed {
            body,
            permit,
            _place: place,
        }
    }
}

impl Body for Streamed {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.body).poll_frame(context);
        if let Poll::Ready(Some(Err(_))) = &polled
            && let Some(permit) = this.permit.take()
        {
            permit.failure(Instant::now());
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
