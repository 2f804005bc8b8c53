//! Own metrics as a scrape shows them.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use opentelemetry::Context;

use super::{LIMIT, attribute, connected, quiet_settings};
use crate::otlp::Signal;
use crate::resilience::{Breaker, BreakerPolicy};
use crate::telemetry::*;

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
            taken_in: vec![(Signal::Traces, received)],
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

/// A breaker that one failure opened, and that held one call back since.
fn breaker_after_a_failure(service: &str) -> Breaker {
    let now = Instant::now();
    let breaker = Breaker::new(
        service,
        BreakerPolicy::consecutive(1, Duration::from_secs(30)),
    );
    breaker.admit(now).unwrap().failure(now);
    assert!(breaker.admit(now).is_err());
    breaker
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
        }]
    });
    let breaker = breaker_after_a_failure("collector");
    instruments.observe_breakers(move || vec![breaker.status(Instant::now())]);
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
        r#"circuit_breaker_state{service="collector"} 1"#,
        r#"circuit_breaker_calls_total{outcome="failure",service="collector"} 1"#,
        r#"circuit_breaker_calls_total{outcome="held_back",service="collector"} 1"#,
        r#"circuit_breaker_calls_total{outcome="success",service="collector"} 0"#,
        r#"circuit_breaker_slow_calls_total{service="collector"} 0"#,
        r#"circuit_breaker_failure_rate_ratio{service="collector"} 1"#,
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

/// Scenario: a breaker opens within a request and closes after it, with telemetry as its listener.
/// Guarantees: the request's span has the event and its log line the trace; opening is a warning, closing is not; both are counted by
/// what began and why.
#[tokio::test]
async fn changes_of_breakers_are_told_everywhere() {
    use opentelemetry::trace::{Span as _, TraceContextExt as _, Tracer as _};
    let (telemetry, sink) = connected();
    let lines = telemetry.subscriber(&quiet_settings(), io::sink).unwrap();
    let _lines = tracing::subscriber::set_default(lines);
    let instruments = telemetry.instruments();
    let breaker = Breaker::new(
        "stripe",
        BreakerPolicy::consecutive(1, Duration::from_secs(30)),
    )
    .with_listener(Arc::new(move |change| {
        instruments.log_breaker_change(change);
        instruments.breaker_changed(change);
    }));
    let span = telemetry.tracer().start("pay");
    let trace_id = span.span_context().trace_id();
    let now = Instant::now();
    {
        let context = Context::new().with_span(span);
        let _inside = context.clone().attach();
        breaker.admit(now).unwrap().failure(now);
        context.span().end();
    }
    breaker.reset(now);
    telemetry.flush(LIMIT).await.unwrap();

    let events = sink.span_events();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].0, "circuit_breaker.transition");
    let expected = [
        ("service", "stripe"),
        ("from", "closed"),
        ("to", "open"),
        ("reason", "consecutive_failures"),
    ];
    assert_eq!(
        events[0].1,
        expected.map(|(key, value)| (key.to_owned(), value.to_owned()))
    );
    let logs = sink.log_records();
    let severities: Vec<_> = logs.iter().map(|log| log.severity_text.as_str()).collect();
    assert_eq!(severities, ["WARN", "INFO"]);
    assert_eq!(logs[0].trace_id, trace_id.to_bytes());
    assert_eq!(
        attribute(&logs[0], "reason").as_deref(),
        Some("consecutive_failures")
    );
    assert_eq!(attribute(&logs[1], "reason").as_deref(), Some("by_hand"));
    let text = telemetry.scrape();
    for expected in [
        r#"circuit_breaker_transitions_total{reason="consecutive_failures",service="stripe",to="open"} 1"#,
        r#"circuit_breaker_transitions_total{reason="by_hand",service="stripe",to="closed"} 1"#,
    ] {
        assert!(text.contains(expected), "{expected} is missing in\n{text}");
    }
    telemetry.shutdown(LIMIT).await.unwrap();
}
