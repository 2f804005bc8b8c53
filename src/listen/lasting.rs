//! The body of an answer, until whose end its request is under way.

use std::pin::Pin;
use std::task::{Context, Poll};

use http_body::{Body, Frame, SizeHint};

use super::activity::UnderWay;

/// A body that ends its request when it is dropped, which is when all of it was sent or the other side is gone.
pub(super) struct Lasting<B> {
    body: B,
    _under_way: UnderWay,
}

impl<B> Lasting<B> {
    pub(super) fn new(body: B, under_way: UnderWay) -> Lasting<B> {
        Lasting {
            body,
            _under_way: under_way,
        }
    }
}

impl<B: Body + Unpin> Body for Lasting<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
