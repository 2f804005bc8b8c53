//! One call on a shared connection, up to the head of the answer.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use h2::RecvStream;
use h2::client::ResponseFuture;
use http::{Request, Response};
use http_body::Body;
use tokio::time::Instant;

use super::head::prepare;
use super::meaning::{meaning, was_not_processed};
use super::pump::Pump;
use super::{Http2Body, Place};
use crate::gateway::RequestBody;
use crate::gateway::upstream::UpstreamBody;
use crate::gateway::upstream::failure::{CallFailure, CallFailureKind};
use crate::gateway::upstream::pool::Pool;
use crate::gateway::upstream::terms::{Progress, Terms};
use crate::gateway::upstream::timer::Timer;
use crate::gateway::upstream::upload::MeteredBody;
use crate::gateway::upstream::wire::Meter;

/// Answers of 1xx to one request. A server that sends more is not heading for an answer.
const MAX_INTERIM: usize = 100;

/// A call under way.
struct Call<'a> {
    terms: &'a Terms,
    place: Place,
    /// Bytes on the whole connection before the call began.
    before: u64,
    meter: Arc<Meter>,
    pump: Option<Pump>,
    response: ResponseFuture,
    interim: usize,
    timer: Timer,
    progress: Progress,
}

/// Sends `request` on a stream of its own and waits for the head of its answer.
///
/// # Errors
/// Why there is no answer.
pub(in crate::gateway::upstream) async fn send(
    pool: &Arc<Pool>,
    place: Place,
    mut request: Request<RequestBody>,
    is_tls: bool,
) -> Result<Response<UpstreamBody>, CallFailure> {
    let terms = &pool.terms;
    prepare(&mut request, is_tls, &terms.name)
        .map_err(|clause| terms.failure(CallFailureKind::Protocol, false, clause))?;
    let mut call = Call::begin(terms, place, request)?;
    let answered = poll_fn(|context| call.poll(context)).await;
    let (head, received) = answered?.into_parts();
    let body = Http2Body::new(
        Arc::clone(pool),
        call.place,
        received,
        call.meter,
        call.pump,
    );
    let body = body.with_length(&head.headers);
    Ok(Response::from_parts(head, UpstreamBody::http2(body)))
}

impl<'a> Call<'a> {
    fn begin(
        terms: &'a Terms,
        place: Place,
        request: Request<RequestBody>,
    ) -> Result<Call<'a>, CallFailure> {
        let before = place.connection.meter.written();
        let meter = Arc::<Meter>::default();
        let (head, body) = request.into_parts();
        let has_body = !body.is_end_stream();
        let mut sender = place.connection.sender.clone();
        let sent = sender.send_request(Request::from_parts(head, ()), !has_body);
        let (response, stream) = sent.map_err(|error| {
            let (kind, clause) = meaning(&error);
            terms.failure(kind, false, &clause)
        })?;
        let pump = has_body.then(|| Pump::new(stream, MeteredBody::new(body, &meter), &meter));
        Ok(Call {
            terms,
            place,
            before,
            pump,
            response,
            interim: 0,
            timer: Timer::default(),
            progress: Progress::new(&meter, Instant::now()),
            meter,
        })
    }

    fn poll(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Response<RecvStream>, CallFailure>> {
        if self
            .pump
            .as_mut()
            .is_some_and(|pump| pump.poll(context).is_ready())
        {
            self.pump = None;
            if let Some(caller) = self.meter.caller_error() {
                let failure = self.terms.caller_broke_off(self.was_written(), caller);
                return Poll::Ready(Err(failure));
            }
        }
        while let Poll::Ready(Some(Ok(_))) = self.response.poll_informational(context) {
            self.interim += 1;
            if self.interim > MAX_INTERIM {
                let clause = "sent one interim answer (1xx) after the other";
                let failure = self.terms.failure(CallFailureKind::Protocol, true, clause);
                return Poll::Ready(Err(failure));
            }
        }
        match Pin::new(&mut self.response).poll(context) {
            Poll::Ready(Ok(answer)) => Poll::Ready(Ok(answer)),
            Poll::Ready(Err(error)) => Poll::Ready(Err(self.failed(&error))),
            Poll::Pending => self.wait(context),
        }
    }

    fn wait<T>(&mut self, context: &mut Context<'_>) -> Poll<Result<T, CallFailure>> {
        let now = Instant::now();
        self.progress.note(&self.meter, now);
        let (due, kind) = self.progress.head_due(self.terms, &self.meter);
        match self.timer.poll(context, due, now) {
            true => Poll::Ready(Err(self.terms.timed_out(kind, self.was_written()))),
            false => Poll::Pending,
        }
    }

    fn failed(&self, error: &h2::Error) -> CallFailure {
        let (kind, clause) = meaning(error);
        let sent = self.was_written() && !was_not_processed(error);
        self.terms.failure(kind, sent, &clause)
    }

    /// Whether anything at all was written since the call began.
    fn was_written(&self) -> bool {
        self.place.connection.meter.written() != self.before
    }
}
