//! What a destination's answer means: the one place where retry is decided.
//!
//! OTLP specification, "Failures" (gRPC) and "Failures" / "Retryable Response Codes" (HTTP), with one
//! deviation: 401 and 403, UNAUTHENTICATED and PERMISSION_DENIED are tried again. They say that the
//! export's credentials are wrong, not the batch; dropping what was promised to be kept, for as long
//! as a token is stale, would be the worse answer. Readiness and the log name such an export.

use std::time::Duration;

use http::StatusCode;

use crate::otlp::{Code, decode_response};

/// How one attempt to deliver a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The destination has it, but for `rejected` items that it will never take.
    Delivered { rejected: u64, message: String },
    /// Worth another try, not before `after` where the destination said so.
    Retry {
        after: Option<Duration>,
        why: String,
    },
    /// This request will never be taken.
    Refused { why: String },
}

impl Outcome {
    pub(super) fn retry(why: impl Into<String>) -> Outcome {
        Outcome::Retry {
            after: None,
            why: why.into(),
        }
    }

    /// What a successful `answer`, an `Export*ServiceResponse`, says.
    pub(super) fn delivered(answer: &[u8]) -> Outcome {
        // An answer we can't read still came with success: the destination has the items.
        let partial = decode_response(answer).ok().flatten();
        let (rejected, message) = partial.map_or((0, String::new()), |partial| {
            (partial.rejected, partial.message)
        });
        Outcome::Delivered {
            rejected: rejected.max(0).unsigned_abs(),
            message,
        }
    }

    /// Whether the destination itself works: a refusal is an answer too.
    pub(super) fn is_answer(&self) -> bool {
        !matches!(self, Outcome::Retry { .. })
    }

    pub(super) fn of_grpc(code: Code, message: &str, retry_delay: Option<Duration>) -> Outcome {
        let why = format!("{} ({message})", code.name());
        match code {
            Code::Ok => Outcome::Delivered {
                rejected: 0,
                message: String::new(),
            },
            Code::Cancelled
            | Code::DeadlineExceeded
            | Code::Aborted
            | Code::OutOfRange
            | Code::Unavailable
            | Code::DataLoss
            | Code::Unauthenticated
            | Code::PermissionDenied => Outcome::Retry {
                after: retry_delay,
                why,
            },
            // Only RetryInfo tells exhaustion that passes from a request that is too large.
            Code::ResourceExhausted if retry_delay.is_some() => Outcome::Retry {
                after: retry_delay,
                why,
            },
            _ => Outcome::Refused { why },
        }
    }

    pub(super) fn of_http(
        status: StatusCode,
        message: &str,
        retry_after: Option<Duration>,
    ) -> Outcome {
        let why = if message.is_empty() {
            status.to_string()
        } else {
            format!("{status}: {message}")
        };
        match status.as_u16() {
            200..=299 => Outcome::Delivered {
                rejected: 0,
                message: String::new(),
            },
            401 | 403 | 429 | 502 | 503 | 504 => Outcome::Retry {
                after: retry_after,
                why,
            },
            _ => Outcome::Refused { why },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grpc(code: Code, delay: Option<Duration>) -> bool {
        matches!(Outcome::of_grpc(code, "", delay), Outcome::Retry { .. })
    }

    fn http(status: u16) -> bool {
        let status = StatusCode::from_u16(status).expect("a status");
        matches!(Outcome::of_http(status, "", None), Outcome::Retry { .. })
    }

    /// Scenario: every gRPC code. Guarantees: the specification's retryable codes and the two about
    /// credentials are retried, RESOURCE_EXHAUSTED only with RetryInfo, nothing else.
    #[test]
    fn grpc_codes_are_told_apart() {
        let retried: Vec<Code> = Code::ALL
            .into_iter()
            .filter(|code| grpc(*code, None))
            .collect();
        let expected = [
            Code::Cancelled,
            Code::DeadlineExceeded,
            Code::PermissionDenied,
            Code::Aborted,
            Code::OutOfRange,
            Code::Unavailable,
            Code::DataLoss,
            Code::Unauthenticated,
        ];
        assert_eq!(retried, expected);
        assert!(grpc(Code::ResourceExhausted, Some(Duration::ZERO)));
    }

    /// Scenario: HTTP statuses of every class. Guarantees: the specification's retryable statuses and
    /// the two about credentials are retried, nothing else.
    #[test]
    fn http_statuses_are_told_apart() {
        let retried: Vec<u16> = (200..600).filter(|status| http(*status)).collect();
        assert_eq!(retried, [401, 403, 429, 502, 503, 504]);
    }
}
