//! What lies behind the guards of a route that answer by themselves: its places, and then its upstream.

use std::sync::Arc;
use std::time::Instant;

use http::{Request, Version};

use super::body::{AnswerBody, RequestBody};
use super::caller::Caller;
use super::door::Gateway;
use super::observed::Observed;
use super::refusal::Refusal;
use super::route::Route;
use super::streamed::Streamed;
use super::{Answer, Onward, attempts, redirect, websocket};
use crate::resilience::Full;

/// The way to the upstream for one request. Cloning shares it.
#[derive(Clone)]
pub(super) struct Ahead {
    pub(super) gateway: Gateway,
    pub(super) route: Arc<Route>,
    pub(super) observed: Arc<Observed>,
    pub(super) caller: Caller,
    /// In which version of HTTP the request came.
    pub(super) version: Version,
}

impl Ahead {
    /// Whether no further attempt is to be begun.
    pub(super) fn is_shutting_down(&self) -> bool {
        self.gateway.0.stopping.has_begun()
    }
}

impl Onward for Ahead {
    async fn onward(&self, request: Request<RequestBody>) -> Result<Answer, Refusal> {
        let plan = &self.route.plan;
        let entered = self.route.places.enter(plan.settings.concurrency_wait);
        let place = entered.await;
        let place = place.map_err(|Full { places }| Refusal::Busy { places })?;
        let total = plan.settings.timeout.total;
        let due = total.and_then(|total| Instant::now().checked_add(total));
        let brought = match redirect::may_follow(plan, &request) {
            true => Box::pin(redirect::follow(self, request, due)).await,
            false => attempts::make(self, request, due).await,
        };
        let brought = brought.map_err(|missed| missed.into_refusal(self))?;
        let (mut answer, permit) = (brought.answer, brought.permit);
        websocket::check(&answer)?;
        plan.answer_headers.receive(answer.headers_mut());
        Ok(answer.map(|body| AnswerBody::Upstream(Streamed::new(body, permit, place))))
    }
}
