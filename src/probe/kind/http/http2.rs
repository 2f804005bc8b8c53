//! One exchange over HTTP/2. The connection is polled by whoever waits for what it carries: dropping the one drops the
//! other.

use std::io;

use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use h2::{Reason as Http2Reason, RecvStream};
use http::Request;
use http::response::Parts;

use super::MAX_HEAD_BYTES;
use super::answer::{Answer, Body, Reading, Step};
use super::metered::Metered;
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
    let asked = run.phase(Phase::FirstByte, async {
        let (sender, connection) = builder().handshake(stream).await.map_err(failure)?;
        let mut line = Line::new(connection);
        let response = line.carry(ask(sender, request)).await?;
        Ok::<_, Failure>((line, response))
    });
    let (mut line, response) = asked.await?;
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

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder
        .max_header_list_size(MAX_HEAD_BYTES as u32)
        .enable_push(false);
    builder
}

async fn ask(
    sender: SendRequest<Bytes>,
    request: Request<Bytes>,
) -> Result<http::Response<RecvStream>, Failure> {
    let mut sender = sender.ready().await.map_err(failure)?;
    let (head, body) = request.into_parts();
    let request = Request::from_parts(head, ());
    let sent = sender.send_request(request, body.is_empty());
    let (response, mut stream) = sent.map_err(failure)?;
    if !body.is_empty() {
        // A server may answer, and end the stream, without having read the question.
        let _ = stream.send_data(body, true);
    }
    response.await.map_err(failure)
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
        // rustls reports what goes wrong within TLS so.
        io::ErrorKind::InvalidData => DialError::Tls(error.to_string()).into(),
        _ => DialError::from(error).into(),
    }
}
