//! Where a message ends (RFC 9112, section 6).

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Version};

use crate::gateway::RequestBody;
use crate::gateway::upstream::length::tell_length;

/// Has `request` say where its body ends.
pub(super) fn frame(request: &mut Request<RequestBody>) {
    *request.version_mut() = Version::HTTP_11;
    request.headers_mut().remove(TRANSFER_ENCODING);
    if !tell_length(request) {
        let chunked = HeaderValue::from_static("chunked");
        request.headers_mut().insert(TRANSFER_ENCODING, chunked);
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
