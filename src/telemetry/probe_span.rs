//! The span of one run of a probe, and those of its phases.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use opentelemetry::trace::{SpanKind, Status, TraceContextExt as _, Tracer as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::SdkTracer;

use super::names;
use super::propagation;

/// A CLIENT span round one run of a probe, the root of a trace of its own.
pub struct ProbeSpan {
    tracer: SdkTracer,
    context: Context,
    began: SystemTime,
}

impl ProbeSpan {
    /// Starts the span of a run of the probe `name`, which began at `began`.
    pub fn start(
        tracer: &SdkTracer,
        name: &str,
        kind: &'static str,
        began: SystemTime,
        attributes: Vec<KeyValue>,
    ) -> ProbeSpan {
        // The sampler knows the spans of probes by their first attribute.
        let mut described = vec![
            KeyValue::new(names::PROBE, name.to_owned()),
            KeyValue::new(names::PROBE_KIND, kind),
        ];
        described.extend(attributes);
        let root = Context::new();
        let span = tracer
            .span_builder(format!("probe {name}"))
            .with_kind(SpanKind::Client)
            .with_start_time(began)
            .with_attributes(described)
            .start_with_context(tracer, &root);
        ProbeSpan {
            tracer: tracer.clone(),
            context: root.with_span(span),
            began,
        }
    }

    /// `traceparent` and its companions, for what the run asks.
    pub fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        propagation::inject(&self.context, &mut headers);
        headers
    }

    /// Adds a phase that began and ended so long after the run began.
    pub fn phase(&self, name: &'static str, began: Duration, ended: Duration) {
        if !self.context.span().is_recording() {
            return;
        }
        let mut span = self
            .tracer
            .span_builder(name)
            .with_kind(SpanKind::Internal)
            .with_start_time(self.began + began)
            .start_with_context(&self.tracer, &self.context);
        opentelemetry::trace::Span::end_with_timestamp(&mut span, self.began + ended);
    }

    /// Ends the span after `took`. `failure` is why the run failed, in a word and in a sentence.
    pub fn end(
        self,
        took: Duration,
        attributes: Vec<KeyValue>,
        failure: Option<(&'static str, String)>,
    ) {
        let span = self.context.span();
        span.set_attributes(attributes);
        if let Some((reason, message)) = failure {
            span.set_attribute(KeyValue::new(names::ERROR_TYPE, reason));
            span.set_status(Status::error(message));
        }
        span.end_with_timestamp(self.began + took);
    }
}
