//! The instruments of one route of the gateway.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::Method;
use opentelemetry::metrics::{Counter, Histogram, Meter};
use opentelemetry::{KeyValue, StringValue};

use super::durations::Durations;
use crate::telemetry::active::{Active, ActiveGuard, ActiveTable};
use crate::telemetry::ended::{CLIENT_ERRORS, Ended, SERVER_ERRORS};
use crate::telemetry::instruments::HTTP_SECONDS_BOUNDS;
use crate::telemetry::method::MethodName;
use crate::telemetry::names;

/// What tells a route apart in telemetry.
#[derive(Clone, Copy, Debug)]
pub struct RouteLabels<'a> {
    /// The configured name.
    pub route: &'a str,
    /// Its prefix, `/*` without one: `http.route`.
    pub http_route: &'a str,
    /// `egress` or `ingress`.
    pub direction: &'static str,
    /// `http` or `https`, towards the upstream.
    pub scheme: &'static str,
    /// The upstream's host.
    pub host: &'a str,
    /// The upstream's port.
    pub port: u16,
}

/// The instruments that all routes record into.
pub(in crate::telemetry) struct AllRoutes {
    server_duration: Histogram<f64>,
    client_duration: Histogram<f64>,
    retries: Counter<u64>,
    limited: Counter<u64>,
    refusals: Counter<u64>,
    keys: Counter<u64>,
}

impl AllRoutes {
    /// `server_duration` is shared with the agent's own endpoints.
    pub(in crate::telemetry) fn new(meter: &Meter, server_duration: Histogram<f64>) -> AllRoutes {
        let counter = |name, unit, about| {
            meter
                .u64_counter(name)
                .with_unit(unit)
                .with_description(about)
                .build()
        };
        AllRoutes {
            server_duration,
            client_duration: meter
                .f64_histogram(names::HTTP_CLIENT_REQUEST_DURATION)
                .with_unit("s")
                .with_description("Duration of HTTP client requests: one attempt at an upstream.")
                .with_boundaries(HTTP_SECONDS_BOUNDS.to_vec())
                .build(),
            retries: counter(
                names::GATEWAY_RETRIES,
                "{request}",
                "Requests sent to an upstream again.",
            ),
            limited: counter(
                names::RATE_LIMIT_HITS,
                "{request}",
                "Requests held back by a rate limit.",
            ),
            refusals: counter(
                names::GATEWAY_REFUSALS,
                "{request}",
                "Requests that the gateway refused itself, by the guard that did.",
            ),
            keys: counter(
                names::IDEMPOTENCY_REQUESTS,
                "{request}",
                "Requests of routes with idempotency keys, by what became of them.",
            ),
        }
    }

    /// The instruments of one route; `None`: those of requests that no route takes.
    pub(in crate::telemetry) fn of(
        &self,
        active: &ActiveTable,
        labels: Option<RouteLabels<'_>>,
    ) -> RouteInstruments {
        let labels = labels.map_or_else(Prepared::default, Prepared::of);
        let instruments = RouteInstruments(Arc::new(Inner {
            active_table: active.clone(),
            active: Default::default(),
            answered: Durations::new(
                self.server_duration.clone(),
                labels.server.clone(),
                SERVER_ERRORS,
            ),
            attempted: Durations::new(
                self.client_duration.clone(),
                labels.client_metric(),
                CLIENT_ERRORS,
            ),
            retries: self.retries.clone(),
            limited: self.limited.clone(),
            refusals: self.refusals.clone(),
            keys: self.keys.clone(),
            labels,
        }));
        instruments.show_zeros();
        instruments
    }
}

/// Attributes of a route, made once.
#[derive(Default)]
pub(super) struct Prepared {
    /// The configured name, as the attribute `lineside.route`.
    pub(super) route: Option<KeyValue>,
    /// The value of `http.route`.
    pub(super) http_route: Arc<str>,
    /// `http.route` and `lineside.route`.
    pub(super) server: Vec<KeyValue>,
    /// `lineside.direction`.
    pub(super) direction: Option<KeyValue>,
    /// `server.address` and `server.port`.
    pub(super) upstream: Vec<KeyValue>,
    /// The beginning of `url.full`: scheme, host and port.
    pub(super) origin: String,
}

impl Prepared {
    fn of(labels: RouteLabels<'_>) -> Prepared {
        let http_route: Arc<str> = labels.http_route.into();
        let route = KeyValue::new(names::ROUTE, shared(labels.route));
        let RouteLabels {
            scheme, host, port, ..
        } = labels;
        Prepared {
            server: vec![
                KeyValue::new(
                    names::HTTP_ROUTE,
                    StringValue::from(Arc::clone(&http_route)),
                ),
                route.clone(),
            ],
            http_route,
            route: Some(route),
            direction: Some(KeyValue::new(names::DIRECTION, labels.direction)),
            upstream: vec![
                KeyValue::new(names::SERVER_ADDRESS, shared(host)),
                KeyValue::new(names::SERVER_PORT, i64::from(port)),
            ],
            origin: format!("{scheme}://{}:{port}", bracketed(host)),
        }
    }

    /// What tells the route's upstream apart in metrics.
    pub(super) fn client_metric(&self) -> Vec<KeyValue> {
        let mut attributes = self.upstream.clone();
        attributes.extend(self.route.clone());
        attributes
    }
}

fn shared(text: &str) -> StringValue {
    StringValue::from(Arc::<str>::from(text))
}

/// An IPv6 address as it stands in URLs (RFC 3986, section 3.2.2).
fn bracketed(host: &str) -> String {
    if host.contains(':') && !host.starts_with('[') {
        format!("[{host}]")
    } else {
        host.to_owned()
    }
}

/// The instruments of one route, made once and kept by whoever serves it. Cloning shares them.
#[derive(Clone)]
pub struct RouteInstruments(Arc<Inner>);

struct Inner {
    active_table: ActiveTable,
    active: [OnceLock<Active>; MethodName::COUNT],
    answered: Durations,
    attempted: Durations,
    retries: Counter<u64>,
    limited: Counter<u64>,
    refusals: Counter<u64>,
    keys: Counter<u64>,
    labels: Prepared,
}

impl RouteInstruments {
    /// A counter that nothing was added to is not shown; a zero is worth seeing, as what begins with one is no increase.
    fn show_zeros(&self) {
        if self.0.labels.route.is_none() {
            return;
        }
        self.add_limited(0, "route");
        self.add(&self.0.retries, 0, KeyValue::new(names::REASON, "5xx"));
        self.add(&self.0.refusals, 0, KeyValue::new(names::GUARD, "breaker"));
        self.add(&self.0.keys, 0, KeyValue::new(names::OUTCOME, "unknown"));
    }

    /// Counts a request as being answered until the guard is dropped.
    pub fn received(&self, method: &Method) -> ActiveGuard {
        let method = MethodName::of(method);
        let active = self.0.active[method.index()].get_or_init(|| {
            let mut attributes = vec![KeyValue::new(names::HTTP_METHOD, method.as_str())];
            attributes.extend_from_slice(&self.0.labels.server);
            self.0.active_table.entry(&attributes)
        });
        active.enter()
    }

    /// Records a request that ended; `took` is the time from its head until the end of its answer.
    pub fn answered(&self, method: &Method, ended: impl Into<Ended>, took: Duration) {
        self.0
            .answered
            .record(MethodName::of(method), ended.into(), took);
    }

    /// Records one attempt at the upstream; `took` is the time until the head of its answer.
    pub fn attempted(&self, method: &Method, ended: impl Into<Ended>, took: Duration) {
        self.0
            .attempted
            .record(MethodName::of(method), ended.into(), took);
    }

    /// Counts a request that is sent again; `reason` is the class of its answer (`5xx`), or what failed, in a word.
    pub fn retried(&self, reason: &'static str) {
        self.add(&self.0.retries, 1, KeyValue::new(names::REASON, reason));
    }

    /// Counts a request that a rate limit held back: that of the `route`, the `caller` or the upstream (`quota`).
    pub fn limited(&self, limit: &'static str) {
        self.add_limited(1, limit);
    }

    fn add_limited(&self, count: u64, limit: &'static str) {
        let labels = &self.0.labels;
        let endpoint = StringValue::from(Arc::clone(&labels.http_route));
        let mut attributes = vec![
            KeyValue::new(names::ENDPOINT, endpoint),
            KeyValue::new(names::LIMIT, limit),
        ];
        attributes.extend(labels.route.clone());
        self.0.limited.add(count, &attributes);
    }

    /// Counts a request that `guard` refused.
    pub fn refused(&self, guard: &'static str) {
        self.add(&self.0.refusals, 1, KeyValue::new(names::GUARD, guard));
    }

    /// Counts what became of a request of a route with idempotency keys: `run`, `replayed`, `in_flight`, `mismatch`, `missing`,
    /// `malformed`, `unknown`, `not_kept` or `store_away`.
    pub fn key(&self, outcome: &'static str) {
        self.add(&self.0.keys, 1, KeyValue::new(names::OUTCOME, outcome));
    }

    fn add(&self, counter: &Counter<u64>, count: u64, attribute: KeyValue) {
        match &self.0.labels.route {
            Some(route) => counter.add(count, &[route.clone(), attribute]),
            None => counter.add(count, &[attribute]),
        }
    }

    pub(super) fn labels(&self) -> &Prepared {
        &self.0.labels
    }
}

impl std::fmt::Debug for RouteInstruments {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("RouteInstruments")
            .field("http_route", &self.0.labels.http_route)
            .finish_non_exhaustive()
    }
}
