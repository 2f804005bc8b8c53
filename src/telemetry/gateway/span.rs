//! The SERVER span round one request through the gateway.

use std::future::Future;

use http::{HeaderMap, Method};
use opentelemetry::trace::Tracer as _;
use opentelemetry::{ContextGuard, KeyValue};
use opentelemetry_sdk::trace::SdkTracer;

use super::attempt::AttemptSpan;
use super::route::RouteInstruments;
use crate::telemetry::edge::{Description, ServerSpan};
use crate::telemetry::ended::Ended;
use crate::telemetry::method::MethodName;
use crate::telemetry::names;
use crate::telemetry::propagation::RequestId;

/// Makes the spans of requests through the gateway. Cloning shares it.
#[derive(Clone, Debug)]
pub struct GatewayTracer {
    /// `None` where nobody gets to see spans: the gateway is no part of the trace then, and its callers' headers pass as they are.
    tracer: Option<SdkTracer>,
}

impl GatewayTracer {
    pub(in crate::telemetry) fn new(tracer: SdkTracer, is_on: bool) -> GatewayTracer {
        GatewayTracer {
            tracer: is_on.then_some(tracer),
        }
    }
}

/// What a request is, as far as its span needs to know.
#[derive(Clone, Copy, Debug)]
pub struct GatewayRequest<'a> {
    /// The method.
    pub method: &'a Method,
    /// The path as asked for, without the query.
    pub path: &'a str,
    /// `http` or `https`, as the request came in.
    pub scheme: &'static str,
    /// The headers, which may carry the caller's context and request id.
    pub headers: &'a HeaderMap,
}

/// A SERVER span (semantic conventions for HTTP spans) with the identity of its request.
///
/// Dropped without an end, as when the caller goes away, the span ends with no status.
pub struct GatewaySpan {
    server: ServerSpan,
    /// `None`: the span is not recorded.
    tracer: Option<SdkTracer>,
}

impl GatewaySpan {
    /// Starts the span as a child of the caller's, if the headers name one.
    pub fn start(
        tracer: &GatewayTracer,
        route: &RouteInstruments,
        request: GatewayRequest<'_>,
    ) -> GatewaySpan {
        let method = MethodName::of(request.method).as_str();
        let tracer = tracer.tracer.as_ref();
        let server = ServerSpan::begin(tracer, method, request.headers, || {
            described(route, method, request)
        });
        let recorder = tracer.filter(|_| server.is_recorded());
        GatewaySpan {
            tracer: recorder.cloned(),
            server,
        }
    }

    /// The request's id.
    pub fn request_id(&self) -> &RequestId {
        self.server.request_id()
    }

    /// Makes the span the current one until the guard is dropped, so that log lines and events meanwhile belong to it.
    pub fn enter(&self) -> ContextGuard {
        self.server.enter()
    }

    /// Runs `work` inside the span.
    pub fn run<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        self.server.run(work)
    }

    /// Adds an event with `attributes`, which are only made where the span is recorded.
    pub fn event<const N: usize>(
        &self,
        name: &'static str,
        attributes: impl FnOnce() -> [KeyValue; N],
    ) {
        self.server.event(name, attributes);
    }

    /// Starts the span of an attempt at the upstream of `route`; `resends` attempts of the same request came before it, and `path` is
    /// what the upstream is asked for, without the query.
    pub fn attempt(
        &self,
        route: &RouteInstruments,
        method: &Method,
        path: &str,
        resends: u32,
    ) -> AttemptSpan {
        match (&self.tracer, self.server.part()) {
            (_, None) => AttemptSpan::off(),
            (None, Some(part)) => AttemptSpan::unrecorded(part),
            (Some(tracer), Some(part)) => {
                let method = MethodName::of(method).as_str();
                let builder = AttemptSpan::builder(route, method, path, resends);
                let span = tracer.build_with_context(builder, self.server.context());
                AttemptSpan::recorded(part, span)
            }
        }
    }

    /// Ends the span.
    pub fn end(&self, ended: impl Into<Ended>) {
        self.server.end(ended);
    }
}

fn described(
    route: &RouteInstruments,
    method: &'static str,
    request: GatewayRequest<'_>,
) -> Description {
    let labels = route.labels();
    let mut attributes = Vec::with_capacity(8);
    attributes.extend([
        KeyValue::new(names::HTTP_METHOD, method),
        KeyValue::new(names::URL_PATH, request.path.to_owned()),
        KeyValue::new(names::URL_SCHEME, request.scheme),
    ]);
    attributes.extend_from_slice(&labels.server);
    attributes.extend(labels.direction.clone());
    let is_routed = labels.route.is_some();
    Description {
        name: is_routed.then(|| format!("{method} {}", labels.http_route)),
        attributes,
    }
}
