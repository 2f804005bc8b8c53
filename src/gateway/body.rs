//! Bodies on their way through, in both directions.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};

use super::caller_body::CallerBody;
use super::replay::ReplayBody;
use super::streamed::Streamed;

/// Why a body ended before its end.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// The body of a request on its way to the upstream.
#[derive(Debug)]
pub enum RequestBody {
    /// All of it is here.
    Whole(Full<Bytes>),
    /// As it comes from the caller.
    Caller(CallerBody),
    /// As it comes from the caller, held so that it can be sent again.
    Replayed(ReplayBody),
    /// As something in between passes it on.
    Boxed(UnsyncBoxBody<Bytes, BodyError>),
}

/// The body of an answer on its way to the caller.
#[derive(Debug)]
pub enum AnswerBody {
    /// All of it is here.
    Whole(Full<Bytes>),
    /// As it comes from the upstream.
    Upstream(Streamed),
    /// As something in between passes it on.
    Boxed(UnsyncBoxBody<Bytes, BodyError>),
}

/// The size of `rest` with so many bytes in front of it.
pub(super) fn with_front(bytes: u64, rest: &SizeHint) -> SizeHint {
    let mut hint = SizeHint::new();
    hint.set_lower(rest.lower().saturating_add(bytes));
    if let Some(upper) = rest.upper() {
        hint.set_upper(upper.saturating_add(bytes));
    }
    hint
}

macro_rules! a_body {
    ($name:ident { $($variant:ident),+ }) => {
        impl $name {
            /// A body that is here already.
            pub fn whole(bytes: impl Into<Bytes>) -> $name {
                $name::Whole(Full::new(bytes.into()))
            }

            /// A body that something in between passes on.
            pub fn boxed<B>(body: B) -> $name
            where
                B: Body<Data = Bytes> + Send + 'static,
                B::Error: Into<BodyError>,
            {
                $name::Boxed(body.map_err(Into::into).boxed_unsync())
            }
        }

        impl Body for $name {
            type Data = Bytes;
            type Error = BodyError;

            fn poll_frame(
                self: Pin<&mut Self>,
                context: &mut Context<'_>,
            ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
                match self.get_mut() {
                    $($name::$variant(body) => Pin::new(body)
                        .poll_frame(context)
                        .map_err(Into::into),)+
                }
            }

            fn is_end_stream(&self) -> bool {
                match self {
                    $($name::$variant(body) => body.is_end_stream(),)+
                }
            }

            fn size_hint(&self) -> SizeHint {
                match self {
                    $($name::$variant(body) => body.size_hint(),)+
                }
            }
        }
    };
}

a_body!(RequestBody {
    Whole,
    Caller,
    Replayed,
    Boxed
});
a_body!(AnswerBody {
    Whole,
    Upstream,
    Boxed
});
