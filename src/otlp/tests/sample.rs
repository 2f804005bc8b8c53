//! Random export requests, in which every field of the schema turns up.

use fastrand::Rng;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::*;
use opentelemetry_proto::tonic::logs::v1::*;
use opentelemetry_proto::tonic::metrics::v1::*;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::*;
use prost::Message;

use crate::otlp::Signal;

/// The bytes of a random request.
pub(super) fn request(signal: Signal, rng: &mut Rng) -> Vec<u8> {
    match signal {
        Signal::Traces => traces(rng).encode_to_vec(),
        Signal::Metrics => metrics(rng).encode_to_vec(),
        Signal::Logs => logs(rng).encode_to_vec(),
    }
}

fn many<T>(rng: &mut Rng, most: usize, mut make: impl FnMut(&mut Rng) -> T) -> Vec<T> {
    (0..rng.usize(..=most)).map(|_| make(rng)).collect()
}

fn maybe<T>(rng: &mut Rng, make: impl FnOnce(&mut Rng) -> T) -> Option<T> {
    rng.bool().then(|| make(rng))
}

pub(super) fn text(rng: &mut Rng) -> String {
    const PARTS: [&str; 8] = [
        "",
        "a",
        "http.route",
        "grün",
        "\u{1f600}",
        "\"\\\n",
        "\u{0}",
        "x7",
    ];
    many(rng, 3, |rng| {
        PARTS[rng.usize(..PARTS.len())].repeat(rng.usize(..=40))
    })
    .concat()
}

fn bytes(rng: &mut Rng) -> Vec<u8> {
    many(rng, 20, |rng| rng.u8(..))
}

fn id(rng: &mut Rng, len: usize) -> Vec<u8> {
    let len = if rng.u8(..4) == 0 { 0 } else { len };
    (0..len).map(|_| rng.u8(..)).collect()
}

fn small(rng: &mut Rng) -> u32 {
    [0, 1, 127, 128, 300, u32::MAX][rng.usize(..6)]
}

fn large(rng: &mut Rng) -> u64 {
    [0, 1, 1_700_000_000_123_456_789, u64::MAX, rng.u64(..)][rng.usize(..5)]
}

fn double(rng: &mut Rng) -> f64 {
    [
        0.0,
        1.5,
        -1e300,
        5e-324,
        f64::INFINITY,
        f64::NEG_INFINITY,
        rng.f64(),
    ][rng.usize(..7)]
}

fn any_value(rng: &mut Rng, depth: u32) -> AnyValue {
    use any_value::Value;
    let kind = if depth == 0 {
        rng.u8(1..6)
    } else {
        rng.u8(..9)
    };
    let value = match kind {
        0 => None,
        1 => Some(Value::StringValue(text(rng))),
        2 => Some(Value::BoolValue(rng.bool())),
        3 => Some(Value::IntValue(large(rng) as i64)),
        4 => Some(Value::DoubleValue(double(rng))),
        5 => Some(Value::BytesValue(bytes(rng))),
        6 => Some(Value::StringValueStrindex(small(rng) as i32)),
        7 => {
            let values = many(rng, 3, |rng| any_value(rng, depth - 1));
            Some(Value::ArrayValue(ArrayValue { values }))
        }
        _ => Some(Value::KvlistValue(KeyValueList {
            values: attributes(rng, depth - 1),
        })),
    };
    AnyValue { value }
}

fn attributes(rng: &mut Rng, depth: u32) -> Vec<KeyValue> {
    many(rng, 4, |rng| {
        let key_strindex = if rng.u8(..8) == 0 {
            small(rng) as i32
        } else {
            0
        };
        let value = maybe(rng, |rng| any_value(rng, depth));
        KeyValue {
            key: text(rng),
            value,
            key_strindex,
        }
    })
}

fn resource(rng: &mut Rng) -> Resource {
    let mut attributes = attributes(rng, 2);
    if rng.u8(..3) > 0 {
        let name = ["orders", "payments", "zähler", ""][rng.usize(..4)];
        let value = AnyValue {
            value: Some(any_value::Value::StringValue(name.to_owned())),
        };
        let at = rng.usize(..=attributes.len());
        let key = "service.name".to_owned();
        attributes.insert(
            at,
            KeyValue {
                key,
                value: Some(value),
                key_strindex: 0,
            },
        );
    }
    let entity_refs = many(rng, 1, |rng| EntityRef {
        schema_url: text(rng),
        r#type: text(rng),
        id_keys: many(rng, 2, text),
        description_keys: many(rng, 2, text),
    });
    Resource {
        attributes,
        dropped_attributes_count: small(rng),
        entity_refs,
    }
}

fn scope(rng: &mut Rng) -> InstrumentationScope {
    InstrumentationScope {
        name: text(rng),
        version: text(rng),
        attributes: attributes(rng, 2),
        dropped_attributes_count: small(rng),
    }
}

fn traces(rng: &mut Rng) -> ExportTraceServiceRequest {
    let resource_spans = many(rng, 3, |rng| ResourceSpans {
        resource: maybe(rng, resource),
        scope_spans: many(rng, 2, |rng| ScopeSpans {
            scope: maybe(rng, scope),
            spans: many(rng, 4, span),
            schema_url: text(rng),
        }),
        schema_url: text(rng),
    });
    ExportTraceServiceRequest { resource_spans }
}

fn span(rng: &mut Rng) -> Span {
    Span {
        trace_id: id(rng, 16),
        span_id: id(rng, 8),
        trace_state: text(rng),
        parent_span_id: id(rng, 8),
        flags: small(rng),
        name: text(rng),
        kind: rng.i32(-1..8),
        start_time_unix_nano: large(rng),
        end_time_unix_nano: large(rng),
        attributes: attributes(rng, 3),
        dropped_attributes_count: small(rng),
        events: many(rng, 2, |rng| span::Event {
            time_unix_nano: large(rng),
            name: text(rng),
            attributes: attributes(rng, 2),
            dropped_attributes_count: small(rng),
        }),
        dropped_events_count: small(rng),
        links: many(rng, 2, |rng| span::Link {
            trace_id: id(rng, 16),
            span_id: id(rng, 8),
            trace_state: text(rng),
            attributes: attributes(rng, 2),
            dropped_attributes_count: small(rng),
            flags: small(rng),
        }),
        dropped_links_count: small(rng),
        status: maybe(rng, |rng| Status {
            message: text(rng),
            code: rng.i32(0..4),
        }),
    }
}

fn metrics(rng: &mut Rng) -> ExportMetricsServiceRequest {
    let resource_metrics = many(rng, 3, |rng| ResourceMetrics {
        resource: maybe(rng, resource),
        scope_metrics: many(rng, 2, |rng| ScopeMetrics {
            scope: maybe(rng, scope),
            metrics: many(rng, 3, metric),
            schema_url: text(rng),
        }),
        schema_url: text(rng),
    });
    ExportMetricsServiceRequest { resource_metrics }
}

fn metric(rng: &mut Rng) -> Metric {
    use metric::Data;
    let aggregation_temporality = rng.i32(0..3);
    let data = match rng.u8(..6) {
        0 => None,
        1 => Some(Data::Gauge(Gauge {
            data_points: many(rng, 3, number_point),
        })),
        2 => Some(Data::Sum(Sum {
            data_points: many(rng, 3, number_point),
            aggregation_temporality,
            is_monotonic: rng.bool(),
        })),
        3 => Some(Data::Histogram(Histogram {
            data_points: many(rng, 3, histogram_point),
            aggregation_temporality,
        })),
        4 => Some(Data::ExponentialHistogram(ExponentialHistogram {
            data_points: many(rng, 3, exponential_point),
            aggregation_temporality,
        })),
        _ => Some(Data::Summary(Summary {
            data_points: many(rng, 3, summary_point),
        })),
    };
    Metric {
        name: text(rng),
        description: text(rng),
        unit: text(rng),
        metadata: attributes(rng, 1),
        data,
    }
}

fn number_point(rng: &mut Rng) -> NumberDataPoint {
    NumberDataPoint {
        attributes: attributes(rng, 2),
        start_time_unix_nano: large(rng),
        time_unix_nano: large(rng),
        exemplars: many(rng, 2, exemplar),
        flags: small(rng),
        value: maybe(rng, |rng| match rng.bool() {
            true => number_data_point::Value::AsDouble(double(rng)),
            false => number_data_point::Value::AsInt(large(rng) as i64),
        }),
    }
}

fn exemplar(rng: &mut Rng) -> Exemplar {
    Exemplar {
        filtered_attributes: attributes(rng, 1),
        time_unix_nano: large(rng),
        span_id: id(rng, 8),
        trace_id: id(rng, 16),
        value: maybe(rng, |rng| match rng.bool() {
            true => exemplar::Value::AsDouble(double(rng)),
            false => exemplar::Value::AsInt(large(rng) as i64),
        }),
    }
}

fn histogram_point(rng: &mut Rng) -> HistogramDataPoint {
    HistogramDataPoint {
        attributes: attributes(rng, 2),
        start_time_unix_nano: large(rng),
        time_unix_nano: large(rng),
        count: large(rng),
        sum: maybe(rng, double),
        bucket_counts: many(rng, 20, large),
        explicit_bounds: many(rng, 20, double),
        exemplars: many(rng, 2, exemplar),
        flags: small(rng),
        min: maybe(rng, double),
        max: maybe(rng, double),
    }
}

fn exponential_point(rng: &mut Rng) -> ExponentialHistogramDataPoint {
    let buckets = |rng: &mut Rng| exponential_histogram_data_point::Buckets {
        offset: small(rng) as i32,
        bucket_counts: many(rng, 20, large),
    };
    ExponentialHistogramDataPoint {
        attributes: attributes(rng, 2),
        start_time_unix_nano: large(rng),
        time_unix_nano: large(rng),
        count: large(rng),
        sum: maybe(rng, double),
        scale: rng.i32(..),
        zero_count: large(rng),
        positive: maybe(rng, buckets),
        negative: maybe(rng, buckets),
        flags: small(rng),
        exemplars: many(rng, 2, exemplar),
        min: maybe(rng, double),
        max: maybe(rng, double),
        zero_threshold: double(rng),
    }
}

fn summary_point(rng: &mut Rng) -> SummaryDataPoint {
    SummaryDataPoint {
        attributes: attributes(rng, 2),
        start_time_unix_nano: large(rng),
        time_unix_nano: large(rng),
        count: large(rng),
        sum: double(rng),
        quantile_values: many(rng, 3, |rng| summary_data_point::ValueAtQuantile {
            quantile: double(rng),
            value: double(rng),
        }),
        flags: small(rng),
    }
}

fn logs(rng: &mut Rng) -> ExportLogsServiceRequest {
    let resource_logs = many(rng, 3, |rng| ResourceLogs {
        resource: maybe(rng, resource),
        scope_logs: many(rng, 2, |rng| ScopeLogs {
            scope: maybe(rng, scope),
            log_records: many(rng, 4, log_record),
            schema_url: text(rng),
        }),
        schema_url: text(rng),
    });
    ExportLogsServiceRequest { resource_logs }
}

fn log_record(rng: &mut Rng) -> LogRecord {
    LogRecord {
        time_unix_nano: large(rng),
        observed_time_unix_nano: large(rng),
        severity_number: rng.i32(-1..26),
        severity_text: text(rng),
        body: maybe(rng, |rng| any_value(rng, 3)),
        attributes: attributes(rng, 2),
        dropped_attributes_count: small(rng),
        flags: small(rng),
        trace_id: id(rng, 16),
        span_id: id(rng, 8),
        event_name: text(rng),
    }
}
