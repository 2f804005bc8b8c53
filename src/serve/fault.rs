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
    probes: Vec<String>,
    /// The services of every circuit breaker.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    services: Vec<String>,
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

/// Why a request does not get the answer of its endpoint.
#[derive(Debug)]
pub(super) enum Refusal {
    /// 414: a query that no endpoint needs.
    QueryTooLong,
    /// 400: more names than are looked for.
    TooManyNames { key: &'static str, limit: usize },
    /// 404: no check has this name.
    NoProbe { name: String, known: Vec<String> },
    /// 404: no circuit breaker guards this service.
    NoBreaker { name: String, known: Vec<String> },
    /// 404: the response cache has no such layer.
    NoLayer { name: String, known: Vec<String> },
    /// 401: the token that was presented is another one.
    WrongToken,
    /// 401: this is shown to those who present the token.
    TokenWanted { is_configured: bool },
    /// 403: nobody may have checks run beyond loopback while there is no token.
    NoTokenConfigured,
    /// 401: breakers are set by those who present the token.
    TokenToControlWanted,
    /// 403: nobody may set breakers while there is no token.
    NoTokenToControl,
    /// 403: a page of another site asks.
    CrossSite,
    /// 503: what begins now would not end.
    Draining,
    /// 503: as many listen to events as may.
    TooManyListeners { limit: usize },
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Refusal::QueryTooLong => StatusCode::URI_TOO_LONG,
            Refusal::TooManyNames { .. } => StatusCode::BAD_REQUEST,
            Refusal::NoProbe { .. } | Refusal::NoBreaker { .. } | Refusal::NoLayer { .. } => {
                StatusCode::NOT_FOUND
            }
            Refusal::WrongToken | Refusal::TokenWanted { .. } | Refusal::TokenToControlWanted => {
                StatusCode::UNAUTHORIZED
            }
            Refusal::NoTokenConfigured | Refusal::NoTokenToControl | Refusal::CrossSite => {
                StatusCode::FORBIDDEN
            }
            Refusal::Draining | Refusal::TooManyListeners { .. } => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn message(&self) -> String {
        let text = match self {
            Refusal::QueryTooLong => {
                return format!("the query is longer than {MAX_QUERY_BYTES} bytes; shorten it");
            }
            Refusal::TooManyNames { key, limit } => {
                return format!(
                    "`{key}` holds more than {limit} names; name groups, or leave it out"
                );
            }
            Refusal::NoProbe { name, known } => {
                let none = "none is configured: add a section [probe.<name>]";
                let hint = hint(name, known, none, "the probes there are, are listed here");
                return format!("no probe is called {name:?}; {hint}");
            }
            Refusal::NoBreaker { name, known } => {
                let none = "there are none: add a section [route.<name>] or [export.<name>]";
                let hint = hint(
                    name,
                    known,
                    none,
                    "the services that are guarded, are listed here",
                );
                return format!("no circuit breaker guards {name:?}; {hint}");
            }
            Refusal::NoLayer { name, known } => {
                let none = "no route keeps answers: add a section [route.<name>.cache]";
                let there = format!("there is {}", known.join(" and "));
                let hint = hint(name, known, none, &there);
                return format!("the response cache has no layer {name:?}; {hint}");
            }
            Refusal::TooManyListeners { limit } => {
                return format!("{limit} clients listen already, and no more may; come back later");
            }
            Refusal::WrongToken => "the token is not the one that api.token holds",
            Refusal::TokenWanted {
                is_configured: true,
            } => "this is for those who present `Authorization: Bearer <token>` (api.token)",
            Refusal::TokenWanted {
                is_configured: false,
            } => {
                "beyond loopback this needs a token, and none is configured: set api.token, or ask at a loopback address"
            }
            Refusal::NoTokenConfigured => {
                "beyond loopback checks are run for those who present a token, and none is configured: set api.token"
            }
            Refusal::TokenToControlWanted => {
                "breakers are set by those who present `Authorization: Bearer <token>` (api.token), on loopback too"
            }
            Refusal::NoTokenToControl => {
                "breakers are set by those who present a token, on loopback too, and none is configured: set api.token"
            }
            Refusal::CrossSite => "a page of another origin may not do this; ask without a browser",
            Refusal::Draining => "the agent is shutting down and begins nothing anew",
        };
        text.to_owned()
    }

    /// The challenge of RFC 6750, section 3, which belongs to every 401.
    fn challenge(&self) -> Option<&'static str> {
        match self {
            Refusal::WrongToken => Some("Bearer error=\"invalid_token\""),
            Refusal::TokenWanted { .. } | Refusal::TokenToControlWanted => Some("Bearer"),
            _ => None,
        }
    }
}

fn hint(name: &str, known: &[String], none: &str, listed: &str) -> String {
    match nearest(name, known.iter().map(String::as_str)) {
        Some(meant) => format!("did you mean {meant:?}?"),
        None if known.is_empty() => none.to_owned(),
        None => listed.to_owned(),
    }
}

/// The answer that says so.
pub(super) fn refused(refusal: Refusal) -> Answer {
    let (status, message, challenge) = (refusal.status(), refusal.message(), refusal.challenge());
    let fault = match refusal {
        Refusal::NoProbe { known, .. } => Fault {
            probes: known,
            ..Fault::default()
        },
        Refusal::NoBreaker { known, .. } => Fault {
            services: known,
            ..Fault::default()
        },
        _ => Fault::default(),
    };
    let answer = answer(status, message, fault);
    match challenge {
        Some(challenge) => with_header(answer, WWW_AUTHENTICATE, challenge),
        None => answer,
    }
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
