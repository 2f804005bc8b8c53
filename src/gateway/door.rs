//! The gateway as a server sees it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::Service;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::cache::Cache;
use super::call;
use super::peer::Peer;
use super::plan::Plan;
use super::route::{Route, Shared};
use super::routes::{Prepared, Routes};
use super::sent::SentBody;
use crate::config::GatewaySettings;
use crate::resilience::Breakers;
use crate::shutdown::Stopping;
use crate::store::Store;
use crate::telemetry::{GatewayTracer, RouteInstruments, Telemetry};

/// What a gateway is opened with.
pub struct Means<'a> {
    /// How it listens.
    pub settings: GatewaySettings,
    /// Where it tells what it does.
    pub telemetry: &'a Telemetry,
    /// Once this has begun, new requests are refused.
    pub stopping: Stopping,
    /// Where routes keep answers; `None` where no route does.
    pub cache: Option<Arc<Cache>>,
    /// Where idempotency keys are kept; `None` where no route has any.
    pub store: Option<Store>,
}

/// The gateway. Cloning shares it.
#[derive(Clone)]
pub struct Gateway(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) routes: Routes,
    breakers: Breakers,
    pub(super) settings: GatewaySettings,
    pub(super) tracer: GatewayTracer,
    /// The instruments of requests that no route takes.
    pub(super) unrouted: RouteInstruments,
    pub(super) stopping: Stopping,
    /// Requests under way.
    pub(super) under_way: TaskTracker,
    /// WebSockets, which end when `closing` says so.
    pub(super) tunnels: TaskTracker,
    pub(super) closing: CancellationToken,
}

impl Gateway {
    /// Opens the routes of `prepared`.
    pub fn open(prepared: Prepared, means: Means<'_>) -> Gateway {
        let instruments = means.telemetry.instruments();
        let shared = Shared {
            cache: means.cache,
            store: means.store,
            under_way: TaskTracker::new(),
        };
        let open = |plan: Plan| Arc::new(Route::open(plan, &instruments, &shared));
        let routes: Vec<_> = prepared.0.into_iter().map(open).collect();
        let breakers = Breakers::default();
        for route in &routes {
            breakers.insert(route.breaker.clone());
        }
        let connections: Vec<_> = routes.iter().map(|route| route.connections()).collect();
        instruments.observe_connections(move || connections.iter().map(|open| open()).collect());
        Gateway(Arc::new(Inner {
            routes: Routes::of(&routes),
            breakers,
            settings: means.settings,
            tracer: means.telemetry.gateway_tracer(),
            unrouted: instruments.gateway_unrouted(),
            stopping: means.stopping,
            under_way: shared.under_way,
            tunnels: TaskTracker::new(),
            closing: CancellationToken::new(),
        }))
    }

    /// The breakers of all routes.
    pub fn breakers(&self) -> Breakers {
        self.0.breakers.clone()
    }

    /// What a connection from `address` sees.
    pub fn door(&self, address: SocketAddr) -> Door {
        let is_tls = self.0.settings.tls.is_some();
        Door {
            gateway: self.clone(),
            peer: Arc::new(Peer::new(address, is_tls)),
        }
    }

    /// Waits until no request is under way.
    pub async fn drained(&self) {
        self.0.under_way.close();
        self.0.under_way.wait().await;
    }

    /// Ends WebSockets with a goodbye, and waits until they have ended.
    pub async fn close(&self) {
        self.0.closing.cancel();
        self.0.tunnels.close();
        self.0.tunnels.wait().await;
    }
}

/// The gateway as one connection sees it.
#[derive(Clone)]
pub struct Door {
    gateway: Gateway,
    peer: Arc<Peer>,
}

impl Service<Request<Incoming>> for Door {
    type Response = Response<SentBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let Door { gateway, peer } = self.clone();
        Box::pin(async move { Ok(call::answer(&gateway, &peer, request).await) })
    }
}
