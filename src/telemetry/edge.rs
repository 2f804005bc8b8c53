//! The span round one HTTP request that comes in.
//!
//! Made with the OpenTelemetry API rather than `tracing`, because a remote parent has to be known when the span starts. A span that is
//! not sampled is two ids; everything else about it is made only where it is recorded.

use std::future::Future;

use http::HeaderMap;
use opentelemetry::context::FutureExt as _;
use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanKind, Status, TraceContextExt as _, TraceId, TraceState,
    Tracer as _,
};
use opentelemetry::{Context, ContextGuard, KeyValue};
use opentelemetry_sdk::trace::{SdkTracer, Span};

use super::ended::{Ended, SERVER_ERRORS};
use super::names;
use super::propagation::RequestId;
use super::trace_parent::TraceParent;

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

/// What is said of a span that is recorded.
pub(super) struct Description {
    /// `None`: the method alone is its name.
    pub(super) name: Option<String>,
    pub(super) attributes: Vec<KeyValue>,
}

/// The part that this process has in a trace.
#[derive(Clone, Copy)]
pub(super) struct Part {
    /// The span of the request.
    pub(super) ids: TraceParent,
    /// Whether the trace began with it, so that a `tracestate` belongs to no trace (W3C Trace Context, section 3.3.1.5).
    pub(super) is_root: bool,
}

/// A server span (semantic conventions for HTTP spans) with the identity of its request.
pub struct ServerSpan {
    context: Context,
    request_id: RequestId,
    /// `None`: spans are off.
    part: Option<Part>,
    is_recorded: bool,
}

impl ServerSpan {
    /// Starts the span as a child of the caller's, if the headers name one.
    pub fn start(tracer: &SdkTracer, incoming: Incoming<'_>) -> ServerSpan {
        let Incoming {
            method,
            route,
            path,
            headers,
        } = incoming;
        ServerSpan::begin(Some(tracer), method, headers, || Description {
            name: Some(format!("{method} {route}")),
            attributes: vec![
                KeyValue::new(names::HTTP_METHOD, method),
                KeyValue::new(names::HTTP_ROUTE, route),
                KeyValue::new(names::URL_PATH, path.to_owned()),
            ],
        })
    }

    /// The same for any request; without a `tracer` spans are off. `describe` is asked only where the span is recorded.
    pub(super) fn begin(
        tracer: Option<&SdkTracer>,
        method: &'static str,
        headers: &HeaderMap,
        describe: impl FnOnce() -> Description,
    ) -> ServerSpan {
        let caller = TraceParent::of(headers);
        let parent = caller.map_or_else(Context::new, |caller| caller.context(headers));
        let decided = tracer.and_then(|tracer| decide(tracer, method, &parent));
        let part = decided.as_ref().map(|(ids, _)| Part {
            ids: *ids,
            is_root: caller.is_none(),
        });
        let trace = part.map(|part| part.ids).or(caller);
        let trace_id = trace.map_or(TraceId::INVALID, |ids| ids.trace_id);
        let request_id = RequestId::of(headers, trace_id);
        let recorded = decided.map(|(_, span)| span).filter(Span::is_recording);
        let is_recorded = recorded.is_some();
        let context = match recorded {
            Some(span) => Context::new().with_span(described(span, &request_id, describe())),
            // Log lines name the span all the same, so that they are found together.
            None => part.map_or(parent, |part| {
                Context::new().with_remote_span_context(part.ids.remote(TraceState::NONE))
            }),
        };
        ServerSpan {
            context: context.with_value(request_id.clone()),
            request_id,
            part,
            is_recorded,
        }
    }

    /// The request's id.
    pub fn request_id(&self) -> &RequestId {
        &self.request_id
    }

    pub(super) fn context(&self) -> &Context {
        &self.context
    }

    pub(super) fn part(&self) -> Option<Part> {
        self.part
    }

    pub(super) fn is_recorded(&self) -> bool {
        self.is_recorded
    }

    /// Makes the span the current one until the guard is dropped, so that log lines and spans meanwhile belong to it.
    pub fn enter(&self) -> ContextGuard {
        self.context.clone().attach()
    }

    /// Runs `work` inside the span, so that its log lines and spans belong to it.
    pub fn run<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        work.with_context(self.context.clone())
    }

    /// Adds an event with `attributes`, which are only made where the span is recorded.
    pub(super) fn event<const N: usize>(
        &self,
        name: &'static str,
        attributes: impl FnOnce() -> [KeyValue; N],
    ) {
        if self.is_recorded {
            self.context.span().add_event(name, attributes().into());
        }
    }

    /// Ends the span.
    pub fn end(&self, ended: impl Into<Ended>) {
        if !self.is_recorded {
            return;
        }
        let (ended, span) = (ended.into(), self.context.span());
        span.set_attributes(ended.status());
        if let Some(error) = ended.error(SERVER_ERRORS) {
            span.set_attribute(error);
            span.set_status(Status::error(""));
        }
        span.end();
    }
}

/// A span that the sampler has decided on, with nothing in it yet; `None` where it leaves no trace.
fn decide(
    tracer: &SdkTracer,
    method: &'static str,
    parent: &Context,
) -> Option<(TraceParent, Span)> {
    let builder = SpanBuilder::from_name(method).with_kind(SpanKind::Server);
    let span = tracer.build_with_context(builder, parent);
    let ids = TraceParent::of_span(span.span_context())?;
    Some((ids, span))
}

fn described(mut span: Span, request_id: &RequestId, description: Description) -> Span {
    if let Some(name) = description.name {
        span.update_name(name);
    }
    span.set_attributes(description.attributes);
    let id = request_id.as_str().to_owned();
    span.set_attribute(KeyValue::new(names::REQUEST_ID, id));
    span
}
