//! The body of an answer on its way to the caller, and what must last as long.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::body::{AnswerBody, BodyError};
use super::observed::Observed;

/// The body of an answer. The request is under way until it is dropped.
pub struct SentBody {
    body: AnswerBody,
    observed: Arc<Observed>,
    _under_way: TaskTrackerToken,
}

impl SentBody {
    pub(super) fn new(
        body: AnswerBody,
        observed: Arc<Observed>,
        under_way: TaskTrackerToken,
    ) -> SentBody {
        SentBody {
            body,
            observed,
            _under_way: under_way,
        }
    }
}

impl Body for SentBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let SentBody { body, observed, .. } = self.get_mut();
        match body {
            AnswerBody::Whole(body) => Pin::new(body).poll_frame(context).map_err(BodyError::from),
            // One that breaks off may open the breaker, which tells of it.
            coming => observed.within(|| Pin::new(coming).poll_frame(context)),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
