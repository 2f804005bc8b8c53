//! What the HTTP face is told about the agent.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::breakers::Watch;
use super::checks;
use super::shown::{self, Shown};
use crate::config::Settings;
use crate::export::ExportStatus;
use crate::gateway::Cache;
use crate::ledger::Ledger;
use crate::probe::Board;
use crate::series::SeriesHandle;
use crate::serve::{Access, Face, Phase};
use crate::shutdown::Stopping;
use crate::telemetry::Telemetry;

/// The rooms that the face asks.
pub(super) struct Rooms<'a> {
    pub(super) telemetry: &'a Telemetry,
    pub(super) ledger: &'a Arc<Ledger>,
    pub(super) exports: Vec<ExportStatus>,
    pub(super) series: Option<SeriesHandle>,
    pub(super) board: &'a Arc<Board>,
    pub(super) breakers: &'a Watch,
    /// `None` where no route keeps answers.
    pub(super) cache: Option<Arc<Cache>>,
    pub(super) stopping: &'a Stopping,
}

pub(super) fn new(settings: &Settings, rooms: Rooms<'_>) -> Face {
    let Rooms {
        telemetry,
        ledger,
        exports,
        series,
        board,
        breakers,
        cache,
        stopping,
    } = rooms;
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
        checks: checks::all(board, breakers),
        run_check: checks::run(board, breakers),
        breakers: breakers.views(),
        order_breaker: breakers.orders(),
        breaker_events: breakers.feed().clone(),
        cache: Arc::new(move || cache.as_ref().map(|cache| cache.read()).unwrap_or_default()),
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
        ("gateway", settings.open_routes().next().is_some()),
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
