//! What stands round every request: its span, its id, its duration.

use std::future::Future;
use std::time::Instant;

use http::Method;

use super::Face;
use super::answer::{self, Answer};
use super::request::Request;
use crate::telemetry::propagation::X_REQUEST_ID;
use crate::telemetry::{HttpRoute, Incoming, ServerSpan, Tracer, method_name};

/// The identity of requests to one route by one method.
pub(super) struct Identity {
    tracer: Tracer,
    instruments: HttpRoute,
    method: &'static str,
    route: &'static str,
}

impl Identity {
    pub(super) fn new(face: &Face, method: &Method, route: &'static str) -> Identity {
        let method = method_name(method);
        Identity {
            tracer: face.tracer.clone(),
            instruments: face.instruments.http_route(method, route),
            method,
            route,
        }
    }

    /// Runs `work` inside the request's span and puts the request's id on its answer.
    pub(super) async fn around(
        &self,
        request: &Request,
        work: impl Future<Output = Answer>,
    ) -> Answer {
        let started = Instant::now();
        let _active = self.instruments.started();
        let span = ServerSpan::start(&self.tracer, self.incoming(request));
        let mut answer = span.run(work).await;
        if self.method == "HEAD" {
            answer = answer::without_body(answer);
        }
        answer
            .headers_mut()
            .insert(X_REQUEST_ID, span.request_id().header());
        let status = answer.status();
        span.end(status);
        self.instruments
            .answered(status.as_u16(), started.elapsed());
        answer
    }

    fn incoming<'a>(&self, request: &'a Request) -> Incoming<'a> {
        Incoming {
            method: self.method,
            route: self.route,
            path: request.path.as_str(),
            headers: &request.headers,
        }
    }
}
