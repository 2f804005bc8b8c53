//! What was not taken in.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::otlp::Signal;

use super::DoorReport;

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

/// What came to the door: counters by signal, and by the reason of a refusal.
#[derive(Debug, Default)]
pub(super) struct Door {
    taken_in: [Cell; 3],
    turned_away: [[Cell; TurnedAway::ALL.len()]; 3],
}

#[derive(Debug, Default)]
struct Cell {
    requests: AtomicU64,
    items: AtomicU64,
}

impl Door {
    pub(super) fn take_in(&self, signal: Signal, items: u32) {
        self.taken_in[signal.index()].count(items);
    }

    pub(super) fn turn_away(&self, signal: Signal, refusal: TurnedAway, items: Option<u32>) {
        self.turned_away[signal.index()][refusal as usize].count(items.unwrap_or(0));
    }

    pub(super) fn taken_in(&self) -> BTreeMap<Signal, DoorReport> {
        let row = |signal: Signal| (signal, self.taken_in[signal.index()].report());
        Signal::ALL.into_iter().map(row).collect()
    }

    pub(super) fn turned_away(&self) -> BTreeMap<Signal, BTreeMap<&'static str, DoorReport>> {
        Signal::ALL
            .into_iter()
            .map(|signal| (signal, self.row(signal)))
            .collect()
    }

    fn row(&self, signal: Signal) -> BTreeMap<&'static str, DoorReport> {
        let cells = &self.turned_away[signal.index()];
        let cell = |refusal: TurnedAway| (refusal.name(), cells[refusal as usize].report());
        TurnedAway::ALL.into_iter().map(cell).collect()
    }
}

impl Cell {
    fn count(&self, items: u32) {
        self.requests.fetch_add(1, Relaxed);
        self.items.fetch_add(items.into(), Relaxed);
    }

    fn report(&self) -> DoorReport {
        DoorReport {
            requests: self.requests.load(Relaxed),
            items: self.items.load(Relaxed),
        }
    }
}
