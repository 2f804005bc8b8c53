//! What is shown of the series and of the agent's own metrics: scrapes, and the same as JSON.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use http::HeaderValue;
use serde::Serialize;
use serde_json::json;
use tokio::task::spawn_blocking;
use tracing::warn;

use crate::config::Settings;
use crate::series::classic;
use crate::series::exposition::{
    self, About, Exposed, Format, OwnFamily, Request, accepts_gzip, negotiate, own_families,
};
use crate::series::store::{Limits, Moment, Store};
use crate::series::{SeriesHandle, SeriesState, Work};
use crate::serve::{AskLater, ScrapeRequest, Scraped};
use crate::telemetry::{Telemetry, process};

/// Everything that answers need.
#[derive(Clone)]
pub(super) struct Shown {
    telemetry: Telemetry,
    series: Option<SeriesHandle>,
    service: Arc<str>,
    created: bool,
    classic_names: bool,
}

impl Shown {
    pub(super) fn new(
        settings: &Settings,
        telemetry: &Telemetry,
        series: Option<SeriesHandle>,
    ) -> Shown {
        Shown {
            telemetry: telemetry.clone(),
            series,
            service: settings.telemetry.service_name.as_str().into(),
            created: settings.prometheus.created_samples,
            classic_names: settings.prometheus.classic_names,
        }
    }

    /// All metrics in the format that the scraper takes.
    pub(super) async fn scrape(self, asked: ScrapeRequest) -> Scraped {
        let began = Instant::now();
        let offer = negotiate(asked.accept.as_deref());
        let (format, content_type) = (offer.format, offer.content_type());
        let request = Request {
            offer,
            created: self.created,
        };
        let own = self.own().await;
        let (answer, exposed) = self.expose(own, request).await;
        self.telemetry.count_left_out(exposed.left_out as u64);
        let instruments = self.telemetry.instruments();
        instruments.scraped(word(format), began.elapsed(), answer.len() as u64);
        let (body, content_encoding) = match accepts_gzip(asked.accept_encoding.as_deref()) {
            true => compressed(answer).await,
            false => (answer, None),
        };
        Scraped {
            content_type: header(&content_type),
            content_encoding,
            body,
        }
    }

    /// The agent's own families. Reads `/proc`, so it runs where blocking is allowed.
    async fn own(&self) -> Vec<OwnFamily> {
        // What was sent before is taken in first, so that own counts speak of the series they are shown with.
        ask(self.series.as_ref(), Work::publish).await;
        let (telemetry, classic_names) = (self.telemetry.clone(), self.classic_names);
        let gathered = spawn_blocking(move || {
            let mut own = own_families(telemetry.families());
            if classic_names {
                classic::add_own(&mut own);
            }
            own
        });
        match gathered.await {
            Ok(own) => own,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    /// Where there are no series, or they have ended, the agent's own families are all there is.
    async fn expose(&self, own: Vec<OwnFamily>, request: Request) -> (Bytes, Exposed) {
        let own = Arc::new(own);
        let shared = Arc::clone(&own);
        let question = move |state: &mut SeriesState| state.expose(&shared, request, now());
        let (answer, exposed) = match ask(self.series.as_ref(), question).await {
            Some(exposed) => exposed,
            None => {
                let mut answer = Vec::new();
                let exposed = exposition::expose(&nothing(), &own, request, &mut answer);
                (answer, exposed)
            }
        };
        (answer.into(), exposed)
    }

    /// All metrics as JSON.
    pub(super) async fn metrics_json(self) -> Option<Bytes> {
        let own = Arc::new(self.own().await);
        let shared = Arc::clone(&own);
        let about = About {
            service: self.service.to_string(),
            version: env!("CARGO_PKG_VERSION"),
            timestamp: humantime::format_rfc3339_millis(SystemTime::now()).to_string(),
            uptime_seconds: process::uptime().as_secs(),
        };
        let said = about.clone();
        let question = move |state: &mut SeriesState| state.to_json(&shared, said, now());
        Some(match ask(self.series.as_ref(), question).await {
            Some(answer) => answer.into(),
            None => exposition::to_json(&nothing(), &own, about, &|_| None).into(),
        })
    }
}

/// Who calls whom.
pub(super) fn map(series: &Option<SeriesHandle>) -> AskLater<Option<Bytes>> {
    asking(series, |state| to_json(&state.map(now())))
}

/// What could not be shown as it was sent.
pub(super) fn conflicts(series: &Option<SeriesHandle>) -> AskLater<Option<Bytes>> {
    asking(series, |state| {
        to_json(&json!({ "conflicts": state.store.conflicts().list() }))
    })
}

/// A question to the series; its answer is `None` where none are kept.
fn asking(
    series: &Option<SeriesHandle>,
    question: fn(&mut SeriesState) -> Bytes,
) -> AskLater<Option<Bytes>> {
    let series = series.clone();
    Arc::new(move || {
        let series = series.clone();
        Box::pin(async move { ask(series.as_ref(), question).await })
    })
}

/// The series' answer; `None` where there are none, or they have ended.
async fn ask<T: Send + 'static>(
    series: Option<&SeriesHandle>,
    question: impl FnOnce(&mut SeriesState) -> T + Send + 'static,
) -> Option<T> {
    let series = series?;
    let answer = series.ask(question).await;
    if answer.is_none() && !series.has_ended() {
        // An answer without its series would look like their end: better none.
        std::panic::resume_unwind(Box::new("a question to the series panicked"));
    }
    answer
}

fn to_json(answer: &impl Serialize) -> Bytes {
    // Fails only for maps whose keys are not strings, which no answer holds.
    serde_json::to_vec(answer).unwrap_or_default().into()
}

async fn compressed(answer: Bytes) -> (Bytes, Option<HeaderValue>) {
    let plain = answer.clone();
    let packed = spawn_blocking(move || exposition::compress(answer)).await;
    match packed {
        Ok(Ok(packed)) => (packed, Some(HeaderValue::from_static("gzip"))),
        Ok(Err(error)) => {
            warn!(%error, "a scrape is answered without compression");
            (plain, None)
        }
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

fn header(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static("text/plain"))
}

fn word(format: Format) -> &'static str {
    match format {
        Format::Protobuf => "protobuf",
        _ if format.is_open_metrics() => "openmetrics",
        _ => "text",
    }
}

fn nothing() -> Store {
    Store::new(Limits {
        series: 0,
        series_per_metric: 0,
        label_bytes: 0,
        memory_bytes: 0,
    })
}

fn now() -> Moment {
    SystemTime::now().into()
}
