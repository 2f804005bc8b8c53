//! The room as a whole: what is emitted on one side is what the own intake and a scrape see.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use opentelemetry::Context;
use opentelemetry::context::FutureExt as _;
use opentelemetry::trace::{Span as _, TraceContextExt as _, Tracer as _};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

use super::*;
use crate::otlp::Signal;

mod lines;
mod metrics;

const LIMIT: Duration = Duration::from_secs(10);

/// An intake that keeps what it is offered and needs timers to do so.
#[derive(Default)]
struct Sink {
    offered: Arc<Mutex<Vec<(Signal, Bytes)>>>,
}

impl Sink {
    fn bodies(&self, signal: Signal) -> Vec<Bytes> {
        let offered = self.offered.lock().unwrap();
        offered
            .iter()
            .filter(|(kind, _)| *kind == signal)
            .map(|(_, body)| body.clone())
            .collect()
    }

    fn spans(&self) -> impl Iterator<Item = Span> {
        let bodies = self.bodies(Signal::Traces).into_iter();
        let requests = bodies.map(|body| ExportTraceServiceRequest::decode(body).unwrap());
        requests
            .flat_map(|request| request.resource_spans)
            .flat_map(|resource| resource.scope_spans)
            .flat_map(|scope| scope.spans)
    }

    fn span_names(&self) -> Vec<String> {
        self.spans().map(|span| span.name).collect()
    }

    /// The events of all spans with their attributes, which are text.
    fn span_events(&self) -> Vec<(String, Vec<(String, String)>)> {
        let events = self.spans().flat_map(|span| span.events);
        let texts = |attributes: Vec<KeyValue>| {
            let pairs = attributes.into_iter();
            pairs
                .map(|pair| {
                    let text = text(&pair).unwrap_or_default();
                    (pair.key, text)
                })
                .collect()
        };
        events
            .map(|event| (event.name, texts(event.attributes)))
            .collect()
    }

    fn log_records(&self) -> Vec<opentelemetry_proto::tonic::logs::v1::LogRecord> {
        let bodies = self.bodies(Signal::Logs);
        let requests = bodies
            .iter()
            .map(|body| ExportLogsServiceRequest::decode(body.clone()).unwrap());
        requests
            .flat_map(|request| request.resource_logs)
            .flat_map(|resource| resource.scope_logs)
            .flat_map(|scope| scope.log_records)
            .collect()
    }
}

impl OwnIntake for Sink {
    fn offer(&self, signal: Signal, body: Bytes) -> OfferFuture {
        let offered = Arc::clone(&self.offered);
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(1)).await;
            offered.lock().unwrap().push((signal, body));
            Ok(())
        })
    }
}

fn quiet_settings() -> Settings {
    Settings {
        metric_interval: Some(Duration::from_secs(3600)),
        ..Settings::default()
    }
}

fn connected() -> (Telemetry, Arc<Sink>) {
    let telemetry = Telemetry::build(&quiet_settings()).unwrap();
    let sink = Arc::new(Sink::default());
    assert!(telemetry.connect(sink.clone()));
    (telemetry, sink)
}

fn attribute(
    record: &opentelemetry_proto::tonic::logs::v1::LogRecord,
    key: &str,
) -> Option<String> {
    let mut attributes = record.attributes.iter();
    text(attributes.find(|attribute| attribute.key == key)?)
}

fn text(attribute: &KeyValue) -> Option<String> {
    use opentelemetry_proto::tonic::common::v1::any_value::Value;
    match attribute.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        _ => None,
    }
}

/// Scenario: a span, a log event inside it and a recorded duration; then a flush.
/// Guarantees: the intake gets all three as OTLP, the log with the span's ids and the request's id.
#[tokio::test]
async fn all_three_signals_reach_the_own_intake() {
    let (telemetry, sink) = connected();
    let lines = telemetry.subscriber(&quiet_settings(), io::sink).unwrap();
    let _lines = tracing::subscriber::set_default(lines);
    let span = telemetry.tracer().start("work");
    let ids = span.span_context().clone();
    let id = RequestId::of(&http::HeaderMap::new(), ids.trace_id());
    let context = Context::new().with_span(span).with_value(id.clone());
    {
        let _inside = context.clone().attach();
        tracing::info!(answer = 42, "something happened");
    }
    context.span().end();
    telemetry
        .instruments()
        .journal_committed(Duration::from_millis(3));
    telemetry.flush(LIMIT).await.unwrap();

    assert_eq!(sink.span_names(), ["work"]);
    let logs = sink.log_records();
    assert_eq!(logs.len(), 1);
    assert_eq!(logs[0].trace_id, ids.trace_id().to_bytes());
    assert_eq!(logs[0].span_id, ids.span_id().to_bytes());
    assert_eq!(
        attribute(&logs[0], "request.id").as_deref(),
        Some(id.as_str())
    );
    let metrics = sink.bodies(Signal::Metrics);
    let metrics = ExportMetricsServiceRequest::decode(metrics[0].clone()).unwrap();
    let names: Vec<_> = metrics.resource_metrics[0].scope_metrics[0]
        .metrics
        .iter()
        .map(|metric| metric.name.as_str())
        .collect();
    assert!(names.contains(&names::JOURNAL_COMMIT_DURATION), "{names:?}");
    telemetry.shutdown(LIMIT).await.unwrap();
}

/// An intake that itself starts spans and logs, as the real one does for outside batches.
struct Talkative {
    telemetry: Telemetry,
    offers: AtomicUsize,
    sink: Arc<Sink>,
}

impl OwnIntake for Talkative {
    fn offer(&self, signal: Signal, body: Bytes) -> OfferFuture {
        self.offers.fetch_add(1, Ordering::Relaxed);
        let tracer = self.telemetry.tracer();
        let kept = self.sink.offer(signal, body);
        Box::pin(async move {
            let _span = tracer.start("loop through the API");
            let _entered = tracing::info_span!("loop through tracing").entered();
            tracing::error!("loop through a log");
            drop(_entered);
            kept.await?;
            tracing::error!("loop after waiting");
            Ok(())
        })
    }
}

/// Scenario: the intake makes spans and logs whenever own telemetry is offered; many flushes follow.
/// Guarantees: what was emitted once is offered once, and no offer breeds another.
#[tokio::test]
async fn exporting_own_telemetry_creates_none() {
    let telemetry = Telemetry::build(&quiet_settings()).unwrap();
    let sink = Arc::new(Sink::default());
    let intake = Arc::new(Talkative {
        telemetry: telemetry.clone(),
        offers: AtomicUsize::new(0),
        sink: sink.clone(),
    });
    telemetry.connect(intake.clone());
    let lines = telemetry.subscriber(&quiet_settings(), io::sink).unwrap();
    let _lines = tracing::subscriber::set_default(lines);
    telemetry.tracer().start("once").end();
    tracing::info!("once");
    for _ in 0..5 {
        telemetry.flush(LIMIT).await.unwrap();
    }
    assert_eq!(sink.span_names(), ["once"]);
    assert_eq!(sink.log_records().len(), 1);
    assert!(
        intake.offers.load(Ordering::Relaxed) >= 3,
        "the intake was never asked"
    );
}

/// Scenario: libraries beneath an export log and open spans, beside the agent's own.
/// Guarantees: only the agent's own are exported.
#[tokio::test]
async fn libraries_beneath_an_export_are_not_exported() {
    let (telemetry, sink) = connected();
    let settings = Settings {
        log: "trace".to_owned(),
        ..quiet_settings()
    };
    let lines = telemetry.subscriber(&settings, io::sink).unwrap();
    let _lines = tracing::subscriber::set_default(lines);
    tracing::error!(target: "h2::codec", "frame");
    tracing::error!(target: "hyper_util::client", "connect");
    tracing::error!(target: "opentelemetry_sdk", "queue full");
    tracing::info_span!(target: "tonic::transport", "call").in_scope(|| ());
    tracing::info_span!("own").in_scope(|| tracing::warn!("own"));
    telemetry.flush(LIMIT).await.unwrap();
    assert_eq!(sink.span_names(), ["own"]);
    assert_eq!(sink.log_records().len(), 1);
    telemetry.shutdown(LIMIT).await.unwrap();
}

/// An intake that never answers.
struct Stuck;

impl OwnIntake for Stuck {
    fn offer(&self, _: Signal, _: Bytes) -> OfferFuture {
        Box::pin(std::future::pending())
    }
}

/// Scenario: the intake hangs while the agent ends.
/// Guarantees: the end comes when its time is over, with an error that says so.
#[tokio::test]
async fn a_stuck_intake_does_not_hold_up_the_end() {
    let telemetry = Telemetry::build(&quiet_settings()).unwrap();
    telemetry.connect(Arc::new(Stuck));
    telemetry.tracer().start("lost").end();
    let asked = Instant::now();
    let end = telemetry.shutdown(Duration::from_millis(200)).await;
    assert!(end.is_err());
    assert!(asked.elapsed() < Duration::from_secs(2));
}

/// Scenario: spans are emitted before the intake exists, then it is connected and telemetry ends.
/// Guarantees: what was emitted early is delivered at the end.
#[tokio::test]
async fn what_is_emitted_before_the_intake_exists_is_kept() {
    let telemetry = Telemetry::build(&quiet_settings()).unwrap();
    telemetry.tracer().start("early").end();
    let sink = Arc::new(Sink::default());
    assert!(telemetry.connect(sink.clone()));
    assert!(
        !telemetry.connect(sink.clone()),
        "a second intake was taken"
    );
    telemetry.shutdown(LIMIT).await.unwrap();
    assert_eq!(sink.span_names(), ["early"]);
    assert_eq!(sink.bodies(Signal::Metrics).len(), 1);
}

/// Scenario: a future runs quietly and waits in between.
/// Guarantees: quiet holds on both sides of the wait, and ends with the future.
#[tokio::test]
async fn quiet_holds_across_a_wait() {
    let quiet = quietly(async {
        let before = is_quiet();
        tokio::task::yield_now().await;
        (before, is_quiet())
    });
    assert_eq!(quiet.await, (true, true));
    assert!(!async { is_quiet() }.with_context(Context::new()).await);
}

/// Scenario: no root trace is to be recorded; one request comes with a sampled parent, one without.
/// Guarantees: only the one whose caller decided to record is exported, and both have a request id.
#[tokio::test]
async fn a_callers_sampling_decision_is_followed() {
    let settings = Settings {
        trace_ratio: 0.0,
        ..quiet_settings()
    };
    let telemetry = Telemetry::build(&settings).unwrap();
    let sink = Arc::new(Sink::default());
    telemetry.connect(sink.clone());
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let sampled = [(
        http::HeaderName::from_static("traceparent"),
        http::HeaderValue::from_static(parent),
    )];
    for (route, headers) in [
        ("/root", http::HeaderMap::new()),
        ("/child", sampled.into_iter().collect()),
    ] {
        let incoming = Incoming {
            method: "GET",
            route,
            path: route,
            headers: &headers,
        };
        let span = ServerSpan::start(&telemetry.tracer(), incoming);
        assert_eq!(span.request_id().as_str().len(), 32);
        span.end(http::StatusCode::OK);
    }
    telemetry.shutdown(LIMIT).await.unwrap();
    assert_eq!(sink.span_names(), ["GET /child"]);
}
