//! Why a request is refused because of its key, and what its caller is told.

use std::time::{Duration, SystemTime};

use http::StatusCode;

use crate::resilience::idempotency::KeyError;

/// Requests end, and databases come back, at times that nobody knows; this only keeps callers from asking without a pause.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// Why a request is refused because of its idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyRefusal {
    /// 400: it has none, and the route wants one.
    Missing,
    /// 400: its header holds none.
    Malformed(KeyError),
    /// 413: its body is larger than those of requests with a key may be.
    BodyTooLarge {
        /// What `idempotency.max_body` allows.
        max_bytes: u64,
    },
    /// 409: a request with this key is under way.
    InFlight,
    /// 422: the key belongs to another request.
    Mismatch,
    /// 409: nobody knows how the request with this key ended.
    Unknown {
        /// When it began.
        since: SystemTime,
    },
    /// 409: the request ran, and its answer was not kept.
    NotKept {
        /// The status of the answer; `None` where an operator said that it ran.
        status: Option<u16>,
    },
    /// 502: the upstream's answer broke off.
    AnswerBroke {
        /// The status of the answer.
        status: u16,
    },
    /// 503: the store does not answer, and nothing ran.
    StoreAway,
    /// 500: the request's task ended without a word.
    Lost,
}

impl KeyRefusal {
    pub(in crate::gateway) fn guard(&self) -> &'static str {
        match self {
            KeyRefusal::StoreAway => "store",
            KeyRefusal::BodyTooLarge { .. } => "body",
            KeyRefusal::AnswerBroke { .. } => "upstream",
            _ => "idempotency",
        }
    }

    pub(in crate::gateway) fn status(&self) -> StatusCode {
        match self {
            KeyRefusal::Missing | KeyRefusal::Malformed(_) => StatusCode::BAD_REQUEST,
            KeyRefusal::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            KeyRefusal::InFlight | KeyRefusal::Unknown { .. } | KeyRefusal::NotKept { .. } => {
                StatusCode::CONFLICT
            }
            KeyRefusal::Mismatch => StatusCode::UNPROCESSABLE_ENTITY,
            KeyRefusal::AnswerBroke { .. } => StatusCode::BAD_GATEWAY,
            KeyRefusal::StoreAway => StatusCode::SERVICE_UNAVAILABLE,
            KeyRefusal::Lost => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    pub(in crate::gateway) fn reason(&self) -> &'static str {
        match self {
            KeyRefusal::Missing => "key_missing",
            KeyRefusal::Malformed(_) => "key_malformed",
            KeyRefusal::BodyTooLarge { .. } => "body_too_large",
            KeyRefusal::InFlight => "in_flight",
            KeyRefusal::Mismatch => "key_of_another_request",
            KeyRefusal::Unknown { .. } | KeyRefusal::Lost => "outcome_unknown",
            KeyRefusal::NotKept { .. } => "answer_not_kept",
            KeyRefusal::AnswerBroke { .. } => "answer_broke_off",
            KeyRefusal::StoreAway => "store_away",
        }
    }

    pub(in crate::gateway) fn retry_after(&self) -> Option<Duration> {
        matches!(self, KeyRefusal::InFlight | KeyRefusal::StoreAway).then_some(ASK_AGAIN)
    }

    pub(in crate::gateway) fn detail(&self) -> String {
        match self {
            KeyRefusal::Missing => {
                "the route takes such requests with a key only; send one in Idempotency-Key, the same with each attempt".to_owned()
            }
            KeyRefusal::Malformed(why) => {
                format!("{why}; send 1 to 255 visible ASCII characters in Idempotency-Key, as a UUID")
            }
            KeyRefusal::BodyTooLarge { max_bytes } => format!(
                "the body is larger than {max_bytes} bytes, which is the limit for requests with a key; send less, or raise `idempotency.max_body` of the route"
            ),
            KeyRefusal::InFlight => {
                "a request with this key is under way; ask again later for its answer".to_owned()
            }
            KeyRefusal::Mismatch => {
                "this key came with another request before; a key stands for one request, so use a new one".to_owned()
            }
            KeyRefusal::Unknown { since } => {
                let since = humantime::format_rfc3339_seconds(*since);
                format!(
                    "a request with this key began at {since}, and whether it took effect is not known; ask the upstream, then settle the key with `lineside db settle`"
                )
            }
            KeyRefusal::NotKept { status: Some(status) } => format!(
                "the request with this key was answered with {status}, and the answer was not kept; do not send it again, ask the upstream for its result"
            ),
            KeyRefusal::NotKept { status: None } => {
                "the request with this key took effect, as its operator found out; do not send it again, ask the upstream for its result".to_owned()
            }
            KeyRefusal::AnswerBroke { status } => format!(
                "the upstream answered with {status}, and its answer broke off; the rest of it is not known, so ask the upstream for its result"
            ),
            KeyRefusal::StoreAway => {
                "the store of idempotency keys does not answer, so nothing was sent; come back later".to_owned()
            }
            KeyRefusal::Lost => {
                "the request ended without a word, and whether it took effect is not known; ask the upstream, and report this as a fault of the agent".to_owned()
            }
        }
    }
}
