//! What was not taken in.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::otlp::Signal;

use super::TurnedAwayReport;

/// Why a request was not taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TurnedAway {
    /// Not the protobuf or JSON that OTLP asks for.
    Malformed,
    /// Its body did not arrive in time.
    TimedOut,
    /// Larger than a configured limit.
    TooLarge,
    /// A content type or coding that we do not speak.
    Unsupported,
    /// No valid credentials.
    Unauthenticated,
    /// The byte budget for requests in flight is spent.
    Busy,
    /// The journal is at its limit.
    Full,
    /// The disk failed.
    Disk,
    /// The agent is shutting down.
    Closing,
}

impl TurnedAway {
    /// Every refusal, in the order in which tables list them.
    pub const ALL: [TurnedAway; 9] = [
        TurnedAway::Malformed,
        TurnedAway::TimedOut,
        TurnedAway::TooLarge,
        TurnedAway::Unsupported,
        TurnedAway::Unauthenticated,
        TurnedAway::Busy,
        TurnedAway::Full,
        TurnedAway::Disk,
        TurnedAway::Closing,
    ];

    /// The refusal as metrics and reports spell it.
    pub const fn name(self) -> &'static str {
        match self {
            TurnedAway::Malformed => "malformed",
            TurnedAway::TimedOut => "timed_out",
            TurnedAway::TooLarge => "too_large",
            TurnedAway::Unsupported => "unsupported",
            TurnedAway::Unauthenticated => "unauthenticated",
            TurnedAway::Busy => "busy",
            TurnedAway::Full => "full",
            TurnedAway::Disk => "disk",
            TurnedAway::Closing => "closing",
        }
    }
}

/// Counters by signal and refusal.
#[derive(Debug, Default)]
pub(super) struct Door {
    cells: [[Cell; TurnedAway::ALL.len()]; 3],
}

#[derive(Debug, Default)]
struct Cell {
    requests: AtomicU64,
    items: AtomicU64,
}

impl Door {
    pub(super) fn turn_away(&self, signal: Signal, refusal: TurnedAway, items: Option<u32>) {
        let cell = &self.cells[signal.index()][refusal as usize];
        cell.requests.fetch_add(1, Relaxed);
        cell.items.fetch_add(items.unwrap_or(0).into(), Relaxed);
    }

    pub(super) fn report(&self) -> BTreeMap<Signal, BTreeMap<&'static str, TurnedAwayReport>> {
        Signal::ALL
            .into_iter()
            .map(|signal| (signal, self.row(signal)))
            .collect()
    }

    fn row(&self, signal: Signal) -> BTreeMap<&'static str, TurnedAwayReport> {
        let cells = &self.cells[signal.index()];
        let cell = |refusal: TurnedAway| (refusal.name(), cells[refusal as usize].report());
        TurnedAway::ALL.into_iter().map(cell).collect()
    }
}

impl Cell {
    fn report(&self) -> TurnedAwayReport {
        TurnedAwayReport {
            requests: self.requests.load(Relaxed),
            items: self.items.load(Relaxed),
        }
    }
}
