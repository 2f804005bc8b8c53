//! Every own instrument, behind plain methods: other rooms record and observe, and name nothing.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::metrics::{Counter, Histogram, Meter};
use opentelemetry::{KeyValue, StringValue};

use super::active::ActiveTable;
use super::breakers;
use super::cache::{self, CacheReading};
use super::gateway::{
    AllRoutes, ConnectionsReading, RouteInstruments, RouteLabels, observe_connections,
};
use super::names;
use super::observe;
use super::probe::{self, AllProbes, ProbeInstruments, ProbeMetric, ProbeNumbers, ProbeReading};
use super::readings::{ExportOutcome, ExportReading, JournalReading, LedgerReading, SeriesReading};
use crate::otlp::Signal;
use crate::resilience::{BreakerStatus, Transition};

pub use super::active::{Active, ActiveGuard};

/// Histogram bounds in seconds, from 100 µs to 10 s.
pub const SECONDS_BOUNDS: [f64; 16] = [
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0,
];

/// Histogram bounds in seconds for HTTP requests: those that semantic conventions recommend, and finer ones below 5 ms.
pub const HTTP_SECONDS_BOUNDS: [f64; 19] = [
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75,
    1.0, 2.5, 5.0, 7.5, 10.0,
];

/// Histogram bounds in bytes, from 1 KiB to 16 MiB.
pub const BYTES_BOUNDS: [f64; 8] = [
    1024.0,
    4096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
];

/// The agent's own instruments. Shared as an `Arc`; every method takes `&self`.
pub struct Instruments {
    meter: Meter,
    http_duration: Histogram<f64>,
    rpc_duration: Histogram<f64>,
    commit_duration: Histogram<f64>,
    export_duration: Histogram<f64>,
    export_size: Histogram<u64>,
    export_retries: Counter<u64>,
    scrape_duration: Histogram<f64>,
    scrape_size: Histogram<u64>,
    http_active: ActiveTable,
    connections: ActiveTable,
    connections_turned_away: Counter<u64>,
    probes: AllProbes,
    routes: AllRoutes,
    breaker_transitions: Counter<u64>,
}

impl Instruments {
    /// Makes the instruments that are recorded into, and those about the process itself.
    pub fn new(meter: Meter) -> Arc<Instruments> {
        observe::process(&meter);
        let http_duration = meter
            .f64_histogram(names::HTTP_SERVER_REQUEST_DURATION)
            .with_unit("s")
            .with_description("Duration of HTTP server requests.")
            .with_boundaries(HTTP_SECONDS_BOUNDS.to_vec())
            .build();
        let instruments = Instruments {
            routes: AllRoutes::new(&meter, http_duration.clone()),
            http_duration,
            rpc_duration: seconds(
                &meter,
                names::RPC_SERVER_CALL_DURATION,
                "Duration of incoming RPC calls.",
            ),
            commit_duration: seconds(
                &meter,
                names::JOURNAL_COMMIT_DURATION,
                "Duration of one group commit of the journal.",
            ),
            export_duration: seconds(
                &meter,
                names::EXPORT_REQUEST_DURATION,
                "Duration of one export request.",
            ),
            export_size: bytes(
                &meter,
                names::EXPORT_REQUEST_SIZE,
                "Size of one export request as sent.",
            ),
            scrape_duration: seconds(&meter, names::SCRAPE_DURATION, "Duration of one scrape."),
            scrape_size: bytes(
                &meter,
                names::SCRAPE_SIZE,
                "Size of one scrape before compression.",
            ),
            export_retries: meter
                .u64_counter(names::EXPORT_RETRIES)
                .with_unit("{request}")
                .with_description("Export requests sent again.")
                .build(),
            http_active: ActiveTable::new(
                &meter,
                names::HTTP_SERVER_ACTIVE_REQUESTS,
                "{request}",
                "HTTP requests being answered now.",
            ),
            connections: ActiveTable::new(
                &meter,
                names::RECEIVE_CONNECTIONS,
                "{connection}",
                "Open connections.",
            ),
            connections_turned_away: meter
                .u64_counter(names::RECEIVE_CONNECTIONS_TURNED_AWAY)
                .with_unit("{connection}")
                .with_description("Connections closed at once because too many were open.")
                .build(),
            probes: AllProbes::new(&meter),
            breaker_transitions: breakers::transitions(&meter),
            meter,
        };
        Arc::new(instruments)
    }

    /// Shows the ledger: `read` is called once for each collection, never on a request's path.
    pub fn observe_ledger(&self, read: impl Fn() -> LedgerReading + Send + Sync + 'static) {
        observe::ledger(&self.meter, read);
    }

    /// Shows the bytes of the intake's budget in use.
    pub fn observe_intake(&self, bytes_in_use: impl Fn() -> u64 + Send + Sync + 'static) {
        observe::intake(&self.meter, bytes_in_use);
    }

    /// Shows the journal: `read` is called once for each collection.
    pub fn observe_journal(&self, read: impl Fn() -> JournalReading + Send + Sync + 'static) {
        observe::journal(&self.meter, read);
    }

    /// Shows the series: `read` is called once for each collection.
    pub fn observe_series(&self, read: impl Fn() -> SeriesReading + Send + Sync + 'static) {
        observe::series(&self.meter, read);
    }

    /// Shows the layers of the response cache: `read` is called once for each collection.
    pub fn observe_cache(&self, read: impl Fn() -> Vec<CacheReading> + Send + Sync + 'static) {
        cache::observe(&self.meter, read);
    }

    /// Shows every export: `read` is called once for each collection.
    pub fn observe_exports(&self, read: impl Fn() -> Vec<ExportReading> + Send + Sync + 'static) {
        observe::exports(&self.meter, read);
    }

    /// Shows the connections to the upstreams of routes: `read` is called once for each collection.
    pub fn observe_connections(
        &self,
        read: impl Fn() -> Vec<ConnectionsReading> + Send + Sync + 'static,
    ) {
        observe_connections(&self.meter, read);
    }

    /// Shows every circuit breaker: `read` is called once for each collection.
    pub fn observe_breakers(&self, read: impl Fn() -> Vec<BreakerStatus> + Send + Sync + 'static) {
        observe::breakers(&self.meter, read);
    }

    /// Counts a change of a breaker's state and adds it to the current span. For the breaker's listener, so that the span is that of the call
    /// that caused it.
    pub fn breaker_changed(&self, change: &Transition) {
        breakers::changed(&self.breaker_transitions, change);
    }

    /// Writes a change of a breaker's state to the log, whose line belongs to the current span.
    pub fn log_breaker_change(&self, change: &Transition) {
        breakers::log(change);
    }

    /// Shows every probe: `read` is called once for each collection.
    pub fn observe_probes(&self, read: impl Fn() -> Vec<ProbeReading> + Send + Sync + 'static) {
        probe::observe(&self.meter, read);
    }

    /// Shows the metrics that probes measure: `read` is called once for each collection.
    pub fn observe_probe_metrics(
        &self,
        metrics: Vec<ProbeMetric>,
        read: impl Fn() -> ProbeNumbers + Send + Sync + 'static,
    ) {
        probe::observe_metrics(&self.meter, metrics, read);
    }

    /// The instruments of one probe, made once and kept by whoever runs it.
    pub fn probe(&self, name: &Arc<str>, kind: &'static str) -> ProbeInstruments {
        self.probes.of(name, kind)
    }

    /// Shows how many metric families scrapes have left out so far.
    pub(super) fn observe_scrape(&self, left_out: impl Fn() -> u64 + Send + Sync + 'static) {
        observe::scrape(&self.meter, left_out);
    }

    /// Records one scrape in `format`, with the size of its text before compression.
    pub fn scraped(&self, format: &'static str, took: Duration, size_bytes: u64) {
        let format = [KeyValue::new(names::FORMAT, format)];
        self.scrape_duration.record(took.as_secs_f64(), &format);
        self.scrape_size.record(size_bytes, &format);
    }

    /// Records one group commit.
    pub fn journal_committed(&self, took: Duration) {
        self.commit_duration.record(took.as_secs_f64(), &[]);
    }

    /// The instruments of one HTTP route, made once and kept by whoever serves it.
    pub fn http_route(&self, method: &'static str, route: &'static str) -> HttpRoute {
        let attributes = [
            KeyValue::new(names::HTTP_METHOD, method),
            KeyValue::new(names::HTTP_ROUTE, route),
        ];
        HttpRoute {
            duration: self.http_duration.clone(),
            active: self.http_active.entry(&attributes),
            attributes,
        }
    }

    /// The instruments of one route of the gateway, made once and kept by whoever serves it.
    pub fn gateway_route(&self, labels: RouteLabels<'_>) -> RouteInstruments {
        self.routes.of(&self.http_active, Some(labels))
    }

    /// The instruments of requests to the gateway that no route takes.
    pub fn gateway_unrouted(&self) -> RouteInstruments {
        self.routes.of(&self.http_active, None)
    }

    /// The instruments of one signal's gRPC method, made once and kept by the receiver.
    pub fn rpc_method(&self, signal: Signal) -> RpcMethod {
        RpcMethod {
            duration: self.rpc_duration.clone(),
            attributes: [
                KeyValue::new(names::RPC_SYSTEM, "grpc"),
                KeyValue::new(
                    names::RPC_METHOD,
                    signal.grpc_path().trim_start_matches('/'),
                ),
            ],
        }
    }

    /// The instruments of one export, made once and kept by its workers.
    pub fn export(&self, name: &str) -> ExportInstruments {
        let export = KeyValue::new(names::EXPORT, StringValue::from(Arc::<str>::from(name)));
        ExportInstruments {
            duration: self.export_duration.clone(),
            size: self.export_size.clone(),
            retries: self.export_retries.clone(),
            by_outcome: ExportOutcome::ALL.map(|outcome| {
                [
                    export.clone(),
                    KeyValue::new(names::OUTCOME, outcome.name()),
                ]
            }),
            export: [export],
        }
    }

    /// The instruments of one listener, made once and kept by it.
    pub fn listener(&self, name: &'static str) -> ListenerInstruments {
        let listener = [KeyValue::new(names::LISTENER, name)];
        // A counter that nothing was added to is not shown; a zero is worth seeing.
        self.connections_turned_away.add(0, &listener);
        ListenerInstruments {
            open: self.connections.entry(&listener),
            turned_away: self.connections_turned_away.clone(),
            listener,
        }
    }
}

/// The instruments of one HTTP route.
#[derive(Clone)]
pub struct HttpRoute {
    duration: Histogram<f64>,
    active: Active,
    attributes: [KeyValue; 2],
}

impl HttpRoute {
    /// Counts a request as being answered until the guard is dropped.
    pub fn started(&self) -> ActiveGuard {
        self.active.enter()
    }

    /// Records an answered request.
    pub fn answered(&self, status: u16, took: Duration) {
        let [method, route] = self.attributes.clone();
        let status = KeyValue::new(names::HTTP_STATUS, i64::from(status));
        self.duration
            .record(took.as_secs_f64(), &[method, route, status]);
    }
}

/// The instruments of one listener.
#[derive(Clone, Debug)]
pub struct ListenerInstruments {
    open: Active,
    turned_away: Counter<u64>,
    listener: [KeyValue; 1],
}

impl ListenerInstruments {
    /// Counts a connection as open until the guard is dropped.
    pub fn opened(&self) -> ActiveGuard {
        self.open.enter()
    }

    /// Connections open now.
    pub fn open(&self) -> usize {
        usize::try_from(self.open.now()).unwrap_or(0)
    }

    /// Counts a connection that was closed because too many were open.
    pub fn turned_away(&self) {
        self.turned_away.add(1, &self.listener);
    }
}

/// The instruments of one gRPC method.
#[derive(Clone)]
pub struct RpcMethod {
    duration: Histogram<f64>,
    attributes: [KeyValue; 2],
}

impl RpcMethod {
    /// Records an answered call; `code` is the gRPC status code's number.
    pub fn answered(&self, code: i32, took: Duration) {
        let [system, method] = self.attributes.clone();
        let status = KeyValue::new(names::RPC_STATUS, grpc_code_name(code));
        self.duration
            .record(took.as_secs_f64(), &[system, method, status]);
    }
}

/// The instruments of one export.
#[derive(Clone, Debug)]
pub struct ExportInstruments {
    duration: Histogram<f64>,
    size: Histogram<u64>,
    retries: Counter<u64>,
    export: [KeyValue; 1],
    by_outcome: [[KeyValue; 2]; ExportOutcome::ALL.len()],
}

impl ExportInstruments {
    /// Records an export request that ended; `size_bytes` is the body as sent.
    pub fn answered(&self, outcome: ExportOutcome, took: Duration, size_bytes: u64) {
        self.duration
            .record(took.as_secs_f64(), &self.by_outcome[outcome as usize]);
        self.size.record(size_bytes, &self.export);
    }

    /// Counts a request that is sent again.
    pub fn retried(&self) {
        self.retries.add(1, &self.export);
    }
}

fn seconds(meter: &Meter, name: &'static str, description: &'static str) -> Histogram<f64> {
    meter
        .f64_histogram(name)
        .with_unit("s")
        .with_description(description)
        .with_boundaries(SECONDS_BOUNDS.to_vec())
        .build()
}

fn bytes(meter: &Meter, name: &'static str, description: &'static str) -> Histogram<u64> {
    meter
        .u64_histogram(name)
        .with_unit("By")
        .with_description(description)
        .with_boundaries(BYTES_BOUNDS.to_vec())
        .build()
}

/// The canonical name of a gRPC status code (gRPC specification, "Status codes and their use").
fn grpc_code_name(code: i32) -> &'static str {
    const NAMES: [&str; 17] = [
        "OK",
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    ];
    usize::try_from(code)
        .ok()
        .and_then(|index| NAMES.get(index).copied())
        .unwrap_or("UNKNOWN")
}
