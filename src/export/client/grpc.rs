//! Unary OTLP/gRPC calls, framed by hand: the body is sent as it is, compressed or not.

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use http::header::{CONTENT_TYPE, TE};
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;

use super::{Client, MAX_ANSWER_BYTES};
use crate::export::outcome::Outcome;
use crate::export::payload::Payload;
use crate::otlp::{Code, Encoding, Signal, Status};

const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
const TRAILERS: HeaderValue = HeaderValue::from_static("trailers");
const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const PREFIX_BYTES: usize = 5;

pub(super) async fn send(
    client: &Client,
    signal: Signal,
    encoding: Encoding,
    mut payload: Payload,
    trace: &HeaderMap,
) -> Outcome {
    let Some(prefix) = prefix(encoding, payload.len()) else {
        return Outcome::Refused {
            why: "the request is larger than 4 GiB".into(),
        };
    };
    payload.push_front(prefix);
    let mut request = client.request(signal, payload, trace);
    let headers = request.headers_mut();
    headers.insert(CONTENT_TYPE, GRPC);
    headers.insert(TE, TRAILERS);
    if encoding != Encoding::Identity {
        headers.insert(GRPC_ENCODING, HeaderValue::from_static(encoding.token()));
    }
    match client.exchange(request).await {
        Ok(response) => read(response).await,
        Err(outcome) => outcome,
    }
}

fn prefix(encoding: Encoding, length: usize) -> Option<Bytes> {
    let mut prefix = BytesMut::with_capacity(PREFIX_BYTES);
    prefix.put_u8(u8::from(encoding != Encoding::Identity));
    prefix.put_u32(u32::try_from(length).ok()?);
    Some(prefix.freeze())
}

async fn read(response: http::Response<Incoming>) -> Outcome {
    let (head, body) = response.into_parts();
    if let Some(outcome) = outcome(&head.headers) {
        return outcome; // "Trailers-Only": there is no message
    }
    if !head.status.is_success() {
        // A proxy's answer, not the service's; gRPC, "HTTP to gRPC Status Code Mapping".
        return Outcome::of_http(head.status, "the answer is not gRPC", None);
    }
    let body = match Limited::new(body, MAX_ANSWER_BYTES).collect().await {
        Ok(body) => body,
        Err(error) => return Outcome::retry(format!("reading the answer failed: {error}")),
    };
    let status = body.trailers().and_then(outcome);
    match status {
        Some(Outcome::Delivered { .. }) => {
            let framed = body.to_bytes();
            Outcome::delivered(framed.get(PREFIX_BYTES..).unwrap_or_default())
        }
        Some(outcome) => outcome,
        None => Outcome::retry("the answer carries no grpc-status"),
    }
}

/// What `grpc-status` and its companions say; `None` where there is no status.
fn outcome(headers: &HeaderMap) -> Option<Outcome> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let number = headers
        .get("grpc-status")?
        .to_str()
        .ok()?
        .parse()
        .unwrap_or(i64::MAX);
    let message = text("grpc-message").unwrap_or_default();
    let details = text("grpc-status-details-bin").and_then(|value| Status::from_header(value).ok());
    let delay: Option<Duration> = details.and_then(|status| status.retry_delay);
    Some(Outcome::of_grpc(Code::from_number(number), message, delay))
}
