//! OTLP/gRPC: unary calls, framed by hand so that compressed bytes stay as they came, bodies are
//! charged before they are read, and statuses are the ones that OTLP asks for.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use opentelemetry::KeyValue;
use tokio::time::{Instant, timeout};

use super::reply::ReplyBody;
use super::status::told;
use super::{Shared, auth, body};
use crate::intake::{Accepted, Admission, Offer, Refusal, Visit};
use crate::ledger::TurnedAway;
use crate::otlp::{Code, Encoding, Signal, Status};
use crate::telemetry::{CallSpan, names};

const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const GRPC_DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");
const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const SPOKEN_ENCODINGS: HeaderValue = HeaderValue::from_static("identity,gzip,zstd");

/// An empty `Export*ServiceResponse`, framed: not compressed, zero bytes long.
const EMPTY_MESSAGE: Bytes = Bytes::from_static(&[0; 5]);

pub(super) async fn answer(shared: &Shared, request: Request<Incoming>) -> Response<ReplyBody> {
    let Some(signal) = signal(&request) else {
        return unknown_method(&request);
    };
    let begun = Instant::now();
    let span = CallSpan::server(&signal.grpc_path()[1..], request.headers());
    span.describe(|| rpc_attributes(signal));
    let admission = admit(shared, signal, request).await;
    let response = match &admission {
        Ok(Accepted { .. }) => accepted(),
        Err(refusal) => refused(shared, signal, refusal),
    };
    let code = code(&admission);
    shared.rpc_methods[signal.index()].answered(code.number().into(), begun.elapsed());
    span.end(admission.err().map(|refusal| refusal.message).as_deref());
    response
}

fn rpc_attributes(signal: Signal) -> [KeyValue; 2] {
    [
        KeyValue::new(names::RPC_SYSTEM, "grpc"),
        KeyValue::new(names::RPC_METHOD, &signal.grpc_path()[1..]),
    ]
}

fn signal<B>(request: &Request<B>) -> Option<Signal> {
    let path = request.uri().path();
    let known = Signal::ALL
        .into_iter()
        .find(|signal| signal.grpc_path() == path);
    known.filter(|_| request.method() == Method::POST)
}

async fn admit(shared: &Shared, signal: Signal, request: Request<Incoming>) -> Admission {
    let (head, mut body) = request.into_parts();
    let (max_bytes, limit) = (shared.options.max_body_bytes, shared.options.body_timeout);
    let read = async {
        auth::check(shared.options.token.as_ref(), &head.headers)?;
        let encoding = body::encoding(&head.headers, &GRPC_ENCODING)?;
        let mut visit = shared.intake.enter()?;
        let message = body::read_message(&mut body, &mut visit, max_bytes).await?;
        Ok((visit, message, encoding))
    };
    let read = timeout(limit, read)
        .await
        .unwrap_or_else(|_| Err(body::timed_out()));
    match read {
        Ok((visit, message, encoding)) => offer(visit, signal, message, encoding).await,
        Err(refusal) => {
            body::discard(body, &refusal, max_bytes, limit).await;
            Err(refusal)
        }
    }
}

async fn offer(
    visit: Visit,
    signal: Signal,
    message: body::Message,
    encoding: Option<Encoding>,
) -> Admission {
    let encoding = match (message.compressed, encoding) {
        (false, _) => Encoding::Identity,
        (true, Some(encoding)) if encoding != Encoding::Identity => encoding,
        (true, _) => {
            let message = "the message is marked compressed but grpc-encoding names no compression";
            return Err(Refusal::new(TurnedAway::Malformed, message));
        }
    };
    visit
        .offer(Offer {
            signal,
            encoding,
            bytes: message.bytes,
        })
        .await
}

fn code(admission: &Admission) -> Code {
    admission
        .as_ref()
        .map_or_else(|refusal| told(refusal.reason).grpc, |_| Code::Ok)
}

fn accepted() -> Response<ReplyBody> {
    let trailers = HeaderMap::from_iter([(GRPC_STATUS, HeaderValue::from_static("0"))]);
    respond(ReplyBody::with_trailers(EMPTY_MESSAGE, trailers))
}

fn refused(shared: &Shared, signal: Signal, refusal: &Refusal) -> Response<ReplyBody> {
    shared.intake.turn_away(signal, refusal);
    let told = told(refusal.reason);
    let retry_after = told.retryable.then_some(shared.options.retry_after);
    trailers_only(&Status::new(told.grpc, &refusal.message).with_retry_delay(retry_after))
}

fn unknown_method<B>(request: &Request<B>) -> Response<ReplyBody> {
    let path = request.uri().path();
    let message =
        format!("{path} is not an OTLP method; see TraceService, MetricsService, LogsService");
    trailers_only(&Status::new(Code::Unimplemented, &message))
}

/// A "Trailers-Only" answer: the status in the head, no message.
fn trailers_only(status: &Status) -> Response<ReplyBody> {
    let mut response = respond(ReplyBody::default());
    let headers = response.headers_mut();
    headers.insert(
        GRPC_STATUS,
        HeaderValue::from(u16::from(status.code.number())),
    );
    headers.insert(GRPC_ACCEPT_ENCODING, SPOKEN_ENCODINGS);
    let mut put = |name: HeaderName, value: String| {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    };
    put(GRPC_MESSAGE, percent_encoded(&status.message));
    put(GRPC_DETAILS, status.to_header());
    response
}

fn respond(body: ReplyBody) -> Response<ReplyBody> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::OK;
    response.headers_mut().insert(CONTENT_TYPE, GRPC);
    response
}

/// "Percent-Encoded" of gRPC over HTTP/2: everything but printable ASCII, and `%` itself.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' '..=b'~' if byte != b'%' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a message with a line break, a percent sign and text beyond ASCII. Guarantees: it
    /// becomes a legal header value that decodes to the same text.
    #[test]
    fn messages_are_percent_encoded() {
        assert_eq!(percent_encoded("50% of\nÄ"), "50%25 of%0A%C3%84");
    }
}
