//! Answers as bytes.

use std::time::SystemTime;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use serde::Serialize;

use super::Scraped;

/// An answer whose whole body is known.
pub(super) type Answer = Response<Bytes>;

/// `application/json`, in UTF-8 by definition (RFC 8259, section 11).
pub(super) const JSON: &str = "application/json";

/// An answer with `body` as JSON.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Answer {
    typed(status, HeaderValue::from_static(JSON), to_json(body))
}

/// An answer whose body is JSON already.
pub(super) fn json_text(body: Bytes) -> Answer {
    typed(StatusCode::OK, HeaderValue::from_static(JSON), body)
}

/// The answer to a scrape.
pub(super) fn scraped(scraped: Scraped) -> Answer {
    let mut answer = typed(StatusCode::OK, scraped.content_type, scraped.body);
    if let Some(encoding) = scraped.content_encoding {
        answer.headers_mut().insert(CONTENT_ENCODING, encoding);
    }
    answer
}

/// An answer with `body` of the given media type.
fn typed(status: StatusCode, media_type: HeaderValue, body: impl Into<Bytes>) -> Answer {
    let body = body.into();
    let length = HeaderValue::from(body.len());
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, media_type);
    headers.insert(CONTENT_LENGTH, length);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// What a HEAD request gets: the same headers, the length included, and no body.
pub(super) fn without_body(answer: Answer) -> Answer {
    answer.map(|_| Bytes::new())
}

fn to_json(body: &impl Serialize) -> Vec<u8> {
    // Fails only for maps whose keys are not strings, which no answer holds.
    serde_json::to_vec(body).unwrap_or_else(|_| b"null".to_vec())
}

/// The time now as RFC 3339 with milliseconds, as every `timestamp` shows it.
pub(super) fn timestamp() -> String {
    humantime::format_rfc3339_millis(SystemTime::now()).to_string()
}
