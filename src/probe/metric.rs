//! What probes measure besides whether they succeed: numbers with a name.

use std::sync::Arc;

/// Whether a number goes up and down or only counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// As it stands.
    Gauge,
    /// Counted by the server since it started.
    Counter,
}

/// The name of a number that some probe measures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metric {
    /// The OpenTelemetry name.
    pub name: Arc<str>,
    /// The unit (UCUM).
    pub unit: Arc<str>,
    /// One line about it.
    pub about: Arc<str>,
    /// How it moves.
    pub kind: MetricKind,
}

impl Metric {
    /// A number that goes up and down.
    pub fn gauge(name: &str, unit: &str, about: &str) -> Metric {
        Metric {
            name: name.into(),
            unit: unit.into(),
            about: about.into(),
            kind: MetricKind::Gauge,
        }
    }

    /// A number that only grows, until the server starts again.
    pub fn counter(name: &str, unit: &str, about: &str) -> Metric {
        Metric {
            kind: MetricKind::Counter,
            ..Metric::gauge(name, unit, about)
        }
    }
}

/// One number that a run measured. It is shown until the next run of the probe ends.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The name of its metric.
    pub metric: Arc<str>,
    /// What it is about, besides the probe's name. Each set of attributes occurs once in a run.
    pub attributes: Vec<(Arc<str>, Arc<str>)>,
    /// The number.
    pub value: f64,
}
