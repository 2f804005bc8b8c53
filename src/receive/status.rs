//! From a refusal to what its sender is told: the one place where statuses are chosen.
//!
//! OTLP specification, "Failures" for both transports: what can't succeed must get a code that is
//! not retried; what may succeed later gets a retryable code and a hint when to come back.

use http::StatusCode;

use crate::ledger::TurnedAway;
use crate::otlp::Code;

/// How one class of refusal is told on both transports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) http: StatusCode,
    pub(super) grpc: Code,
    /// The same request may succeed later: send Retry-After or RetryInfo along.
    pub(super) retryable: bool,
}

pub(super) fn told(reason: TurnedAway) -> Told {
    use TurnedAway as R;
    let (http, grpc, retryable) = match reason {
        R::Malformed => (StatusCode::BAD_REQUEST, Code::InvalidArgument, false),
        R::TimedOut => (StatusCode::REQUEST_TIMEOUT, Code::DeadlineExceeded, false),
        // Without RetryInfo RESOURCE_EXHAUSTED is not retried; OUT_OF_RANGE, gRPC's own choice
        // for oversized messages, would be, for ever.
        R::TooLarge => (
            StatusCode::PAYLOAD_TOO_LARGE,
            Code::ResourceExhausted,
            false,
        ),
        R::Unsupported => (
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Code::Unimplemented,
            false,
        ),
        R::Unauthenticated => (StatusCode::UNAUTHORIZED, Code::Unauthenticated, false),
        // UNAVAILABLE rather than RESOURCE_EXHAUSTED: every SDK retries it, RetryInfo or not.
        R::Busy | R::Full => (StatusCode::TOO_MANY_REQUESTS, Code::Unavailable, true),
        R::Disk | R::Closing => (StatusCode::SERVICE_UNAVAILABLE, Code::Unavailable, true),
    };
    Told {
        http,
        grpc,
        retryable,
    }
}
