//! The agent's own telemetry: the OpenTelemetry SDK lives here and nowhere else.
//!
//! Meters, spans and logs leave by two ways: `/metrics` reads a Prometheus registry, and OTLP goes
//! through the agent's own intake. Neither creates telemetry about itself.

mod active;
mod breakers;
mod cache;
mod call;
mod edge;
mod ended;
mod gateway;
pub mod instruments;
mod logs;
mod method;
pub mod names;
mod observe;
mod own_client;
mod own_spans;
mod probe;
mod probe_span;
pub mod process;
pub mod propagation;
mod providers;
mod readings;
mod resource;
mod scrape;
mod settings;
mod span_bytes;
mod suppress;
#[cfg(test)]
mod tests;
mod trace_parent;

use std::sync::Arc;
use std::time::Duration;

use tracing::Subscriber;
use tracing_subscriber::fmt::MakeWriter;

pub use cache::{CacheLatency, CacheMemory, CacheReading};
pub use call::CallSpan;
pub use edge::{Incoming, ServerSpan};
pub use ended::Ended;
pub use gateway::{
    AttemptSpan, ConnectionsReading, GatewayRequest, GatewaySpan, GatewayTracer, RouteInstruments,
    RouteLabels,
};
pub use instruments::{
    Active, ActiveGuard, ExportInstruments, HttpRoute, Instruments, ListenerInstruments, RpcMethod,
};
pub use method::method_name;
/// The tracer that own spans are made with.
pub use opentelemetry_sdk::trace::SdkTracer as Tracer;
pub use own_client::{OfferFuture, OwnIntake};
pub use probe::{ProbeInstruments, ProbeMetric, ProbeNumbers, ProbeReading, ProbeRunReading};
pub use probe_span::ProbeSpan;
pub use propagation::RequestId;
pub use readings::{
    ExportOutcome, ExportReading, ItemsReading, JournalReading, LedgerReading, SeriesReading,
    TurnedAwayReading,
};
pub use resource::host_name;
pub use scrape::TEXT_CONTENT_TYPE;
pub use settings::{LogFormat, Settings};
pub use suppress::{is_quiet, quietly};

use own_client::OwnDoor;
use providers::Providers;
use scrape::Scraper;

/// Why telemetry could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The log filter has a syntax error.
    #[error(
        "log filter {filter:?} is not valid: {error}; write levels as in \"info,lineside=debug\""
    )]
    LogFilter {
        /// The filter as given.
        filter: String,
        /// What is wrong with it.
        error: String,
    },
    /// An OTLP exporter could not be built.
    #[error("the OTLP exporter for the agent's own telemetry could not be built: {0}")]
    Exporter(String),
    /// The Prometheus registry did not take the exporter.
    #[error("the Prometheus registry refused the exporter: {0}")]
    Registry(String),
    /// Another part of the process has set a subscriber for log events already.
    #[error("log events already have another subscriber in this process")]
    SubscriberSet,
}

/// Why telemetry did not end in order.
#[derive(Debug, thiserror::Error)]
pub enum EndError {
    /// The time allowed was over.
    #[error("own telemetry was not exported within {0:?}")]
    TimedOut(Duration),
    /// The SDK reported a failure.
    #[error("own telemetry was not exported: {0}")]
    Failed(String),
}

/// The running telemetry of this process. Cloning shares it.
///
/// End it with [`Telemetry::shutdown`]: dropping the last clone makes the SDK export what is left
/// and wait for it on the spot, which blocks a runtime of one thread for seconds.
#[derive(Clone)]
pub struct Telemetry {
    providers: Providers,
    instruments: Arc<Instruments>,
    scraper: Scraper,
    door: OwnDoor,
}

impl Telemetry {
    /// Starts telemetry for the process: log lines go to stderr, the providers and the W3C
    /// propagator become the global ones.
    ///
    /// # Errors
    /// When the log filter is not valid or log events have a subscriber already.
    pub fn start(settings: &Settings) -> Result<Telemetry, StartError> {
        let telemetry = Telemetry::build(settings)?;
        let subscriber = telemetry.subscriber(settings, std::io::stderr)?;
        tracing::subscriber::set_global_default(subscriber)
            .map_err(|_| StartError::SubscriberSet)?;
        telemetry.providers.install();
        Ok(telemetry)
    }

    /// Builds telemetry without making it global, for a library or a test.
    ///
    /// # Errors
    /// When an exporter cannot be built.
    pub fn build(settings: &Settings) -> Result<Telemetry, StartError> {
        process::mark_start();
        let registry = prometheus::Registry::new();
        let door = OwnDoor::default();
        let providers = Providers::build(settings, registry.clone(), &door)?;
        let instruments = Instruments::new(providers.meter());
        let scraper = Scraper::new(registry);
        instruments.observe_scrape(scraper.left_out());
        Ok(Telemetry {
            providers,
            instruments,
            scraper,
            door,
        })
    }

    /// A subscriber that writes log lines to `writer` and exports events and spans.
    ///
    /// # Errors
    /// When the log filter is not valid.
    pub fn subscriber<W>(
        &self,
        settings: &Settings,
        writer: W,
    ) -> Result<impl Subscriber + Send + Sync + use<W>, StartError>
    where
        W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
    {
        logs::subscriber(settings, &self.providers, writer)
    }

    /// Connects the intake that takes own telemetry; `false` when one is connected already.
    ///
    /// Offers run on the runtime this is called in. Until then the SDK holds a bounded backlog.
    pub fn connect(&self, intake: Arc<dyn OwnIntake>) -> bool {
        self.door.connect(intake)
    }

    /// The agent's own instruments.
    pub fn instruments(&self) -> Arc<Instruments> {
        Arc::clone(&self.instruments)
    }

    /// The tracer of all own spans.
    pub fn tracer(&self) -> Tracer {
        self.providers.tracer()
    }

    /// The tracer of requests through the gateway.
    pub fn gateway_tracer(&self) -> GatewayTracer {
        GatewayTracer::new(self.providers.tracer(), self.providers.spans_leave())
    }

    /// The agent's own metrics as Prometheus text 0.0.4. Takes about a millisecond and reads
    /// `/proc`: call it where blocking is allowed.
    pub fn scrape(&self) -> String {
        self.scraper.text()
    }

    /// The families of [`Telemetry::scrape`], for an answer that holds others as well. As costly.
    pub fn families(&self) -> Vec<prometheus::proto::MetricFamily> {
        self.scraper.families()
    }

    /// Counts what could not be written in an answer that others put together.
    pub fn count_left_out(&self, left_out: u64) {
        self.scraper.count_left_out(left_out);
    }

    /// Exports what is waiting.
    ///
    /// # Errors
    /// When the SDK fails or `limit` passes.
    pub async fn flush(&self, limit: Duration) -> Result<(), EndError> {
        let providers = self.providers.clone();
        blocking(limit, move || providers.flush()).await
    }

    /// Exports what is waiting and stops. Call it while the intake still takes batches.
    ///
    /// # Errors
    /// When the SDK fails or `limit` passes; nothing is exported afterwards in either case.
    pub async fn shutdown(&self, limit: Duration) -> Result<(), EndError> {
        let providers = self.providers.clone();
        blocking(limit, move || providers.shutdown(limit)).await
    }
}

/// Runs `work` on a thread of its own, so that a stuck exporter cannot hold up the runtime's end.
async fn blocking<F>(limit: Duration, work: F) -> Result<(), EndError>
where
    F: FnOnce() -> opentelemetry_sdk::error::OTelSdkResult + Send + 'static,
{
    let (done, answer) = tokio::sync::oneshot::channel();
    let thread = std::thread::Builder::new().name("telemetry-end".to_owned());
    thread
        .spawn(move || done.send(work()))
        .map_err(|error| EndError::Failed(error.to_string()))?;
    match tokio::time::timeout(limit, answer).await {
        Ok(Ok(Ok(()))) => Ok(()),
        Ok(Ok(Err(error))) => Err(EndError::Failed(error.to_string())),
        Ok(Err(_)) => Err(EndError::Failed("the exporting thread died".to_owned())),
        Err(_) => Err(EndError::TimedOut(limit)),
    }
}
