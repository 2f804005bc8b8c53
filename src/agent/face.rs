//! What the HTTP face is told about the agent.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use http::HeaderValue;
use serde_json::{Value, json};

use crate::config::Settings;
use crate::export::ExportStatus;
use crate::ledger::Ledger;
use crate::series::{SeriesHandle, SeriesState};
use crate::serve::{AskLater, Face, Phase, Scraped};
use crate::shutdown::Stopping;
use crate::telemetry::{TEXT_CONTENT_TYPE, Telemetry};

pub(super) fn new(
    settings: &Settings,
    telemetry: &Telemetry,
    ledger: &Arc<Ledger>,
    exports: Vec<ExportStatus>,
    series: Option<SeriesHandle>,
    stopping: &Stopping,
) -> Face {
    let watched: Vec<_> = exports
        .into_iter()
        .map(|export| (settings.export[export.name().as_ref()].stuck_after, export))
        .collect();
    let (ledger, stopping) = (Arc::clone(ledger), stopping.clone());
    let (scraper, scraped) = (telemetry.clone(), series.clone());
    Face {
        service: settings.telemetry.service_name.clone(),
        features: features(settings),
        phase: Arc::new(move || match stopping.has_begun() {
            true => Phase::Draining,
            false => Phase::Running,
        }),
        ready: Arc::new(move || stuck(&watched)),
        ledger: Arc::new(move || {
            // A report is maps of numbers with text keys: it always has a JSON form.
            serde_json::to_value(ledger.report()).unwrap_or_default()
        }),
        scrape: Arc::new(move |_| Box::pin(scrape(scraper.clone(), scraped.clone()))),
        metrics_json: asking(&series, |_| None),
        map: asking(&series, |_| None),
        conflicts: asking(&series, |state| {
            Some(json!({ "conflicts": state.store.conflicts().list() }))
        }),
        checks: Vec::new(),
        instruments: telemetry.instruments(),
        tracer: telemetry.tracer(),
    }
}

/// A scrape. It reads `/proc` and encodes everything, so it runs where blocking is allowed.
async fn scrape(telemetry: Telemetry, series: Option<SeriesHandle>) -> Scraped {
    let began = Instant::now();
    if let Some(series) = series {
        series
            .ask(|state| state.save(SystemTime::now().into()))
            .await;
    }
    let instruments = telemetry.instruments();
    let text = match tokio::task::spawn_blocking(move || telemetry.scrape()).await {
        Ok(text) => text,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    };
    instruments.scraped("text", began.elapsed(), text.len() as u64);
    Scraped {
        content_type: HeaderValue::from_static(TEXT_CONTENT_TYPE),
        content_encoding: None,
        body: text.into(),
    }
}

/// A question to the series; its answer is `None` where none are kept.
fn asking(
    series: &Option<SeriesHandle>,
    question: fn(&mut SeriesState) -> Option<Value>,
) -> AskLater<Option<Value>> {
    let series = series.clone();
    Arc::new(move || {
        let series = series.clone();
        Box::pin(async move { series?.ask(question).await.flatten() })
    })
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
