//! What the HTTP face is told about the agent.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::checks;
use super::shown::{self, Shown};
use crate::config::Settings;
use crate::export::ExportStatus;
use crate::ledger::Ledger;
use crate::probe::Board;
use crate::series::SeriesHandle;
use crate::serve::{Access, Face, Phase};
use crate::shutdown::Stopping;
use crate::telemetry::Telemetry;

pub(super) fn new(
    settings: &Settings,
    telemetry: &Telemetry,
    ledger: &Arc<Ledger>,
    exports: Vec<ExportStatus>,
    series: Option<SeriesHandle>,
    board: &Arc<Board>,
    stopping: &Stopping,
) -> Face {
    let watched: Vec<_> = exports
        .into_iter()
        .map(|export| (settings.export[export.name().as_ref()].stuck_after, export))
        .collect();
    let (ledger, stopping) = (Arc::clone(ledger), stopping.clone());
    let scraped = Shown::new(settings, telemetry, series.clone());
    let listed = scraped.clone();
    Face {
        service: settings.telemetry.service_name.clone(),
        features: features(settings),
        access: Access::new(settings.api.listen.ip(), settings.api.token.clone()),
        phase: Arc::new(move || match stopping.has_begun() {
            true => Phase::Draining,
            false => Phase::Running,
        }),
        stuck: Arc::new(move || stuck(&watched)),
        ledger: Arc::new(move || {
            // A report is maps of numbers with text keys: it always has a JSON form.
            serde_json::to_value(ledger.report()).unwrap_or_default()
        }),
        scrape: Arc::new(move |asked| Box::pin(scraped.clone().scrape(asked))),
        metrics_json: Arc::new(move || Box::pin(listed.clone().metrics_json())),
        map: shown::map(&series),
        conflicts: shown::conflicts(&series),
        checks: checks::all(board),
        run_check: checks::run(board),
        instruments: telemetry.instruments(),
        tracer: telemetry.tracer(),
    }
}

fn features(settings: &Settings) -> Vec<String> {
    let receive = &settings.receive;
    let switched = [
        ("otlp-receive", receive.grpc.enabled || receive.http.enabled),
        ("journal", !settings.export.is_empty()),
        ("series", settings.series.enabled),
        (
            "export",
            settings.export.values().any(|export| export.enabled),
        ),
        ("probes", settings.probe.values().any(|probe| probe.enabled)),
        ("own-telemetry", settings.telemetry.export_own),
    ];
    switched
        .into_iter()
        .filter(|(_, on)| *on)
        .map(|(name, _)| name.to_owned())
        .collect()
}

/// A sentence for each export whose oldest batch has waited longer than it may.
fn stuck(exports: &[(Duration, ExportStatus)]) -> Vec<String> {
    let now = SystemTime::now();
    let sentence = |(stuck_after, export): &(Duration, ExportStatus)| {
        let age = export.oldest_waiting_age(now)?;
        (age > *stuck_after).then(|| {
            let why = export
                .last_error()
                .unwrap_or_else(|| "it takes too little".to_owned());
            let age = humantime::format_duration(Duration::from_secs(age.as_secs()));
            format!(
                "export {:?} has had batches waiting for {age}: {why}",
                export.name()
            )
        })
    };
    exports.iter().filter_map(sentence).collect()
}
