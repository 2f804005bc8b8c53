//! One document for each signal that names every field by hand, against structs built by hand: the
//! tables' names are checked against something that is not the tables.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::*;
use opentelemetry_proto::tonic::logs::v1::*;
use opentelemetry_proto::tonic::metrics::v1::*;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::*;
use prost::Message;

use crate::otlp::{Signal, json_to_protobuf};

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        key_strindex: 0,
    }
}

fn text(key: &str, value: &str) -> Vec<KeyValue> {
    vec![attribute(key, Value::StringValue(value.to_owned()))]
}

const RESOURCE: &str = r#"{
    "attributes": [{"key": "service.name", "value": {"stringValue": "orders"}}],
    "droppedAttributesCount": 1,
    "entityRefs": [{"schemaUrl": "s", "type": "service", "idKeys": ["a", ""], "descriptionKeys": ["b"]}]
}"#;

fn resource() -> Option<Resource> {
    let entity = EntityRef {
        schema_url: "s".to_owned(),
        r#type: "service".to_owned(),
        id_keys: vec!["a".to_owned(), String::new()],
        description_keys: vec!["b".to_owned()],
    };
    Some(Resource {
        attributes: text("service.name", "orders"),
        dropped_attributes_count: 1,
        entity_refs: vec![entity],
    })
}

const SCOPE: &str = r#"{
    "name": "library", "version": "1.2",
    "attributes": [{"key": "k", "value": {"stringValue": "v"}}], "droppedAttributesCount": 2
}"#;

fn scope() -> Option<InstrumentationScope> {
    Some(InstrumentationScope {
        name: "library".to_owned(),
        version: "1.2".to_owned(),
        attributes: text("k", "v"),
        dropped_attributes_count: 2,
    })
}

fn read<M: Message + Default>(signal: Signal, json: &str) -> M {
    let json = json.replace("RESOURCE", RESOURCE).replace("SCOPE", SCOPE);
    let bytes = json_to_protobuf(signal, json.as_bytes()).unwrap();
    M::decode(&bytes[..]).unwrap()
}

/// Scenario: a trace request with every field. Guarantees: every field arrives where prost has it.
#[test]
fn every_field_of_a_trace_request_arrives() {
    let found: ExportTraceServiceRequest = read(
        Signal::Traces,
        r#"{"resourceSpans": [{"resource": RESOURCE, "schemaUrl": "rs", "scopeSpans": [{
            "scope": SCOPE, "schemaUrl": "ss", "spans": [{
                "traceId": "0102030405060708090a0b0c0d0e0f10", "spanId": "0102030405060708",
                "traceState": "a=b", "parentSpanId": "0807060504030201", "flags": 257,
                "name": "GET /", "kind": 2,
                "startTimeUnixNano": "1544712660000000000", "endTimeUnixNano": 1544712661000000000,
                "attributes": [{"key": "k", "value": {"stringValue": "v"}}],
                "droppedAttributesCount": 3,
                "events": [{
                    "timeUnixNano": "5", "name": "e", "droppedAttributesCount": 4,
                    "attributes": [{"key": "k", "value": {"stringValue": "v"}}]
                }],
                "droppedEventsCount": 5,
                "links": [{
                    "traceId": "ff", "spanId": "fe", "traceState": "c=d", "flags": 1,
                    "attributes": [{"key": "k", "value": {"stringValue": "v"}}],
                    "droppedAttributesCount": 6
                }],
                "droppedLinksCount": 7,
                "status": {"message": "m", "code": 2}
            }]
        }]}]}"#,
    );
    let event = span::Event {
        time_unix_nano: 5,
        name: "e".to_owned(),
        attributes: text("k", "v"),
        dropped_attributes_count: 4,
    };
    let link = span::Link {
        trace_id: vec![0xff],
        span_id: vec![0xfe],
        trace_state: "c=d".to_owned(),
        attributes: text("k", "v"),
        dropped_attributes_count: 6,
        flags: 1,
    };
    let span = Span {
        trace_id: (1..=16).collect(),
        span_id: (1..=8).collect(),
        trace_state: "a=b".to_owned(),
        parent_span_id: (1..=8).rev().collect(),
        flags: 257,
        name: "GET /".to_owned(),
        kind: 2,
        start_time_unix_nano: 1_544_712_660_000_000_000,
        end_time_unix_nano: 1_544_712_661_000_000_000,
        attributes: text("k", "v"),
        dropped_attributes_count: 3,
        events: vec![event],
        dropped_events_count: 5,
        links: vec![link],
        dropped_links_count: 7,
        status: Some(Status {
            message: "m".to_owned(),
            code: 2,
        }),
    };
    let scope_spans = vec![ScopeSpans {
        scope: scope(),
        spans: vec![span],
        schema_url: "ss".to_owned(),
    }];
    let resource_spans = vec![ResourceSpans {
        resource: resource(),
        scope_spans,
        schema_url: "rs".to_owned(),
    }];
    assert_eq!(found, ExportTraceServiceRequest { resource_spans });
}

/// Scenario: a log request with every field, its body a value of every type. Guarantees: as above.
#[test]
fn every_field_of_a_log_request_arrives() {
    let found: ExportLogsServiceRequest = read(
        Signal::Logs,
        r#"{"resourceLogs": [{"resource": RESOURCE, "schemaUrl": "rl", "scopeLogs": [{
            "scope": SCOPE, "schemaUrl": "sl", "logRecords": [{
                "timeUnixNano": "1", "observedTimeUnixNano": "2",
                "severityNumber": "SEVERITY_NUMBER_WARN3", "severityText": "warn",
                "body": {"arrayValue": {"values": [
                    {"stringValue": "s"}, {"boolValue": true}, {"intValue": "-7"},
                    {"doubleValue": 1.5}, {"bytesValue": "AQI="}, {"stringValueStrindex": 4},
                    {"kvlistValue": {"values": [{"key": "k", "value": {"intValue": 1}}]}}, {}
                ]}},
                "attributes": [{"key": "k", "value": {"stringValue": "v"}, "keyStrindex": 9}],
                "droppedAttributesCount": 3, "flags": 1,
                "traceId": "0A", "spanId": "0b", "eventName": "device.app.lifecycle"
            }]
        }]}]}"#,
    );
    let values = [
        Some(Value::StringValue("s".to_owned())),
        Some(Value::BoolValue(true)),
        Some(Value::IntValue(-7)),
        Some(Value::DoubleValue(1.5)),
        Some(Value::BytesValue(vec![1, 2])),
        Some(Value::StringValueStrindex(4)),
        Some(Value::KvlistValue(KeyValueList {
            values: vec![attribute("k", Value::IntValue(1))],
        })),
        None,
    ];
    let values = values.map(|value| AnyValue { value }).to_vec();
    let mut attributes = text("k", "v");
    attributes[0].key_strindex = 9;
    let record = LogRecord {
        time_unix_nano: 1,
        observed_time_unix_nano: 2,
        severity_number: 15,
        severity_text: "warn".to_owned(),
        body: Some(AnyValue {
            value: Some(Value::ArrayValue(ArrayValue { values })),
        }),
        attributes,
        dropped_attributes_count: 3,
        flags: 1,
        trace_id: vec![0x0a],
        span_id: vec![0x0b],
        event_name: "device.app.lifecycle".to_owned(),
    };
    let scope_logs = vec![ScopeLogs {
        scope: scope(),
        log_records: vec![record],
        schema_url: "sl".to_owned(),
    }];
    let resource_logs = vec![ResourceLogs {
        resource: resource(),
        scope_logs,
        schema_url: "rl".to_owned(),
    }];
    assert_eq!(found, ExportLogsServiceRequest { resource_logs });
}

const POINTS: &str = r#"
    {"name": "g", "description": "d", "unit": "1", "metadata": [{"key": "k", "value": {"stringValue": "v"}}],
     "gauge": {"dataPoints": [{
        "attributes": [{"key": "k", "value": {"stringValue": "v"}}],
        "startTimeUnixNano": "1", "timeUnixNano": "2", "asDouble": 1.5, "flags": 1,
        "exemplars": [
            {"filteredAttributes": [{"key": "k", "value": {"stringValue": "v"}}],
             "timeUnixNano": "3", "asInt": "-4", "spanId": "05", "traceId": "06"},
            {"asDouble": 0.5}
        ]}]}},
    {"name": "s", "sum": {"aggregationTemporality": 2, "isMonotonic": true,
        "dataPoints": [{"asInt": "-9"}]}},
    {"name": "h", "histogram": {"aggregationTemporality": "AGGREGATION_TEMPORALITY_DELTA", "dataPoints": [{
        "attributes": [{"key": "k", "value": {"stringValue": "v"}}],
        "startTimeUnixNano": "1", "timeUnixNano": "2", "count": "3", "sum": 4.5,
        "bucketCounts": ["1", 2, "0"], "explicitBounds": [0.5, 10], "exemplars": [{"asInt": 1}],
        "flags": 1, "min": -1, "max": 9}]}},
    {"name": "e", "exponentialHistogram": {"aggregationTemporality": 1, "dataPoints": [{
        "attributes": [{"key": "k", "value": {"stringValue": "v"}}],
        "startTimeUnixNano": "1", "timeUnixNano": "2", "count": "3", "sum": 4.5, "scale": -3,
        "zeroCount": "4", "positive": {"offset": -1, "bucketCounts": ["300", "0"]},
        "negative": {"offset": 2, "bucketCounts": [1]}, "flags": 1, "exemplars": [{"asInt": 1}],
        "min": -1, "max": 9, "zeroThreshold": 0.25}]}},
    {"name": "q", "summary": {"dataPoints": [{
        "attributes": [{"key": "k", "value": {"stringValue": "v"}}],
        "startTimeUnixNano": "1", "timeUnixNano": "2", "count": "3", "sum": 4.5, "flags": 1,
        "quantileValues": [{"quantile": 0.99, "value": 7.5}, {}]}]}}
"#;

/// Scenario: a metric request with every field of all five kinds. Guarantees: as above.
#[test]
fn every_field_of_a_metric_request_arrives() {
    let found: ExportMetricsServiceRequest = read(
        Signal::Metrics,
        &format!(
            r#"{{"resourceMetrics": [{{"resource": RESOURCE, "schemaUrl": "rm", "scopeMetrics": [
                {{"scope": SCOPE, "schemaUrl": "sm", "metrics": [{POINTS}]}}]}}]}}"#
        ),
    );
    let metrics = vec![
        gauge(),
        sum(),
        histogram(),
        exponential_histogram(),
        summary(),
    ];
    let scope_metrics = vec![ScopeMetrics {
        scope: scope(),
        metrics,
        schema_url: "sm".to_owned(),
    }];
    let resource_metrics = vec![ResourceMetrics {
        resource: resource(),
        scope_metrics,
        schema_url: "rm".to_owned(),
    }];
    assert_eq!(found, ExportMetricsServiceRequest { resource_metrics });
}

fn metric(name: &str, data: metric::Data) -> Metric {
    Metric {
        name: name.to_owned(),
        data: Some(data),
        ..Metric::default()
    }
}

fn exemplar(value: exemplar::Value) -> Exemplar {
    Exemplar {
        value: Some(value),
        ..Exemplar::default()
    }
}

fn gauge() -> Metric {
    let full = Exemplar {
        filtered_attributes: text("k", "v"),
        time_unix_nano: 3,
        span_id: vec![5],
        trace_id: vec![6],
        value: Some(exemplar::Value::AsInt(-4)),
    };
    let point = NumberDataPoint {
        attributes: text("k", "v"),
        start_time_unix_nano: 1,
        time_unix_nano: 2,
        exemplars: vec![full, exemplar(exemplar::Value::AsDouble(0.5))],
        flags: 1,
        value: Some(number_data_point::Value::AsDouble(1.5)),
    };
    Metric {
        description: "d".to_owned(),
        unit: "1".to_owned(),
        metadata: text("k", "v"),
        ..metric(
            "g",
            metric::Data::Gauge(Gauge {
                data_points: vec![point],
            }),
        )
    }
}

fn sum() -> Metric {
    let value = Some(number_data_point::Value::AsInt(-9));
    let data_points = vec![NumberDataPoint {
        value,
        ..NumberDataPoint::default()
    }];
    let sum = Sum {
        data_points,
        aggregation_temporality: 2,
        is_monotonic: true,
    };
    metric("s", metric::Data::Sum(sum))
}

fn histogram() -> Metric {
    let point = HistogramDataPoint {
        attributes: text("k", "v"),
        start_time_unix_nano: 1,
        time_unix_nano: 2,
        count: 3,
        sum: Some(4.5),
        bucket_counts: vec![1, 2, 0],
        explicit_bounds: vec![0.5, 10.0],
        exemplars: vec![exemplar(exemplar::Value::AsInt(1))],
        flags: 1,
        min: Some(-1.0),
        max: Some(9.0),
    };
    let histogram = Histogram {
        data_points: vec![point],
        aggregation_temporality: 1,
    };
    metric("h", metric::Data::Histogram(histogram))
}

fn exponential_histogram() -> Metric {
    use exponential_histogram_data_point::Buckets;
    let point = ExponentialHistogramDataPoint {
        attributes: text("k", "v"),
        start_time_unix_nano: 1,
        time_unix_nano: 2,
        count: 3,
        sum: Some(4.5),
        scale: -3,
        zero_count: 4,
        positive: Some(Buckets {
            offset: -1,
            bucket_counts: vec![300, 0],
        }),
        negative: Some(Buckets {
            offset: 2,
            bucket_counts: vec![1],
        }),
        flags: 1,
        exemplars: vec![exemplar(exemplar::Value::AsInt(1))],
        min: Some(-1.0),
        max: Some(9.0),
        zero_threshold: 0.25,
    };
    let histogram = ExponentialHistogram {
        data_points: vec![point],
        aggregation_temporality: 1,
    };
    metric("e", metric::Data::ExponentialHistogram(histogram))
}

fn summary() -> Metric {
    use summary_data_point::ValueAtQuantile;
    let point = SummaryDataPoint {
        attributes: text("k", "v"),
        start_time_unix_nano: 1,
        time_unix_nano: 2,
        count: 3,
        sum: 4.5,
        quantile_values: vec![
            ValueAtQuantile {
                quantile: 0.99,
                value: 7.5,
            },
            ValueAtQuantile::default(),
        ],
        flags: 1,
    };
    metric(
        "q",
        metric::Data::Summary(Summary {
            data_points: vec![point],
        }),
    )
}
