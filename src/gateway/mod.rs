//! The gateway: requests to named upstreams, guarded and measured.
//!
//! A request is read into a target, finds its route, and passes the route's guards in one order: limit, cache, key,
//! bulkhead, then attempts, each with the breaker round it. What a guard refuses is a [`Refusal`], which is told to the caller as
//! `application/problem+json` (RFC 9457). Nothing leads to a host that the configuration does not name.

mod ahead;
mod allowed;
mod attempt;
mod attempts;
mod body;
mod cache;
mod call;
mod caller;
mod caller_body;
mod door;
mod headers;
mod host;
mod keys;
mod limits;
mod methods;
mod observed;
mod path;
mod peer;
mod plan;
mod policies;
mod prefix;
mod redirect;
mod refusal;
mod repeats;
mod replay;
mod route;
mod routes;
mod sent;
mod stages;
mod statuses;
mod streamed;
mod target;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod tunnel;
mod upstream;
mod websocket;

use http::{Request, Response};

pub use body::{AnswerBody, RequestBody};
pub use cache::Cache;
pub use door::{Door, Gateway, Means};
pub use keys::KeyRefusal;
pub(crate) use keys::sweep_for_ever;
pub use refusal::{Limit, Refusal};
pub use routes::{Prepared, RouteError, RouteErrors};
pub use upstream::{CallFailure, CallFailureKind, Connections, Phase, Upstream, UpstreamBody};

/// What a caller gets.
pub(crate) type Answer = Response<AnswerBody>;

/// What comes behind a guard: the next guard, or the upstream.
pub(crate) trait Onward: Sync {
    /// Passes `request` on.
    ///
    /// # Errors
    /// Why there is no answer of the upstream.
    fn onward(
        &self,
        request: Request<RequestBody>,
    ) -> impl Future<Output = Result<Answer, Refusal>> + Send;
}
