//! One unary call on a connection of its own. The connection is polled by the call itself: when the call is dropped, so
//! is the connection.

use bytes::{Bytes, BytesMut};
use h2::{Reason as Http2Reason, RecvStream};
use http::{HeaderMap, Request, StatusCode};

use crate::dial::Stream;
use crate::probe::failure::{Failure, Phase, Reason};
use crate::probe::http2;
use crate::probe::run::Run;

/// An answer is a few bytes; a server that sends more is cut off.
const MAX_ANSWER_BYTES: usize = 16 << 10;
/// All headers of an answer together, and its trailers likewise.
const MAX_HEADER_BYTES: u32 = 16 << 10;

/// Everything that a server answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) trailers: Option<HeaderMap>,
}

/// Sends `request` with `message` over HTTP/2 on `stream`, and reads the answer to its end.
pub(super) async fn call(
    run: &Run,
    stream: Stream,
    request: Request<()>,
    message: Bytes,
) -> Result<Answer, Failure> {
    let sent = http2::send(stream, MAX_HEADER_BYTES, request.map(|()| message));
    let asked = run.phase(Phase::FirstByte, sent);
    let (mut line, response) = asked.await.map_err(failure)?;
    let (head, body) = response.into_parts();
    let (body, trailers) = match body.is_end_stream() {
        true => (Bytes::new(), None),
        false => run.phase(Phase::Body, line.carry(read(body))).await?,
    };
    Ok(Answer {
        status: head.status,
        headers: head.headers,
        body,
        trailers,
    })
}

async fn read(mut body: RecvStream) -> Result<(Bytes, Option<HeaderMap>), Failure> {
    let mut read = BytesMut::new();
    while let Some(chunk) = body.data().await {
        let chunk = chunk.map_err(failure)?;
        if read.len() + chunk.len() > MAX_ANSWER_BYTES {
            let message = format!("the answer is longer than {MAX_ANSWER_BYTES} bytes");
            return Err(Failure::new(Reason::Protocol, message));
        }
        read.extend_from_slice(&chunk);
        // Fails only for a stream that has ended, which needs no room.
        let _ = body.flow_control().release_capacity(chunk.len());
    }
    let trailers = body.trailers().await.map_err(failure)?;
    Ok((read.freeze(), trailers))
}

/// What an error of HTTP/2 means. The meanings of a stream that is reset are gRPC's (PROTOCOL-HTTP2, "Errors").
fn failure(error: h2::Error) -> Failure {
    if let Some(error) = error.get_io() {
        return http2::of_socket(error);
    }
    let why = error.reason().unwrap_or(Http2Reason::INTERNAL_ERROR);
    let text = why.description();
    if !error.is_remote() {
        let message = format!("the answer is not valid HTTP/2, which gRPC needs: {text}");
        return Failure::new(Reason::Protocol, message);
    }
    match why {
        Http2Reason::NO_ERROR if error.is_go_away() => Failure::new(
            Reason::Unavailable,
            "the server ends its connections, as when it stops",
        ),
        Http2Reason::REFUSED_STREAM => {
            Failure::new(Reason::Unavailable, "the server refused the call unread")
        }
        Http2Reason::ENHANCE_YOUR_CALM => {
            Failure::new(Reason::Full, "the server asks for fewer calls")
        }
        Http2Reason::INADEQUATE_SECURITY => Failure::new(
            Reason::Permission,
            "the server does not find the connection secure enough",
        ),
        _ => Failure::new(
            Reason::Protocol,
            format!("the server broke the call off: {text}"),
        ),
    }
}
