//! The agent's own registry, in the terms of the store, so that both are written in one way.

use std::borrow::Cow;
use std::sync::Arc;

use prometheus::proto;

use crate::series::naming::{MetricKind, TARGET, write_labels};
use crate::series::store::{Bounds, Histogram, Summary, Value};

/// A family of the agent's own.
#[derive(Clone, Debug)]
pub struct OwnFamily {
    /// The exposed name.
    pub name: String,
    /// The type.
    pub kind: MetricKind,
    /// What the metric is about; may be empty.
    pub help: String,
    /// Its series.
    pub series: Vec<OwnSeries>,
    /// How many series it has that can't be written.
    pub left_out: usize,
}

/// A series of the agent's own.
#[derive(Clone, Debug)]
pub struct OwnSeries {
    /// Its labels as `name="value",…`, without braces.
    pub labels: Box<str>,
    /// Its value.
    pub value: Value,
}

/// The families that a Prometheus registry has gathered.
///
/// A family without a name or without series can't be written: it counts as one series left out.
pub fn own_families(gathered: Vec<proto::MetricFamily>) -> Vec<OwnFamily> {
    gathered.iter().map(own_family).collect()
}

fn own_family(family: &proto::MetricFamily) -> OwnFamily {
    let kind = kind(family);
    let mut own = OwnFamily {
        name: family.name().to_owned(),
        kind,
        help: family.help().to_owned(),
        series: Vec::new(),
        left_out: 0,
    };
    if family.name().is_empty() || family.get_metric().is_empty() {
        own.left_out = 1;
        return own;
    }
    let mut bounds = KeptBounds::default();
    for metric in family.get_metric() {
        match value(family.get_field_type(), metric, &mut bounds) {
            Some(value) => own.series.push(OwnSeries {
                labels: labels(metric),
                value,
            }),
            None => own.left_out += 1,
        }
    }
    own
}

/// The type of a family. A registry has no info metrics: "a gauge-typed metric family named `target_info` with a
/// constant value of 1 MUST be used instead", and is the same here as one that came as what it is.
fn kind(family: &proto::MetricFamily) -> MetricKind {
    match family.get_field_type() {
        proto::MetricType::COUNTER => MetricKind::Counter,
        proto::MetricType::GAUGE if is_target_info(family.name()) => MetricKind::Info,
        proto::MetricType::GAUGE => MetricKind::Gauge,
        proto::MetricType::HISTOGRAM => MetricKind::Histogram,
        proto::MetricType::SUMMARY => MetricKind::Summary,
        proto::MetricType::UNTYPED => MetricKind::Unknown,
    }
}

fn is_target_info(name: &str) -> bool {
    name.strip_suffix(MetricKind::Info.suffix()) == Some(TARGET)
}

fn labels(metric: &proto::Metric) -> Box<str> {
    let pairs = metric.get_label().iter();
    let pairs: Vec<_> = pairs
        .map(|pair| (Cow::Borrowed(pair.name()), Cow::Borrowed(pair.value())))
        .collect();
    let mut text = String::new();
    write_labels(&mut text, &pairs);
    text.into()
}

fn value(
    kind: proto::MetricType,
    metric: &proto::Metric,
    bounds: &mut KeptBounds,
) -> Option<Value> {
    Some(match kind {
        proto::MetricType::COUNTER => Value::Double(metric.get_counter().get_value()),
        proto::MetricType::GAUGE => Value::Double(metric.get_gauge().get_value()),
        proto::MetricType::HISTOGRAM => histogram(metric.get_histogram(), bounds)?,
        proto::MetricType::SUMMARY => summary(metric.get_summary()),
        // What the registry calls untyped has no value there that could be read.
        proto::MetricType::UNTYPED => return None,
    })
}

fn histogram(histogram: &proto::Histogram, bounds: &mut KeptBounds) -> Option<Value> {
    let finite = histogram.get_bucket().iter();
    let finite: Vec<_> = finite
        .filter(|bucket| bucket.upper_bound().is_finite())
        .collect();
    let values: Vec<f64> = finite.iter().map(|bucket| bucket.upper_bound()).collect();
    let mut own = Histogram::new(bounds.like(&values)?);
    let mut before = 0;
    let cumulative = finite.iter().map(|bucket| bucket.cumulative_count());
    let all = cumulative.chain(std::iter::once(histogram.get_sample_count()));
    for (count, cumulative) in own.counts.iter_mut().zip(all) {
        *count = cumulative.saturating_sub(before);
        before = cumulative.max(before);
    }
    own.count = histogram.get_sample_count();
    own.sum = Some(histogram.get_sample_sum());
    Some(Value::Histogram(Box::new(own)))
}

fn summary(summary: &proto::Summary) -> Value {
    let quantiles = summary.get_quantile().iter();
    Value::Summary(Box::new(Summary {
        count: summary.sample_count(),
        sum: summary.sample_sum(),
        quantiles: quantiles.map(|one| (one.quantile(), one.value())).collect(),
    }))
}

/// The bounds of the series before, which those of one family nearly always share.
#[derive(Default)]
struct KeptBounds(Option<Arc<Bounds>>);

impl KeptBounds {
    fn like(&mut self, values: &[f64]) -> Option<Arc<Bounds>> {
        if let Some(kept) = self.0.as_ref().filter(|kept| kept.values() == values) {
            return Some(Arc::clone(kept));
        }
        self.0 = Bounds::new(values).map(Arc::new);
        self.0.clone()
    }
}
