//! How long the body of a request is, as its head says (RFC 9110, section 8.6).

use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Method, Request};
use http_body::Body;

use crate::gateway::RequestBody;

/// Has the head say how long the body is, whatever it said before: the upstream must not see another end than this side. False: that is not
/// known.
pub(super) fn tell_length(request: &mut Request<RequestBody>) -> bool {
    let length = request.body().size_hint().exact();
    let expects_body = matches!(
        *request.method(),
        Method::POST | Method::PUT | Method::PATCH
    );
    let headers = request.headers_mut();
    match length {
        Some(0) if !expects_body && !headers.contains_key(CONTENT_LENGTH) => {}
        Some(length) => {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        None => {
            headers.remove(CONTENT_LENGTH);
        }
    }
    length.is_some()
}
