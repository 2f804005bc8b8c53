//! Out of the journal, to named OTLP destinations. Knows destinations, nothing else.
//!
//! Each export owns a cursor, its retries and its breaker, so that a slow or dead destination delays
//! nobody else. Batches travel as the bytes that came in: merging concatenates serialized messages,
//! which is a legal protobuf merge (Protocol Buffers, "Encoding": "Last One Wins" and repeated fields).

mod client;
mod delivery;
mod outcome;
mod parcel;
mod payload;
mod report;
mod worker;

use std::time::Duration;

pub(crate) use client::reason;
pub use client::{Client, ClientError, Destination};
pub use worker::{ExportHandle, ExportStatus, spawn};

use crate::otlp::Encoding;
use crate::resilience::{Backoff, BreakerPolicy};

/// How one export gathers, sends and tries again.
#[derive(Clone, Debug)]
pub struct ExportPolicy {
    /// How bodies are compressed.
    pub compression: Encoding,
    /// A request is sent once it holds this many bytes before compression…
    pub max_batch_bytes: usize,
    /// …or once its oldest batch has waited this long.
    pub max_delay: Duration,
    /// Requests under way at once.
    pub concurrency: usize,
    /// How long a batch is tried before it is dropped; `None` = for ever.
    pub max_age: Option<Duration>,
    /// Waits between attempts.
    pub backoff: Backoff,
    /// When to stop calling for a while.
    pub breaker: BreakerPolicy,
    /// Whether the journal keeps across a restart what is not delivered.
    pub keeps_on_disk: bool,
}
