//! The requests that are sent: realistic, encoded once.

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use lineside::otlp::Signal;
use opentelemetry_proto::tonic::collector::{
    logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
    trace::v1::ExportTraceServiceRequest,
};
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, InstrumentationScope, KeyValue, any_value::Value,
};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, metric::Data,
    number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;
use std::io::Write;

use crate::Fallible;

/// Spans, data points or log records in each request.
pub const ITEMS: u64 = 100;
/// Different requests, sent in turn, so that compression finds no repeated request in its window.
const VARIANTS: usize = 64;
const METRICS: u64 = 20;
const NOW_UNIX_NS: u64 = 1_790_000_000_000_000_000;

/// The serialized requests of `signal`, gzipped if `gzip`.
pub fn requests(signal: Signal, gzip: bool) -> Fallible<Vec<Bytes>> {
    let mut random = fastrand::Rng::with_seed(7);
    (0..VARIANTS)
        .map(|_| {
            let plain = request(signal, &mut random);
            if gzip {
                deflate(&plain)
            } else {
                Ok(plain.into())
            }
        })
        .collect()
}

fn deflate(plain: &[u8]) -> Fallible<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain)?;
    Ok(encoder.finish()?.into())
}

fn request(signal: Signal, random: &mut fastrand::Rng) -> Vec<u8> {
    match signal {
        Signal::Traces => traces(random).encode_to_vec(),
        Signal::Metrics => metrics(random).encode_to_vec(),
        Signal::Logs => logs(random).encode_to_vec(),
    }
}

fn traces(random: &mut fastrand::Rng) -> ExportTraceServiceRequest {
    let spans = (0..ITEMS).map(|_| span(random)).collect();
    let scope_spans = vec![ScopeSpans {
        scope: scope(),
        spans,
        ..Default::default()
    }];
    let resource_spans = vec![ResourceSpans {
        resource: resource(),
        scope_spans,
        ..Default::default()
    }];
    ExportTraceServiceRequest { resource_spans }
}

fn span(random: &mut fastrand::Rng) -> Span {
    let start = NOW_UNIX_NS + random.u64(..1_000_000_000);
    let order = random.u32(1000..100_000);
    Span {
        trace_id: id(random, 16),
        span_id: id(random, 8),
        parent_span_id: id(random, 8),
        name: "GET /orders/{id}".into(),
        kind: 2,
        start_time_unix_nano: start,
        end_time_unix_nano: start + random.u64(200_000..80_000_000),
        attributes: vec![
            text("http.request.method", "GET"),
            text("http.route", "/orders/{id}"),
            text("url.path", &format!("/orders/{order}")),
            text("url.scheme", "https"),
            number(
                "http.response.status_code",
                *[200, 200, 200, 404, 500]
                    .get(random.usize(..5))
                    .unwrap_or(&200),
            ),
            text("server.address", "orders.internal"),
            text(
                "client.address",
                &format!("10.0.{}.{}", random.u8(..), random.u8(..)),
            ),
            text("user_agent.original", "checkout/3.2 (linux)"),
        ],
        status: Some(Status::default()),
        flags: 257,
        ..Default::default()
    }
}

fn metrics(random: &mut fastrand::Rng) -> ExportMetricsServiceRequest {
    let metrics = (0..METRICS).map(|index| metric(random, index)).collect();
    let scope_metrics = vec![ScopeMetrics {
        scope: scope(),
        metrics,
        ..Default::default()
    }];
    let resource_metrics = vec![ResourceMetrics {
        resource: resource(),
        scope_metrics,
        ..Default::default()
    }];
    ExportMetricsServiceRequest { resource_metrics }
}

fn metric(random: &mut fastrand::Rng, index: u64) -> Metric {
    let data_points = (0..ITEMS / METRICS).map(|_| point(random)).collect();
    let data = match index % 2 {
        0 => Data::Gauge(Gauge { data_points }),
        _ => Data::Sum(Sum {
            data_points,
            aggregation_temporality: 2,
            is_monotonic: true,
        }),
    };
    Metric {
        name: format!("shop.orders.stage_{index}.duration"),
        description: "Time that orders spend in a stage".into(),
        unit: "ms".into(),
        data: Some(data),
        ..Default::default()
    }
}

fn point(random: &mut fastrand::Rng) -> NumberDataPoint {
    NumberDataPoint {
        attributes: vec![
            text("http.request.method", "POST"),
            text("http.route", "/orders"),
            number("http.response.status_code", 201),
            text("shop.tenant", &format!("tenant-{}", random.u16(..500))),
        ],
        start_time_unix_nano: NOW_UNIX_NS,
        time_unix_nano: NOW_UNIX_NS + random.u64(..60_000_000_000),
        value: Some(number_data_point::Value::AsDouble(random.f64() * 500.0)),
        ..Default::default()
    }
}

fn logs(random: &mut fastrand::Rng) -> ExportLogsServiceRequest {
    let log_records = (0..ITEMS).map(|_| record(random)).collect();
    let scope_logs = vec![ScopeLogs {
        scope: scope(),
        log_records,
        ..Default::default()
    }];
    let resource_logs = vec![ResourceLogs {
        resource: resource(),
        scope_logs,
        ..Default::default()
    }];
    ExportLogsServiceRequest { resource_logs }
}

fn record(random: &mut fastrand::Rng) -> LogRecord {
    let time = NOW_UNIX_NS + random.u64(..1_000_000_000);
    let order = random.u32(1000..100_000);
    let body = format!(
        "order {order} reserved {} items in warehouse {}",
        random.u8(1..9),
        random.u8(..)
    );
    LogRecord {
        time_unix_nano: time,
        observed_time_unix_nano: time + random.u64(..1_000_000),
        severity_number: 9,
        severity_text: "INFO".into(),
        body: Some(AnyValue {
            value: Some(Value::StringValue(body)),
        }),
        attributes: vec![
            text("code.function.name", "shop::orders::reserve"),
            number("code.line.number", 212),
            text("thread.name", "worker-3"),
            text("enduser.id", &format!("user-{}", random.u32(..1_000_000))),
        ],
        trace_id: id(random, 16),
        span_id: id(random, 8),
        flags: 1,
        ..Default::default()
    }
}

fn resource() -> Option<Resource> {
    let attributes = vec![
        text("service.name", "orders"),
        text("service.version", "4.18.2"),
        text("service.instance.id", "orders-7c9f8d5b6-x2x4k"),
        text("deployment.environment.name", "production"),
        text("host.name", "node-12.eu-central-1"),
        text("telemetry.sdk.language", "java"),
    ];
    Some(Resource {
        attributes,
        ..Default::default()
    })
}

fn scope() -> Option<InstrumentationScope> {
    Some(InstrumentationScope {
        name: "io.opentelemetry.tomcat".into(),
        version: "2.9.0".into(),
        ..Default::default()
    })
}

fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.into()))
}

fn number(key: &str, value: i64) -> KeyValue {
    attribute(key, Value::IntValue(value))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.into(),
        value: Some(AnyValue { value: Some(value) }),
        ..Default::default()
    }
}

fn id(random: &mut fastrand::Rng, len: usize) -> Vec<u8> {
    (0..len).map(|_| random.u8(..)).collect()
}
