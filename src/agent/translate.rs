//! From settings to what each room is opened with.

use std::path::Path;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::config::{
    ApiSettings, Compression, DurationUnit, ExpirySettings, ExportSettings, GatewaySettings,
    JournalSettings, LogFormat, ReceiveSettings, SeriesSettings, Settings, SyncMode,
    TranslationStrategy, WhenFull,
};
use crate::export::{Destination, ExportPolicy};
use crate::intake::{IntakeLimits, KeptEncodings};
use crate::journal::{self, JournalOptions};
use crate::listen::{Limits, ServerTls, TlsError};
use crate::otlp::{Encoding, SignalSet};
use crate::receive::{BearerToken, Cors, ReceiveOptions};
use crate::resilience::{Backoff, BreakerPolicy};
use crate::series::SeriesOptions;
use crate::series::continuity::ContinuityOptions;
use crate::series::derived::{self, DerivedOptions, GraphOptions, SpanOptions};
use crate::series::naming::Strategy;
use crate::series::percentiles::PercentileOptions;
use crate::series::received::ReceivedOptions;
use crate::series::store::{Expiry, Limits as SeriesLimits};
use crate::series::targets::TargetOptions;
use crate::telemetry;

/// The greatest head of a request to a face of the agent's own, whose headers are few.
const MAX_HEAD_BYTES: usize = 16 << 10;

pub(super) fn telemetry(settings: &Settings) -> telemetry::Settings {
    let (settings, probes) = (&settings.telemetry, &settings.probes);
    telemetry::Settings {
        service_name: settings.service_name.clone(),
        log: settings.log.clone(),
        log_format: match settings.log_format {
            LogFormat::Text => telemetry::LogFormat::Text,
            LogFormat::Json => telemetry::LogFormat::Json,
        },
        trace_ratio: settings.trace_ratio,
        probe_trace_ratio: probes.trace_ratio,
        metric_interval: Some(settings.metrics_every),
        otlp: settings.export_own,
    }
}

pub(super) fn journal(data_dir: &Path, settings: &JournalSettings) -> JournalOptions {
    JournalOptions {
        dir: data_dir.join("journal"),
        sync: match settings.sync {
            SyncMode::Always => journal::SyncMode::Always,
            SyncMode::Interval => journal::SyncMode::Interval(settings.sync_every),
            SyncMode::Memory => journal::SyncMode::Memory,
        },
        segment_bytes: settings.segment_bytes.0,
        max_bytes: settings.max_bytes.0,
        max_age: settings.max_age,
        when_full: match settings.when_full {
            WhenFull::Refuse => journal::WhenFull::Refuse,
            WhenFull::DropOldest => journal::WhenFull::DropOldest,
        },
        memory_bytes: settings.memory_bytes.0,
    }
}

pub(super) fn series(settings: &Settings) -> SeriesOptions {
    let (series, prometheus) = (&settings.series, &settings.prometheus);
    let strategy = strategy(prometheus.translation_strategy);
    SeriesOptions {
        limits: SeriesLimits {
            series: series.max_series as usize,
            series_per_metric: series.max_series_per_metric as usize,
            label_bytes: series.max_label_bytes.as_usize(),
            memory_bytes: series.max_memory.as_usize(),
        },
        expiry: expiry(&series.expiry),
        targets: TargetOptions {
            strategy,
            scope_labels: prometheus.scope_labels,
            target_info: prometheus.target_info,
            max: series.max_senders as usize,
        },
        received: ReceivedOptions {
            strategy,
            scope_labels: prometheus.scope_labels,
        },
        derived: derived(series, strategy),
        percentiles: PercentileOptions {
            window_ms: millis(series.percentiles.window),
            sub_windows: SUB_WINDOWS,
            max_tracked: series.percentiles.max_tracked as usize,
        },
        classic_names: prometheus.classic_names,
        continuity: series.continuity.then(|| ContinuityOptions {
            dir: settings.data_dir.join("series"),
            max_bytes: series.continuity_max_bytes.0,
        }),
        queue_bytes: series.queue_bytes.as_usize(),
    }
}

/// In how many parts the window of percentiles moves on.
const SUB_WINDOWS: u32 = 5;

fn derived(settings: &SeriesSettings, strategy: Strategy) -> DerivedOptions {
    let (spans, graph) = (&settings.spans, &settings.graph);
    let span_options = SpanOptions {
        unit: match spans.unit {
            DurationUnit::Milliseconds => derived::DurationUnit::Milliseconds,
            DurationUnit::Seconds => derived::DurationUnit::Seconds,
        },
        buckets: spans.buckets.clone(),
        dimensions: spans.dimensions.clone(),
        exemplars: spans.exemplars,
    };
    let graph_options = GraphOptions {
        wait_ms: millis(graph.wait),
        max_waiting: graph.max_waiting as usize,
        window_ms: millis(settings.percentiles.window),
        buckets: spans.buckets.clone(),
        exemplars: spans.exemplars,
    };
    DerivedOptions {
        strategy,
        spans: spans.enabled.then_some(span_options),
        graph: graph.enabled.then_some(graph_options),
        logs: settings.logs.enabled,
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn expiry(settings: &ExpirySettings) -> Expiry {
    let seconds = |after: Duration| u32::try_from(after.as_secs()).unwrap_or(u32::MAX);
    Expiry {
        gauges_s: seconds(settings.gauges),
        counters_s: seconds(settings.counters),
        derived_s: seconds(settings.derived),
    }
}

fn strategy(strategy: TranslationStrategy) -> Strategy {
    match strategy {
        TranslationStrategy::UnderscoreEscapingWithSuffixes => {
            Strategy::UnderscoreEscapingWithSuffixes
        }
        TranslationStrategy::UnderscoreEscapingWithoutSuffixes => {
            Strategy::UnderscoreEscapingWithoutSuffixes
        }
        TranslationStrategy::NoUtf8EscapingWithSuffixes => Strategy::NoUtf8EscapingWithSuffixes,
        TranslationStrategy::NoTranslation => Strategy::NoTranslation,
    }
}

pub(super) fn intake_limits(settings: &ReceiveSettings) -> IntakeLimits {
    IntakeLimits {
        in_flight_bytes: settings.in_flight_bytes.as_usize(),
        max_inflated_bytes: settings.max_inflated.as_usize(),
    }
}

/// Compressed batches are kept as they came where some export sends them so.
pub(super) fn kept_encodings(settings: &Settings) -> KeptEncodings {
    let mut kept = KeptEncodings::default();
    for export in settings.export.values().filter(|export| export.enabled) {
        for signal in &export.signals {
            match encoding(export.compression) {
                Encoding::Identity => {}
                encoding => kept.keep(*signal, encoding),
            }
        }
    }
    kept
}

pub(super) fn receive(settings: &ReceiveSettings) -> ReceiveOptions {
    let cors = &settings.cors;
    ReceiveOptions {
        max_body_bytes: settings.max_body.as_usize(),
        body_timeout: settings.body_timeout,
        retry_after: settings.retry_after,
        token: settings.bearer_token.clone().map(BearerToken::new),
        cors: Cors::new(
            cors.allowed_origins.clone(),
            &cors.allowed_headers,
            cors.max_age,
        ),
    }
}

pub(super) fn receive_limits(settings: &ReceiveSettings) -> Limits {
    Limits {
        max_connections: settings.max_connections as usize,
        max_streams: settings.max_streams,
        header_timeout: settings.header_timeout,
        idle_timeout: settings.idle_timeout,
        max_head_bytes: MAX_HEAD_BYTES,
    }
}

pub(super) fn api_limits(settings: &ApiSettings) -> Limits {
    Limits {
        max_connections: settings.max_connections as usize,
        max_streams: settings.max_connections,
        header_timeout: settings.header_timeout,
        idle_timeout: settings.idle_timeout,
        max_head_bytes: MAX_HEAD_BYTES,
    }
}

pub(super) fn gateway_limits(settings: &GatewaySettings) -> Limits {
    Limits {
        max_connections: settings.max_connections as usize,
        max_streams: settings.max_streams,
        header_timeout: settings.header_timeout,
        idle_timeout: settings.idle_timeout,
        max_head_bytes: settings.max_head.as_usize(),
    }
}

pub(super) fn server_tls(
    settings: Option<&crate::config::ServerTls>,
) -> Result<Option<ServerTls>, TlsError> {
    settings
        .map(|tls| {
            let (certificate, key) = (tls.cert_file.clone(), tls.key_file.clone());
            ServerTls::load(certificate, key, tls.client_ca_file.clone())
        })
        .transpose()
}

pub(super) fn destination(settings: &ExportSettings) -> Destination {
    Destination {
        endpoint: settings.endpoint.uri().clone(),
        protocol: settings.protocol,
        headers: headers(settings),
        tls: settings.tls.clone().unwrap_or_default().into(),
        timeout: settings.timeout,
        connect_timeout: settings.connect_timeout,
    }
}

/// Values are marked sensitive: they are neither printed nor put into HPACK's shared table.
fn headers(settings: &ExportSettings) -> HeaderMap {
    let pairs = settings.headers.iter().filter_map(|(name, value)| {
        let mut value = HeaderValue::from_str(value.expose()).ok()?;
        value.set_sensitive(true);
        Some((HeaderName::try_from(name).ok()?, value))
    });
    pairs.collect()
}

pub(super) fn policy(settings: &ExportSettings, sync: SyncMode) -> ExportPolicy {
    ExportPolicy {
        compression: encoding(settings.compression),
        max_batch_bytes: settings.batch.max_bytes.as_usize(),
        max_delay: settings.batch.max_delay,
        concurrency: settings.concurrency as usize,
        max_age: settings.max_age,
        backoff: Backoff::new(settings.retry.initial, settings.retry.max),
        breaker: BreakerPolicy::consecutive(settings.breaker.failures, settings.breaker.open_for),
        keeps_on_disk: sync != SyncMode::Memory,
    }
}

pub(super) fn signals(settings: &ExportSettings) -> SignalSet {
    settings.signals.iter().copied().collect()
}

fn encoding(compression: Compression) -> Encoding {
    match compression {
        Compression::None => Encoding::Identity,
        Compression::Gzip => Encoding::Gzip,
        Compression::Zstd => Encoding::Zstd,
    }
}
