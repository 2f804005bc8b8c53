//! The ledger as `/api/ledger` shows it.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use crate::otlp::{Signal, SignalSet};

use super::book::Rows;
use super::{Book, DropReason, Tally};

/// Services beyond the limit, and losses whose service is not known, stand under this name.
const OTHER: &str = "(other)";
/// Items whose resource has no `service.name` stand under this name.
const UNNAMED: &str = "(unnamed)";

/// All accounts and what was turned away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LedgerReport {
    /// By the export's name.
    pub exports: BTreeMap<String, ExportReport>,
    /// By signal: requests taken in since start-up, whatever exports select them.
    #[serde(serialize_with = "by_signal_name")]
    pub taken_in: BTreeMap<Signal, DoorReport>,
    /// By signal, then by [`super::TurnedAway::name`].
    #[serde(serialize_with = "by_signal_name")]
    pub turned_away: BTreeMap<Signal, BTreeMap<&'static str, DoorReport>>,
}

/// One export's rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExportReport {
    /// By signal; only those that the export selects.
    #[serde(flatten, serialize_with = "by_signal_name")]
    pub signals: BTreeMap<Signal, TallyReport>,
    /// By `service.name`, then by signal; rows of zeros are left out.
    #[serde(serialize_with = "by_service")]
    pub services: BTreeMap<String, BTreeMap<Signal, TallyReport>>,
}

/// One row, in items.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TallyReport {
    /// Accepted from senders.
    pub received: u64,
    /// Accepted and not yet settled.
    pub waiting: u64,
    /// Taken by the destination.
    pub delivered: u64,
    /// Refused for good by the destination.
    pub refused: u64,
    /// Given up here, by [`DropReason::name`]; reasons with nothing are left out.
    pub dropped: BTreeMap<&'static str, u64>,
}

/// Requests at the door.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DoorReport {
    /// Requests.
    pub requests: u64,
    /// Their items, where these were known.
    pub items: u64,
}

impl TallyReport {
    /// Whether received = delivered + waiting + refused + dropped.
    pub fn adds_up(&self) -> bool {
        let dropped: u64 = self.dropped.values().sum();
        self.received == self.delivered + self.waiting + self.refused + dropped
    }
}

impl From<&Tally> for TallyReport {
    fn from(tally: &Tally) -> TallyReport {
        let dropped = DropReason::ALL
            .iter()
            .map(|reason| (reason.name(), tally.dropped[reason.index()]));
        TallyReport {
            received: tally.received,
            waiting: tally.waiting,
            delivered: tally.delivered,
            refused: tally.refused,
            dropped: dropped.filter(|(_, items)| *items > 0).collect(),
        }
    }
}

impl ExportReport {
    pub(super) fn new(book: &Book, signals: SignalSet) -> ExportReport {
        let mut services: BTreeMap<_, _> = book
            .services
            .iter()
            .map(|(name, rows)| (shown(name), used(rows)))
            .collect();
        services.insert(OTHER.to_owned(), used(&book.other));
        services.retain(|_, rows| !rows.is_empty());
        let total = |signal: Signal| (signal, TallyReport::from(book.total(signal)));
        let kept = |signal: &Signal| signals.contains(*signal) || book.total(*signal).received > 0;
        ExportReport {
            signals: Signal::ALL.into_iter().filter(kept).map(total).collect(),
            services,
        }
    }
}

fn shown(name: &str) -> String {
    if name.is_empty() {
        UNNAMED.to_owned()
    } else {
        name.to_owned()
    }
}

fn used(rows: &Rows) -> BTreeMap<Signal, TallyReport> {
    let used = |signal: &Signal| rows[signal.index()] != Tally::default();
    let report = |signal: Signal| (signal, TallyReport::from(&rows[signal.index()]));
    Signal::ALL.into_iter().filter(used).map(report).collect()
}

fn by_signal_name<S: Serializer, T: Serialize>(
    rows: &BTreeMap<Signal, T>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(rows.iter().map(|(signal, row)| (signal.name(), row)))
}

fn by_service<S: Serializer>(
    services: &BTreeMap<String, BTreeMap<Signal, TallyReport>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let named = |rows: &BTreeMap<Signal, TallyReport>| -> BTreeMap<&'static str, TallyReport> {
        rows.iter()
            .map(|(signal, row)| (signal.name(), row.clone()))
            .collect()
    };
    serializer.collect_map(services.iter().map(|(name, rows)| (name, named(rows))))
}
