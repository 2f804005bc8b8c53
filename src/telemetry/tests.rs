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
use prost::Message as _;

use super::*;
use crate::otlp::Signal;

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

    fn span_names(&self) -> Vec<String> {
        let bodies = self.bodies(Signal::Traces);
        let requests = bodies
            .iter()
            .map(|body| ExportTraceServiceRequest::decode(body.clone()).unwrap());
        requests
            .flat_map(|request| request.resource_spans)
            .flat_map(|resource| resource.scope_spans)
            .flat_map(|scope| scope.spans)
            .map(|span| span.name)
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
    use opentelemetry_proto::tonic::common::v1::any_value::Value;
    let found = record
        .attributes
        .iter()
        .find(|attribute| attribute.key == key)?;
    match found.value.as_ref()?.value.as_ref()? {
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
}

/// A writer that keeps the lines.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn line_within_a_span(format: LogFormat, request_id: &str) -> (String, String, String) {
    let settings = Settings {
        otlp: false,
        log_format: format,
        ..Settings::default()
    };
    let telemetry = Telemetry::build(&settings).unwrap();
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = telemetry
        .subscriber(&settings, move || writer.clone())
        .unwrap();
    let span = telemetry.tracer().start("work");
    let (trace, span_id) = (
        span.span_context().trace_id().to_string(),
        span.span_context().span_id().to_string(),
    );
    let headers = [(
        propagation::X_REQUEST_ID,
        http::HeaderValue::from_str(request_id).unwrap(),
    )];
    let id = RequestId::of(
        &headers.into_iter().collect(),
        opentelemetry::TraceId::INVALID,
    );
    let _inside = Context::new().with_span(span).with_value(id).attach();
    tracing::subscriber::with_default(subscriber, || {
        tracing::info!(export = "a}b", "it \"happened\"");
        tracing::debug!("below the filter");
    });
    (lines.text(), trace, span_id)
}

/// Scenario: an event inside a span, lines as text.
/// Guarantees: the line ends with the trace, the span and the request; finer levels stay silent.
#[test]
fn text_lines_carry_the_ids() {
    let (text, trace, span) = line_within_a_span(LogFormat::Text, "order-7");
    assert_eq!(text.lines().count(), 1, "{text}");
    let ids = format!(" trace_id={trace} span_id={span} request_id=order-7\n");
    assert!(text.ends_with(&ids), "{text}");
}

/// Scenario: an event inside a span, lines as JSON, with quotes in the message and the id.
/// Guarantees: the line is one valid JSON object that holds the message, its fields and the ids.
#[test]
fn json_lines_carry_the_ids() {
    let (text, trace, span) = line_within_a_span(LogFormat::Json, "or\"der");
    let line: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(line["message"], "it \"happened\"");
    assert_eq!(
        (&line["level"], &line["export"]),
        (&"INFO".into(), &"a}b".into())
    );
    assert_eq!(
        (&line["trace_id"], &line["span_id"]),
        (&trace.into(), &span.into())
    );
    assert_eq!(line["request_id"], "or\"der");
}

/// Scenario: a log filter that cannot be parsed.
/// Guarantees: the error names the filter and shows what a good one looks like.
#[test]
fn a_bad_log_filter_is_named() {
    let settings = Settings {
        log: "lineside=loud".to_owned(),
        otlp: false,
        ..Settings::default()
    };
    let telemetry = Telemetry::build(&settings).unwrap();
    let error = telemetry
        .subscriber(&settings, io::sink)
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.contains("lineside=loud") && error.contains("info,lineside=debug"),
        "{error}"
    );
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

/// A ledger that moves between any two readings, as it does under load.
fn moving_ledger() -> impl Fn() -> LedgerReading {
    let received = AtomicUsize::new(10);
    move || {
        let received = received.fetch_add(10, Ordering::Relaxed) as u64;
        let items = ItemsReading {
            export: "collector".into(),
            signal: Signal::Traces,
            received,
            delivered: received - 6,
            waiting: 3,
            refused: 2,
            dropped: vec![("age", 1)],
        };
        let turned_away = TurnedAwayReading {
            signal: Signal::Logs,
            reason: "memory",
            requests: 4,
        };
        LedgerReading {
            items: vec![items],
            turned_away: vec![turned_away],
        }
    }
}

fn sample(text: &str, name: &str) -> f64 {
    let lines = text
        .lines()
        .filter(|line| line.starts_with(name) && !line.starts_with('#'));
    lines
        .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
        .sum()
}

/// Scenario: a ledger that changes with every look is scraped several times.
/// Guarantees: within each scrape, received equals delivered + waiting + refused + dropped.
#[test]
fn the_ledger_adds_up_in_every_scrape() {
    let telemetry = Telemetry::build(&Settings {
        otlp: false,
        ..Settings::default()
    })
    .unwrap();
    telemetry.instruments().observe_ledger(moving_ledger());
    for round in 1..=3 {
        let text = telemetry.scrape();
        let of = |name: &str| sample(&text, &format!("lineside_items_{name}"));
        assert_eq!(of("received_total"), f64::from(round * 10));
        assert_eq!(
            of("received_total"),
            of("delivered_total") + of("waiting") + of("refused_total") + of("dropped_total")
        );
        assert!(text.contains(r#"lineside_items_dropped_total{lineside_export="collector",lineside_signal="traces",reason="age"} 1"#), "{text}");
        assert!(
            text.contains(
                r#"lineside_intake_turned_away_total{lineside_signal="logs",reason="memory"} 4"#
            ),
            "{text}"
        );
    }
}

/// Records into every instrument once.
fn exercised() -> Telemetry {
    let telemetry = Telemetry::build(&Settings {
        otlp: false,
        ..Settings::default()
    })
    .unwrap();
    let instruments = telemetry.instruments();
    instruments.observe_ledger(moving_ledger());
    instruments.observe_intake(|| 7);
    instruments.observe_journal(|| JournalReading {
        size_bytes: 8,
        ..JournalReading::default()
    });
    instruments.observe_exports(|| {
        vec![ExportReading {
            export: "collector".into(),
            in_flight: 2,
            oldest_waiting_age_s: 1.5,
            breaker: crate::resilience::BreakerState::HalfOpen,
        }]
    });
    instruments.journal_committed(Duration::from_micros(300));
    let export = instruments.export("collector");
    export.answered(ExportOutcome::Retry, Duration::from_millis(20), 5000);
    export.retried();
    instruments
        .rpc_method(Signal::Logs)
        .answered(14, Duration::from_millis(1));
    instruments
        .http_route("GET", "/health")
        .answered(200, Duration::from_micros(50));
    telemetry
}

/// Scenario: every instrument has been used once.
/// Guarantees: a scrape shows each with its name, unit, labels and value.
#[test]
fn a_scrape_shows_every_instrument() {
    let telemetry = exercised();
    let _connection = telemetry.instruments().listener("grpc").opened();
    let text = telemetry.scrape();
    for expected in [
        r#"circuit_breaker_state{service="collector"} 2"#,
        "lineside_intake_in_flight_bytes 7",
        "lineside_journal_size_bytes 8",
        r#"lineside_export_in_flight{lineside_export="collector"} 2"#,
        r#"lineside_export_oldest_waiting_age_seconds{lineside_export="collector"} 1.5"#,
        r#"lineside_export_retries_total{lineside_export="collector"} 1"#,
        r#"lineside_export_request_duration_seconds_bucket{lineside_export="collector",outcome="retry",le="0.025"} 1"#,
        r#"lineside_export_request_size_bytes_sum{lineside_export="collector"} 5000"#,
        r#"lineside_journal_commit_duration_seconds_bucket{le="0.0005"} 1"#,
        r#"rpc_server_call_duration_seconds_count{rpc_method="opentelemetry.proto.collector.logs.v1.LogsService/Export",rpc_response_status_code="UNAVAILABLE",rpc_system_name="grpc"} 1"#,
        r#"http_server_request_duration_seconds_bucket{http_request_method="GET",http_response_status_code="200",http_route="/health",le="0.0001"} 1"#,
        r#"http_server_active_requests{http_request_method="GET",http_route="/health"} 0"#,
        r#"lineside_receive_connections{listener="grpc"} 1"#,
        concat!(
            r#"lineside_build_info{version=""#,
            env!("CARGO_PKG_VERSION"),
            r#""} 1"#
        ),
        r#"process_cpu_time_seconds_total{cpu_mode="user"}"#,
        "process_memory_usage_bytes ",
        "process_threads ",
        "process_open_fds ",
        "process_uptime_seconds ",
        "lineside_scrape_left_out_total 0",
    ] {
        assert!(text.contains(expected), "{expected} is missing in\n{text}");
    }
}

/// Scenario: connections come and go, and a guard outlives the instruments' other users.
/// Guarantees: the number open is exact at every moment.
#[test]
fn open_things_are_counted_exactly() {
    let telemetry = Telemetry::build(&Settings {
        otlp: false,
        ..Settings::default()
    })
    .unwrap();
    let instruments = telemetry.instruments();
    let open = |telemetry: &Telemetry| sample(&telemetry.scrape(), "lineside_receive_connections");
    let guards: Vec<_> = (0..3)
        .map(|_| instruments.listener("http").opened())
        .collect();
    assert_eq!(open(&telemetry), 3.0);
    drop(guards);
    assert_eq!(open(&telemetry), 0.0);
}
