//! One OTLP export request, as received.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use super::{Encoding, Signal};

/// Who made a batch: telemetry about ourselves must not create more of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// A sender outside this process.
    Outside,
    /// The agent's own meters, spans and logs.
    Own,
}

/// The items of one service within a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceItems {
    /// The resource's `service.name`; empty where the resource names none.
    pub service: Arc<str>,
    /// Spans, data points or log records.
    pub items: u32,
}

/// One OTLP export request: its signal, its bytes, how many items it holds.
///
/// `bytes` is a serialized `Export*ServiceRequest` exactly as it came in, compressed as `encoding`
/// says. Cloning is cheap: bytes and names are shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Which of the three signals the request carries.
    pub signal: Signal,
    /// Who made it.
    pub origin: Origin,
    /// How `bytes` is compressed.
    pub encoding: Encoding,
    /// Spans, data points or log records, over all services.
    pub items: u32,
    /// The length of the protobuf message once inflated.
    pub inflated_len: u32,
    /// When the request was received, in milliseconds since the Unix epoch.
    pub received_unix_ms: u64,
    /// The items by `service.name`; their sum equals `items`.
    pub services: Arc<[ServiceItems]>,
    /// The request's bytes.
    pub bytes: Bytes,
}

impl Batch {
    /// How long ago it was received; zero where the clock was set back since.
    pub fn age(&self, now: SystemTime) -> Duration {
        let received = UNIX_EPOCH + Duration::from_millis(self.received_unix_ms);
        now.duration_since(received).unwrap_or_default()
    }
}
