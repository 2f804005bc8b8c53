//! The way out for the agent's own telemetry: an OTLP/HTTP client that hands the body to the
//! agent's own intake instead of a socket.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use opentelemetry_http::{HttpClient, HttpError};
use tokio::runtime::Handle;

use super::suppress::quietly;
use crate::otlp::Signal;
use crate::resilience::{Again, RetryPolicy, retry};

/// How often a body is offered that is not taken: as often as the SDK's own exporters do.
const OFFERS: RetryPolicy = RetryPolicy {
    attempts: 4,
    base: Duration::from_millis(100),
    max: Duration::from_millis(1600),
    within: Duration::from_secs(5),
};

/// What an [`OwnIntake`] answers with.
pub type OfferFuture = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// Takes the agent's own telemetry.
pub trait OwnIntake: Send + Sync {
    /// Takes one serialized `Export*ServiceRequest`.
    ///
    /// # Errors
    /// A sentence saying why it was not taken; the SDK offers it again a few times, then drops it.
    fn offer(&self, signal: Signal, body: Bytes) -> OfferFuture;
}

/// The place where the intake is plugged in once it exists: exporters are built before it is.
#[derive(Clone, Default)]
pub(super) struct OwnDoor(Arc<OnceLock<Connected>>);

#[derive(Clone)]
struct Connected {
    intake: Arc<dyn OwnIntake>,
    /// The runtime that drives offers; exporters' own threads have no reactor.
    runtime: Option<Handle>,
}

impl Connected {
    fn offer(
        &self,
        signal: Signal,
        body: Bytes,
    ) -> impl Future<Output = Result<(), String>> + use<> {
        quietly(self.intake.offer(signal, body))
    }

    /// Offers `body` in the runtime, which has the timer.
    async fn offer_within(
        &self,
        signal: Signal,
        body: Bytes,
        limit: Duration,
    ) -> Result<(), String> {
        let offer = self.offer(signal, body);
        let answer = tokio::time::timeout(limit, offer).await;
        answer.unwrap_or_else(|_| Err(format!("no answer within {limit:?}")))
    }
}

impl OwnDoor {
    /// Opens the door; `false` when it was open already.
    pub(super) fn connect(&self, intake: Arc<dyn OwnIntake>) -> bool {
        let runtime = Handle::try_current().ok();
        self.0.set(Connected { intake, runtime }).is_ok()
    }

    /// Offers `body` until it is taken, or was refused often enough; each time no longer than `limit`.
    pub(super) async fn deliver(
        &self,
        signal: Signal,
        body: Bytes,
        limit: Duration,
    ) -> Result<(), String> {
        self.offer_by(OFFERS, signal, body, limit).await
    }

    async fn offer(&self, signal: Signal, body: Bytes, limit: Duration) -> Result<(), String> {
        self.offer_by(
            RetryPolicy {
                attempts: 1,
                ..OFFERS
            },
            signal,
            body,
            limit,
        )
        .await
    }

    async fn offer_by(
        &self,
        policy: RetryPolicy,
        signal: Signal,
        body: Bytes,
        limit: Duration,
    ) -> Result<(), String> {
        let Some(door) = self.0.get().cloned() else {
            return Err("the agent's own intake is not open yet".to_owned());
        };
        let Some(runtime) = door.runtime.clone() else {
            return door.offer(signal, body).await;
        };
        let task = runtime.spawn(async move {
            let offer = || door.offer_within(signal, body.clone(), limit);
            retry(policy, offer, |_| Again::Yes, |_, _, _| {}).await
        });
        let ended = task.await;
        ended.unwrap_or_else(|error| Err(format!("the offer did not finish: {error}")))
    }
}

/// An [`HttpClient`] for one signal that offers each body to the intake.
pub(super) struct OwnClient {
    pub(super) door: OwnDoor,
    pub(super) signal: Signal,
    pub(super) limit: Duration,
}

impl fmt::Debug for OwnClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnClient")
            .field("signal", &self.signal)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl HttpClient for OwnClient {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let offered = self
            .door
            .offer(self.signal, request.into_body(), self.limit)
            .await;
        let status = match offered {
            Ok(()) => StatusCode::OK,
            Err(reason) => {
                tracing::debug!(signal = %self.signal, reason, "own telemetry was not taken");
                StatusCode::SERVICE_UNAVAILABLE
            }
        };
        Ok(Response::builder().status(status).body(Bytes::new())?)
    }
}
