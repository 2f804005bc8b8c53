//! The agent's own probes, and what the HTTP face is told about all of them.

use std::sync::Arc;
use std::time::SystemTime;

use super::breakers::Watch;
use super::translate;
use crate::config::{Settings, SyncMode};
use crate::export::ExportStatus;
use crate::ledger::{Account, Ledger};
use crate::probe::{Board, ExportHealth, Look, Prepared, Report, Status};
use crate::serve::{Ask, AskLaterWith, Check, CheckStatus, LastRun};

/// Adds the probes of the agent itself: its disk, and each of its exports.
pub(super) fn watch_own(
    prepared: &mut Prepared,
    settings: &Settings,
    exports: &[ExportStatus],
    ledger: &Ledger,
) {
    let is_on_disk = settings.journal.sync != SyncMode::Memory;
    let series = &settings.series;
    // Nothing else is kept in `data_dir`, which otherwise need not be there.
    if is_on_disk || (series.enabled && series.continuity) {
        prepared.watch_disk(&settings.data_dir, &settings.probes);
    }
    for export in exports {
        let configured = &settings.export[export.name().as_ref()];
        let account = ledger.account(export.name(), translate::signals(configured));
        let status = export.clone();
        prepared.watch_export(
            export.name(),
            configured.endpoint.to_string(),
            configured.stuck_after,
            &settings.probes,
            Arc::new(move || export_health(&status, &account, is_on_disk)),
        );
    }
}

fn export_health(export: &ExportStatus, account: &Account, is_on_disk: bool) -> ExportHealth {
    ExportHealth {
        last_error: export.last_error(),
        breaker: export.breaker().state(),
        oldest_waiting: export.oldest_waiting_age(SystemTime::now()),
        items_waiting: account.waiting(),
        is_on_disk,
    }
}

/// Every probe, and the breaker of every route, as they stand when asked.
pub(super) fn all(board: &Arc<Board>, breakers: &Watch) -> Ask<Vec<Check>> {
    let (board, breakers) = (Arc::clone(board), breakers.clone());
    Arc::new(move || {
        let probes = board.all(SystemTime::now());
        let mut all: Vec<_> = probes.into_iter().map(check).collect();
        all.extend(breakers.checks());
        all.sort_by(|one, other| one.name.cmp(&other.name));
        all
    })
}

/// Runs one probe and tells how it stands then. A breaker has nothing to run: it is told as it stands.
pub(super) fn run(board: &Arc<Board>, breakers: &Watch) -> AskLaterWith<String, Option<Check>> {
    let (board, breakers) = (Arc::clone(board), breakers.clone());
    Arc::new(move |name: String| {
        let (board, breakers) = (Arc::clone(&board), breakers.clone());
        Box::pin(async move {
            board.run(&name).await;
            let probe = board.one(&name, SystemTime::now()).map(check);
            probe.or_else(|| breakers.checks().find(|check| check.name == name))
        })
    })
}

fn check(status: Status) -> Check {
    let certificate_ends = status
        .last
        .as_ref()
        .and_then(|last| last.found.certificate_ends);
    let facts = status.last.as_ref().map(|last| last.found.facts.clone());
    Check {
        name: status.spec.name.to_string(),
        kind: status.spec.kind.name(),
        groups: status.spec.groups.clone(),
        required: status.spec.required,
        status: match status.look {
            Look::Starting => CheckStatus::Starting,
            Look::Good => CheckStatus::Pass,
            Look::Doubtful => CheckStatus::Warn,
            Look::Bad => CheckStatus::Fail,
        },
        excused: status.excused,
        message: status.message,
        advice: status.advice,
        target: status.spec.target.clone(),
        since: Some(status.since),
        last_run: status.last.as_deref().map(last_run),
        next_run: status.next_run,
        certificate_ends,
        facts: facts.unwrap_or_default(),
    }
}

fn last_run(report: &Report) -> LastRun {
    let phases = report.phases().into_iter();
    LastRun {
        at: report.at,
        took: report.took,
        phases: phases.map(|(phase, took)| (phase.name(), took)).collect(),
        failure: report.failure.as_ref().map(|failure| {
            let phase = failure.phase.map(|phase| phase.name());
            (failure.reason.name(), phase)
        }),
    }
}
