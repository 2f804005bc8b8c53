//! OTLP/HTTP: protobuf and JSON over POST (OTLP specification, "OTLP/HTTP").

use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, ALLOW, CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use tokio::time::{Instant, timeout};

use super::reply::ReplyBody;
use super::status::told;
use super::{Shared, auth, body};
use crate::intake::{Accepted, Admission, Offer, Refusal, Visit};
use crate::ledger::TurnedAway;
use crate::otlp::{Code, Encoding, Signal, Status};
use crate::telemetry::CallSpan;
use crate::telemetry::propagation::X_REQUEST_ID;

const SPOKEN_ENCODINGS: HeaderValue = HeaderValue::from_static("identity, gzip, zstd");

/// How the sender writes its requests, and so how it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Protobuf,
    Json,
}

pub(super) async fn answer(shared: &Shared, request: Request<Incoming>) -> Response<ReplyBody> {
    let routed = route(shared, &request);
    let span = CallSpan::server(span_name(&routed), request.headers());
    let id = span.request_id(request.headers()).header();
    let granted = shared.options.cors.grant(request.headers());
    let (mut response, error) = match routed {
        Ok(signal) => export(shared, signal, request).await,
        Err(response) => (*response, None),
    };
    response.headers_mut().insert(X_REQUEST_ID, id);
    response.headers_mut().extend(granted.unwrap_or_default());
    span.end(error.as_deref());
    response
}

/// "{method} {route}" of the semantic conventions for HTTP spans.
fn span_name<E>(routed: &Result<Signal, E>) -> &'static str {
    match routed {
        Ok(Signal::Traces) => "POST /v1/traces",
        Ok(Signal::Metrics) => "POST /v1/metrics",
        Ok(Signal::Logs) => "POST /v1/logs",
        Err(_) => "HTTP",
    }
}

/// The signal that the request is for, or the answer to a request that is for none.
fn route<B>(shared: &Shared, request: &Request<B>) -> Result<Signal, Box<Response<ReplyBody>>> {
    let path = request.uri().path();
    let Some(signal) = Signal::ALL
        .into_iter()
        .find(|signal| signal.http_path() == path)
    else {
        let message =
            format!("{path} is not an OTLP path; send to /v1/traces, /v1/metrics or /v1/logs");
        return Err(Box::new(misdirected(
            StatusCode::NOT_FOUND,
            &message,
            HeaderMap::new(),
        )));
    };
    if let Some(headers) = shared.options.cors.preflight(request) {
        let mut response = Response::new(ReplyBody::default());
        *response.status_mut() = StatusCode::NO_CONTENT;
        *response.headers_mut() = headers;
        return Err(Box::new(response));
    }
    if request.method() != Method::POST {
        let allow = HeaderMap::from_iter([(ALLOW, HeaderValue::from_static("POST"))]);
        let message = format!("{path} takes POST only");
        return Err(Box::new(misdirected(
            StatusCode::METHOD_NOT_ALLOWED,
            &message,
            allow,
        )));
    }
    Ok(signal)
}

/// Answers an export request; beside the answer, what went wrong.
async fn export(
    shared: &Shared,
    signal: Signal,
    request: Request<Incoming>,
) -> (Response<ReplyBody>, Option<String>) {
    let begun = Instant::now();
    let _active = shared.http_routes[signal.index()].started();
    let (head, body) = request.into_parts();
    let format = format(&head.headers);
    let admission = admit(shared, signal, &head.headers, &format, body).await;
    let format = format.unwrap_or(Format::Protobuf);
    let response = match &admission {
        Ok(Accepted { .. }) => accepted(format),
        Err(refusal) => refused(shared, signal, refusal, format),
    };
    shared.http_routes[signal.index()].answered(response.status().as_u16(), begun.elapsed());
    (response, admission.err().map(|refusal| refusal.message))
}

async fn admit(
    shared: &Shared,
    signal: Signal,
    headers: &HeaderMap,
    format: &Result<Format, Refusal>,
    mut body: Incoming,
) -> Admission {
    let (max_bytes, limit) = (shared.options.max_body_bytes, shared.options.body_timeout);
    let read = async {
        auth::check(shared.options.token.as_ref(), headers)?;
        let format = format.clone()?;
        let encoding = body::encoding(headers, &CONTENT_ENCODING)?.unwrap_or(Encoding::Identity);
        let mut visit = shared.intake.enter()?;
        let bytes = body::read_whole(&mut body, &mut visit, max_bytes).await?;
        Ok((visit, format, encoding, bytes))
    };
    match timeout(limit, read)
        .await
        .unwrap_or_else(|_| Err(body::timed_out()))
    {
        Ok((visit, format, encoding, bytes)) => offer(visit, signal, format, encoding, bytes).await,
        Err(refusal) => {
            body::discard(body, &refusal, max_bytes, limit).await;
            Err(refusal)
        }
    }
}

async fn offer(
    visit: Visit,
    signal: Signal,
    format: Format,
    encoding: Encoding,
    bytes: Bytes,
) -> Admission {
    let offer = Offer {
        signal,
        encoding,
        bytes,
    };
    match format {
        Format::Protobuf => visit.offer(offer).await,
        Format::Json => visit.offer_json(offer).await,
    }
}

fn format(headers: &HeaderMap) -> Result<Format, Refusal> {
    let content_type = headers
        .get(CONTENT_TYPE)
        .map_or("", |value| value.to_str().unwrap_or("?"));
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    match essence.to_ascii_lowercase().as_str() {
        "application/x-protobuf" | "application/protobuf" => Ok(Format::Protobuf),
        "application/json" => Ok(Format::Json),
        _ => {
            let message = format!(
                "content-type {content_type:?} is not OTLP; send application/x-protobuf or application/json"
            );
            Err(Refusal::new(TurnedAway::Unsupported, message))
        }
    }
}

/// An empty `Export*ServiceResponse` in the sender's format: everything was taken in.
fn accepted(format: Format) -> Response<ReplyBody> {
    let body = match format {
        Format::Protobuf => ReplyBody::default(),
        Format::Json => ReplyBody::data("{}"),
    };
    respond(StatusCode::OK, format, body)
}

fn refused(
    shared: &Shared,
    signal: Signal,
    refusal: &Refusal,
    format: Format,
) -> Response<ReplyBody> {
    shared.intake.turn_away(signal, refusal);
    let told = told(refusal.reason);
    let retry_after = told.retryable.then_some(shared.options.retry_after);
    let status = Status::new(told.grpc, &refusal.message).with_retry_delay(retry_after);
    let mut response = respond(told.http, format, status_body(&status, format));
    let headers = response.headers_mut();
    if let Some(wait) = retry_after {
        // Whole seconds, rounded up (RFC 9110, section 10.2.3): never an invitation to come early.
        let seconds = wait.as_millis().div_ceil(1000);
        headers.insert(
            RETRY_AFTER,
            HeaderValue::from(u64::try_from(seconds).unwrap_or(u64::MAX)),
        );
    }
    match refusal.reason {
        TurnedAway::Unsupported => headers.insert(ACCEPT_ENCODING, SPOKEN_ENCODINGS),
        TurnedAway::Unauthenticated => {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
        }
        _ => None,
    };
    response
}

fn misdirected(status: StatusCode, message: &str, headers: HeaderMap) -> Response<ReplyBody> {
    let body = status_body(&Status::new(Code::Unimplemented, message), Format::Json);
    let mut response = respond(status, Format::Json, body);
    response.headers_mut().extend(headers);
    response
}

fn status_body(status: &Status, format: Format) -> ReplyBody {
    match format {
        Format::Protobuf => ReplyBody::data(status.to_protobuf()),
        Format::Json => ReplyBody::data(status.to_json()),
    }
}

fn respond(status: StatusCode, format: Format, body: ReplyBody) -> Response<ReplyBody> {
    let content_type = match format {
        Format::Protobuf => HeaderValue::from_static("application/x-protobuf"),
        Format::Json => HeaderValue::from_static("application/json"),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}
