//! One request through all guards, in their order.

use std::sync::Arc;

use bytes::Bytes;
use http::header::CONNECTION;
use http::request::Parts;
use http::{HeaderValue, Request, Response, StatusCode, Uri, Version};
use hyper::body::Incoming;

use super::ahead::Ahead;
use super::allowed;
use super::body::AnswerBody;
use super::caller::Caller;
use super::door::Gateway;
use super::limits::Allowances;
use super::observed::Observed;
use super::peer::Peer;
use super::refusal::Refusal;
use super::route::Route;
use super::sent::SentBody;
use super::target::{Place, Target};
use super::{Answer, stages, websocket};
use crate::telemetry::GatewayRequest;
use crate::telemetry::propagation::X_REQUEST_ID;

const CLOSE: HeaderValue = HeaderValue::from_static("close");

/// Answers `request`, whatever becomes of it.
pub(super) async fn answer(
    gateway: &Gateway,
    peer: &Peer,
    request: Request<Incoming>,
) -> Response<SentBody> {
    let under_way = gateway.0.under_way.token();
    let (head, body) = request.into_parts();
    let version = head.version;
    let found = find(gateway, &head);
    let observed = Arc::new(observe(gateway, peer, &head, &found));
    let mut allowances = Allowances::default();
    let (name, answered) = match found {
        Found::Gateway => (None, Ok(about_the_gateway())),
        Found::Nothing(refusal) => (None, Err(allowed::turned_away(refusal, body))),
        Found::Route(way) => {
            let name = Arc::clone(&way.route.plan.name);
            // In one expression: a future that has a name has a second place in this one.
            let answered = observed
                .run(way.pass(gateway, peer, &observed, &mut allowances, head, body))
                .await;
            (Some(name), answered)
        }
    };
    let mut answer = answered.unwrap_or_else(|refusal| {
        observed.refused(&refusal);
        refusal.answer(name.as_deref())
    });
    observed.answered(answer.status());
    allowances.write(answer.headers_mut());
    answer
        .headers_mut()
        .insert(X_REQUEST_ID, observed.request_id());
    // The next request on this connection would be refused as well.
    if gateway.0.stopping.has_begun() && version < Version::HTTP_2 {
        answer.headers_mut().insert(CONNECTION, CLOSE);
    }
    answer.map(|body| SentBody::new(body, observed, under_way))
}

/// What a request asks for.
enum Found {
    /// The gateway itself.
    Gateway,
    /// A way to an upstream.
    Route(Way),
    Nothing(Refusal),
}

/// A route, and what the request is at its upstream.
struct Way {
    route: Arc<Route>,
    uri: Uri,
    host: HeaderValue,
}

fn find(gateway: &Gateway, head: &Parts) -> Found {
    let retry_after = gateway.0.settings.retry_after;
    if gateway.0.stopping.has_begun() {
        return Found::Nothing(Refusal::ShuttingDown { retry_after });
    }
    match Target::read(head) {
        Ok(Target::Gateway) => Found::Gateway,
        Ok(Target::Behind(place)) => {
            way(gateway, head, &place).map_or_else(Found::Nothing, Found::Route)
        }
        Err(why) => Found::Nothing(why.into()),
    }
}

fn way(gateway: &Gateway, head: &Parts, place: &Place<'_>) -> Result<Way, Refusal> {
    let route = gateway.0.routes.find(place)?;
    let plan = &route.plan;
    let uri = plan.target(place.path, &head.uri);
    Ok(Way {
        uri: uri.map_err(|why| Refusal::Target(why.into()))?,
        host: plan.request_headers.host(place.authority.as_ref()),
        route: Arc::clone(route),
    })
}

fn observe(gateway: &Gateway, peer: &Peer, head: &Parts, found: &Found) -> Observed {
    let instruments = match found {
        Found::Route(way) => &way.route.instruments,
        Found::Gateway | Found::Nothing(_) => &gateway.0.unrouted,
    };
    Observed::begin(
        &gateway.0.tracer,
        instruments,
        GatewayRequest {
            method: &head.method,
            path: head.uri.path(),
            scheme: peer.scheme,
            headers: &head.headers,
        },
    )
}

/// What `OPTIONS *` gets (RFC 9110, section 9.3.7).
fn about_the_gateway() -> Answer {
    let mut answer = Response::new(AnswerBody::whole(Bytes::new()));
    *answer.status_mut() = StatusCode::NO_CONTENT;
    answer
}

impl Way {
    async fn pass(
        self,
        gateway: &Gateway,
        peer: &Peer,
        observed: &Arc<Observed>,
        allowances: &mut Allowances,
        mut head: Parts,
        body: Incoming,
    ) -> Result<Answer, Refusal> {
        let Way { route, uri, host } = self;
        let plan = &route.plan;
        let caller = Caller::of(&plan.callers, &head.headers, peer);
        let checked = allowed::check(plan, &head, &body, gateway.0.settings.max_head.bytes());
        if let Err(refusal) = checked.and_then(|()| route.limits.check(&caller, allowances)) {
            return Err(allowed::turned_away(refusal, body));
        }
        let websocket = websocket::asked_for(&mut head).filter(|_| plan.settings.websocket);
        head.uri = uri;
        let version = std::mem::replace(&mut head.version, Version::HTTP_11);
        plan.request_headers.receive(&mut head.headers, peer, host);
        let body = allowed::body(plan, body);
        let ahead = Ahead {
            gateway: gateway.clone(),
            route,
            observed: Arc::clone(observed),
            caller,
            version,
        };
        match websocket {
            Some(caller) => Box::pin(websocket::open(ahead, head, caller)).await,
            None => stages::pass(ahead, Request::from_parts(head, body)).await,
        }
    }
}
