//! One exchange over HTTP/1.1. The connection is polled by whoever waits for what it carries: dropping the one drops the
//! other.

use std::error::Error as _;
use std::io;

use bytes::Bytes;
use http::Request;
use http::response::Parts;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::Builder;
use hyper_util::rt::TokioIo;

use super::answer::{Answer, Body, Reading, Step};
use super::metered::Metered;
use super::{MAX_HEAD_BYTES, MAX_HEADERS};
use crate::dial::{DialError, Stream};
use crate::probe::failure::{Failure, Phase, Reason};
use crate::probe::line::Line;
use crate::probe::run::Run;

/// Sends `request` on `stream`, lets `decide` look at the head of the answer, and reads at most `max_bytes` of its body.
pub(super) async fn exchange(
    run: &Run,
    stream: Stream,
    request: Request<Bytes>,
    max_bytes: usize,
    decide: impl FnOnce(&Parts) -> Result<Step, Failure>,
) -> Result<Answer, Failure> {
    let (stream, allowance) = Metered::of(stream);
    let handshake = builder().handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|error| failure(&error))?;
    let mut line = Line::new(connection);
    let asked = line.carry(sender.send_request(request.map(Full::new)));
    let response = run.phase(Phase::FirstByte, asked).await;
    let (head, body) = response.map_err(|error| failure(&error))?.into_parts();
    match decide(&head)? {
        Step::Follow(hop) => Ok(Answer::Redirect(hop)),
        Step::Read => {
            allowance.for_body(max_bytes);
            let body = run.phase(Phase::Body, line.carry(read(body, max_bytes)));
            let body = body.await.map_err(|error| failure(&error))?;
            Ok(Answer::Whole(head, body))
        }
    }
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADERS);
    builder
}

async fn read(mut body: Incoming, max_bytes: usize) -> Result<Body, hyper::Error> {
    let mut reading = Reading::up_to(max_bytes);
    while let Some(frame) = body.frame().await {
        if !frame?.data_ref().is_none_or(|part| reading.take(part)) {
            break;
        }
    }
    Ok(reading.end())
}

/// What an error of hyper means.
fn failure(error: &hyper::Error) -> Failure {
    let cause = error.source();
    if let Some(io) = cause.and_then(|cause| cause.downcast_ref()) {
        return of_socket(io);
    }
    // A request that was given up for what happened before it was sent.
    if let Some(cause) = cause.and_then(|cause| cause.downcast_ref()) {
        return failure(cause);
    }
    let (reason, message) = if error.is_parse_too_large() {
        let message = format!(
            "the head of the answer is too large: more than {} KiB or {MAX_HEADERS} headers",
            MAX_HEAD_BYTES >> 10
        );
        (Reason::Protocol, message)
    } else if error.is_parse_version_h2() {
        let message = "the server answered in HTTP/2: set http.version = \"2\"";
        (Reason::Protocol, message.to_owned())
    } else if error.is_incomplete_message() {
        let message = "the server closed the connection before its answer was complete";
        (Reason::Closed, message.to_owned())
    } else if error.is_canceled() || error.is_closed() {
        let message = "the server closed the connection";
        (Reason::Closed, message.to_owned())
    } else {
        let message = format!("the answer is not valid HTTP/1.1: {error}");
        (Reason::Protocol, message)
    };
    Failure::new(reason, message)
}

/// hyper reports what is wrong with the frame of a body as an error of the socket.
fn of_socket(error: &io::Error) -> Failure {
    match (error.kind(), DialError::from(error)) {
        (io::ErrorKind::QuotaExceeded, _) => Failure::new(Reason::Protocol, error.to_string()),
        (io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData, DialError::Io(error)) => {
            let message = format!("the body is not valid HTTP/1.1: {error}");
            Failure::new(Reason::Protocol, message)
        }
        (_, DialError::Closed) => Failure::new(
            Reason::Closed,
            "the server closed the connection before its answer was complete",
        ),
        (_, other) => other.into(),
    }
}
