//! What is told of a request while it goes through: its span, and the instruments of its route.

use std::future::Future;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use http::{HeaderValue, Method, StatusCode};

use super::refusal::Refusal;
use crate::telemetry::{
    ActiveGuard, AttemptSpan, Ended, GatewayRequest, GatewaySpan, GatewayTracer, RouteInstruments,
};

/// One request, from its head to the end of its answer. It ends when the last who shares it drops it.
pub(super) struct Observed {
    method: Method,
    instruments: RouteInstruments,
    span: GatewaySpan,
    begun: Instant,
    ended: OnceLock<Ended>,
    _active: ActiveGuard,
}

impl Observed {
    /// A request that has come in.
    pub(super) fn begin(
        tracer: &GatewayTracer,
        instruments: &RouteInstruments,
        request: GatewayRequest<'_>,
    ) -> Observed {
        Observed {
            method: request.method.clone(),
            span: GatewaySpan::start(tracer, instruments, request),
            _active: instruments.received(request.method),
            instruments: instruments.clone(),
            begun: Instant::now(),
            ended: OnceLock::new(),
        }
    }

    /// The value of X-Request-ID.
    pub(super) fn request_id(&self) -> HeaderValue {
        self.span.request_id().header()
    }

    /// Runs `work` inside the span, so that log lines and what breakers tell belong to it.
    pub(super) fn run<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        self.span.run(work)
    }

    /// The same for work that does not wait.
    pub(super) fn within<T>(&self, work: impl FnOnce() -> T) -> T {
        let _current = self.span.enter();
        work()
    }

    /// Starts the span of an attempt to get `path`; `resends` others came before it.
    pub(super) fn attempt(&self, path: &str, resends: u32) -> AttemptSpan {
        self.span
            .attempt(&self.instruments, &self.method, path, resends)
    }

    /// An attempt has ended, which took until the head of its answer.
    pub(super) fn attempted(&self, ended: Ended, took: Duration) {
        self.instruments.attempted(&self.method, ended, took);
    }

    /// The request was sent again, because of `reason`.
    pub(super) fn retried(&self, reason: &'static str) {
        self.instruments.retried(reason);
    }

    /// There is an answer, which speaks for itself. The first word counts.
    pub(super) fn answered(&self, status: StatusCode) {
        let _ = self.ended.set(Ended::Status(status)); // it was refused before
    }

    /// The gateway itself refused.
    pub(super) fn refused(&self, refusal: &Refusal) {
        self.instruments.refused(refusal.guard());
        if let Refusal::Limited { limit, .. } = refusal {
            self.instruments.limited(limit.name());
        }
        let ended = Ended::Refused(refusal.status(), refusal.guard());
        let _ = self.ended.set(ended); // the first word counts
    }
}

impl Drop for Observed {
    fn drop(&mut self) {
        // Without a word the caller has gone before there was an answer: the span ends with no status.
        if let Some(ended) = self.ended.get() {
            let took = self.begun.elapsed();
            self.instruments.answered(&self.method, *ended, took);
            self.span.end(*ended);
        }
    }
}
