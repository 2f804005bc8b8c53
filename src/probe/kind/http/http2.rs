//! One exchange over HTTP/2. The connection is polled by whoever waits for what it carries: dropping the one drops the
//! other.

use std::io;

use bytes::Bytes;
use h2::{Reason as Http2Reason, RecvStream};
use http::Request;
use http::response::Parts;

use super::MAX_HEAD_BYTES;
use super::answer::{Answer, Body, Reading, Step};
use super::metered::Metered;
use crate::dial::Stream;
use crate::probe::failure::{Failure, Phase, Reason};
use crate::probe::http2;
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
    let sent = http2::send(stream, MAX_HEAD_BYTES as u32, request);
    let asked = run.phase(Phase::FirstByte, sent);
    let (mut line, response) = asked.await.map_err(failure)?;
    let (head, body) = response.into_parts();
    match decide(&head)? {
        Step::Follow(hop) => Ok(Answer::Redirect(hop)),
        Step::Read => {
            allowance.for_body(max_bytes);
            let body = run.phase(Phase::Body, line.carry(read(body, max_bytes)));
            Ok(Answer::Whole(head, body.await?))
        }
    }
}

async fn read(mut body: RecvStream, max_bytes: usize) -> Result<Body, Failure> {
    let mut reading = Reading::up_to(max_bytes);
    while let Some(part) = body.data().await {
        let part = part.map_err(failure)?;
        if !reading.take(&part) {
            break;
        }
        // Fails only for a stream that has ended, which needs no room.
        let _ = body.flow_control().release_capacity(part.len());
    }
    Ok(reading.end())
}

/// What an error of HTTP/2 means (RFC 9113, section 7).
fn failure(error: h2::Error) -> Failure {
    if let Some(io) = error.get_io() {
        return of_socket(io);
    }
    let why = error.reason().unwrap_or(Http2Reason::INTERNAL_ERROR);
    let text = why.description();
    if !error.is_remote() {
        let message = format!("the answer is not valid HTTP/2: {text}");
        return Failure::new(Reason::Protocol, message);
    }
    let (reason, message) = match why {
        Http2Reason::NO_ERROR if error.is_go_away() => (
            Reason::Closed,
            "the server ends its connections, as when it stops".to_owned(),
        ),
        Http2Reason::REFUSED_STREAM => (
            Reason::Unavailable,
            "the server refused the request unread".to_owned(),
        ),
        Http2Reason::ENHANCE_YOUR_CALM => (
            Reason::Full,
            "the server asks for fewer requests".to_owned(),
        ),
        Http2Reason::HTTP_1_1_REQUIRED => (
            Reason::Protocol,
            "the server wants HTTP/1.1 for this: set http.version = \"1.1\"".to_owned(),
        ),
        _ => (
            Reason::Protocol,
            format!("the server broke the request off: {text}"),
        ),
    };
    Failure::new(reason, message)
}

fn of_socket(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::QuotaExceeded => Failure::new(Reason::Protocol, error.to_string()),
        _ => http2::of_socket(error),
    }
}
