//! What is derived, and how.

use std::sync::Arc;
use std::time::Duration;

use crate::series::naming::Strategy;
use crate::series::store::{Bounds, FamilySpec, NameTaken};

/// The buckets of the span metrics and service graph connectors.
pub const DEFAULT_BUCKETS_MS: [u64; 16] = [
    2, 4, 6, 8, 10, 50, 100, 200, 400, 800, 1000, 1400, 2000, 5000, 10_000, 15_000,
];

/// What is derived; `None` where nothing is.
#[derive(Clone, Debug)]
pub struct DerivedOptions {
    /// How attributes become the names of further dimensions. The metrics and their own labels are named as
    /// dashboards know them, whatever the strategy.
    pub strategy: Strategy,
    /// Rate, errors and duration of spans.
    pub spans: Option<SpanOptions>,
    /// Who calls whom.
    pub graph: Option<GraphOptions>,
    /// Whether log records are counted.
    pub logs: bool,
}

impl Default for DerivedOptions {
    fn default() -> DerivedOptions {
        DerivedOptions {
            strategy: Strategy::default(),
            spans: Some(SpanOptions::default()),
            graph: Some(GraphOptions::default()),
            logs: true,
        }
    }
}

/// How spans are counted.
#[derive(Clone, Debug)]
pub struct SpanOptions {
    /// The unit of durations.
    pub unit: DurationUnit,
    /// The bounds of the histogram's buckets, ascending.
    pub buckets: Vec<Duration>,
    /// Attributes of spans, or else of resources, that are labels as well; the first [`MAX_DIMENSIONS`](super::MAX_DIMENSIONS)
    /// whose labels are not taken.
    pub dimensions: Vec<String>,
    /// Whether buckets carry the trace and span of one of their latest values.
    pub exemplars: bool,
}

impl Default for SpanOptions {
    fn default() -> SpanOptions {
        SpanOptions {
            unit: DurationUnit::Milliseconds,
            buckets: default_buckets(),
            dimensions: Vec::new(),
            exemplars: true,
        }
    }
}

/// How calls between services are found and counted.
#[derive(Clone, Debug)]
pub struct GraphOptions {
    /// How long one side of a call waits for the other.
    pub wait_ms: u64,
    /// How many wait; then the oldest gives way.
    pub max_waiting: usize,
    /// How far the map reaches back.
    pub window_ms: u64,
    /// The bounds of the histograms' buckets, ascending.
    pub buckets: Vec<Duration>,
    /// Whether buckets carry the trace and span of one of their latest values.
    pub exemplars: bool,
}

impl Default for GraphOptions {
    fn default() -> GraphOptions {
        GraphOptions {
            wait_ms: 10_000,
            max_waiting: 20_000,
            window_ms: 300_000,
            buckets: default_buckets(),
            exemplars: true,
        }
    }
}

fn default_buckets() -> Vec<Duration> {
    DEFAULT_BUCKETS_MS.map(Duration::from_millis).to_vec()
}

/// The unit of durations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DurationUnit {
    /// `traces_span_metrics_duration_milliseconds`, the connector's default.
    #[default]
    Milliseconds,
    /// `traces_span_metrics_duration_seconds`.
    Seconds,
}

impl DurationUnit {
    /// The word that ends the metric's name.
    pub const fn word(self) -> &'static str {
        match self {
            DurationUnit::Milliseconds => "milliseconds",
            DurationUnit::Seconds => "seconds",
        }
    }

    /// Nanoseconds in this unit.
    #[inline]
    pub fn of_nanos(self, nanos: u64) -> f64 {
        match self {
            DurationUnit::Milliseconds => nanos as f64 / 1e6,
            DurationUnit::Seconds => nanos as f64 / 1e9,
        }
    }

    pub(super) fn bounds(self, buckets: &[Duration]) -> Result<Arc<Bounds>, DerivedError> {
        let nanos = |one: &Duration| u64::try_from(one.as_nanos()).unwrap_or(u64::MAX);
        let bounds: Vec<_> = buckets
            .iter()
            .map(nanos)
            .map(|one| self.of_nanos(one))
            .collect();
        Bounds::new(&bounds)
            .map(Arc::new)
            .ok_or(DerivedError::Buckets)
    }
}

/// Why nothing can be derived.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum DerivedError {
    /// Another metric holds the name of one derived here.
    #[error("the metric {name} can't be derived: {taken} is the name of another")]
    NameTaken {
        /// What is to be derived.
        name: Box<str>,
        /// The name that both need.
        taken: Box<str>,
    },
    /// The bounds of a histogram do not ascend, or are too many.
    #[error("the buckets of durations must ascend, and be at most {}", Bounds::MAX)]
    Buckets,
}

impl DerivedError {
    pub(super) fn taken(spec: &FamilySpec<'_>, taken: NameTaken) -> DerivedError {
        DerivedError::NameTaken {
            name: spec.name.into(),
            taken: taken.name,
        }
    }
}
