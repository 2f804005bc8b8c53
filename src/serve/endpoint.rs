//! The table of endpoints. The routes, the index and the error texts are made from it.

use http::Method;

use super::BreakerOrder;

/// A path and what answers there.
#[derive(Debug)]
pub(super) struct Endpoint {
    /// The whole path; `{name}` stands for one segment of any text.
    pub(super) path: &'static str,
    /// The methods that it answers.
    pub(super) methods: &'static [Method],
    /// One line for the index.
    pub(super) about: &'static str,
    /// What answers.
    pub(super) action: Action,
}

/// What answers at an endpoint.
#[derive(Clone, Copy, Debug)]
pub(super) enum Action {
    Index,
    Metrics,
    MetricsJson,
    Map,
    Conflicts,
    Ledger,
    Health,
    FullHealth,
    Databases,
    Live,
    Ready,
    Started,
    Performance,
    Diagnostics,
    Probes,
    Probe,
    RunProbe,
    Circuits,
    Cache,
    Breakers,
    Breaker,
    BreakerEvents,
    OrderBreaker(BreakerOrder),
}

const PARAMETER: &str = "{name}";

impl Endpoint {
    /// What stands in the place of the parameter in `path`, empty where there is none; `None` if this does not answer
    /// there. A slash at the end makes no difference.
    pub(super) fn parameter<'a>(&self, path: &'a str) -> Option<&'a str> {
        let path = trimmed(path);
        let Some((before, after)) = self.path.split_once(PARAMETER) else {
            return (path == self.path).then_some("");
        };
        let name = path.strip_prefix(before)?.strip_suffix(after)?;
        (!name.is_empty() && !name.contains('/')).then_some(name)
    }
}

/// The path without a slash at its end.
pub(super) fn trimmed(path: &str) -> &str {
    match path.strip_suffix('/') {
        Some("") | None => path,
        Some(trimmed) => trimmed,
    }
}

const READING: &[Method] = &[Method::GET, Method::HEAD];

const fn read(path: &'static str, action: Action, about: &'static str) -> Endpoint {
    Endpoint {
        path,
        methods: READING,
        about,
        action,
    }
}

const fn post(path: &'static str, action: Action, about: &'static str) -> Endpoint {
    Endpoint {
        path,
        methods: &[Method::POST],
        about,
        action,
    }
}

/// Every endpoint.
pub(super) const ENDPOINTS: &[Endpoint] = &[
    read("/", Action::Index, "this list"),
    read(
        "/metrics",
        Action::Metrics,
        "metrics for Prometheus, in the format that Accept asks for",
    ),
    read(
        "/api/metrics",
        Action::Metrics,
        "the same as /metrics; ?format=json: as /metrics/json",
    ),
    read(
        "/metrics/json",
        Action::MetricsJson,
        "the same metrics as JSON, with percentiles",
    ),
    read(
        "/api/map",
        Action::Map,
        "who calls whom, databases and third parties included, with rate, errors and p95",
    ),
    read(
        "/api/conflicts",
        Action::Conflicts,
        "metrics that could not be shown as they were sent, and why",
    ),
    read(
        "/api/ledger",
        Action::Ledger,
        "items received, delivered, waiting, refused and dropped, by signal and export",
    ),
    read(
        "/health",
        Action::Health,
        "short health for load balancers; 503 when starting or unhealthy; ?include=a,b and ?exclude=a,b choose checks and groups",
    ),
    read(
        "/api/health",
        Action::FullHealth,
        "health with memory, cpu, system and the checks and groups named in ?include=a,b (all: every check)",
    ),
    read(
        "/health/db",
        Action::Databases,
        "every database: connection, latency, server time, connections; 503 when one is down",
    ),
    read(
        "/api/health/db",
        Action::Databases,
        "the same as /health/db",
    ),
    read("/health/live", Action::Live, "liveness; asks no dependency"),
    read("/api/live", Action::Live, "the same as /health/live"),
    read(
        "/health/ready",
        Action::Ready,
        "readiness; 503 with reasons when a required check fails or an export is stuck; ?include= and ?exclude= choose",
    ),
    read("/api/ready", Action::Ready, "the same as /health/ready"),
    read(
        "/health/startup",
        Action::Started,
        "503 until every required check has a result, then 200 whatever it is",
    ),
    read(
        "/api/startup",
        Action::Started,
        "the same as /health/startup",
    ),
    read(
        "/health/performance",
        Action::Performance,
        "database, cache, circuit breakers and memory; ?detailed=true adds checks, ?metrics=true numbers",
    ),
    read(
        "/health/diagnostics",
        Action::Diagnostics,
        "every check in a line, with what to do next; ?format=json: as JSON",
    ),
    read(
        "/api/probes",
        Action::Probes,
        "every check with all that is known of it",
    ),
    read("/api/probes/{name}", Action::Probe, "one check"),
    post(
        "/api/probes/{name}/run",
        Action::RunProbe,
        "runs a check now and shows how it went",
    ),
    read(
        "/metrics/circuit-breaker",
        Action::Circuits,
        "circuit breakers: state, failure rate, latency, throughput; ?service=a,b chooses",
    ),
    read(
        "/metrics/cache",
        Action::Cache,
        "the gateway's response cache: hits, evictions, memory and latency by layer; ?layer=L1 chooses",
    ),
    read(
        "/api/breakers",
        Action::Breakers,
        "every circuit breaker with all that is known of it",
    ),
    // Before the one with a name, which would take it.
    read(
        "/api/breakers/events",
        Action::BreakerEvents,
        "changes of circuit breakers as they happen (text/event-stream); Last-Event-ID resumes",
    ),
    read(
        "/api/breakers/{name}",
        Action::Breaker,
        "one circuit breaker",
    ),
    post(
        "/api/breakers/{name}/open",
        Action::OrderBreaker(BreakerOrder::Open),
        "holds every call back; needs api.token",
    ),
    post(
        "/api/breakers/{name}/close",
        Action::OrderBreaker(BreakerOrder::Reset),
        "lets calls pass again, with nothing counted; needs api.token",
    ),
    post(
        "/api/breakers/{name}/disable",
        Action::OrderBreaker(BreakerOrder::Disable),
        "lets every call pass and counts none; needs api.token",
    ),
    post(
        "/api/breakers/{name}/metrics-only",
        Action::OrderBreaker(BreakerOrder::MetricsOnly),
        "lets every call pass and counts it; needs api.token",
    ),
    post(
        "/api/breakers/{name}/reset",
        Action::OrderBreaker(BreakerOrder::Reset),
        "the same as close",
    ),
];
