//! The body of an answer, which drives its connection.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Instant;

use super::Connection;
use super::meaning::meaning;
use crate::gateway::upstream::failure::{CallFailure, CallFailureKind, Phase};
use crate::gateway::upstream::pool::Pool;

/// The rest of an answer, with the connection on which it comes. At the end the connection goes back to the pool; where the body is
/// dropped before, it is closed.
pub(in crate::gateway::upstream) struct Http1Body {
    pool: Arc<Pool>,
    connection: Option<Box<Connection>>,
    incoming: Incoming,
    /// Since when more is waited for; `None`: nobody waits.
    waits_since: Option<Instant>,
}

impl Http1Body {
    pub(super) fn new(
        pool: Arc<Pool>,
        connection: Box<Connection>,
        incoming: Incoming,
    ) -> Http1Body {
        Http1Body {
            pool,
            connection: Some(connection),
            incoming,
            waits_since: None,
        }
    }

    pub(in crate::gateway::upstream) fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CallFailure>>> {
        let Some(connection) = &mut self.connection else {
            return Poll::Ready(None);
        };
        let incoming = &mut self.incoming;
        match connection.poll(context, |quiet| Pin::new(&mut *incoming).poll_frame(quiet)) {
            Poll::Ready(Some(Ok(frame))) => {
                self.waits_since = None;
                if self.incoming.is_end_stream() {
                    self.end();
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(None) => {
                self.end();
                Poll::Ready(None)
            }
            Poll::Ready(Some(Err(error))) => {
                let (kind, clause) = meaning(&error);
                self.connection = None;
                Poll::Ready(Some(Err(self.pool.terms.failure(kind, true, &clause))))
            }
            Poll::Pending => self.wait(),
        }
    }

    /// The body is here. Whatever the connection still owes, nobody wants.
    fn end(&mut self) {
        if let Some(connection) = self.connection.take().filter(|one| one.is_reusable()) {
            self.pool.keep(connection);
        }
    }

    fn wait<T>(&mut self) -> Poll<Option<Result<T, CallFailure>>> {
        let now = Instant::now();
        let due = *self.waits_since.get_or_insert(now) + self.pool.terms.timeout.idle;
        let is_due = self
            .connection
            .as_mut()
            .is_some_and(|connection| connection.is_due(due, now));
        if !is_due {
            return Poll::Pending;
        }
        self.connection = None;
        let kind = CallFailureKind::Timeout(Phase::Idle);
        Poll::Ready(Some(Err(self.pool.terms.timed_out(kind, true))))
    }

    pub(in crate::gateway::upstream) fn is_end_stream(&self) -> bool {
        self.connection.is_none() || self.incoming.is_end_stream()
    }

    pub(in crate::gateway::upstream) fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
