//! One attempt to get an answer of the upstream.

use std::time::Instant;

use http::{Request, Response};
use tokio::time::timeout_at;

use super::ahead::Ahead;
use super::body::RequestBody;
use super::caller_body::CallerFault;
use super::refusal::Refusal;
use super::upstream::{CallFailure, CallFailureKind, UpstreamBody};
use crate::resilience::Permit;
use crate::telemetry::propagation::X_REQUEST_ID;
use crate::telemetry::{AttemptSpan, Ended};

/// The head of an answer, and the permit that its body goes on with.
pub(super) struct Brought {
    pub(super) answer: Response<UpstreamBody>,
    /// `None` once the breaker has been told.
    pub(super) permit: Option<Permit>,
}

/// An extension of answers: an earlier attempt of the same request may have taken effect, whatever the answer says.
#[derive(Clone, Copy, Debug)]
pub(super) struct EarlierMayHaveRun;

/// Why an attempt brought nothing.
pub(super) enum Missed {
    /// The call failed.
    Failed(CallFailure),
    /// `timeout.total` was over.
    TooLate,
    /// A guard let no call through.
    HeldBack(Refusal),
    /// The request's body was not kept.
    BodyGone,
}

impl Missed {
    fn name(&self) -> &'static str {
        match self {
            Missed::Failed(failure) => failure.kind.name(),
            Missed::TooLate => "timeout_total",
            Missed::HeldBack(refusal) => refusal.guard(),
            Missed::BodyGone => "body_gone",
        }
    }

    /// What the caller is told.
    pub(super) fn into_refusal(self, ahead: &Ahead) -> Refusal {
        match self {
            Missed::Failed(failure) => failure.into(),
            Missed::TooLate => Refusal::TookTooLong {
                within: ahead.route.plan.settings.timeout.total.unwrap_or_default(),
            },
            Missed::HeldBack(refusal) => refusal,
            Missed::BodyGone => Refusal::Body(CallerFault::Broken),
        }
    }

    /// Whether the upstream is to blame.
    fn is_of_upstream(&self) -> bool {
        use CallFailureKind as K;
        match self {
            Missed::Failed(failure) => !matches!(failure.kind, K::CallerStalled | K::CallerBody),
            Missed::TooLate => true,
            Missed::HeldBack(_) | Missed::BodyGone => false,
        }
    }
}

/// Sends `request` after `resends` others, once the upstream's limit and the breaker let it through.
///
/// # Errors
/// Why there is no answer.
pub(super) async fn attempt(
    ahead: &Ahead,
    request: Request<RequestBody>,
    resends: u32,
    due: Option<Instant>,
) -> Result<Brought, Missed> {
    let turn = ahead.route.limits.turn(&ahead.caller);
    let turn = turn.await.map_err(Missed::HeldBack)?;
    let begun = Instant::now();
    let permit = ahead.route.breaker.admit_owned(begun);
    let permit = permit.map_err(|held| {
        Missed::HeldBack(Refusal::BreakerOpen {
            retry_after: held.retry_after,
        })
    })?;
    let (span, request) = announced(ahead, request, resends);
    let sent = send(ahead, request, due).await;
    let now = Instant::now();
    let ended = ended(&sent);
    let took = now.saturating_duration_since(begun);
    ahead.observed.attempted(ended, took);
    end_span(span, ended, &sent);
    if let Ok(answer) = &sent {
        turn.answered(answer.status(), answer.headers(), now);
    }
    judge(ahead, sent, permit, now)
}

/// The request with what the upstream alone gets to see, and the span that it names as its parent.
fn announced(
    ahead: &Ahead,
    mut request: Request<RequestBody>,
    resends: u32,
) -> (AttemptSpan, Request<RequestBody>) {
    let span = ahead.observed.attempt(request.uri().path(), resends);
    let headers = request.headers_mut();
    ahead
        .route
        .plan
        .request_headers
        .send(headers, ahead.version);
    headers.insert(X_REQUEST_ID, ahead.observed.request_id());
    span.inject(headers);
    (span, request)
}

async fn send(
    ahead: &Ahead,
    request: Request<RequestBody>,
    due: Option<Instant>,
) -> Result<Response<UpstreamBody>, Missed> {
    let upstream = &ahead.route.plan.upstream;
    let sent = match due {
        None => upstream.send(request).await,
        Some(due) => timeout_at(due.into(), upstream.send(request))
            .await
            .map_err(|_| Missed::TooLate)?,
    };
    sent.map_err(Missed::Failed)
}

fn ended(sent: &Result<Response<UpstreamBody>, Missed>) -> Ended {
    match sent {
        Ok(answer) => Ended::Status(answer.status()),
        Err(missed) => Ended::Failed(missed.name()),
    }
}

fn end_span(span: AttemptSpan, ended: Ended, sent: &Result<Response<UpstreamBody>, Missed>) {
    match sent {
        Err(missed @ Missed::Failed(failure)) => span.fail(missed.name(), || failure.to_string()),
        _ => span.end(ended),
    }
}

/// Tells the breaker. A good head is not yet a good answer, so that the permit goes on with the body.
fn judge(
    ahead: &Ahead,
    sent: Result<Response<UpstreamBody>, Missed>,
    mut permit: Permit,
    now: Instant,
) -> Result<Brought, Missed> {
    match sent {
        Ok(answer) if ahead.route.plan.failures.contain(answer.status()) => {
            permit.failure(now);
            Ok(Brought {
                answer,
                permit: None,
            })
        }
        Ok(answer) => {
            permit.answered(now);
            Ok(Brought {
                answer,
                permit: Some(permit),
            })
        }
        Err(missed) => {
            if missed.is_of_upstream() {
                permit.failure(now);
            }
            Err(missed)
        }
    }
}
