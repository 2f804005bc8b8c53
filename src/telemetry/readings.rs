//! What other rooms tell about themselves when a collection asks: plain numbers, no instruments.

use std::sync::Arc;

use crate::otlp::Signal;

/// The ledger as it stands at one moment.
#[derive(Clone, Debug, Default)]
pub struct LedgerReading {
    /// One entry for each export and signal.
    pub items: Vec<ItemsReading>,
    /// Items taken in, for each signal, whatever exports select them.
    pub taken_in: Vec<(Signal, u64)>,
    /// Requests turned away, for each signal and reason.
    pub turned_away: Vec<TurnedAwayReading>,
}

/// The fate of one signal's items at one export; all counts since start-up or recovery.
#[derive(Clone, Debug)]
pub struct ItemsReading {
    /// The export's configured name.
    pub export: Arc<str>,
    /// The signal counted.
    pub signal: Signal,
    /// Items taken in.
    pub received: u64,
    /// Items the destination accepted.
    pub delivered: u64,
    /// Items that still wait.
    pub waiting: u64,
    /// Items the destination refused for good.
    pub refused: u64,
    /// Items given up, each with its reason.
    pub dropped: Vec<(&'static str, u64)>,
}

/// Requests turned away before they became a batch.
#[derive(Clone, Copy, Debug)]
pub struct TurnedAwayReading {
    /// The signal the request was for.
    pub signal: Signal,
    /// Why it was turned away.
    pub reason: &'static str,
    /// How many requests.
    pub requests: u64,
}

/// The journal as it stands at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct JournalReading {
    /// Bytes on disk.
    pub size_bytes: u64,
    /// Bytes that some export still needs.
    pub live_size_bytes: u64,
    /// The most that may wait.
    pub limit_bytes: u64,
    /// Segments, the one being written included.
    pub segments: u64,
    /// Bytes of memory held for appends and reads.
    pub memory_bytes: u64,
    /// Group commits since start.
    pub commits: u64,
    /// Failed writes since start.
    pub write_errors: u64,
}

/// The series as they stand at one moment.
#[derive(Clone, Debug, Default)]
pub struct SeriesReading {
    /// Series that are kept.
    pub series: u64,
    /// The most that may be kept.
    pub limit: u64,
    /// Metric families that are kept.
    pub families: u64,
    /// Bytes of memory in use, roughly.
    pub memory_bytes: u64,
    /// Bytes of requests that wait to be added.
    pub queue_bytes: u64,
    /// Series that ended for want of points since start.
    pub expired: u64,
    /// Points that were not taken, or not as they came, for each reason, since start.
    pub faulty: Vec<(&'static str, u64)>,
    /// Requests that came when the series were closed.
    pub missed: u64,
    /// Bytes of the file that lets counters go on after a restart.
    pub continuity_bytes: u64,
    /// Failed attempts to write that file since start.
    pub continuity_errors: u64,
}

/// One export as it stands at one moment.
#[derive(Clone, Debug)]
pub struct ExportReading {
    /// The export's configured name.
    pub export: Arc<str>,
    /// Requests under way.
    pub in_flight: u64,
    /// Seconds since the oldest undelivered batch was received; 0 when nothing waits.
    pub oldest_waiting_age_s: f64,
}

/// How one export request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportOutcome {
    /// Every item was accepted.
    Delivered,
    /// The destination accepted a part (OTLP partial success).
    Partial,
    /// It failed and will be sent again.
    Retry,
    /// It was refused for good.
    Refused,
}

impl ExportOutcome {
    /// Every outcome, in the order of their discriminants.
    pub const ALL: [ExportOutcome; 4] = [
        ExportOutcome::Delivered,
        ExportOutcome::Partial,
        ExportOutcome::Retry,
        ExportOutcome::Refused,
    ];

    /// The value of the `outcome` attribute.
    pub const fn name(self) -> &'static str {
        match self {
            ExportOutcome::Delivered => "delivered",
            ExportOutcome::Partial => "partial",
            ExportOutcome::Retry => "retry",
            ExportOutcome::Refused => "refused",
        }
    }
}
