//! Which classic name shows what.

use super::GAUGES;
use crate::series::naming::{MetricKind, Strategy, metric_name};
use crate::series::store::Reading;

/// One classic name and where it comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    pub(super) source: Source,
    pub(super) shown: Shown,
    /// Only series whose attribute has a value that is meant.
    pub(super) only: Option<Only>,
}

/// Some values of an attribute.
#[derive(Clone, Copy, Debug)]
pub(super) struct Only {
    pub(super) key: &'static str,
    pub(super) is_meant: fn(&str) -> bool,
    /// Whether the attribute is left out of the labels, since the name says it.
    pub(super) drops: bool,
}

/// An OpenTelemetry metric.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source {
    name: &'static str,
    unit: &'static str,
    pub(super) kinds: &'static [MetricKind],
}

/// What stands under the classic name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown {
    pub(super) name: &'static str,
    pub(super) kind: MetricKind,
    pub(super) unit: &'static str,
    pub(super) help: &'static str,
    pub(super) reading: Reading,
}

/// Attributes that classic labels call otherwise.
pub(super) const RENAMED: &[(&str, &str)] = &[
    ("http.route", "route"),
    ("http.request.method", "method"),
    ("http.response.status_code", "status"),
];

const HISTOGRAMS: &[MetricKind] = &[MetricKind::Histogram];

const HTTP_DURATION: Source = Source {
    name: "http.server.request.duration",
    unit: "s",
    kinds: HISTOGRAMS,
};

const CONNECTIONS: &[(&str, &str)] = &[
    ("db.client.connection.count", "db.client.connection.state"),
    // Before version 1.27 of the semantic conventions.
    ("db.client.connections.usage", "state"),
];

impl Source {
    /// The name that the store's family has under `strategy`.
    pub(super) fn exposed(&self, strategy: Strategy) -> Option<String> {
        let kind = *self.kinds.first()?;
        metric_name(strategy, self.name, self.unit, kind).ok()
    }
}

/// Every rule.
pub(super) fn all() -> Vec<Rule> {
    let mut rules = http();
    rules.extend(pools());
    rules.push(plain(
        Source {
            name: "db.client.operation.duration",
            unit: "s",
            kinds: HISTOGRAMS,
        },
        counter("db_queries_total", "Database operations"),
    ));
    rules.extend(probes());
    rules.push(plain(
        Source {
            name: "process.uptime",
            unit: "s",
            kinds: GAUGES,
        },
        Shown {
            unit: "seconds",
            ..gauge("uptime_seconds", "Time since the process started")
        },
    ));
    rules
}

/// The names of Prometheus' blackbox exporter.
fn probes() -> [Rule; 3] {
    let source = |name, unit| Source {
        name,
        unit,
        kinds: GAUGES,
    };
    let seconds = |name, help| Shown {
        unit: "seconds",
        ..gauge(name, help)
    };
    [
        plain(
            source("lineside.probe.success", ""),
            gauge("probe_success", "Whether the last run of a probe succeeded"),
        ),
        plain(
            source("lineside.probe.last_duration", "s"),
            seconds(
                "probe_duration_seconds",
                "Duration of the last run of a probe",
            ),
        ),
        plain(
            source("lineside.probe.certificate.end", "s"),
            gauge(
                "probe_ssl_earliest_cert_expiry",
                "When the first certificate that was shown ends, in seconds since 1970",
            ),
        ),
    ]
}

fn http() -> Vec<Rule> {
    let duration = Shown {
        name: "http_request_duration_seconds",
        kind: MetricKind::Histogram,
        unit: "seconds",
        help: "Duration of HTTP server requests",
        reading: Reading::Same,
    };
    let errors = counter(
        "http_errors_total",
        "HTTP server requests answered with 4xx or 5xx",
    );
    let active = Source {
        name: "http.server.active_requests",
        unit: "{request}",
        kinds: GAUGES,
    };
    vec![
        plain(HTTP_DURATION, duration),
        plain(
            HTTP_DURATION,
            counter("http_requests_total", "HTTP server requests"),
        ),
        Rule {
            only: Some(Only {
                key: "http.response.status_code",
                is_meant: is_error,
                drops: false,
            }),
            ..plain(HTTP_DURATION, errors)
        },
        plain(
            active,
            gauge(
                "http_active_connections",
                "HTTP server requests being answered",
            ),
        ),
    ]
}

fn pools() -> Vec<Rule> {
    let mut rules = Vec::new();
    for name in ["db.client.connection.max", "db.client.connections.max"] {
        let source = Source {
            name,
            unit: "{connection}",
            kinds: GAUGES,
        };
        rules.push(plain(
            source,
            gauge("db_pool_size_total", "Connections that a pool may have"),
        ));
    }
    for (name, state) in CONNECTIONS {
        let source = Source {
            name,
            unit: "{connection}",
            kinds: GAUGES,
        };
        let of_state = |shown, is_meant| Rule {
            only: Some(Only {
                key: state,
                is_meant,
                drops: true,
            }),
            ..plain(source, shown)
        };
        let idle = gauge("db_pool_size_idle", "Idle connections of a pool");
        let active = gauge("db_pool_size_active", "Connections of a pool in use");
        rules.push(of_state(idle, |state| state == "idle"));
        rules.push(of_state(active, |state| state == "used"));
    }
    rules
}

fn plain(source: Source, shown: Shown) -> Rule {
    Rule {
        source,
        shown,
        only: None,
    }
}

fn counter(name: &'static str, help: &'static str) -> Shown {
    Shown {
        name,
        kind: MetricKind::Counter,
        unit: "",
        help,
        reading: Reading::Count,
    }
}

fn gauge(name: &'static str, help: &'static str) -> Shown {
    Shown {
        name,
        kind: MetricKind::Gauge,
        unit: "",
        help,
        reading: Reading::Same,
    }
}

/// 4xx and 5xx: the reference documents count both as errors.
fn is_error(status: &str) -> bool {
    status.parse::<u16>().is_ok_and(|status| status >= 400)
}
