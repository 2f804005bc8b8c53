//! Log lines as they come out on stderr.

use std::io;
use std::sync::{Arc, Mutex};

use opentelemetry::Context;
use opentelemetry::trace::{Span as _, TraceContextExt as _, Tracer as _};

use crate::telemetry::*;

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

/// Scenario: an event inside a `tracing` span, as other rooms make them.
/// Guarantees: the line carries valid ids, although nobody touched the OpenTelemetry context.
#[test]
fn lines_within_a_tracing_span_carry_its_ids() {
    let settings = Settings {
        otlp: false,
        ..Settings::default()
    };
    let telemetry = Telemetry::build(&settings).unwrap();
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = telemetry
        .subscriber(&settings, move || writer.clone())
        .unwrap();
    tracing::subscriber::with_default(subscriber, || {
        tracing::info_span!("recover", segment = 7).in_scope(|| tracing::info!("torn tail cut"));
        tracing::info!("outside");
    });
    let text = lines.text();
    let (inside, outside) = text.split_once('\n').unwrap();
    let id = inside
        .split_once(" trace_id=")
        .unwrap()
        .1
        .split(' ')
        .next()
        .unwrap();
    assert!(id.len() == 32 && id != "0".repeat(32), "{inside}");
    assert!(
        inside.contains("recover{segment=7}") && inside.contains(" span_id="),
        "{inside}"
    );
    assert!(!outside.contains("trace_id"), "{outside}");
}

/// Scenario: h2 opens its spans of level trace and debug, several for each frame, under the default settings.
/// Guarantees: they are not even made; made and thrown away, they cost more than forwarding does.
#[test]
fn spans_of_libraries_are_never_made() {
    let settings = Settings::default();
    let telemetry = Telemetry::build(&settings).unwrap();
    let subscriber = telemetry.subscriber(&settings, io::sink).unwrap();
    tracing::subscriber::with_default(subscriber, || {
        assert!(tracing::trace_span!(target: "h2::proto", "FramedRead::poll_next").is_disabled());
        assert!(tracing::debug_span!(target: "h2::server", "Connection").is_disabled());
        assert!(!tracing::info_span!("of our own").is_disabled());
    });
}
