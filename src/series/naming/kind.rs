//! The types of metric families.

/// A text format of `/metrics`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TextFormat {
    /// Prometheus text 0.0.4 and 1.0.0.
    Prometheus,
    /// OpenMetrics text 1.0.0.
    OpenMetrics,
}

/// The type of a metric family, as Prometheus and OpenMetrics know them. Native histograms are histograms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MetricKind {
    /// A sum that only rises.
    Counter,
    /// A value that rises and falls.
    Gauge,
    /// Observations counted in buckets.
    Histogram,
    /// Quantiles worked out by the sender.
    Summary,
    /// Always 1; its labels tell.
    Info,
    /// One series for each state, 1 for those that hold.
    StateSet,
    /// Not known.
    Unknown,
}

impl MetricKind {
    /// Every kind.
    pub const ALL: [MetricKind; 7] = [
        MetricKind::Counter,
        MetricKind::Gauge,
        MetricKind::Histogram,
        MetricKind::Summary,
        MetricKind::Info,
        MetricKind::StateSet,
        MetricKind::Unknown,
    ];

    /// The kind as a TYPE line of `format` spells it.
    ///
    /// Where info and stateset are not supported, the specification has a gauge shown in their place.
    pub const fn word(self, format: TextFormat) -> &'static str {
        match (self, format) {
            (MetricKind::Counter, _) => "counter",
            (MetricKind::Gauge, _) => "gauge",
            (MetricKind::Histogram, _) => "histogram",
            (MetricKind::Summary, _) => "summary",
            (MetricKind::Info | MetricKind::StateSet, TextFormat::Prometheus) => "gauge",
            (MetricKind::Unknown, TextFormat::Prometheus) => "untyped",
            (MetricKind::Info, TextFormat::OpenMetrics) => "info",
            (MetricKind::StateSet, TextFormat::OpenMetrics) => "stateset",
            (MetricKind::Unknown, TextFormat::OpenMetrics) => "unknown",
        }
    }

    /// The suffix that names of this kind's families end in; empty where there is none.
    ///
    /// OpenMetrics writes it in the samples only: its TYPE, HELP and UNIT lines name the family without.
    pub const fn suffix(self) -> &'static str {
        match self {
            MetricKind::Counter => "_total",
            MetricKind::Info => "_info",
            _ => "",
        }
    }

    /// The suffixes that samples of this kind have behind the family's name, beside or instead of none.
    pub const fn sample_suffixes(self) -> &'static [&'static str] {
        match self {
            MetricKind::Histogram => &["_bucket", "_count", "_sum"],
            MetricKind::Summary => &["_count", "_sum"],
            _ => &[],
        }
    }

    /// Whether families of this kind have a unit: OpenMetrics wants none for info and stateset.
    pub const fn has_unit(self) -> bool {
        !matches!(self, MetricKind::Info | MetricKind::StateSet)
    }

    /// The label that belongs to the samples of this kind, so that no attribute may take its name.
    pub(super) const fn own_label(self) -> Option<&'static str> {
        match self {
            MetricKind::Histogram => Some("le"),
            MetricKind::Summary => Some("quantile"),
            _ => None,
        }
    }
}
