//! The body of a request on its way to the upstream, which tells how far it is.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::wire::{Meter, Upload};
use crate::gateway::RequestBody;

/// The body of a request broke off; why, the meter knows.
#[derive(Debug, thiserror::Error)]
#[error("the request's body broke off")]
pub(super) struct BrokeOff;

/// A request's body that tells a meter how far it is.
#[derive(Debug)]
pub(super) struct MeteredBody {
    body: RequestBody,
    /// `None`: there is nothing to tell, as there is no body.
    meter: Option<Arc<Meter>>,
}

impl MeteredBody {
    pub(super) fn new(body: RequestBody, meter: &Arc<Meter>) -> MeteredBody {
        let is_empty = body.is_end_stream();
        if !is_empty {
            meter.tell(Upload::Moving);
        }
        MeteredBody {
            body,
            meter: (!is_empty).then(|| Arc::clone(meter)),
        }
    }

    /// The body as it came, of which nothing was taken.
    pub(super) fn into_inner(self) -> RequestBody {
        self.body
    }

    fn tell(&self, upload: Upload) {
        if let Some(meter) = &self.meter {
            meter.tell(upload);
        }
    }
}

impl Body for MeteredBody {
    type Data = Bytes;
    type Error = BrokeOff;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokeOff>>> {
        let metered = self.get_mut();
        let polled = Pin::new(&mut metered.body).poll_frame(context);
        if polled.is_pending() {
            metered.tell(Upload::AwaitsCaller);
        }
        match ready!(polled) {
            Some(Ok(frame)) => {
                let ended = frame.is_trailers() || metered.body.is_end_stream();
                metered.tell(if ended { Upload::Ended } else { Upload::Moving });
                Poll::Ready(Some(Ok(frame)))
            }
            None => {
                metered.tell(Upload::Ended);
                Poll::Ready(None)
            }
            Some(Err(error)) => {
                if let Some(meter) = &metered.meter {
                    meter.broke_off(error);
                }
                Poll::Ready(Some(Err(BrokeOff)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
