//! Idempotency keys: requests with the same key run once (draft-ietf-httpapi-idempotency-key-header-07).
//!
//! A request with a key is read whole, claims its key in the store, and then runs in a task of its own: a caller that hangs up
//! cancels nothing that may have taken effect already. While it runs its hold is renewed. What came of it is written before its answer is given;
//! where that fails, the answer is given all the same, because it is true, and writing it is tried again: until then a repeated
//! request is refused, and never run.

mod read;
mod refusal;
mod sweep;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod turn;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::{CONTENT_TYPE, HOST};
use http::request::Parts;
use http::{HeaderValue, Method, Request};
use opentelemetry::context::FutureExt as _;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use tracing::error;

use super::{Answer, Onward, Refusal, RequestBody};
use crate::config::{IdempotencySettings, RouteSettings, ServerErrors, UnknownOutcome};
use crate::resilience::idempotency::{Caller, Fingerprint, Fingerprinted, Key};
use crate::store::{Claiming, KeyId, Store, Terms};
use turn::Turn;

pub use refusal::KeyRefusal;
pub(crate) use sweep::sweep_for_ever;

/// Counts requests by what became of their key, in one word.
pub(super) type Count = Box<dyn Fn(&'static str) + Send + Sync>;

/// The idempotency keys of a route.
#[derive(Clone)]
pub(super) struct Keys(Arc<Inner>);

struct Inner {
    route: String,
    settings: IdempotencySettings,
    /// How long a caller may pause while it sends a body.
    stall: Duration,
    store: Store,
    count: Count,
    /// For tasks: those whose callers have gone are held back by no connection.
    places: Arc<Semaphore>,
    tasks: TaskTracker,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys")
            .field("route", &self.0.route)
            .finish_non_exhaustive()
    }
}

impl Keys {
    /// The keys of the route `name`, or `None` where it has none. Requests run in `tasks`, whether their callers wait or not.
    pub(super) fn of(
        name: &str,
        route: &RouteSettings,
        store: &Store,
        count: Count,
        tasks: TaskTracker,
    ) -> Option<Keys> {
        let settings = route.idempotency.clone()?;
        // Twice as many as the upstream gets at once, so that those that only wait for an answer hold up nobody.
        let places = (route.concurrency as usize).saturating_mul(2);
        Some(Keys(Arc::new(Inner {
            route: name.to_owned(),
            settings,
            stall: route.timeout.send,
            store: store.clone(),
            count,
            places: Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS))),
            tasks,
        })))
    }

    /// Passes `request` onward, once for all requests of its caller with its key. `caller` is asked what tells callers apart, where there is
    /// a key; only a hash of that is kept.
    ///
    /// # Errors
    ///
    /// Why the key does not let it run, or why there is no answer.
    pub(super) async fn around<O>(
        &self,
        caller: impl FnOnce() -> Vec<u8>,
        request: Request<RequestBody>,
        onward: O,
    ) -> Result<Answer, Refusal>
    where
        O: Onward + Send + 'static,
    {
        let Some(key) = self.key(&request)? else {
            return onward.onward(request).await;
        };
        let (head, body) = request.into_parts();
        let max_bytes = self.0.settings.max_body.bytes();
        let body = read::request(body, max_bytes, self.0.stall).await?;
        let claiming = self.claiming(key, &caller(), &head, &body.bytes);
        let request = Request::from_parts(head, body.into_request());
        let Ok(place) = Arc::clone(&self.0.places).acquire_owned().await else {
            return Err(Refusal::Key(KeyRefusal::StoreAway));
        };
        let turn = Turn::new(Arc::clone(&self.0), claiming);
        let running = async move {
            let answered = turn.run(request, onward).await;
            drop(place);
            answered
        };
        // Log lines of the task belong to the request.
        let task = self.0.tasks.spawn(running.with_current_context());
        task.await.unwrap_or_else(|ended| {
            error!(
                route = self.0.route,
                "a request with a key ended without a word: {ended}"
            );
            Err(Refusal::Key(KeyRefusal::Lost))
        })
    }

    /// The key that `request` runs under; `None` where it needs none.
    fn key(&self, request: &Request<RequestBody>) -> Result<Option<Key>, Refusal> {
        if !self.covers(request.method()) {
            return Ok(None);
        }
        let refused = |outcome, refusal| {
            (self.0.count)(outcome);
            Err(Refusal::Key(refusal))
        };
        match Key::of(request.headers()) {
            Ok(None) if self.0.settings.required => refused("missing", KeyRefusal::Missing),
            Err(error) => refused("malformed", KeyRefusal::Malformed(error)),
            Ok(key) => Ok(key),
        }
    }

    fn covers(&self, method: &Method) -> bool {
        let methods = &self.0.settings.methods;
        methods.iter().any(|name| name == method.as_str())
    }

    fn claiming(&self, key: Key, caller: &[u8], head: &Parts, body: &[u8]) -> Claiming {
        let caller = Caller::of(caller);
        let header = |name| head.headers.get(name).map(HeaderValue::as_bytes);
        let target = head.uri.path_and_query();
        let fingerprint = Fingerprint::of(&Fingerprinted {
            method: &head.method,
            route: &self.0.route,
            host: header(HOST).unwrap_or_default(),
            target: target.map_or("/", |target| target.as_str()),
            caller: &caller,
            content_type: header(CONTENT_TYPE),
            body,
        });
        Claiming {
            id: KeyId {
                route: self.0.route.clone(),
                caller,
                key,
            },
            fingerprint,
            terms: self.0.terms(),
            owner: self.0.store.next_owner(),
        }
    }
}

impl Inner {
    fn terms(&self) -> Terms {
        Terms {
            lease: self.settings.lease,
            keep_unknown_for: self.settings.keep_unknown_for,
            repeat_unknown: self.settings.unknown == UnknownOutcome::Repeat,
        }
    }

    fn keeps_server_errors(&self) -> bool {
        self.settings.server_errors == ServerErrors::Keep
    }
}
