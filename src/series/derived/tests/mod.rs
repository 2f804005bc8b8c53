//! Requests in, what is shown out.

mod calls;
mod graph;
mod hostile;
mod logs;
mod map;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind as Kind;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;

use super::*;
use crate::series::naming::{MetricKind, Strategy};
use crate::series::percentiles::PercentileOptions;
use crate::series::store::{Content, Expiry, FamilySpec, Limits, SeriesId, Value};
use crate::series::targets::TargetOptions;

const MS: u64 = 1_000_000;
const T0_MS: u64 = 1_700_000_000_000;

const EXPIRY: Expiry = Expiry {
    gauges_s: 300,
    counters_s: 3600,
    derived_s: 7200,
};

/// So many milliseconds after the start.
fn at(ms: u64) -> Moment {
    Moment {
        unix_ms: T0_MS + ms,
    }
}

/// Everything that deriving takes.
struct Shop {
    store: Store,
    targets: Targets,
    percentiles: Percentiles,
    derived: Derived,
}

fn limits(series: usize) -> Limits {
    Limits {
        series,
        series_per_metric: series,
        label_bytes: 4096,
        memory_bytes: 64 << 20,
    }
}

impl Shop {
    fn new(options: &DerivedOptions) -> Shop {
        Shop::limited(options, limits(10_000), 1000)
    }

    fn limited(options: &DerivedOptions, limits: Limits, max_targets: usize) -> Shop {
        let mut store = Store::new(limits);
        let derived = Derived::new(options, &mut store).unwrap();
        Shop {
            store,
            derived,
            targets: Targets::new(TargetOptions {
                strategy: Strategy::default(),
                scope_labels: true,
                target_info: false,
                max: max_targets,
            }),
            percentiles: Percentiles::new(PercentileOptions::default()),
        }
    }

    fn spans(&mut self, service: &str, spans: Vec<Span>, now: Moment) {
        self.resource_spans(&[("service.name", service)], spans, now);
    }

    fn resource_spans(&mut self, resource: &[(&str, &str)], spans: Vec<Span>, now: Moment) {
        let group = ResourceSpans {
            resource: Some(resource_of(resource)),
            scope_spans: vec![ScopeSpans {
                spans,
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        };
        let message = ExportTraceServiceRequest {
            resource_spans: vec![group],
        };
        let message = message.encode_to_vec();
        let (store, targets) = (&mut self.store, &mut self.targets);
        self.derived
            .take_spans(store, targets, &mut self.percentiles, &message, now);
    }

    fn logs(&mut self, service: &str, log_records: Vec<LogRecord>, now: Moment) {
        let group = ResourceLogs {
            resource: Some(resource_of(&[("service.name", service)])),
            scope_logs: vec![ScopeLogs {
                log_records,
                ..ScopeLogs::default()
            }],
            ..ResourceLogs::default()
        };
        let message = ExportLogsServiceRequest {
            resource_logs: vec![group],
        };
        let message = message.encode_to_vec();
        self.derived
            .take_logs(&mut self.store, &mut self.targets, &message, now);
    }

    fn settle(&mut self, now: Moment) {
        self.derived
            .settle(&mut self.store, &mut self.percentiles, now);
    }

    fn faults(&self, fault: Fault) -> u64 {
        self.store.faults().get(fault)
    }

    /// Every series of the family, histograms as their count, as `{labels} value`, sorted.
    fn shown(&self, name: &str) -> Vec<String> {
        let mut families = self.store.families();
        let family = families.find(|(_, family)| &*family.name == name).unwrap();
        let members: Vec<SeriesId> = match &family.1.content {
            Content::Own(members) => members.clone(),
            Content::View(view) => view.members.iter().map(|one| one.series).collect(),
        };
        let mut lines: Vec<_> = members.iter().map(|id| self.line(*id)).collect();
        lines.sort();
        lines
    }

    fn line(&self, id: SeriesId) -> String {
        let series = self.store.get(id).unwrap();
        let place = series
            .place
            .map_or("", |place| self.store.places().text(place));
        let comma = if place.is_empty() { "" } else { "," };
        let value = match &series.value {
            Value::Integer(value) => value.to_string(),
            Value::Histogram(one) => one.count.to_string(),
            other => panic!("{other:?}"),
        };
        format!("{{{}{comma}{place}}} {value}", series.labels)
    }

    fn total(&self, name: &str) -> u64 {
        let value = |line: String| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap();
        self.shown(name).into_iter().map(value).sum()
    }
}

fn resource_of(pairs: &[(&str, &str)]) -> Resource {
    Resource {
        attributes: attributes(pairs),
        ..Resource::default()
    }
}

fn attributes(pairs: &[(&str, &str)]) -> Vec<KeyValue> {
    let each = |(key, value): &(&str, &str)| KeyValue {
        key: (*key).to_owned(),
        value: Some(AnyValue {
            value: Some(Any::StringValue((*value).to_owned())),
        }),
        ..KeyValue::default()
    };
    pairs.iter().map(each).collect()
}

/// A span of 5 ms of trace 1 with these ids; 0 is none.
fn span(kind: Kind, name: &str, (id, parent): (u64, u64), pairs: &[(&str, &str)]) -> Span {
    let bytes = |id: u64| {
        if id == 0 {
            Vec::new()
        } else {
            id.to_be_bytes().to_vec()
        }
    };
    Span {
        trace_id: vec![1; 16],
        span_id: bytes(id),
        parent_span_id: bytes(parent),
        name: name.to_owned(),
        kind: kind as i32,
        start_time_unix_nano: T0_MS * MS,
        end_time_unix_nano: (T0_MS + 5) * MS,
        attributes: attributes(pairs),
        ..Span::default()
    }
}

fn lasting(mut span: Span, ms: u64) -> Span {
    span.end_time_unix_nano = span.start_time_unix_nano + ms * MS;
    span
}

fn failed(mut span: Span) -> Span {
    span.status = Some(Status {
        code: 2,
        ..Status::default()
    });
    span
}
