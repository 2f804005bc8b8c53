//! Connects the rooms' own counts to the instruments, and own telemetry to the intake.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use bytes::Bytes;

use crate::export::ExportStatus;
use crate::gateway::Cache;
use crate::intake::{Intake, Offer};
use crate::journal::{Journal, JournalStats};
use crate::ledger::{Ledger, LedgerReport};
use crate::otlp::{Encoding, Signal};
use crate::series::store::Fault;
use crate::series::{SeriesCounts, SeriesHandle};
use crate::telemetry::{
    ExportReading, ItemsReading, JournalReading, LedgerReading, OfferFuture, OwnIntake,
    SeriesReading, Telemetry, TurnedAwayReading,
};

/// The way of own telemetry into the intake.
pub(super) struct OwnTelemetry(pub(super) Intake);

impl OwnIntake for OwnTelemetry {
    fn offer(&self, signal: Signal, bytes: Bytes) -> OfferFuture {
        let visit = self.0.enter_own();
        let offer = Offer {
            signal,
            encoding: Encoding::Identity,
            bytes,
        };
        Box::pin(async move {
            visit
                .offer(offer)
                .await
                .map(|_| ())
                .map_err(|refusal| refusal.to_string())
        })
    }
}

pub(super) fn observe(
    telemetry: &Telemetry,
    ledger: &Arc<Ledger>,
    journal: &Journal,
    intake: &Intake,
    exports: &[ExportStatus],
) {
    let instruments = telemetry.instruments();
    let commits = telemetry.instruments();
    journal.observe_syncs(move |took| commits.journal_committed(took));
    let (ledger, journal) = (Arc::clone(ledger), journal.clone());
    let (intake, exports) = (intake.clone(), exports.to_vec());
    instruments.observe_ledger(move || ledger_reading(&ledger.report()));
    instruments.observe_journal(move || journal_reading(&journal.stats()));
    instruments.observe_intake(move || intake.in_flight_bytes() as u64);
    instruments.observe_exports(move || exports.iter().map(export_reading).collect());
}

/// Connects the counts of the gateway's response cache.
pub(super) fn observe_cache(telemetry: &Telemetry, cache: &Arc<Cache>) {
    let cache = Arc::clone(cache);
    telemetry.instruments().observe_cache(move || cache.read());
}

/// Connects the series' counts, where there are any.
pub(super) fn observe_series(
    telemetry: &Telemetry,
    handle: SeriesHandle,
    counts: Arc<SeriesCounts>,
) {
    let read = move || series_reading(&handle, &counts);
    telemetry.instruments().observe_series(read);
}

fn series_reading(handle: &SeriesHandle, counts: &SeriesCounts) -> SeriesReading {
    let now = |count: &AtomicU64| count.load(Ordering::Relaxed);
    let faults = Fault::ALL.iter();
    SeriesReading {
        series: now(&counts.series),
        limit: counts.limit,
        families: now(&counts.families),
        memory_bytes: now(&counts.memory_bytes),
        queue_bytes: handle.queued_bytes(),
        expired: now(&counts.expired),
        faulty: faults
            .map(|fault| (fault.name(), counts.faults.get(*fault)))
            .collect(),
        missed: handle.missed(),
        continuity_bytes: now(&counts.continuity.size_bytes),
        continuity_errors: now(&counts.continuity.failures),
    }
}

fn ledger_reading(report: &LedgerReport) -> LedgerReading {
    let rows = report.exports.iter().flat_map(|(export, rows)| {
        let export: Arc<str> = export.as_str().into();
        rows.signals.iter().map(move |(signal, row)| ItemsReading {
            export: Arc::clone(&export),
            signal: *signal,
            received: row.received,
            delivered: row.delivered,
            waiting: row.waiting,
            refused: row.refused,
            dropped: row
                .dropped
                .iter()
                .map(|(reason, items)| (*reason, *items))
                .collect(),
        })
    });
    let turned_away = report.turned_away.iter().flat_map(|(signal, reasons)| {
        reasons.iter().map(|(reason, row)| TurnedAwayReading {
            signal: *signal,
            reason,
            requests: row.requests,
        })
    });
    let taken_in = report.taken_in.iter();
    LedgerReading {
        taken_in: taken_in.map(|(signal, row)| (*signal, row.items)).collect(),
        items: rows.collect(),
        turned_away: turned_away.collect(),
    }
}

fn journal_reading(stats: &JournalStats) -> JournalReading {
    JournalReading {
        size_bytes: stats.disk_bytes,
        live_size_bytes: stats.live_bytes,
        limit_bytes: stats.limit_bytes,
        segments: stats.segments,
        memory_bytes: stats.memory_bytes,
        commits: stats.commits,
        write_errors: stats.write_errors,
    }
}

fn export_reading(export: &ExportStatus) -> ExportReading {
    let age = export.oldest_waiting_age(SystemTime::now());
    ExportReading {
        export: Arc::clone(export.name()),
        in_flight: export.in_flight() as u64,
        oldest_waiting_age_s: age.unwrap_or_default().as_secs_f64(),
    }
}
