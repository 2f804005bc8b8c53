//! One exchange over HTTP/1.1. The connection is polled by whoever waits for what it carries: dropping the one drops the
//! other.

use std::error::Error as _;
use std::io;
use std::pin::Pin;

use bytes::Bytes;
use http::Request;
use http::response::Parts;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, Connection};
use hyper_util::rt::TokioIo;

use super::answer::{Answer, Body, Reading, Step};
use super::{MAX_HEAD_BYTES, MAX_HEADERS};
use crate::dial::{DialError, Stream};
use crate::probe::failure::{Failure, Phase, Reason};
use crate::probe::run::Run;

/// Sends `request` on `stream`, lets `decide` look at the head of the answer, and reads at most `max_bytes` of its body.
pub(super) async fn exchange(
    run: &Run,
    stream: Stream,
    request: Request<Bytes>,
    max_bytes: usize,
    decide: impl FnOnce(&Parts) -> Result<Step, Failure>,
) -> Result<Answer, Failure> {
    let handshake = builder().handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|error| failure(&error))?;
    let mut line = Line::of(connection);
    let asked = line.carry(sender.send_request(request.map(Full::new)));
    let (head, body) = run.phase(Phase::FirstByte, asked).await?.into_parts();
    match decide(&head)? {
        Step::Follow(hop) => Ok(Answer::Redirect(hop)),
        Step::Read => {
            let body = run.phase(Phase::Body, line.carry(read(body, max_bytes)));
            Ok(Answer::Whole(head, body.await?))
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

type Carrying = Connection<TokioIo<Stream>, Full<Bytes>>;

/// A connection that moves only while somebody waits for what it carries.
struct Line {
    connection: Option<Pin<Box<Carrying>>>,
}

impl Line {
    fn of(connection: Carrying) -> Line {
        Line {
            connection: Some(Box::pin(connection)),
        }
    }

    /// Does `work`, and polls the connection meanwhile. When the connection ends first, `work` still gets what had come, or
    /// fails for the reason that the connection ended for.
    async fn carry<T>(
        &mut self,
        work: impl Future<Output = Result<T, hyper::Error>>,
    ) -> Result<T, Failure> {
        let mut work = std::pin::pin!(work);
        let mut ended = Ok(());
        if let Some(connection) = &mut self.connection {
            tokio::select! {
                biased;
                done = &mut work => return done.map_err(|error| failure(&error)),
                end = connection => ended = end,
            }
            self.connection = None;
        }
        work.await.map_err(|error| match ended {
            Err(why) if error.is_canceled() || error.is_closed() => failure(&why),
            _ => failure(&error),
        })
    }
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
    if let Some(io) = error.source().and_then(|source| source.downcast_ref()) {
        return of_socket(io);
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
