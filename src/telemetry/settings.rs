//! What the telemetry room needs to know to start.

use std::time::Duration;

/// How log lines on stderr look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// One line of words, for people.
    #[default]
    Text,
    /// One JSON object a line, for machines.
    Json,
}

/// How the agent's own telemetry is made and where it goes.
///
/// The standard `OTEL_*` variables win where they speak of the same thing: `OTEL_SERVICE_NAME`,
/// `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_TRACES_SAMPLER`, `OTEL_METRIC_EXPORT_INTERVAL`, `OTEL_BSP_*`,
/// `OTEL_BLRP_*`, `OTEL_SDK_DISABLED`.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `service.name` of the resource.
    pub service_name: String,
    /// Filter for log lines in the syntax of `tracing_subscriber::EnvFilter`; `RUST_LOG` wins.
    pub log: String,
    /// How log lines look.
    pub log_format: LogFormat,
    /// The share of root traces that are recorded, from 0 to 1; a caller's decision is followed.
    pub trace_ratio: f64,
    /// The share of the traces of probes that are recorded, from 0 to 1.
    pub probe_trace_ratio: f64,
    /// Time between two exports of metrics over OTLP; `None` takes the SDK's default of 60 s.
    pub metric_interval: Option<Duration>,
    /// Whether spans, metrics and logs are offered to the [`OwnIntake`](super::OwnIntake).
    pub otlp: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            service_name: "lineside".to_owned(),
            log: "info".to_owned(),
            log_format: LogFormat::Text,
            trace_ratio: 1.0,
            probe_trace_ratio: 1.0,
            metric_interval: None,
            otlp: true,
        }
    }
}
