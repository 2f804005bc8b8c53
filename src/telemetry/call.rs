//! Spans at the agent's edges: requests that come in from senders and go out to destinations.
//!
//! Made with the OpenTelemetry API directly: their parent comes from, or their context goes into,
//! headers, and they cost next to nothing when not sampled.

use http::HeaderMap;
use opentelemetry::trace::{
    SpanKind, Status, TraceContextExt, TraceId, Tracer, TracerProvider as _,
};
use opentelemetry::{Context, KeyValue, global};

use super::propagation::{self, RequestId};

const SCOPE: &str = "lineside";

/// A span round one request; ends when told, or when dropped.
#[derive(Debug)]
pub struct CallSpan(Option<Context>);

impl CallSpan {
    /// No span: for what must leave no telemetry.
    pub fn none() -> CallSpan {
        CallSpan(None)
    }

    /// A SERVER span whose parent is named in `headers`.
    pub fn server(name: &'static str, headers: &HeaderMap) -> CallSpan {
        CallSpan::start(name, SpanKind::Server, propagation::extract(headers))
    }

    /// A CLIENT span below the current one.
    pub fn client(name: &'static str) -> CallSpan {
        CallSpan::start(name, SpanKind::Client, Context::current())
    }

    fn start(name: &'static str, kind: SpanKind, parent: Context) -> CallSpan {
        let tracer = global::tracer_provider().tracer(SCOPE);
        let span = tracer
            .span_builder(name)
            .with_kind(kind)
            .start_with_context(&tracer, &parent);
        CallSpan(Some(parent.with_span(span)))
    }

    /// Adds `attributes`, which are only made when the span is recorded.
    pub fn describe<const N: usize>(&self, attributes: impl FnOnce() -> [KeyValue; N]) {
        if let Some(context) = &self.0
            && context.span().is_recording()
        {
            context.span().set_attributes(attributes());
        }
    }

    /// The id of a request with these `headers`: its caller's, or the trace's.
    pub fn request_id(&self, headers: &HeaderMap) -> RequestId {
        let context = self.0.as_ref();
        let trace_id = context.map_or(TraceId::INVALID, |context| {
            context.span().span_context().trace_id()
        });
        RequestId::of(headers, trace_id)
    }

    /// `traceparent` and its companions, for the request that the span is round.
    pub fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Some(context) = &self.0 {
            propagation::inject(context, &mut headers);
        }
        headers
    }

    /// Ends the span; `error` says what failed.
    pub fn end(self, error: Option<&str>) {
        let Some(context) = self.0 else { return };
        if let Some(error) = error {
            context.span().set_status(Status::error(error.to_owned()));
        }
        context.span().end();
    }
}
