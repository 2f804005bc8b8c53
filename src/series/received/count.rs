//! How many points there are, and when their sender began to count.

use crate::otlp::view::{self, Metric, MetricData, ResourceGroup, Temporality};

/// How many points a metric has.
pub(super) fn points_of(metric: &Metric<'_>) -> u64 {
    match &metric.data {
        MetricData::None => 0,
        MetricData::Gauge(points)
        | MetricData::Sum { points, .. }
        | MetricData::Histogram { points, .. }
        | MetricData::ExponentialHistogram { points, .. }
        | MetricData::Summary(points) => points.clone().count() as u64,
    }
}

/// How many points a sender's metrics have.
pub(super) fn points_of_group(group: &ResourceGroup<'_>) -> u64 {
    let metrics = group.scopes().flat_map(|scope| scope.items());
    metrics
        .map(|message| points_of(&Metric::read(message)))
        .sum()
}

/// When the sender of a group began to count: the earliest start of what it accumulates. Starts of deltas say
/// nothing of their sender.
pub(super) fn earliest_start(group: &ResourceGroup<'_>) -> Option<u64> {
    let metrics = group.scopes().flat_map(|scope| scope.items());
    metrics
        .filter_map(|message| start_of(&Metric::read(message)))
        .min()
}

fn start_of(metric: &Metric<'_>) -> Option<u64> {
    const CUMULATIVE: Temporality = Temporality::Cumulative;
    let starts = |start: u64| Some(start).filter(|start| *start != 0);
    match &metric.data {
        MetricData::Sum {
            points,
            temporality: CUMULATIVE,
            ..
        } => points
            .clone()
            .filter_map(|point| starts(view::NumberPoint::read(point, |_| {}).head.start_unix_nano))
            .min(),
        MetricData::Histogram {
            points,
            temporality: CUMULATIVE,
        } => points
            .clone()
            .filter_map(|point| {
                starts(
                    view::HistogramPoint::read(point, |_| {})
                        .head
                        .start_unix_nano,
                )
            })
            .min(),
        MetricData::ExponentialHistogram {
            points,
            temporality: CUMULATIVE,
        } => points
            .clone()
            .filter_map(|point| {
                starts(
                    view::ExponentialPoint::read(point, |_| {})
                        .head
                        .start_unix_nano,
                )
            })
            .min(),
        _ => None,
    }
}
