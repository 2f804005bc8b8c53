//! Every setting: its type, its default and its limits. The doc comments become the default file.

mod export;
mod gateway;
mod journal;
mod probe;
mod receive;
mod running;
mod series;
mod store;

use std::collections::BTreeMap;
use std::path::PathBuf;

pub use export::{
    BatchSettings, BreakerSettings, ClientTls, Compression, ExportSettings, Protocol, RetrySettings,
};
pub use gateway::{
    BreakerMode, BreakerPreset, CacheSettings, Direction, EncodedSlash, GatewaySettings,
    IdempotencySettings, PoolSettings, RateSettings, Reach, RouteBreaker, RouteCache, RouteLimits,
    RouteRetry, RouteSettings, RouteTimeouts, ServerErrors, UnknownOutcome,
};
pub use journal::{JournalSettings, SyncMode, WhenFull};
pub use probe::{
    DiskProbeSettings, DnsProbeSettings, GrpcProbeSettings, HttpProbeSettings, HttpVersion,
    MaintenanceSettings, ProbeSettings, ProbesSettings, QuerySettings, RedisProbeSettings,
    TcpProbeSettings,
};
pub use receive::{CorsSettings, ListenerSettings, ReceiveSettings, ServerTls};
pub use running::{ApiSettings, LedgerSettings, LogFormat, ShutdownSettings, TelemetrySettings};
pub use series::{
    DurationUnit, ExpirySettings, GraphSettings, LogSeriesSettings, PercentileSettings,
    PrometheusSettings, SeriesSettings, SpanSeriesSettings, TranslationStrategy,
};
pub use store::StoreSettings;

use super::section::section;

section! {
    /// The whole configuration.
    pub struct Settings {
        /// Directory for everything that must survive a restart: the journal, its cursors, and counters. Created when missing.
        /// Relative paths, here and below, count from the working directory.
        data_dir: PathBuf = PathBuf::from("lineside-data");
        /// The HTTP face: metrics, health, ledger.
        api: ApiSettings = ApiSettings::default();
        /// Where OTLP comes in, and the limits that hold there.
        receive: ReceiveSettings = ReceiveSettings::default();
        /// The durable queue between receivers and exports.
        journal: JournalSettings = JournalSettings::default();
        /// OTLP destinations, by name: `[export.collector]`, `[export.backup]`, …
        /// Names consist of a-z, 0-9, `-` and `_`. Each has its own place in the journal, retry and breaker.
        export: BTreeMap<String, ExportSettings> = BTreeMap::new() => "collector";
        /// What holds for all probes.
        probes: ProbesSettings = ProbesSettings::default();
        /// Dependencies that are checked, by name: `[probe.orders-db]`, `[probe.sessions]`, …
        /// Names consist of a-z, 0-9, `-` and `_`. docs/probes.md says what each kind measures and which rights it needs.
        probe: BTreeMap<String, ProbeSettings> = BTreeMap::new() => "orders-db";
        /// Times during which nothing is said of some probes, by name: `[maintenance.nightly]`, …
        /// They run as ever, and their meters show what they find.
        maintenance: BTreeMap<String, MaintenanceSettings> = BTreeMap::new() => "nightly";
        /// The gateway: services call third parties, or are called, through it.
        gateway: GatewaySettings = GatewaySettings::default();
        /// Ways through the gateway, by name: `[route.stripe]`, `[route.shop]`, …
        /// Names consist of a-z, 0-9, `-` and `_`. Each leads to one upstream and has its own breaker, retry and limits.
        route: BTreeMap<String, RouteSettings> = BTreeMap::new() => "stripe";
        /// Where the gateway keeps answers.
        cache: CacheSettings = CacheSettings::default();
        /// The database for idempotency keys.
        store: StoreSettings = StoreSettings::default();
        /// What is kept of received telemetry for /metrics: received metrics, and metrics derived from spans and logs.
        series: SeriesSettings = SeriesSettings::default();
        /// How series are shown on /metrics.
        prometheus: PrometheusSettings = PrometheusSettings::default();
        /// The agent's own meters, spans and logs.
        telemetry: TelemetrySettings = TelemetrySettings::default();
        /// The account of every item: received, delivered, waiting, refused, dropped.
        ledger: LedgerSettings = LedgerSettings::default();
        /// How the agent stops on SIGTERM or SIGINT.
        shutdown: ShutdownSettings = ShutdownSettings::default();
    }
}

impl Settings {
    /// The routes that are open, by name.
    pub fn open_routes(&self) -> impl Iterator<Item = (&String, &RouteSettings)> {
        self.route.iter().filter(|(_, route)| route.enabled)
    }
}
