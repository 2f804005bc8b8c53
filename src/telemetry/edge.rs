//! The span round one HTTP request that comes in.
//!
//! Made with the OpenTelemetry API rather than `tracing`, because a remote parent has to be known
//! when the span starts.

use std::future::Future;

use http::HeaderMap;
use opentelemetry::context::FutureExt as _;
use opentelemetry::trace::{SpanKind, Status, TraceContextExt as _, Tracer as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::SdkTracer;

use super::names;
use super::propagation::{self, RequestId};

/// What a request is, as far as its span needs to know.
#[derive(Clone, Copy, Debug)]
pub struct Incoming<'a> {
    /// The method, `_OTHER` for one that HTTP does not define.
    pub method: &'static str,
    /// The route's template, never the raw path.
    pub route: &'static str,
    /// The path as asked for.
    pub path: &'a str,
    /// The headers, which may carry the caller's context and request id.
    pub headers: &'a HeaderMap,
}

/// A server span (semantic conventions for HTTP spans) with the identity of its request.
pub struct ServerSpan {
    context: Context,
    request_id: RequestId,
}

impl ServerSpan {
    /// Starts the span as a child of the caller's, if the headers name one.
    pub fn start(tracer: &SdkTracer, incoming: Incoming<'_>) -> ServerSpan {
        let parent = propagation::extract(incoming.headers);
        let span = tracer
            .span_builder(format!("{} {}", incoming.method, incoming.route))
            .with_kind(SpanKind::Server)
            .with_attributes([
                KeyValue::new(names::HTTP_METHOD, incoming.method),
                KeyValue::new(names::HTTP_ROUTE, incoming.route),
                KeyValue::new(names::URL_PATH, incoming.path.to_owned()),
            ])
            .start_with_context(tracer, &parent);
        let context = parent.with_span(span);
        let trace_id = context.span().span_context().trace_id();
        let request_id = RequestId::of(incoming.headers, trace_id);
        let id = KeyValue::new(names::REQUEST_ID, request_id.as_str().to_owned());
        context.span().set_attribute(id);
        let context = context.with_value(request_id.clone());
        ServerSpan {
            context,
            request_id,
        }
    }

    /// The request's id.
    pub fn request_id(&self) -> &RequestId {
        &self.request_id
    }

    /// Runs `work` inside the span, so that its log lines and spans belong to it.
    pub fn run<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        work.with_context(self.context.clone())
    }

    /// Ends the span with the answer's status.
    pub fn end(self, status: u16) {
        let span = self.context.span();
        span.set_attribute(KeyValue::new(names::HTTP_STATUS, i64::from(status)));
        if status >= 500 {
            span.set_attribute(KeyValue::new(names::ERROR_TYPE, status.to_string()));
            span.set_status(Status::error(""));
        }
        span.end();
    }
}
