//! Answers as bytes.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use serde::Serialize;
use warp::Reply as _;

use super::Scraped;
use super::feed::{EVENT_STREAM, EventStream};

/// What an endpoint answers.
pub(super) type Answer = Response<Body>;

/// The body of an answer.
pub(super) enum Body {
    /// All of it.
    Whole(Bytes),
    /// Events as they happen.
    Events(EventStream),
}

/// The answer as warp takes it.
pub(super) fn sent(answer: Answer) -> warp::reply::Response {
    let (head, body) = answer.into_parts();
    match body {
        Body::Whole(bytes) => Response::from_parts(head, bytes.into()),
        Body::Events(events) => {
            let streamed = warp::reply::stream(events).into_response();
            Response::from_parts(head, streamed.into_body())
        }
    }
}

/// `application/json`, in UTF-8 by definition (RFC 8259, section 11).
pub(super) const JSON: &str = "application/json";

/// JSON in the words of the draft "Health Check Response Format for HTTP APIs" (draft-inadarei-api-health-check-06).
pub(super) const HEALTH_JSON: &str = "application/health+json";

/// Text for people.
pub(super) const TEXT: &str = "text/plain";

/// An answer with `body` as JSON.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Answer {
    typed(status, HeaderValue::from_static(JSON), to_json(body))
}

/// An answer with `body` as JSON in the words of the health draft.
pub(super) fn health_json(status: StatusCode, body: &impl Serialize) -> Answer {
    typed(status, HeaderValue::from_static(HEALTH_JSON), to_json(body))
}

/// An answer for people.
pub(super) fn text(body: String) -> Answer {
    let media_type = HeaderValue::from_static("text/plain; charset=utf-8");
    typed(StatusCode::OK, media_type, body)
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

/// An answer that goes on for as long as the client stays. No `Content-Length`, and no cache in between may keep it.
pub(super) fn events(events: EventStream) -> Answer {
    let mut answer = Response::new(Body::Events(events));
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(EVENT_STREAM));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// An answer with `body` of the given media type.
fn typed(status: StatusCode, media_type: HeaderValue, body: impl Into<Bytes>) -> Answer {
    let body = body.into();
    let length = HeaderValue::from(body.len());
    let mut answer = Response::new(Body::Whole(body));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, media_type);
    headers.insert(CONTENT_LENGTH, length);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// What a HEAD request gets: the same headers, the length included, and no body.
pub(super) fn without_body(answer: Answer) -> Answer {
    answer.map(|_| Body::Whole(Bytes::new()))
}

fn to_json(body: &impl Serialize) -> Vec<u8> {
    // Fails only for maps whose keys are not strings, which no answer holds.
    serde_json::to_vec(body).unwrap_or_else(|_| b"null".to_vec())
}

/// The time now as RFC 3339 with milliseconds, as every `timestamp` shows it.
pub(super) fn timestamp() -> String {
    rfc3339(SystemTime::now())
}

/// `time` as RFC 3339 with milliseconds. Certificates may name times that RFC 3339 cannot write: those become the
/// first or the last that it can.
pub(super) fn rfc3339(time: SystemTime) -> String {
    const LAST: Duration = Duration::from_secs(253_402_300_799);
    let since_epoch = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    humantime::format_rfc3339_millis(UNIX_EPOCH + since_epoch.min(LAST)).to_string()
}

/// Milliseconds with as many digits as microseconds have.
pub(super) fn milliseconds(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}

/// Whole milliseconds.
pub(super) fn whole_milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: times before 1970 and after 9999, and one between. Guarantees: each has a text.
    #[test]
    fn every_time_can_be_written() {
        let day = Duration::from_secs(86_400);
        for (time, text) in [
            (UNIX_EPOCH - day, "1970-01-01T00:00:00.000Z"),
            (UNIX_EPOCH + day, "1970-01-02T00:00:00.000Z"),
            (UNIX_EPOCH + day * 4_000_000, "9999-12-31T23:59:59.000Z"),
        ] {
            assert_eq!(rfc3339(time), text);
        }
        assert_eq!(milliseconds(Duration::from_nanos(1_234_567)), 1.234);
    }
}
