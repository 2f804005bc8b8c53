//! `Metric`: its description and its data points, each yet to be read.

use super::attribute::Attributes;
use super::reader::{Reader, len, varint};
use super::repeated::Messages;

const NAME: u32 = len(1);
const DESCRIPTION: u32 = len(2);
const UNIT: u32 = len(3);
const GAUGE: u32 = len(5);
const SUM: u32 = len(7);
const HISTOGRAM: u32 = len(9);
const EXPONENTIAL_HISTOGRAM: u32 = len(10);
const SUMMARY: u32 = len(11);
const METADATA: u32 = 12;

/// The field of the data points, in every kind of data.
const POINTS: u32 = 1;

/// A metric (metrics.proto).
#[derive(Clone, Debug)]
pub struct Metric<'a> {
    /// The name.
    pub name: &'a [u8],
    /// What it measures, for people.
    pub description: &'a [u8],
    /// The unit, in UCUM's case-sensitive notation.
    pub unit: &'a [u8],
    /// What is known of the metric beyond that; not part of its identity.
    pub metadata: Attributes<'a>,
    /// The data points, by their kind.
    pub data: MetricData<'a>,
}

impl<'a> Metric<'a> {
    /// Reads a `Metric` message.
    #[must_use]
    pub fn read(message: &'a [u8]) -> Metric<'a> {
        let mut metric = Metric {
            name: &[],
            description: &[],
            unit: &[],
            metadata: Attributes::of(message, METADATA),
            data: MetricData::None,
        };
        let mut rest = Reader::new(message);
        while let Some(tag) = rest.tag() {
            match tag {
                NAME => metric.name = rest.bytes(),
                DESCRIPTION => metric.description = rest.bytes(),
                UNIT => metric.unit = rest.bytes(),
                GAUGE | SUM | HISTOGRAM | EXPONENTIAL_HISTOGRAM | SUMMARY => {
                    metric.data = MetricData::read(tag, rest.bytes());
                }
                _ => rest.skip(tag),
            }
        }
        metric
    }
}

/// The data points of a metric: `Messages` of the type that the kind has.
#[derive(Clone, Debug, Default)]
pub enum MetricData<'a> {
    /// No data, or a kind that this version does not know.
    #[default]
    None,
    /// Values as they are at their time.
    Gauge(
        /// Read by [`NumberPoint`](super::NumberPoint).
        Messages<'a>,
    ),
    /// Sums over their time.
    Sum {
        /// Read by [`NumberPoint`](super::NumberPoint).
        points: Messages<'a>,
        /// What the points begin with.
        temporality: Temporality,
        /// Whether the sum never falls.
        monotonic: bool,
    },
    /// Histograms with bounds that the sender names.
    Histogram {
        /// Read by [`HistogramPoint`](super::HistogramPoint).
        points: Messages<'a>,
        /// What the points begin with.
        temporality: Temporality,
    },
    /// Histograms with bounds that follow from a scale.
    ExponentialHistogram {
        /// Read by [`ExponentialPoint`](super::ExponentialPoint).
        points: Messages<'a>,
        /// What the points begin with.
        temporality: Temporality,
    },
    /// Quantiles that the sender computed.
    Summary(
        /// Read by [`SummaryPoint`](super::SummaryPoint).
        Messages<'a>,
    ),
}

impl<'a> MetricData<'a> {
    fn read(tag: u32, message: &'a [u8]) -> MetricData<'a> {
        let points = Messages::of(message, POINTS);
        let (temporality, monotonic) = match tag {
            GAUGE => return MetricData::Gauge(points),
            SUMMARY => return MetricData::Summary(points),
            _ => temporality(message),
        };
        match tag {
            SUM => MetricData::Sum {
                points,
                temporality,
                monotonic,
            },
            HISTOGRAM => MetricData::Histogram {
                points,
                temporality,
            },
            _ => MetricData::ExponentialHistogram {
                points,
                temporality,
            },
        }
    }
}

/// The temporality of a sum or histogram, and whether it is monotonic, which only sums say.
fn temporality(data: &[u8]) -> (Temporality, bool) {
    const TEMPORALITY: u32 = varint(2);
    const MONOTONIC: u32 = varint(3);
    let (mut temporality, mut monotonic) = (Temporality::Unspecified, false);
    let mut rest = Reader::new(data);
    while let Some(tag) = rest.tag() {
        match tag {
            TEMPORALITY => temporality = Temporality::of(rest.varint()),
            MONOTONIC => monotonic = rest.varint() != 0,
            _ => rest.skip(tag),
        }
    }
    (temporality, monotonic)
}

/// What the values of successive points begin with (metrics.proto, `AggregationTemporality`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Temporality {
    /// Not said, which the protocol forbids, or one that this version does not know.
    #[default]
    Unspecified,
    /// Each point counts from the point before it.
    Delta,
    /// Each point counts from the same start.
    Cumulative,
}

impl Temporality {
    const fn of(value: u64) -> Temporality {
        match value as u32 {
            1 => Temporality::Delta,
            2 => Temporality::Cumulative,
            _ => Temporality::Unspecified,
        }
    }
}
