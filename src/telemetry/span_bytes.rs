//! Own spans as OTLP bytes (opentelemetry/proto/trace/v1/trace.proto), straight from what the SDK holds of them.
//!
//! A busy gateway makes two spans a request. The SDK's own exporter copies each into generated types first, which took more than
//! twice the time.

use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry::trace::{Event, Link, SpanContext, SpanId, SpanKind, Status};
use opentelemetry::{Array, InstrumentationScope, KeyValue, StringValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanData;

use crate::otlp::wire::{
    put_bytes_field, put_fixed32_field, put_fixed64_field, put_message, put_varint_field,
};

/// What most spans of a request fit in.
const SPAN_BYTES: usize = 512;

/// Bits of `Span.flags` and `Span.Link.flags` beside those of the W3C trace flags: whether the parent's, or the linked context, is known to
/// be remote, and whether it is.
const HAS_IS_REMOTE: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;

/// The fields of `ResourceSpans` that every request has in common.
pub(super) fn resource_fields(resource: &Resource) -> Vec<u8> {
    let mut out = Vec::new();
    put_message(&mut out, 1, |out| {
        for (key, value) in resource.iter() {
            put_attribute(out, 1, key.as_str(), value);
        }
    });
    put_text(&mut out, 3, resource.schema_url().unwrap_or_default());
    out
}

/// An `ExportTraceServiceRequest` with `spans` of the resource whose fields are `resource_fields`.
pub(super) fn request(resource_fields: &[u8], spans: &[SpanData]) -> Vec<u8> {
    let mut scopes: Vec<&InstrumentationScope> = Vec::new();
    for span in spans {
        if !scopes.contains(&&span.instrumentation_scope) {
            scopes.push(&span.instrumentation_scope);
        }
    }
    let mut out = Vec::with_capacity(resource_fields.len() + spans.len() * SPAN_BYTES);
    put_message(&mut out, 1, |out| {
        out.extend_from_slice(resource_fields);
        for scope in scopes {
            put_message(out, 2, |out| put_scope_spans(out, scope, spans));
        }
    });
    out
}

fn put_scope_spans(out: &mut Vec<u8>, scope: &InstrumentationScope, spans: &[SpanData]) {
    put_message(out, 1, |out| {
        put_text(out, 1, scope.name());
        put_text(out, 2, scope.version().unwrap_or_default());
        put_attributes(out, 3, scope.attributes());
    });
    for span in spans {
        if span.instrumentation_scope == *scope {
            put_message(out, 2, |out| put_span(out, span));
        }
    }
    put_text(out, 3, scope.schema_url().unwrap_or_default());
}

fn put_span(out: &mut Vec<u8>, span: &SpanData) {
    put_context(out, &span.span_context);
    if span.parent_span_id != SpanId::INVALID {
        put_bytes_field(out, 4, &span.parent_span_id.to_bytes());
    }
    put_text(out, 5, &span.name);
    put_varint_field(out, 6, kind_number(&span.span_kind));
    put_fixed64_field(out, 7, nanoseconds(span.start_time));
    put_fixed64_field(out, 8, nanoseconds(span.end_time));
    put_attributes(out, 9, &span.attributes);
    put_count(out, 10, span.dropped_attributes_count);
    for event in &span.events.events {
        put_message(out, 11, |out| put_event(out, event));
    }
    put_count(out, 12, span.events.dropped_count);
    for link in &span.links.links {
        put_message(out, 13, |out| put_link(out, link));
    }
    put_count(out, 14, span.links.dropped_count);
    put_message(out, 15, |out| put_status(out, &span.status));
    let flags = flags(&span.span_context, span.parent_span_is_remote);
    put_fixed32_field(out, 16, flags);
}

/// Fields 1 to 3 of a span and of a link.
fn put_context(out: &mut Vec<u8>, context: &SpanContext) {
    put_bytes_field(out, 1, &context.trace_id().to_bytes());
    put_bytes_field(out, 2, &context.span_id().to_bytes());
    put_text(out, 3, &context.trace_state().header());
}

fn put_event(out: &mut Vec<u8>, event: &Event) {
    put_fixed64_field(out, 1, nanoseconds(event.timestamp));
    put_text(out, 2, &event.name);
    put_attributes(out, 3, &event.attributes);
    put_count(out, 4, event.dropped_attributes_count);
}

fn put_link(out: &mut Vec<u8>, link: &Link) {
    put_context(out, &link.span_context);
    put_attributes(out, 4, &link.attributes);
    put_count(out, 5, link.dropped_attributes_count);
    let is_remote = link.span_context.is_remote();
    put_fixed32_field(out, 6, flags(&link.span_context, is_remote));
}

fn put_status(out: &mut Vec<u8>, status: &Status) {
    match status {
        Status::Unset => {}
        Status::Ok => put_varint_field(out, 3, 1),
        Status::Error { description } => {
            put_text(out, 2, description);
            put_varint_field(out, 3, 2);
        }
    }
}

fn put_attributes<'a>(
    out: &mut Vec<u8>,
    number: u32,
    attributes: impl IntoIterator<Item = &'a KeyValue>,
) {
    for attribute in attributes {
        put_attribute(out, number, attribute.key.as_str(), &attribute.value);
    }
}

fn put_attribute(out: &mut Vec<u8>, number: u32, key: &str, value: &Value) {
    put_message(out, number, |out| {
        put_text(out, 1, key);
        put_message(out, 2, |out| put_value(out, value));
    });
}

/// The one field of an `AnyValue`, which stands there even where it is nothing.
fn put_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::String(text) => put_bytes_field(out, 1, text.as_str().as_bytes()),
        Value::Bool(value) => put_varint_field(out, 2, u64::from(*value)),
        Value::I64(value) => put_varint_field(out, 3, *value as u64),
        Value::F64(value) => put_fixed64_field(out, 4, value.to_bits()),
        Value::Array(array) => put_message(out, 5, |out| put_array(out, array)),
        // A kind that the API has got since: better told as text than not at all.
        other => put_bytes_field(out, 1, other.as_str().as_bytes()),
    }
}

fn put_array(out: &mut Vec<u8>, array: &Array) {
    match array {
        Array::Bool(values) => put_values(out, values, |value| Value::Bool(*value)),
        Array::I64(values) => put_values(out, values, |value| Value::I64(*value)),
        Array::F64(values) => put_values(out, values, |value| Value::F64(*value)),
        Array::String(values) => {
            put_values(out, values, |value: &StringValue| value.clone().into());
        }
        _ => {}
    }
}

fn put_values<T>(out: &mut Vec<u8>, values: &[T], value: impl Fn(&T) -> Value) {
    for each in values {
        put_message(out, 1, |out| put_value(out, &value(each)));
    }
}

fn put_text(out: &mut Vec<u8>, number: u32, text: &str) {
    if !text.is_empty() {
        put_bytes_field(out, number, text.as_bytes());
    }
}

fn put_count(out: &mut Vec<u8>, number: u32, count: u32) {
    if count > 0 {
        put_varint_field(out, number, u64::from(count));
    }
}

fn flags(context: &SpanContext, is_remote: bool) -> u32 {
    let remote = if is_remote { IS_REMOTE } else { 0 };
    u32::from(context.trace_flags().to_u8()) | HAS_IS_REMOTE | remote
}

fn kind_number(kind: &SpanKind) -> u64 {
    match kind {
        SpanKind::Internal => 1,
        SpanKind::Server => 2,
        SpanKind::Client => 3,
        SpanKind::Producer => 4,
        SpanKind::Consumer => 5,
    }
}

fn nanoseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::borrow::Cow;
    use std::time::Duration;

    use opentelemetry::trace::{TraceFlags, TraceId, TraceState};
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
    use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
    use opentelemetry_sdk::trace::{SpanEvents, SpanLinks};
    use prost::Message;

    use super::*;
    use crate::otlp::{Signal, inspect};

    fn context(id: u8, is_remote: bool) -> SpanContext {
        let state = TraceState::from_key_value([("vendor", "a"), ("other", "b")]).unwrap();
        SpanContext::new(
            TraceId::from_bytes([id; 16]),
            SpanId::from_bytes([id; 8]),
            TraceFlags::SAMPLED,
            is_remote,
            if id.is_multiple_of(2) {
                state
            } else {
                TraceState::NONE
            },
        )
    }

    fn scope(name: &'static str) -> InstrumentationScope {
        InstrumentationScope::builder(name)
            .with_version("1.2")
            .with_schema_url("https://example/scope")
            .with_attributes([KeyValue::new("scope", true)])
            .build()
    }

    fn attributes() -> Vec<KeyValue> {
        let texts = vec![StringValue::from("a"), StringValue::from("")];
        vec![
            KeyValue::new("text", "x".repeat(300)),
            KeyValue::new("", ""),
            KeyValue::new("yes", true),
            KeyValue::new("no", false),
            KeyValue::new("less", -1),
            KeyValue::new("half", 0.5),
            KeyValue::new("texts", Value::Array(Array::String(texts))),
            KeyValue::new("numbers", Value::Array(Array::I64(vec![0, i64::MIN]))),
            KeyValue::new("halves", Value::Array(Array::F64(vec![0.0, f64::MAX]))),
            KeyValue::new("flags", Value::Array(Array::Bool(vec![false, true]))),
        ]
    }

    fn span(id: u8, scope_name: &'static str, kind: SpanKind, status: Status) -> SpanData {
        let at = |seconds| UNIX_EPOCH + Duration::new(seconds, 7);
        let mut events = SpanEvents::default();
        events.dropped_count = 3;
        events
            .events
            .push(Event::new("transition", at(3), attributes(), 4));
        let mut links = SpanLinks::default();
        links.dropped_count = 5;
        links
            .links
            .push(Link::new(context(9, id.is_multiple_of(2)), attributes(), 6));
        SpanData {
            span_context: context(id, false),
            parent_span_id: if id.is_multiple_of(2) {
                SpanId::from_bytes([7; 8])
            } else {
                SpanId::INVALID
            },
            parent_span_is_remote: id.is_multiple_of(3),
            span_kind: kind,
            name: Cow::Owned(format!("GET /{id}")),
            start_time: at(1),
            end_time: at(2),
            attributes: attributes(),
            dropped_attributes_count: u32::from(id),
            events,
            links,
            status,
            instrumentation_scope: scope(scope_name),
        }
    }

    /// Scenario: spans of every kind and status in two scopes, with every kind of value, events, links, and nothing of all that.
    /// Guarantees: the bytes say what those of the SDK's own exporter say, and are accepted as any sender's.
    #[test]
    fn they_say_what_the_sdk_says() {
        let resource = Resource::builder_empty()
            .with_schema_url(
                [KeyValue::new("service.name", "lineside")],
                "https://example/resource",
            )
            .with_attributes(attributes())
            .build();
        let mut bare = span(6, "b", SpanKind::Internal, Status::Unset);
        bare.attributes.clear();
        bare.events = SpanEvents::default();
        bare.links = SpanLinks::default();
        bare.name = Cow::Borrowed("");
        let spans = vec![
            span(1, "a", SpanKind::Server, Status::Unset),
            span(2, "b", SpanKind::Client, Status::Ok),
            span(3, "a", SpanKind::Producer, Status::error("why")),
            span(4, "a", SpanKind::Consumer, Status::error("")),
            bare,
        ];
        let bytes = request(&resource_fields(&resource), &spans);
        assert_eq!(inspect(Signal::Traces, &bytes).unwrap().items, 5);
        let said = ExportTraceServiceRequest::decode(bytes.as_slice()).unwrap();
        let wanted = ResourceAttributesWithSchema::from(&resource);
        let wanted = group_spans_by_resource_and_scope(spans, &wanted);
        assert_eq!(said.resource_spans, wanted);
    }

    /// Scenario: times before 1970. Guarantees: zero.
    #[test]
    fn no_time_is_before_the_epoch() {
        assert_eq!(nanoseconds(UNIX_EPOCH - Duration::from_secs(1)), 0);
    }
}
