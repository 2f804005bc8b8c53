//! Answers to requests that cannot be answered: JSON that says what to do instead.

use http::header::{ALLOW, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use serde::Serialize;

use super::answer::{self, Answer};
use super::endpoint::{ENDPOINTS, Endpoint, trimmed};
use super::request::{MAX_QUERY_BYTES, Request};
use crate::config::nearest;

#[derive(Default, Serialize)]
struct Fault<'a> {
    status: u16,
    error: &'a str,
    message: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    endpoints: Vec<&'static str>,
    /// The names of every check.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    probes: Vec<&'a str>,
}

/// 405 where the path is known and the method is not, else 404.
pub(super) fn unanswered(request: &Request) -> Answer {
    let path = request.path.as_str();
    let mut endpoints = ENDPOINTS.iter();
    match endpoints.find(|endpoint| endpoint.parameter(path).is_some()) {
        Some(endpoint) => method_not_allowed(request, endpoint),
        None => not_found(trimmed(path)),
    }
}

fn not_found(path: &str) -> Answer {
    let message = format!("nothing answers at {path}; the endpoints are listed here");
    let fault = Fault {
        endpoints: ENDPOINTS.iter().map(|endpoint| endpoint.path).collect(),
        ..Fault::default()
    };
    answer(StatusCode::NOT_FOUND, message, fault)
}

fn method_not_allowed(request: &Request, endpoint: &Endpoint) -> Answer {
    let methods: Vec<_> = endpoint.methods.iter().map(Method::as_str).collect();
    let (path, method) = (trimmed(request.path.as_str()), &request.method);
    let message = format!("{path} answers {}, not {method}", methods.join(" and "));
    let fault = plain(StatusCode::METHOD_NOT_ALLOWED, message);
    with_header(fault, ALLOW, &methods.join(", "))
}

/// 414: a query that no endpoint needs.
pub(super) fn query_too_long() -> Answer {
    let message = format!("the query is longer than {MAX_QUERY_BYTES} bytes; shorten it");
    plain(StatusCode::URI_TOO_LONG, message)
}

/// 400: more names than are looked for.
pub(super) fn too_many_names(key: &str, limit: usize) -> Answer {
    let message = format!("`{key}` holds more than {limit} names; name groups, or leave it out");
    plain(StatusCode::BAD_REQUEST, message)
}

/// 404: no check has this name.
pub(super) fn no_probe<'a>(name: &str, known: Vec<&'a str>) -> Answer {
    let hint = match nearest(name, known.iter().copied()) {
        Some(meant) => format!("did you mean {meant:?}?"),
        None if known.is_empty() => "none is configured: add a section [probe.<name>]".to_owned(),
        None => "the probes there are, are listed here".to_owned(),
    };
    let message = format!("no probe is called {name:?}; {hint}");
    let fault = Fault {
        probes: known,
        ..Fault::default()
    };
    answer(StatusCode::NOT_FOUND, message, fault)
}

/// 401: the token that was presented is another one.
pub(super) fn wrong_token() -> Answer {
    let message = "the token is not the one that api.token holds".to_owned();
    let fault = plain(StatusCode::UNAUTHORIZED, message);
    with_header(fault, WWW_AUTHENTICATE, "Bearer error=\"invalid_token\"")
}

/// 401: this is shown to those who present the token.
pub(super) fn token_wanted(is_configured: bool) -> Answer {
    let message = match is_configured {
        true => "this is for those who present `Authorization: Bearer <token>` (api.token)",
        false => {
            "beyond loopback this needs a token, and none is configured: set api.token, or ask at a loopback address"
        }
    };
    let fault = plain(StatusCode::UNAUTHORIZED, message.to_owned());
    with_header(fault, WWW_AUTHENTICATE, "Bearer")
}

/// 403: nobody may have checks run beyond loopback while there is no token.
pub(super) fn no_token_configured() -> Answer {
    let message = "beyond loopback checks are run for those who present a token, and none is configured: set api.token";
    plain(StatusCode::FORBIDDEN, message.to_owned())
}

/// 403: a page of another site asks.
pub(super) fn cross_site() -> Answer {
    let message = "a page of another origin may not do this; ask without a browser";
    plain(StatusCode::FORBIDDEN, message.to_owned())
}

/// 503: what begins now would not end.
pub(super) fn draining() -> Answer {
    let message = "the agent is shutting down and begins nothing anew";
    plain(StatusCode::SERVICE_UNAVAILABLE, message.to_owned())
}

/// 500, logged within the request's span so that its id finds the line.
pub(super) fn internal(what: &str) -> Answer {
    tracing::error!(error = what, "a request could not be answered");
    let message =
        "the agent failed to answer; its log has a line with this X-Request-ID".to_owned();
    plain(StatusCode::INTERNAL_SERVER_ERROR, message)
}

/// 404 for what is shown of series only.
pub(super) fn no_series() -> Answer {
    let message =
        "no series are kept: series.enabled is false, or the agent is about to end".to_owned();
    plain(StatusCode::NOT_FOUND, message)
}

fn plain(status: StatusCode, message: String) -> Answer {
    answer(status, message, Fault::default())
}

fn answer(status: StatusCode, message: String, rest: Fault<'_>) -> Answer {
    let fault = Fault {
        status: status.as_u16(),
        error: status.canonical_reason().unwrap_or("error"),
        message,
        ..rest
    };
    answer::json(status, &fault)
}

fn with_header(mut answer: Answer, name: HeaderName, value: &str) -> Answer {
    if let Ok(value) = HeaderValue::from_str(value) {
        answer.headers_mut().insert(name, value);
    }
    answer
}
