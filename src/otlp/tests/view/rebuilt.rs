//! A request built from what the views say of its bytes, field by field.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{self as common, any_value::Value};
use opentelemetry_proto::tonic::logs::v1::{self as logs, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point as exponential;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile;
use opentelemetry_proto::tonic::metrics::v1::{self as metrics, ResourceMetrics, ScopeMetrics};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{self as trace, ResourceSpans, ScopeSpans};

use crate::otlp::Signal;
use crate::otlp::tests::oracle::Decoded;
use crate::otlp::view::*;

pub(super) fn request(signal: Signal, bytes: &[u8]) -> Decoded {
    match signal {
        Signal::Traces => Decoded::Traces(ExportTraceServiceRequest {
            resource_spans: groups(bytes).map(resource_spans).collect(),
        }),
        Signal::Metrics => Decoded::Metrics(ExportMetricsServiceRequest {
            resource_metrics: groups(bytes).map(resource_metrics).collect(),
        }),
        Signal::Logs => Decoded::Logs(ExportLogsServiceRequest {
            resource_logs: groups(bytes).map(resource_logs).collect(),
        }),
    }
}

fn resource_spans(group: ResourceGroup<'_>) -> ResourceSpans {
    let scope_spans = group.scopes().map(|of| ScopeSpans {
        scope: scope(&of),
        spans: of.items().map(span).collect(),
        schema_url: string(of.scope().schema_url),
    });
    ResourceSpans {
        resource: resource(group),
        scope_spans: scope_spans.collect(),
        ..ResourceSpans::default()
    }
}

fn resource_metrics(group: ResourceGroup<'_>) -> ResourceMetrics {
    let scope_metrics = group.scopes().map(|of| ScopeMetrics {
        scope: scope(&of),
        metrics: of.items().map(metric).collect(),
        schema_url: string(of.scope().schema_url),
    });
    ResourceMetrics {
        resource: resource(group),
        scope_metrics: scope_metrics.collect(),
        ..ResourceMetrics::default()
    }
}

fn resource_logs(group: ResourceGroup<'_>) -> ResourceLogs {
    let scope_logs = group.scopes().map(|of| ScopeLogs {
        scope: scope(&of),
        log_records: of.items().map(log_record).collect(),
        schema_url: string(of.scope().schema_url),
    });
    ResourceLogs {
        resource: resource(group),
        scope_logs: scope_logs.collect(),
        ..ResourceLogs::default()
    }
}

fn resource(group: ResourceGroup<'_>) -> Option<Resource> {
    Some(Resource {
        attributes: group.resource_attributes().map(key_value).collect(),
        ..Resource::default()
    })
}

fn scope(group: &ScopeGroup<'_>) -> Option<common::InstrumentationScope> {
    let scope = group.scope();
    Some(common::InstrumentationScope {
        name: string(scope.name),
        version: string(scope.version),
        attributes: scope.attributes.map(key_value).collect(),
        dropped_attributes_count: 0,
    })
}

fn string(bytes: &[u8]) -> String {
    text(bytes).into_owned()
}

fn key_value(attribute: Attribute<'_>) -> common::KeyValue {
    common::KeyValue {
        key: string(attribute.key()),
        value: Some(any_value(attribute.value())),
        key_strindex: 0,
    }
}

fn any_value(value: AnyValue<'_>) -> common::AnyValue {
    let value = match value {
        AnyValue::Empty => None,
        AnyValue::Str(bytes) => Some(Value::StringValue(string(bytes))),
        AnyValue::Bool(value) => Some(Value::BoolValue(value)),
        AnyValue::Int(value) => Some(Value::IntValue(value)),
        AnyValue::Double(value) => Some(Value::DoubleValue(value)),
        AnyValue::Bytes(bytes) => Some(Value::BytesValue(bytes.to_vec())),
        AnyValue::Array(array) => Some(Value::ArrayValue(common::ArrayValue {
            values: array.values().map(any_value).collect(),
        })),
        AnyValue::Map(map) => Some(Value::KvlistValue(common::KeyValueList {
            values: map.attributes().map(key_value).collect(),
        })),
    };
    common::AnyValue { value }
}

fn span(bytes: &[u8]) -> trace::Span {
    let mut attributes = Vec::new();
    let span = Span::read(bytes, |attribute| attributes.push(key_value(attribute)));
    let code = match span.status_code {
        StatusCode::Unset => trace::status::StatusCode::Unset,
        StatusCode::Ok => trace::status::StatusCode::Ok,
        StatusCode::Error => trace::status::StatusCode::Error,
    };
    trace::Span {
        trace_id: span.trace_id.to_vec(),
        span_id: span.span_id.to_vec(),
        parent_span_id: span.parent_span_id.to_vec(),
        name: string(span.name),
        kind: kind(span.kind) as i32,
        start_time_unix_nano: span.start_unix_nano,
        end_time_unix_nano: span.end_unix_nano,
        attributes,
        status: Some(trace::Status {
            message: String::new(),
            code: code as i32,
        }),
        ..trace::Span::default()
    }
}

fn kind(kind: SpanKind) -> trace::span::SpanKind {
    match kind {
        SpanKind::Unspecified => trace::span::SpanKind::Unspecified,
        SpanKind::Internal => trace::span::SpanKind::Internal,
        SpanKind::Server => trace::span::SpanKind::Server,
        SpanKind::Client => trace::span::SpanKind::Client,
        SpanKind::Producer => trace::span::SpanKind::Producer,
        SpanKind::Consumer => trace::span::SpanKind::Consumer,
    }
}

fn log_record(bytes: &[u8]) -> logs::LogRecord {
    let mut attributes = Vec::new();
    let record = LogRecord::read(bytes, |attribute| attributes.push(key_value(attribute)));
    logs::LogRecord {
        time_unix_nano: record.time_unix_nano,
        observed_time_unix_nano: record.observed_time_unix_nano,
        severity_number: record.severity_number,
        severity_text: string(record.severity_text),
        trace_id: record.trace_id.to_vec(),
        span_id: record.span_id.to_vec(),
        attributes,
        ..logs::LogRecord::default()
    }
}

fn metric(bytes: &[u8]) -> metrics::Metric {
    let metric = Metric::read(bytes);
    metrics::Metric {
        name: string(metric.name),
        description: string(metric.description),
        unit: string(metric.unit),
        metadata: metric.metadata.map(key_value).collect(),
        data: data(metric.data),
    }
}

fn data(data: MetricData<'_>) -> Option<Data> {
    Some(match data {
        MetricData::None => return None,
        MetricData::Gauge(points) => Data::Gauge(metrics::Gauge {
            data_points: points.map(number_point).collect(),
        }),
        MetricData::Sum {
            points,
            temporality,
            monotonic,
        } => Data::Sum(metrics::Sum {
            data_points: points.map(number_point).collect(),
            aggregation_temporality: temporality_number(temporality),
            is_monotonic: monotonic,
        }),
        MetricData::Histogram {
            points,
            temporality,
        } => Data::Histogram(metrics::Histogram {
            data_points: points.map(histogram_point).collect(),
            aggregation_temporality: temporality_number(temporality),
        }),
        MetricData::ExponentialHistogram {
            points,
            temporality,
        } => Data::ExponentialHistogram(metrics::ExponentialHistogram {
            data_points: points.map(exponential_point).collect(),
            aggregation_temporality: temporality_number(temporality),
        }),
        MetricData::Summary(points) => Data::Summary(metrics::Summary {
            data_points: points.map(summary_point).collect(),
        }),
    })
}

fn temporality_number(temporality: Temporality) -> i32 {
    let temporality = match temporality {
        Temporality::Unspecified => metrics::AggregationTemporality::Unspecified,
        Temporality::Delta => metrics::AggregationTemporality::Delta,
        Temporality::Cumulative => metrics::AggregationTemporality::Cumulative,
    };
    temporality as i32
}

fn number_point(bytes: &[u8]) -> metrics::NumberDataPoint {
    use metrics::number_data_point::Value;
    let mut attributes = Vec::new();
    let point = NumberPoint::read(bytes, |attribute| attributes.push(key_value(attribute)));
    assert_eq!(point.head.no_recorded_value(), point.head.flags % 2 == 1);
    metrics::NumberDataPoint {
        attributes,
        start_time_unix_nano: point.head.start_unix_nano,
        time_unix_nano: point.head.time_unix_nano,
        exemplars: point.exemplars().map(exemplar).collect(),
        flags: point.head.flags,
        value: match point.value {
            NumberValue::None => None,
            NumberValue::Int(value) => Some(Value::AsInt(value)),
            NumberValue::Double(value) => Some(Value::AsDouble(value)),
        },
    }
}

fn exemplar(exemplar: Exemplar<'_>) -> metrics::Exemplar {
    use metrics::exemplar::Value;
    metrics::Exemplar {
        filtered_attributes: exemplar.filtered_attributes.map(key_value).collect(),
        time_unix_nano: exemplar.time_unix_nano,
        span_id: exemplar.span_id.to_vec(),
        trace_id: exemplar.trace_id.to_vec(),
        value: match exemplar.value {
            NumberValue::None => None,
            NumberValue::Int(value) => Some(Value::AsInt(value)),
            NumberValue::Double(value) => Some(Value::AsDouble(value)),
        },
    }
}

fn histogram_point(bytes: &[u8]) -> metrics::HistogramDataPoint {
    let mut attributes = Vec::new();
    let point = HistogramPoint::read(bytes, |attribute| attributes.push(key_value(attribute)));
    assert_eq!(point.head.no_recorded_value(), point.head.flags % 2 == 1);
    metrics::HistogramDataPoint {
        attributes,
        start_time_unix_nano: point.head.start_unix_nano,
        time_unix_nano: point.head.time_unix_nano,
        count: point.count,
        sum: point.sum,
        bucket_counts: point.bucket_counts().collect(),
        explicit_bounds: point.explicit_bounds().collect(),
        exemplars: point.exemplars().map(exemplar).collect(),
        flags: point.head.flags,
        min: point.min,
        max: point.max,
    }
}

fn exponential_point(bytes: &[u8]) -> metrics::ExponentialHistogramDataPoint {
    let mut attributes = Vec::new();
    let point = ExponentialPoint::read(bytes, |attribute| attributes.push(key_value(attribute)));
    assert_eq!(point.head.no_recorded_value(), point.head.flags % 2 == 1);
    let buckets = |buckets: Buckets<'_>| exponential::Buckets {
        offset: buckets.offset,
        bucket_counts: buckets.bucket_counts().collect(),
    };
    metrics::ExponentialHistogramDataPoint {
        attributes,
        start_time_unix_nano: point.head.start_unix_nano,
        time_unix_nano: point.head.time_unix_nano,
        count: point.count,
        sum: point.sum,
        scale: point.scale,
        zero_count: point.zero_count,
        positive: Some(buckets(point.positive)),
        negative: Some(buckets(point.negative)),
        flags: point.head.flags,
        exemplars: point.exemplars().map(exemplar).collect(),
        min: point.min,
        max: point.max,
        zero_threshold: point.zero_threshold,
    }
}

fn summary_point(bytes: &[u8]) -> metrics::SummaryDataPoint {
    let mut attributes = Vec::new();
    let point = SummaryPoint::read(bytes, |attribute| attributes.push(key_value(attribute)));
    assert_eq!(point.head.no_recorded_value(), point.head.flags % 2 == 1);
    let quantiles = point.quantiles();
    metrics::SummaryDataPoint {
        attributes,
        start_time_unix_nano: point.head.start_unix_nano,
        time_unix_nano: point.head.time_unix_nano,
        count: point.count,
        sum: point.sum,
        quantile_values: quantiles
            .map(|(quantile, value)| ValueAtQuantile { quantile, value })
            .collect(),
        flags: point.head.flags,
    }
}
