//! Where a message ends (RFC 9112, section 6).

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body::Body;

use crate::gateway::RequestBody;

/// Has `request` say how long its body is, whatever it said before: the upstream must not see another end than this side.
pub(super) fn frame(request: &mut Request<RequestBody>) {
    *request.version_mut() = Version::HTTP_11;
    let length = request.body().size_hint().exact();
    let expects_body = matches!(
        *request.method(),
        Method::POST | Method::PUT | Method::PATCH
    );
    let headers = request.headers_mut();
    headers.remove(TRANSFER_ENCODING);
    match length {
        Some(0) if !expects_body && !headers.contains_key(CONTENT_LENGTH) => {}
        Some(length) => {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        None => {
            headers.remove(CONTENT_LENGTH);
            headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
    }
}

/// What is wrong with the head of an answer that hyper accepted.
pub(super) fn refusal<B>(answer: &Response<B>, asked_to_upgrade: bool) -> Option<&'static str> {
    let headers: &HeaderMap = answer.headers();
    if answer.status() == StatusCode::SWITCHING_PROTOCOLS && !asked_to_upgrade {
        return Some("switched protocols, which nobody asked for");
    }
    // RFC 9112, section 6.3: a message that names both ought to be handled as an error.
    if headers.contains_key(TRANSFER_ENCODING) && headers.contains_key(CONTENT_LENGTH) {
        return Some("sent an answer with both Content-Length and Transfer-Encoding");
    }
    None
}
