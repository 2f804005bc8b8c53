//! OTLP/HTTP requests with protobuf bodies.

use std::time::{Duration, SystemTime};

use http::header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue};
use http_body_util::{BodyExt, Limited};

use super::{Client, MAX_ANSWER_BYTES};
use crate::export::outcome::Outcome;
use crate::export::payload::Payload;
use crate::otlp::{Code, Encoding, Signal, Status};

const PROTOBUF: HeaderValue = HeaderValue::from_static("application/x-protobuf");

pub(super) async fn send(
    client: &Client,
    signal: Signal,
    encoding: Encoding,
    payload: Payload,
    trace: &HeaderMap,
) -> Outcome {
    let mut request = client.request(signal, payload, trace);
    let headers = request.headers_mut();
    headers.insert(CONTENT_TYPE, PROTOBUF);
    if encoding != Encoding::Identity {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding.token()));
    }
    let response = match client.exchange(request).await {
        Ok(response) => response,
        Err(outcome) => return outcome,
    };
    let (head, body) = response.into_parts();
    let answer = match Limited::new(body, MAX_ANSWER_BYTES).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return Outcome::retry(format!("reading the answer failed: {error}")),
    };
    if head.status.is_success() {
        return Outcome::delivered(&answer);
    }
    let status = Status::from_protobuf(&answer).unwrap_or_else(|_| Status::new(Code::Unknown, ""));
    Outcome::of_http(
        head.status,
        &status.message,
        retry_after(&head.headers, SystemTime::now()),
    )
}

/// Retry-After in either of its forms (RFC 9110, section 10.2.3).
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}
