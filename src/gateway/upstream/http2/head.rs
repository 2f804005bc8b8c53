//! The head of a request as HTTP/2 has it.

use http::header::{CONNECTION, HOST, TE, TRANSFER_ENCODING, UPGRADE};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, Request, Uri, Version};

use crate::gateway::RequestBody;
use crate::gateway::upstream::length::tell_length;

/// Headers that speak of a connection of HTTP/1.1 (RFC 9113, section 8.2.2).
const OF_A_CONNECTION: [HeaderName; 5] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Puts the host into the URI (RFC 9113, section 8.3.1), and has the head say how long the body is. `Err`: what is wrong with it.
pub(super) fn prepare(
    request: &mut Request<RequestBody>,
    is_tls: bool,
    name: &str,
) -> Result<(), &'static str> {
    let host = request.headers_mut().remove(HOST);
    let authority = match &host {
        Some(host) => Authority::try_from(host.as_bytes()),
        None => Authority::try_from(name),
    };
    let authority = authority.map_err(|_| "cannot be asked with such a Host header")?;
    let path = request.uri().path_and_query().cloned();
    let uri = Uri::builder()
        .scheme(if is_tls { Scheme::HTTPS } else { Scheme::HTTP })
        .authority(authority)
        .path_and_query(path.unwrap_or_else(|| PathAndQuery::from_static("/")))
        .build();
    *request.uri_mut() = uri.map_err(|_| "cannot be asked for such a target")?;
    *request.version_mut() = Version::HTTP_2;
    strip(request.headers_mut());
    tell_length(request);
    Ok(())
}

fn strip(headers: &mut HeaderMap) {
    for name in &OF_A_CONNECTION {
        headers.remove(name);
    }
    if headers.get(TE).is_some_and(|value| value != "trailers") {
        headers.remove(TE);
    }
}
