//! A request as prost decodes it, less what the views do not read.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{Exemplar, Metric};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;

use crate::otlp::tests::oracle::Decoded;

pub(super) fn reduce(request: &mut Decoded) {
    match request {
        Decoded::Traces(request) => request.resource_spans.iter_mut().for_each(|group| {
            group.schema_url.clear();
            resource(&mut group.resource);
            for of in &mut group.scope_spans {
                scope(&mut of.scope);
                of.spans.iter_mut().for_each(span);
            }
        }),
        Decoded::Metrics(request) => request.resource_metrics.iter_mut().for_each(|group| {
            group.schema_url.clear();
            resource(&mut group.resource);
            for of in &mut group.scope_metrics {
                scope(&mut of.scope);
                of.metrics.iter_mut().for_each(metric);
            }
        }),
        Decoded::Logs(request) => request.resource_logs.iter_mut().for_each(|group| {
            group.schema_url.clear();
            resource(&mut group.resource);
            for of in &mut group.scope_logs {
                scope(&mut of.scope);
                of.log_records.iter_mut().for_each(log_record);
            }
        }),
    }
}

fn resource(resource: &mut Option<Resource>) {
    let resource = resource.get_or_insert_default();
    resource.dropped_attributes_count = 0;
    resource.entity_refs.clear();
    attributes(&mut resource.attributes);
}

fn scope(scope: &mut Option<InstrumentationScope>) {
    let scope = scope.get_or_insert_default();
    scope.dropped_attributes_count = 0;
    attributes(&mut scope.attributes);
}

fn attributes(attributes: &mut [KeyValue]) {
    for attribute in attributes {
        attribute.key_strindex = 0;
        any_value(attribute.value.get_or_insert_default());
    }
}

fn any_value(any: &mut AnyValue) {
    match &mut any.value {
        Some(Value::StringValueStrindex(_)) => any.value = None,
        Some(Value::ArrayValue(array)) => array.values.iter_mut().for_each(any_value),
        Some(Value::KvlistValue(map)) => attributes(&mut map.values),
        _ => {}
    }
}

/// Enum values beyond `last` are read as unspecified.
fn known(value: &mut i32, last: i32) {
    if !(0..=last).contains(value) {
        *value = 0;
    }
}

fn span(span: &mut Span) {
    span.trace_state.clear();
    span.flags = 0;
    known(&mut span.kind, 5);
    attributes(&mut span.attributes);
    span.dropped_attributes_count = 0;
    span.events.clear();
    span.dropped_events_count = 0;
    span.links.clear();
    span.dropped_links_count = 0;
    let status = span.status.get_or_insert_default();
    status.message.clear();
    known(&mut status.code, 2);
}

fn log_record(record: &mut LogRecord) {
    record.body = None;
    attributes(&mut record.attributes);
    record.dropped_attributes_count = 0;
    record.flags = 0;
    record.event_name.clear();
}

fn metric(metric: &mut Metric) {
    attributes(&mut metric.metadata);
    match &mut metric.data {
        None => {}
        Some(Data::Gauge(gauge)) => gauge.data_points.iter_mut().for_each(|point| {
            attributes(&mut point.attributes);
            exemplars(&mut point.exemplars);
        }),
        Some(Data::Sum(sum)) => {
            known(&mut sum.aggregation_temporality, 2);
            for point in &mut sum.data_points {
                attributes(&mut point.attributes);
                exemplars(&mut point.exemplars);
            }
        }
        Some(Data::Histogram(histogram)) => {
            known(&mut histogram.aggregation_temporality, 2);
            for point in &mut histogram.data_points {
                attributes(&mut point.attributes);
                exemplars(&mut point.exemplars);
            }
        }
        Some(Data::ExponentialHistogram(histogram)) => {
            known(&mut histogram.aggregation_temporality, 2);
            for point in &mut histogram.data_points {
                attributes(&mut point.attributes);
                exemplars(&mut point.exemplars);
                point.positive.get_or_insert_default();
                point.negative.get_or_insert_default();
            }
        }
        Some(Data::Summary(summary)) => summary
            .data_points
            .iter_mut()
            .for_each(|point| attributes(&mut point.attributes)),
    }
}

fn exemplars(exemplars: &mut [Exemplar]) {
    for exemplar in exemplars {
        attributes(&mut exemplar.filtered_attributes);
    }
}
