//! `[series]` and `[prometheus]`: what `/metrics` shows of what is received.

use std::time::Duration;

use crate::config::section::{choice, section};
use crate::config::units::{ByteSize, hours, millis, minutes, secs};

section! {
    /// What is kept of received telemetry for `/metrics`.
    pub struct SeriesSettings {
        /// Whether received metrics, and metrics derived from spans and logs, are shown on /metrics. If not, it shows the
        /// agent's own alone.
        enabled: bool = true;
        /// Series in all. Beyond it, further ones are not shown, or added up in a series otel_metric_overflow="true".
        max_series: u32 = 200_000, within 1..=100_000_000;
        /// Series of one metric; beyond it as with `max_series`.
        max_series_per_metric: u32 = 10_000, within 1..=100_000_000;
        /// Memory for all series.
        max_memory: ByteSize = ByteSize::mib(128), within ByteSize::mib(1)..=ByteSize::tib(1);
        /// The labels of one series. Series with longer ones are not shown.
        max_label_bytes: ByteSize = ByteSize::kib(4), within ByteSize(64)..=ByteSize::mib(1);
        /// Senders told apart by their resource. What further ones send is not shown.
        max_senders: u32 = 10_000, within 1..=10_000_000;
        /// Memory for requests that wait to be added. When it is used up, senders wait.
        queue_bytes: ByteSize = ByteSize::mib(32), within ByteSize::kib(64)..=ByteSize::gib(1);
        /// Whether counters that are added up here (from deltas, spans and logs) go on after a restart instead of beginning at
        /// zero. They are kept in `data_dir`, and made durable before a scrape is answered.
        continuity: bool = true;
        /// Disk that continuity may use; twice as much for a moment while its file is written anew.
        continuity_max_bytes: ByteSize = ByteSize::mib(256), within ByteSize::mib(1)..=ByteSize::tib(1);
        /// After how long without a point a series is no longer shown.
        expiry: ExpirySettings = ExpirySettings::default();
        /// Rate, errors and duration, from spans.
        spans: SpanSeriesSettings = SpanSeriesSettings::default();
        /// Who calls whom, from spans: metrics and /api/map.
        graph: GraphSettings = GraphSettings::default();
        /// Log records by service and severity.
        logs: LogSeriesSettings = LogSeriesSettings::default();
        /// p50, p90, p95 and p99 over a sliding window, from spans and histograms.
        percentiles: PercentileSettings = PercentileSettings::default();
    }
}

section! {
    /// After how long without a point a series is no longer shown.
    pub struct ExpirySettings {
        /// Received gauges and summaries.
        gauges: Duration = minutes(5), within secs(10)..=hours(24 * 365);
        /// Received counters and histograms.
        counters: Duration = hours(1), within secs(10)..=hours(24 * 365);
        /// Counters and histograms that are added up here.
        derived: Duration = hours(24), within secs(10)..=hours(24 * 365);
    }
}

choice! {
    /// The unit of span durations.
    pub enum DurationUnit {
        /// Milliseconds.
        Milliseconds = "ms",
        /// Seconds.
        Seconds = "s",
    }
}

section! {
    /// Rate, errors and duration, from spans.
    pub struct SpanSeriesSettings {
        /// Whether server, consumer, client and producer spans are counted.
        enabled: bool = true;
        /// The unit of durations and part of their name: `ms` gives traces_span_metrics_duration_milliseconds, `s` gives
        /// traces_span_metrics_duration_seconds.
        unit: DurationUnit = DurationUnit::Milliseconds;
        /// The upper bounds of the histograms' buckets, ascending; 1 to 200 of them.
        buckets: Vec<Duration> = default_buckets();
        /// Attributes of spans or resources that become labels. Each value makes further series.
        dimensions: Vec<String> = Vec::new() => "[\"http.route\"]";
        /// Whether buckets carry the trace of a span that fell into them.
        exemplars: bool = true;
    }
}

section! {
    /// Who calls whom, from spans.
    pub struct GraphSettings {
        /// Whether calls between services are counted.
        enabled: bool = true;
        /// How long one side of a call waits for the other.
        wait: Duration = secs(10), within millis(100)..=minutes(10);
        /// Sides of calls that wait at the same time. Beyond it the oldest is settled alone.
        max_waiting: u32 = 20_000, within 1..=10_000_000;
    }
}

section! {
    /// Log records by service and severity.
    pub struct LogSeriesSettings {
        /// Whether log records are counted.
        enabled: bool = true;
    }
}

section! {
    /// Percentiles over a sliding window.
    pub struct PercentileSettings {
        /// The length of the window.
        window: Duration = minutes(5), within secs(10)..=hours(24);
        /// Series whose percentiles are kept; those with recent values come first. 0: none.
        max_tracked: u32 = 2000, within 0..=1_000_000;
    }
}

choice! {
    /// How names are translated (OpenTelemetry specification, Prometheus exporter, "Configuration").
    pub enum TranslationStrategy {
        /// Legacy names only, and suffixes for units and types.
        UnderscoreEscapingWithSuffixes = "UnderscoreEscapingWithSuffixes",
        /// Legacy names only, and no suffixes.
        UnderscoreEscapingWithoutSuffixes = "UnderscoreEscapingWithoutSuffixes",
        /// Names stay as they are, but for suffixes for units and types.
        NoUtf8EscapingWithSuffixes = "NoUTF8EscapingWithSuffixes",
        /// Names stay as they are.
        NoTranslation = "NoTranslation",
    }
}

section! {
    /// How series are shown on `/metrics`.
    pub struct PrometheusSettings {
        /// How names are translated: dots become underscores or stay (`NoUTF8Escaping…`, `NoTranslation`: shown so to scrapers that
        /// ask for UTF-8 names), and units and types become suffixes or not.
        translation_strategy: TranslationStrategy = TranslationStrategy::UnderscoreEscapingWithSuffixes;
        /// Whether series carry the labels otel_scope_name, otel_scope_version, otel_scope_schema_url and the scope's attributes.
        scope_labels: bool = true;
        /// Whether each sender's resource is shown as target_info.
        target_info: bool = true;
        /// Whether the classic names stand beside those of the semantic conventions, as http_requests_total.
        classic_names: bool = true;
        /// Whether OpenMetrics answers hold a `_created` sample for each counter, histogram and summary.
        created_samples: bool = false;
    }
}

/// The buckets of the spanmetrics connector.
fn default_buckets() -> Vec<Duration> {
    const MILLIS: [u64; 16] = [
        2, 4, 6, 8, 10, 50, 100, 200, 400, 800, 1000, 1400, 2000, 5000, 10_000, 15_000,
    ];
    MILLIS.map(millis).to_vec()
}
