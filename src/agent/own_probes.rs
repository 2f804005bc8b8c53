//! The probes that the agent has of itself: its disk, and each of its exports.

use std::sync::Arc;
use std::time::SystemTime;

use super::translate;
use crate::config::{Settings, SyncMode};
use crate::export::ExportStatus;
use crate::ledger::{Account, Ledger};
use crate::probe::{AskExport, ExportHealth, Prepared};

/// Adds them to those that are configured.
pub(super) fn add(
    prepared: &mut Prepared,
    settings: &Settings,
    ledger: &Ledger,
    exports: &[ExportStatus],
) {
    let is_on_disk = settings.journal.sync != SyncMode::Memory;
    let series = &settings.series;
    // Nothing else is written to `data_dir`, which otherwise need not be there.
    if is_on_disk || (series.enabled && series.continuity) {
        prepared.add_disk(&settings.data_dir, &settings.probes);
    }
    for status in exports {
        let name = status.name();
        let export = &settings.export[name.as_ref()];
        let account = ledger.account(name, translate::signals(export));
        let status = status.clone();
        let ask: AskExport = Arc::new(move || health(&status, &account, is_on_disk));
        let target = export.endpoint.to_string();
        let every = settings.probes.own_every;
        prepared.add_export(name, target, every, export.stuck_after, ask);
    }
}

fn health(status: &ExportStatus, account: &Account, is_on_disk: bool) -> ExportHealth {
    ExportHealth {
        last_error: status.last_error(),
        breaker: status.breaker(),
        oldest_waiting: status.oldest_waiting_age(SystemTime::now()),
        items_waiting: account.waiting(),
        is_on_disk,
    }
}
