//! Requests as senders make them, and as no sender should.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram,
    HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, metric::Data,
    number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;

pub use opentelemetry_proto::tonic::trace::v1::{span::SpanKind, status::StatusCode};

/// One second, in the unit of OTLP's times.
pub const SECOND: u64 = 1_000_000_000;

/// How a sum's points relate to those before them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Temporality {
    Delta = AggregationTemporality::Delta as isize,
    Cumulative = AggregationTemporality::Cumulative as isize,
    Unspecified = AggregationTemporality::Unspecified as isize,
}

/// The time, in nanoseconds since the Unix epoch.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(since.as_nanos()).unwrap()
}

/// The attributes of a sender.
pub fn service(name: &str) -> Vec<KeyValue> {
    attributes(&[("service.name", name), ("service.instance.id", "one")])
}

/// Attributes that are text.
pub fn attributes(pairs: &[(&str, &str)]) -> Vec<KeyValue> {
    pairs
        .iter()
        .map(|(key, value)| KeyValue {
            key: (*key).to_owned(),
            value: Some(AnyValue {
                value: Some(Value::StringValue((*value).to_owned())),
            }),
            ..Default::default()
        })
        .collect()
}

/// A request of one sender with these metrics.
pub fn metrics(resource: Vec<KeyValue>, metrics: Vec<Metric>) -> Bytes {
    let scope_metrics = vec![ScopeMetrics {
        metrics,
        ..Default::default()
    }];
    let resource_metrics = vec![ResourceMetrics {
        resource: Some(sender(resource)),
        scope_metrics,
        ..Default::default()
    }];
    ExportMetricsServiceRequest { resource_metrics }
        .encode_to_vec()
        .into()
}

/// A request of one sender with these spans.
pub fn spans(resource: Vec<KeyValue>, spans: Vec<Span>) -> Bytes {
    let scope_spans = vec![ScopeSpans {
        spans,
        ..Default::default()
    }];
    let resource_spans = vec![ResourceSpans {
        resource: Some(sender(resource)),
        scope_spans,
        ..Default::default()
    }];
    ExportTraceServiceRequest { resource_spans }
        .encode_to_vec()
        .into()
}

/// A request of one sender with a log record for each severity.
pub fn logs(resource: Vec<KeyValue>, severities: &[i32]) -> Bytes {
    let record = |severity: &i32| LogRecord {
        time_unix_nano: now(),
        severity_number: *severity,
        ..Default::default()
    };
    let scope_logs = vec![ScopeLogs {
        log_records: severities.iter().map(record).collect(),
        ..Default::default()
    }];
    let resource_logs = vec![ResourceLogs {
        resource: Some(sender(resource)),
        scope_logs,
        ..Default::default()
    }];
    ExportLogsServiceRequest { resource_logs }
        .encode_to_vec()
        .into()
}

fn sender(attributes: Vec<KeyValue>) -> Resource {
    Resource {
        attributes,
        ..Default::default()
    }
}

/// A gauge with this point.
pub fn gauge(name: &str, point: NumberDataPoint) -> Metric {
    let data_points = vec![point];
    metric(name, Data::Gauge(Gauge { data_points }))
}

/// A monotonic sum with these points.
pub fn counter(name: &str, temporality: Temporality, data_points: Vec<NumberDataPoint>) -> Metric {
    let sum = Sum {
        data_points,
        aggregation_temporality: temporality as i32,
        is_monotonic: true,
    };
    metric(name, Data::Sum(sum))
}

/// A cumulative histogram with this point.
pub fn histogram(name: &str, point: HistogramDataPoint) -> Metric {
    let histogram = Histogram {
        data_points: vec![point],
        aggregation_temporality: Temporality::Cumulative as i32,
    };
    metric(name, Data::Histogram(histogram))
}

/// A cumulative exponential histogram with this point.
pub fn exponential(name: &str, point: ExponentialHistogramDataPoint) -> Metric {
    let histogram = ExponentialHistogram {
        data_points: vec![point],
        aggregation_temporality: Temporality::Cumulative as i32,
    };
    metric(name, Data::ExponentialHistogram(histogram))
}

fn metric(name: &str, data: Data) -> Metric {
    Metric {
        name: name.to_owned(),
        description: format!("What {name} counts."),
        data: Some(data),
        ..Default::default()
    }
}

/// A point with no attributes, from `start` to `time`.
pub fn point(start: u64, time: u64, value: f64) -> NumberDataPoint {
    NumberDataPoint {
        start_time_unix_nano: start,
        time_unix_nano: time,
        value: Some(number_data_point::Value::AsDouble(value)),
        ..Default::default()
    }
}

/// The same point with these attributes.
pub fn labelled(point: NumberDataPoint, pairs: &[(&str, &str)]) -> NumberDataPoint {
    NumberDataPoint {
        attributes: attributes(pairs),
        ..point
    }
}

/// A point of a histogram with the bounds 1 and 2.
pub fn buckets(start: u64, time: u64, counts: &[u64]) -> HistogramDataPoint {
    HistogramDataPoint {
        start_time_unix_nano: start,
        time_unix_nano: time,
        count: counts.iter().sum(),
        sum: Some(1.5),
        bucket_counts: counts.to_vec(),
        explicit_bounds: vec![1.0, 2.0],
        ..Default::default()
    }
}

/// A span that ended just now, of this many milliseconds; a root, as long as [`child_of`] makes it no child.
pub fn span(kind: SpanKind, name: &str, duration_ms: u64) -> Span {
    let end = now();
    Span {
        trace_id: rand(16),
        span_id: rand(8),
        name: name.to_owned(),
        kind: kind as i32,
        start_time_unix_nano: end - duration_ms * (SECOND / 1000),
        end_time_unix_nano: end,
        ..Default::default()
    }
}

/// `span` in the trace of `parent` and below it.
pub fn child_of(parent: &Span, span: Span) -> Span {
    Span {
        trace_id: parent.trace_id.clone(),
        parent_span_id: parent.span_id.clone(),
        ..span
    }
}

/// `span` with these attributes.
pub fn with(span: Span, pairs: &[(&str, &str)]) -> Span {
    Span {
        attributes: attributes(pairs),
        ..span
    }
}

/// `span` that failed.
pub fn failed(span: Span) -> Span {
    let status = Status {
        code: StatusCode::Error as i32,
        ..Default::default()
    };
    Span {
        status: Some(status),
        ..span
    }
}

fn rand(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|_| fastrand::u8(1..)).collect()
}
