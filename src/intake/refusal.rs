//! Why a request was turned away, said so that its sender knows what to do.

use crate::journal::AppendError;
use crate::ledger::TurnedAway;

/// A request that was not taken in. Nothing of it is kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The class that decides the status the sender gets, and the ledger's line.
    pub reason: TurnedAway,
    /// The items of the request, where it was read far enough to know.
    pub items: Option<u32>,
    /// What happened, to what, and what to do.
    pub message: String,
}

impl Refusal {
    /// A refusal of a request whose items are not known.
    pub fn new(reason: TurnedAway, message: impl Into<String>) -> Refusal {
        Refusal {
            reason,
            items: None,
            message: message.into(),
        }
    }

    /// The body is larger than `limit_bytes`, the value of the setting `key`.
    pub fn too_large(limit_bytes: usize, key: &str) -> Refusal {
        let message =
            format!("the request is larger than {limit_bytes} bytes ({key}); send smaller batches");
        Refusal::new(TurnedAway::TooLarge, message)
    }

    pub(super) fn busy() -> Refusal {
        let message = "requests in flight use up receive.in_flight_bytes; try again later";
        Refusal::new(TurnedAway::Busy, message)
    }

    pub(super) fn closing() -> Refusal {
        Refusal::new(
            TurnedAway::Closing,
            "the agent is shutting down; try again later",
        )
    }

    pub(super) fn malformed(signal: crate::otlp::Signal, error: impl std::fmt::Display) -> Refusal {
        let message = format!("the body is not a valid OTLP {signal} request: {error}");
        Refusal::new(TurnedAway::Malformed, message)
    }

    pub(super) fn not_journaled(error: &AppendError, items: u32) -> Refusal {
        let reason = match error {
            AppendError::Full { .. } => TurnedAway::Full,
            AppendError::Disk { .. } => TurnedAway::Disk,
            AppendError::TooLarge { .. } => TurnedAway::TooLarge,
            AppendError::Closed => TurnedAway::Closing,
        };
        Refusal {
            reason,
            items: Some(items),
            message: error.to_string(),
        }
    }
}
