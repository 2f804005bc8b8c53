//! Answers to requests that cannot be answered: JSON that says what to do instead.

use http::header::ALLOW;
use http::{HeaderValue, StatusCode};
use serde::Serialize;

use super::answer::{self, Answer};
use super::routes::{ENDPOINTS, Request, trimmed};

#[derive(Serialize)]
struct Fault<'a> {
    status: u16,
    error: &'a str,
    message: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    endpoints: Vec<&'static str>,
}

/// 405 where the path is known and the method is not, else 404.
pub(super) fn unanswered(request: &Request) -> Answer {
    let asked = trimmed(request.path.as_str());
    let known = ENDPOINTS.iter().any(|endpoint| endpoint.path == asked);
    if known {
        method_not_allowed(request, asked)
    } else {
        not_found(asked)
    }
}

fn not_found(path: &str) -> Answer {
    let message = format!("nothing answers at {path}; the endpoints are listed here");
    fault(
        StatusCode::NOT_FOUND,
        message,
        ENDPOINTS.iter().map(|endpoint| endpoint.path).collect(),
    )
}

fn method_not_allowed(request: &Request, path: &str) -> Answer {
    let message = format!("{path} answers GET and HEAD, not {}", request.method);
    let mut answer = fault(StatusCode::METHOD_NOT_ALLOWED, message, Vec::new());
    answer
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    answer
}

/// 500, logged within the request's span so that its id finds the line.
pub(super) fn internal(what: &str) -> Answer {
    tracing::error!(error = what, "a request could not be answered");
    let message =
        "the agent failed to answer; its log has a line with this X-Request-ID".to_owned();
    fault(StatusCode::INTERNAL_SERVER_ERROR, message, Vec::new())
}

/// 404 for what is shown of series only.
pub(super) fn no_series() -> Answer {
    let message =
        "no series are kept: series.enabled is false, or the agent is about to end".to_owned();
    fault(StatusCode::NOT_FOUND, message, Vec::new())
}

fn fault(status: StatusCode, message: String, endpoints: Vec<&'static str>) -> Answer {
    let error = status.canonical_reason().unwrap_or("error");
    answer::json(
        status,
        &Fault {
            status: status.as_u16(),
            error,
            message,
            endpoints,
        },
    )
}
