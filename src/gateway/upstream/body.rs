//! The body of an upstream's answer.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};

use super::http1::{CarriedBody, Http1Body};
use super::http2::Http2Body;
use crate::gateway::body::BodyError;

/// The body of an upstream's answer, trailers included. When it has ended, its connection can be used again; when it is dropped
/// before, the call is broken off.
///
/// Its error is a [`CallFailure`](super::CallFailure).
pub struct UpstreamBody(Kind);

enum Kind {
    /// All of it is here.
    Whole {
        data: Option<Bytes>,
        trailers: Option<Box<HeaderMap>>,
    },
    Http1(Http1Body),
    Carried(Box<CarriedBody>),
    Http2(Box<Http2Body>),
}

impl UpstreamBody {
    pub(super) fn empty() -> UpstreamBody {
        UpstreamBody::whole(None, None)
    }

    pub(super) fn whole(data: Option<Bytes>, trailers: Option<HeaderMap>) -> UpstreamBody {
        UpstreamBody(Kind::Whole {
            data,
            trailers: trailers.map(Box::new),
        })
    }

    pub(super) fn http1(body: Http1Body) -> UpstreamBody {
        UpstreamBody(Kind::Http1(body))
    }

    pub(super) fn carried(body: CarriedBody) -> UpstreamBody {
        UpstreamBody(Kind::Carried(Box::new(body)))
    }

    pub(super) fn http2(body: Http2Body) -> UpstreamBody {
        UpstreamBody(Kind::Http2(Box::new(body)))
    }
}

impl Body for UpstreamBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = match &mut self.get_mut().0 {
            Kind::Whole { data, trailers } => {
                let data = data.take().map(Frame::data);
                let next = data.or_else(|| trailers.take().map(|fields| Frame::trailers(*fields)));
                return Poll::Ready(next.map(Ok));
            }
            Kind::Http1(body) => body.poll_frame(context),
            Kind::Carried(body) => body.poll_frame(context),
            Kind::Http2(body) => body.poll_frame(context),
        };
        polled.map_err(BodyError::from)
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Whole { data, trailers } => data.is_none() && trailers.is_none(),
            Kind::Http1(body) => body.is_end_stream(),
            Kind::Carried(body) => body.is_end_stream(),
            Kind::Http2(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Whole { data, trailers } => {
                let length = data.as_ref().map_or(0, |data| data.len() as u64);
                size_hint(length, trailers.is_some())
            }
            Kind::Http1(body) => body.size_hint(),
            Kind::Carried(body) => body.size_hint(),
            Kind::Http2(body) => body.size_hint(),
        }
    }
}

/// A body whose length is told beforehand has no place for trailers (RFC 9112, section 7.1.2).
fn size_hint(length: u64, has_trailers: bool) -> SizeHint {
    match has_trailers {
        true => SizeHint::default(),
        false => SizeHint::with_exact(length),
    }
}

impl fmt::Debug for UpstreamBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.0 {
            Kind::Whole { .. } => "Whole",
            Kind::Http1(_) => "Http1",
            Kind::Carried(_) => "Carried",
            Kind::Http2(_) => "Http2",
        };
        f.debug_tuple("UpstreamBody").field(&kind).finish()
    }
}
