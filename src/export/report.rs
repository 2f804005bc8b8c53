//! What an export tells the outside about itself: status, log lines, meters, spans.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use opentelemetry::KeyValue;
use tracing::{info, warn};

use super::outcome::Outcome;
use super::parcel::Parcel;
use super::payload::PayloadError;
use crate::journal::Entry;
use crate::otlp::Signal;
use crate::telemetry::names;
use crate::telemetry::{CallSpan, ExportInstruments, ExportOutcome};

/// One export's voice. Lines are written when something changes, not for every request.
#[derive(Debug)]
pub(super) struct Report {
    export: String,
    instruments: ExportInstruments,
    failing: AtomicBool,
    last_error: Mutex<Option<String>>,
    /// Refusals so far: the 1st, 2nd, 4th, 8th… are written to the log.
    refusals: AtomicU64,
}

impl Report {
    pub(super) fn new(export: String, instruments: ExportInstruments) -> Report {
        Report {
            export,
            instruments,
            failing: AtomicBool::new(false),
            last_error: Mutex::new(None),
            refusals: AtomicU64::new(0),
        }
    }

    /// Why the last attempt failed; `None` once one succeeds.
    pub(super) fn last_error(&self) -> Option<String> {
        self.last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn attempt_begins(&self, parcel: &Parcel) -> CallSpan {
        if parcel.is_own() {
            return CallSpan::none(); // sending our own telemetry creates no telemetry
        }
        let span = CallSpan::client("export");
        span.describe(|| {
            [
                KeyValue::new(names::EXPORT, self.export.clone()),
                KeyValue::new(names::SIGNAL, parcel.signal.name()),
                KeyValue::new(
                    names::ITEMS,
                    i64::try_from(parcel.items()).unwrap_or(i64::MAX),
                ),
            ]
        });
        span
    }

    pub(super) fn attempt_ended(
        &self,
        span: CallSpan,
        outcome: &Outcome,
        took: Duration,
        bytes: usize,
    ) {
        let (kind, error) = match outcome {
            Outcome::Delivered { rejected: 0, .. } => (ExportOutcome::Delivered, None),
            Outcome::Delivered { .. } => (ExportOutcome::Partial, None),
            Outcome::Retry { why, .. } => (ExportOutcome::Retry, Some(why)),
            Outcome::Refused { why } => (ExportOutcome::Refused, Some(why)),
        };
        self.instruments.answered(kind, took, bytes as u64);
        if kind == ExportOutcome::Retry {
            self.instruments.retried();
        }
        span.end(error.map(String::as_str));
        self.note(kind, error);
    }

    fn note(&self, kind: ExportOutcome, error: Option<&String>) {
        let failing = kind == ExportOutcome::Retry;
        let was_failing = self.failing.swap(failing, Ordering::Relaxed);
        if failing || was_failing {
            *self
                .last_error
                .lock()
                .unwrap_or_else(PoisonError::into_inner) = error.cloned();
        }
        match (was_failing, failing, error) {
            (false, true, Some(error)) => {
                warn!(export = self.export, %error, "export failed, trying again");
            }
            (true, false, _) => info!(export = self.export, "export delivers again"),
            _ => {}
        }
    }

    pub(super) fn refused(&self, parcel: &Parcel, why: &str) {
        let refusals = self.refusals.fetch_add(1, Ordering::Relaxed) + 1;
        if refusals.is_power_of_two() {
            let (export, signal, items) = (&self.export, parcel.signal, parcel.items());
            warn!(export, %signal, items, refusals, why, "destination refused a request for good; its items are dropped");
        }
    }

    pub(super) fn partly_refused(&self, parcel: &Parcel, rejected: u64, message: &str) {
        let refusals = self.refusals.fetch_add(1, Ordering::Relaxed) + 1;
        if refusals.is_power_of_two() {
            let (export, signal) = (&self.export, parcel.signal);
            warn!(export, %signal, rejected, refusals, message, "destination refused a part of a request");
        }
    }

    pub(super) fn expired(&self, signal: Signal, entries: &[Entry], max_age: Duration) {
        let items = items(entries);
        warn!(export = self.export, %signal, items, ?max_age, "batches older than max_age dropped");
    }

    pub(super) fn unreadable(&self, signal: Signal, entries: &[Entry], error: &PayloadError) {
        let items = items(entries);
        warn!(export = self.export, %signal, items, %error, "batches that cannot be sent dropped");
    }
}

fn items(entries: &[Entry]) -> u64 {
    entries
        .iter()
        .map(|entry| u64::from(entry.batch.items))
        .sum()
}
