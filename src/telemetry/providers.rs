//! The three providers of the SDK, wired to the registry and to the agent's own intake.

use std::env;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry::metrics::MeterProvider as _;
use opentelemetry::trace::{Link, SpanKind, TraceId, TracerProvider as _};
use opentelemetry::{Context, InstrumentationScope, KeyValue, global};
use opentelemetry_otlp::{
    ExporterBuildError, LogExporter, MetricExporter, Protocol, WithExportConfig, WithHttpConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{LogProcessor, SdkLogRecord, SdkLoggerProvider};
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::{
    Sampler, SamplingResult, SdkTracer, SdkTracerProvider, ShouldSample,
};
use prometheus::Registry;

use super::StartError;
use super::names;
use super::own_client::{OwnClient, OwnDoor};
use super::own_spans::OwnSpans;
use super::propagation::{self, RequestId};
use super::resource::resource;
use super::settings::Settings;
use crate::otlp::Signal;

/// The instrumentation scope of everything the agent itself emits.
const SCOPE: &str = "lineside";

/// How long an offer to the own intake may take before the SDK gives up on it.
const OFFER_LIMIT: Duration = Duration::from_secs(5);

/// The SDK's providers. Cloning shares them.
#[derive(Clone)]
pub(super) struct Providers {
    meters: SdkMeterProvider,
    tracers: SdkTracerProvider,
    loggers: SdkLoggerProvider,
    /// Whether spans are exported.
    spans_leave: bool,
    /// Set at the end: the SDK complains of every record that comes later.
    ended: Arc<AtomicBool>,
}

impl Providers {
    /// Builds the providers; OTLP leaves through `door` if the settings say so.
    pub(super) fn build(
        settings: &Settings,
        registry: Registry,
        door: &OwnDoor,
    ) -> Result<Providers, StartError> {
        let resource = resource(&settings.service_name);
        let door = (settings.otlp && !sdk_disabled()).then_some(door);
        Ok(Providers {
            meters: meters(settings, registry, door, resource.clone())?,
            tracers: tracers(settings, door, resource.clone())?,
            loggers: loggers(door, resource)?,
            spans_leave: door.is_some(),
            ended: Arc::default(),
        })
    }

    /// Whether anybody gets to see own spans.
    pub(super) fn spans_leave(&self) -> bool {
        self.spans_leave
    }

    /// The meter of all own instruments.
    pub(super) fn meter(&self) -> opentelemetry::metrics::Meter {
        self.meters.meter_with_scope(scope())
    }

    /// The tracer of all own spans.
    pub(super) fn tracer(&self) -> SdkTracer {
        self.tracers.tracer_with_scope(scope())
    }

    pub(super) fn logger(&self) -> &SdkLoggerProvider {
        &self.loggers
    }

    /// Makes these the providers and the propagator that libraries find by themselves.
    pub(super) fn install(&self) {
        global::set_text_map_propagator(propagation::w3c());
        global::set_meter_provider(self.meters.clone());
        global::set_tracer_provider(self.tracers.clone());
    }

    /// Exports what is waiting. Blocks.
    pub(super) fn flush(&self) -> OTelSdkResult {
        let results = [
            self.tracers.force_flush(),
            self.loggers.force_flush(),
            self.meters.force_flush(),
        ];
        results.into_iter().collect()
    }

    /// Whether log records still reach the SDK, as a question that outlives `self`.
    pub(super) fn takes_logs(&self) -> impl Fn() -> bool + Send + Sync + 'static + use<> {
        let ended = Arc::clone(&self.ended);
        move || !ended.load(Ordering::Relaxed)
    }

    /// Exports what is waiting and stops. Blocks.
    pub(super) fn shutdown(&self, limit: Duration) -> OTelSdkResult {
        self.ended.store(true, Ordering::Relaxed);
        let results = [
            self.tracers.shutdown_with_timeout(limit),
            self.loggers.shutdown_with_timeout(limit),
            self.meters.shutdown_with_timeout(limit),
        ];
        results.into_iter().collect()
    }
}

fn scope() -> InstrumentationScope {
    InstrumentationScope::builder(SCOPE)
        .with_version(env!("CARGO_PKG_VERSION"))
        .build()
}

/// `OTEL_SDK_DISABLED` (OpenTelemetry environment variable specification); `/metrics` goes on.
fn sdk_disabled() -> bool {
    env::var("OTEL_SDK_DISABLED").is_ok_and(|value| value.eq_ignore_ascii_case("true"))
}

fn meters(
    settings: &Settings,
    registry: Registry,
    door: Option<&OwnDoor>,
    resource: Resource,
) -> Result<SdkMeterProvider, StartError> {
    let prometheus = opentelemetry_prometheus::exporter()
        .with_registry(registry)
        .scope_info_enabled(false)
        .build()
        .map_err(|error| StartError::Registry(error.to_string()))?;
    let mut builder = SdkMeterProvider::builder()
        .with_resource(resource)
        .with_reader(prometheus);
    if let Some(door) = door {
        let exporter =
            through(door, Signal::Metrics, MetricExporter::builder().with_http()).build()?;
        let interval = if env::var_os("OTEL_METRIC_EXPORT_INTERVAL").is_some() {
            None
        } else {
            settings.metric_interval
        };
        // An interval of zero leaves the SDK's choice.
        builder = builder.with_reader(
            PeriodicReader::builder(exporter)
                .with_interval(interval.unwrap_or_default())
                .build(),
        );
    }
    Ok(builder.build())
}

fn tracers(
    settings: &Settings,
    door: Option<&OwnDoor>,
    resource: Resource,
) -> Result<SdkTracerProvider, StartError> {
    let mut builder = SdkTracerProvider::builder().with_resource(resource);
    if env::var_os("OTEL_TRACES_SAMPLER").is_none() {
        let roots = Roots {
            requests: Sampler::TraceIdRatioBased(settings.trace_ratio),
            probes: Sampler::TraceIdRatioBased(settings.probe_trace_ratio),
        };
        builder = builder.with_sampler(Sampler::ParentBased(Box::new(roots)));
    }
    if let Some(door) = door {
        builder = builder.with_batch_exporter(OwnSpans::new(door.clone(), OFFER_LIMIT));
    }
    Ok(builder.build())
}

/// Chooses root spans: those of probes by a share of their own, as there are few of them and each may matter.
#[derive(Clone, Debug)]
struct Roots {
    requests: Sampler,
    probes: Sampler,
}

impl ShouldSample for Roots {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace_id: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let is_probe = attributes
            .first()
            .is_some_and(|first| first.key == names::PROBE);
        let sampler = if is_probe {
            &self.probes
        } else {
            &self.requests
        };
        sampler.should_sample(parent, trace_id, name, kind, attributes, links)
    }
}

fn loggers(door: Option<&OwnDoor>, resource: Resource) -> Result<SdkLoggerProvider, StartError> {
    let mut builder = SdkLoggerProvider::builder().with_resource(resource);
    if let Some(door) = door {
        let exporter = through(door, Signal::Logs, LogExporter::builder().with_http()).build()?;
        builder = builder
            .with_log_processor(AddRequestId)
            .with_batch_exporter(exporter);
    }
    Ok(builder.build())
}

/// Points an exporter at the own intake. The endpoint is never dialled, but it is set so that
/// `OTEL_EXPORTER_OTLP_ENDPOINT`, meant for other programs, is not even parsed.
fn through<B: WithHttpConfig + WithExportConfig>(door: &OwnDoor, signal: Signal, builder: B) -> B {
    builder
        .with_http_client(OwnClient {
            door: door.clone(),
            signal,
            limit: OFFER_LIMIT,
        })
        .with_endpoint(format!("http://own.intake{}", signal.http_path()))
        .with_protocol(Protocol::HttpBinary)
        .with_timeout(OFFER_LIMIT)
}

impl From<ExporterBuildError> for StartError {
    fn from(error: ExporterBuildError) -> StartError {
        StartError::Exporter(error.to_string())
    }
}

/// Puts the request id of the current context on each exported log record.
#[derive(Debug)]
struct AddRequestId;

impl LogProcessor for AddRequestId {
    fn emit(&self, record: &mut SdkLogRecord, _scope: &InstrumentationScope) {
        use opentelemetry::logs::LogRecord as _;
        let id = Context::map_current(|context| context.get::<RequestId>().cloned());
        if let Some(id) = id {
            record.add_attribute(names::REQUEST_ID, id.as_str().to_owned());
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _limit: Duration) -> OTelSdkResult {
        Ok(())
    }
}
