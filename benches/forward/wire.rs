//! OTLP requests and answers as bytes: gRPC framing, headers, success and refusal.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{BufMut, Bytes, BytesMut};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HOST, TE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Collected;
use lineside::otlp::{Encoding, Signal};

use crate::Fallible;
use crate::scenario::Transport;

/// Header and trailer that tell a gRPC call's outcome.
pub const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
/// Header that names the coding of compressed gRPC messages.
pub const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
/// Length of the prefix of a gRPC message: one flag byte, four length bytes.
pub const GRPC_PREFIX: usize = 5;

/// A body of at most one piece of data, then trailers.
#[derive(Default)]
pub struct Message {
    pub data: Option<Bytes>,
    pub trailers: Option<HeaderMap>,
}

impl Body for Message {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(data) = self.data.take() {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        Poll::Ready(
            self.trailers
                .take()
                .map(|trailers| Ok(Frame::trailers(trailers))),
        )
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_none() && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.data.as_ref().map_or(0, |data| data.len() as u64))
    }
}

/// The head that every export request to `port` has in common.
pub struct RequestHead {
    uri: Uri,
    headers: HeaderMap,
}

impl RequestHead {
    pub fn new(
        transport: Transport,
        signal: Signal,
        port: u16,
        gzip: bool,
    ) -> Fallible<RequestHead> {
        let mut headers = HeaderMap::new();
        let uri = match transport {
            Transport::Grpc => {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
                headers.insert(TE, HeaderValue::from_static("trailers"));
                format!("http://127.0.0.1:{port}{}", signal.grpc_path()).parse()?
            }
            Transport::Http => {
                headers.insert(
                    CONTENT_TYPE,
                    HeaderValue::from_static("application/x-protobuf"),
                );
                headers.insert(HOST, HeaderValue::from_str(&format!("127.0.0.1:{port}"))?);
                signal.http_path().parse()?
            }
        };
        if gzip {
            let name = if transport == Transport::Grpc {
                GRPC_ENCODING
            } else {
                CONTENT_ENCODING
            };
            headers.insert(name, HeaderValue::from_static("gzip"));
        }
        Ok(RequestHead { uri, headers })
    }

    /// An export request with `body`, which is framed already.
    pub fn with_body(&self, body: Bytes) -> Request<Message> {
        let mut request = Request::new(Message {
            data: Some(body),
            trailers: None,
        });
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }
}

/// The body of a request: the message itself, with gRPC's prefix where that is the transport.
pub fn frame(transport: Transport, message: &Bytes, compressed: bool) -> Bytes {
    if transport == Transport::Http {
        return message.clone();
    }
    let mut framed = BytesMut::with_capacity(GRPC_PREFIX + message.len());
    framed.put_u8(u8::from(compressed));
    framed.put_u32(message.len() as u32);
    framed.put_slice(message);
    framed.freeze()
}

/// The message in a request's body and how it is compressed; `None` if it is cut short or coded in a
/// way that nobody asked for.
pub fn unframe(
    transport: Transport,
    headers: &HeaderMap,
    body: Bytes,
) -> Option<(Encoding, Bytes)> {
    let named = |name| match headers.get(name) {
        Some(value) => Encoding::from_token(value.to_str().ok()?),
        None => Some(Encoding::Identity),
    };
    if transport == Transport::Http {
        return Some((named(CONTENT_ENCODING)?, body));
    }
    let (prefix, message) = body.split_at_checked(GRPC_PREFIX)?;
    let len = u32::from_be_bytes(prefix.get(1..)?.try_into().ok()?);
    let encoding = if prefix.first() == Some(&0) {
        Encoding::Identity
    } else {
        named(GRPC_ENCODING)?
    };
    (len as usize == message.len()).then(|| (encoding, body.slice(GRPC_PREFIX..)))
}

/// An answer that says that everything was accepted.
pub fn success(transport: Transport) -> Response<Message> {
    match transport {
        Transport::Grpc => {
            let trailers = HeaderMap::from_iter([(GRPC_STATUS, HeaderValue::from_static("0"))]);
            let data = Some(Bytes::from_static(&[0; GRPC_PREFIX]));
            answer(
                Message {
                    data,
                    trailers: Some(trailers),
                },
                "application/grpc",
            )
        }
        Transport::Http => answer(Message::default(), "application/x-protobuf"),
    }
}

/// An answer that says: not now, try again (UNAVAILABLE, 503), without a hint when.
pub fn refusal(transport: Transport) -> Response<Message> {
    let mut response = success(transport);
    *response.body_mut() = Message::default();
    match transport {
        Transport::Grpc => drop(
            response
                .headers_mut()
                .insert(GRPC_STATUS, HeaderValue::from_static("14")),
        ),
        Transport::Http => *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE,
    }
    response
}

fn answer(body: Message, content_type: &'static str) -> Response<Message> {
    let mut response = Response::new(body);
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// What the sender of a request learns from the answer.
pub enum Outcome {
    Accepted,
    /// A retryable refusal, or success for only a part; with its text.
    Refused(String),
}

/// Reads an answer whose body has arrived.
pub fn outcome(
    transport: Transport,
    head: &http::response::Parts,
    body: Collected<Bytes>,
) -> Outcome {
    let empty_len = if transport == Transport::Grpc {
        GRPC_PREFIX
    } else {
        0
    };
    let status = match transport {
        Transport::Grpc => body
            .trailers()
            .unwrap_or(&head.headers)
            .get(GRPC_STATUS)
            .cloned(),
        Transport::Http => None,
    };
    let accepted = head.status == StatusCode::OK
        && (transport == Transport::Http || status.as_ref().is_some_and(|status| status == "0"));
    let text = body.to_bytes();
    if accepted && (text.len() <= empty_len || is_empty_partial_success(&text[empty_len..])) {
        return Outcome::Accepted;
    }
    Outcome::Refused(format!(
        "{}, grpc-status {status:?}: {}",
        head.status,
        String::from_utf8_lossy(&text)
    ))
}

/// `partial_success` present but empty means full success (OTLP specification, "Partial Success").
fn is_empty_partial_success(message: &[u8]) -> bool {
    message == [0x0a, 0]
}
