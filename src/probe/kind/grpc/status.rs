//! What an answer means.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use percent_encoding::percent_decode_str;

use super::call::Answer;
use super::message::{self, Health};
use crate::otlp::Code;
use crate::probe::failure::{Failure, Reason};

/// So much of a server's own message is passed on, in characters.
const MAX_MESSAGE_CHARS: usize = 200;

/// What a server answered.
#[derive(Debug)]
pub(super) struct Answered {
    /// The status of the call; `None` where the answer is no gRPC.
    pub(super) code: Option<Code>,
    /// The health, where the call succeeded.
    pub(super) health: Result<Health, Failure>,
}

/// Reads the status of `answer`, and its message where there is one.
pub(super) fn of(answer: &Answer) -> Answered {
    // "Trailers-Only" answers carry the status in their head.
    let trailers = answer.trailers.as_ref().unwrap_or(&answer.headers);
    let Some(code) = code(trailers).filter(|_| is_grpc(&answer.headers)) else {
        return Answered {
            code: None,
            health: Err(no_grpc(answer)),
        };
    };
    let health = match code {
        Code::Ok => {
            message::answer(&answer.body).map_err(|fault| Failure::new(Reason::Protocol, fault))
        }
        _ => Err(refused(code, &said(trailers))),
    };
    Answered {
        code: Some(code),
        health,
    }
}

/// Whether `health` is that of a `service` that can be used.
pub(super) fn judge(health: Health, service: &str) -> Result<(), Failure> {
    let whose = match service {
        "" => "the server".to_owned(),
        service => format!("service {service:?}"),
    };
    let reason = match health {
        Health::Serving => return Ok(()),
        Health::NotServing | Health::Unknown => Reason::Unavailable,
        Health::ServiceUnknown => Reason::Missing,
    };
    let message = format!("{whose} is {}", health.name());
    Err(Failure::new(reason, message))
}

fn code(headers: &HeaderMap) -> Option<Code> {
    let number = headers.get("grpc-status")?.to_str().ok()?.parse();
    Some(Code::from_number(number.unwrap_or(i64::MAX)))
}

fn is_grpc(headers: &HeaderMap) -> bool {
    content_type(headers).is_some_and(|text| text.starts_with("application/grpc"))
}

fn content_type(headers: &HeaderMap) -> Option<&str> {
    headers.get(CONTENT_TYPE)?.to_str().ok()
}

/// Something on the way answered, or a server that speaks another protocol. The meanings are those of
/// <https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md>.
fn no_grpc(answer: &Answer) -> Failure {
    if answer.status == StatusCode::OK && is_grpc(&answer.headers) {
        return Failure::new(Reason::Protocol, "the answer carries no grpc-status");
    }
    let reason = match answer.status.as_u16() {
        401 => Reason::Auth,
        403 => Reason::Permission,
        429 | 502..=504 => Reason::Unavailable,
        _ => Reason::Protocol,
    };
    let kind = content_type(&answer.headers).map_or_else(
        || "no content type".to_owned(),
        |kind| format!("content type {}", shortened(kind)),
    );
    let status = answer.status.as_u16();
    Failure::new(
        reason,
        format!("the answer is HTTP, but not gRPC: status {status}, {kind}"),
    )
}

/// What a call that did not succeed means (<https://github.com/grpc/grpc/blob/master/doc/statuscodes.md>).
fn refused(code: Code, said: &str) -> Failure {
    let (reason, what) = match code {
        Code::NotFound => (Reason::Missing, "the server does not know the service"),
        Code::Unimplemented => (
            Reason::Protocol,
            "the server does not offer grpc.health.v1.Health",
        ),
        Code::Unauthenticated => (Reason::Auth, "the server does not know who asks"),
        Code::PermissionDenied => (Reason::Permission, "the server does not allow the call"),
        Code::Unavailable => (Reason::Unavailable, "the server is not available"),
        Code::DeadlineExceeded => (Reason::Timeout, "the server ran out of time"),
        Code::ResourceExhausted => (Reason::Full, "the server has no room for the call"),
        Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::InvalidArgument
        | Code::AlreadyExists
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::OutOfRange
        | Code::Internal
        | Code::DataLoss => (Reason::Query, "the call failed"),
    };
    let name = code.name();
    let message = match said {
        "" => format!("{what} ({name})"),
        said => format!("{what} ({name}): {said}"),
    };
    Failure::new(reason, message)
}

/// `grpc-message`, which is percent-encoded UTF-8 (PROTOCOL-HTTP2, "Status-Message").
fn said(headers: &HeaderMap) -> String {
    let encoded = headers.get("grpc-message").map(|value| value.as_bytes());
    let encoded = String::from_utf8_lossy(encoded.unwrap_or_default());
    shortened(&percent_decode_str(&encoded).decode_utf8_lossy())
}

/// One line of a stranger's text, not too long.
fn shortened(text: &str) -> String {
    let printable = text.trim().chars();
    let printable = printable.map(|letter| if letter.is_control() { ' ' } else { letter });
    let mut cut: String = printable.take(MAX_MESSAGE_CHARS).collect();
    if text.trim().chars().nth(MAX_MESSAGE_CHARS).is_some() {
        cut.push('…');
    }
    cut
}
