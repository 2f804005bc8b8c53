//! A route that is open.

use std::sync::Arc;

use tokio_util::task::TaskTracker;

use super::cache::{Cache, CacheStage};
use super::keys::Keys;
use super::limits::Limits;
use super::plan::Plan;
use super::policies;
use crate::resilience::{Breaker, Bulkhead, RetryBudget, RetryPolicy};
use crate::store::Store;
use crate::telemetry::{ConnectionsReading, Instruments, RouteInstruments, RouteLabels};

/// A route with what its requests share: instruments, and what guards remember.
pub(super) struct Route {
    pub(super) plan: Plan,
    pub(super) instruments: RouteInstruments,
    pub(super) limits: Limits,
    /// `None`: answers are not kept.
    pub(super) cache: Option<CacheStage>,
    /// `None`: keys mean nothing here.
    pub(super) keys: Option<Keys>,
    pub(super) places: Bulkhead,
    pub(super) retry: RetryPolicy,
    pub(super) budget: RetryBudget,
    pub(super) breaker: Breaker,
}

/// What all routes share.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) cache: Option<Arc<Cache>>,
    pub(super) store: Option<Store>,
    /// Requests under way, whether their callers wait or not.
    pub(super) under_way: TaskTracker,
}

impl Route {
    /// Opens the route of `plan`.
    pub(super) fn open(plan: Plan, instruments: &Instruments, shared: &Shared) -> Route {
        let settings = &plan.settings;
        let instruments = self::instruments(&plan, instruments);
        let counting = instruments.clone();
        let count = Box::new(move |outcome| counting.key(outcome));
        let tasks = shared.under_way.clone();
        let keys = shared
            .store
            .as_ref()
            .and_then(|store| Keys::of(&plan.name, settings, store, count, tasks));
        let policy = policies::breaker(&settings.breaker);
        let replaced = plan.request_headers.dropped();
        Route {
            instruments,
            keys,
            limits: Limits::new(&settings.limit, &plan.callers, replaced),
            cache: shared
                .cache
                .as_ref()
                .and_then(|cache| cache.stage(&plan.name, settings)),
            places: Bulkhead::new(settings.concurrency as usize),
            retry: policies::retry(&settings.retry),
            budget: RetryBudget::new(settings.retry.budget, settings.retry.budget_floor),
            breaker: Breaker::new(Arc::clone(&plan.name), policy),
            plan,
        }
    }

    /// Reads how many connections to the upstream are open, as a question that outlives `self`.
    pub(super) fn connections(&self) -> impl Fn() -> ConnectionsReading + Send + Sync + use<> {
        let (upstream, route) = (self.plan.upstream.clone(), self.instruments.clone());
        move || {
            let open = upstream.connections();
            ConnectionsReading {
                route: route.clone(),
                active: open.active,
                idle: open.idle,
            }
        }
    }
}

fn instruments(plan: &Plan, instruments: &Instruments) -> RouteInstruments {
    let endpoint = &plan.settings.upstream;
    instruments.gateway_route(RouteLabels {
        route: &plan.name,
        http_route: plan.prefix.http_route(),
        direction: plan.settings.direction.name(),
        scheme: if endpoint.is_tls() { "https" } else { "http" },
        host: endpoint.host(),
        port: endpoint.port(),
    })
}
