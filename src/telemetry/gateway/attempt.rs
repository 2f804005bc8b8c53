//! The CLIENT span round one attempt at an upstream.

use http::HeaderMap;
use opentelemetry::KeyValue;
use opentelemetry::trace::{Span as _, SpanBuilder, SpanKind, Status};
use opentelemetry_sdk::trace::Span;

use super::route::RouteInstruments;
use crate::telemetry::edge::Part;
use crate::telemetry::ended::{CLIENT_ERRORS, Ended};
use crate::telemetry::names;
use crate::telemetry::trace_parent::{TRACEPARENT, TRACESTATE, TraceParent};

/// A CLIENT span (semantic conventions for HTTP spans) below that of its request.
///
/// Dropped without an end, as when the caller goes away, the span ends with no status.
pub struct AttemptSpan {
    /// `None`: spans are off.
    part: Option<Part>,
    /// `None`: the span is not recorded.
    span: Option<Box<Span>>,
}

impl AttemptSpan {
    pub(super) fn off() -> AttemptSpan {
        AttemptSpan {
            part: None,
            span: None,
        }
    }

    /// A span below `request` that nobody records.
    pub(super) fn unrecorded(request: Part) -> AttemptSpan {
        let ids = request.ids.unrecorded_child();
        AttemptSpan {
            part: Some(Part { ids, ..request }),
            span: None,
        }
    }

    /// The SDK's `span` below `request`.
    pub(super) fn recorded(request: Part, span: Span) -> AttemptSpan {
        // When telemetry ends in between, the span has no ids; those of the request are still true.
        let ids = TraceParent::of_span(span.span_context()).unwrap_or(request.ids);
        AttemptSpan {
            part: Some(Part { ids, ..request }),
            span: Some(Box::new(span)),
        }
    }

    pub(super) fn builder(
        route: &RouteInstruments,
        method: &'static str,
        path: &str,
        resends: u32,
    ) -> SpanBuilder {
        let labels = route.labels();
        let url = format!("{}{path}", labels.origin);
        let mut attributes = Vec::with_capacity(8);
        attributes.push(KeyValue::new(names::HTTP_METHOD, method));
        attributes.push(KeyValue::new(names::URL_FULL, url));
        attributes.extend_from_slice(&labels.upstream);
        attributes.extend(labels.route.clone());
        if resends > 0 {
            attributes.push(KeyValue::new(names::HTTP_RESEND_COUNT, i64::from(resends)));
        }
        SpanBuilder::from_name(method)
            .with_kind(SpanKind::Client)
            .with_attributes(attributes)
    }

    /// Writes `traceparent` into the headers that the upstream gets. `tracestate` and `baggage` stay as the caller sent them, except
    /// for a `tracestate` that belongs to no trace. Where spans are off, all of them stay.
    pub fn inject(&self, headers: &mut HeaderMap) {
        let Some(part) = self.part else { return };
        headers.insert(TRACEPARENT, part.ids.header());
        if part.is_root {
            headers.remove(TRACESTATE);
        }
    }

    /// Ends the span.
    pub fn end(self, ended: impl Into<Ended>) {
        self.end_with(ended.into(), String::new);
    }

    /// Ends the span of an attempt that got no answer: `error` says why in a word, `message` in a sentence.
    pub fn fail(self, error: &'static str, message: impl FnOnce() -> String) {
        self.end_with(Ended::Failed(error), message);
    }

    fn end_with(self, ended: Ended, message: impl FnOnce() -> String) {
        let Some(mut span) = self.span else { return };
        span.set_attributes(ended.status());
        if let Some(error) = ended.error(CLIENT_ERRORS) {
            span.set_attribute(error);
            span.set_status(Status::error(message()));
        }
        span.end();
    }
}
