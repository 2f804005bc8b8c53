//! The body of an answer that began before the request ended.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::task::AbortHandle;

use super::Connection;
use super::meaning::meaning;
use crate::gateway::upstream::failure::{CallFailure, CallFailureKind, Phase};
use crate::gateway::upstream::pool::Pool;
use crate::gateway::upstream::waiting::Waiting;
use crate::gateway::upstream::wire::Upload;

/// The rest of an answer whose request goes on. A task moves both, so that neither waits for the other: a caller may read nothing
/// before it has sent all.
pub(in crate::gateway::upstream) struct CarriedBody {
    pool: Arc<Pool>,
    incoming: Incoming,
    task: AbortHandle,
    waiting: Waiting,
    has_ended: bool,
}

/// A request whose answer is complete, or is not wanted any more, does not go on (RFC 9112, section 9.5). One that ended leaves a
/// connection that can be used again.
impl Drop for CarriedBody {
    fn drop(&mut self) {
        let has_ended = self.has_ended || self.incoming.is_end_stream();
        let is_sent =
            self.waiting.meter.upload() == Upload::Ended && !self.waiting.meter.is_blocked();
        if !(has_ended && is_sent) {
            self.task.abort();
        }
    }
}

/// Moves both directions until another call may follow, or the connection is over.
async fn carry(pool: Arc<Pool>, mut connection: Box<Connection>) {
    let over = std::future::poll_fn(|context| {
        let is_over = connection.drive_in(context);
        match is_over || connection.is_reusable() {
            true => Poll::Ready(is_over),
            false => Poll::Pending,
        }
    });
    if !pin!(over).await {
        pool.keep(connection);
    }
}

impl CarriedBody {
    pub(super) fn new(
        pool: Arc<Pool>,
        connection: Box<Connection>,
        incoming: Incoming,
    ) -> CarriedBody {
        let meter = Arc::clone(&connection.meter);
        let task = tokio::spawn(carry(Arc::clone(&pool), connection));
        CarriedBody {
            pool,
            incoming,
            task: task.abort_handle(),
            has_ended: false,
            waiting: Waiting::new(meter),
        }
    }

    pub(in crate::gateway::upstream) fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CallFailure>>> {
        match Pin::new(&mut self.incoming).poll_frame(context) {
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(self.broke_off(&error)))),
            Poll::Ready(Some(Ok(frame))) => {
                self.waiting.came();
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(None) => {
                self.has_ended = true;
                Poll::Ready(None)
            }
            Poll::Pending => self.wait(context),
        }
    }

    /// The answer ends where the request breaks off, and the other way round.
    fn broke_off(&self, error: &hyper::Error) -> CallFailure {
        let terms = &self.pool.terms;
        terms.broke_off(&self.waiting.meter, true, || meaning(error))
    }

    fn wait<T>(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<T, CallFailure>>> {
        let idle = self.pool.terms.timeout.idle;
        if !self.waiting.is_over(idle, context) {
            return Poll::Pending;
        }
        self.task.abort();
        let kind = CallFailureKind::Timeout(Phase::Idle);
        Poll::Ready(Some(Err(self.pool.terms.timed_out(kind, true))))
    }

    pub(in crate::gateway::upstream) fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    pub(in crate::gateway::upstream) fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
