//! Percentiles of a histogram from its buckets, where what was observed is no longer known.
//!
//! Within a bucket, observations are taken to be spread evenly, as Prometheus' `histogram_quantile` takes them; what lies
//! above the highest bound counts as the highest bound.

use super::json::PERCENTILES;
use super::shown::Point;
use crate::series::store::{Buckets, Exponential, Histogram, Value, exponential_bound};

/// The values at [`PERCENTILES`]; `None` without observations, and for what is no histogram.
pub(super) fn estimates(point: Point<'_>) -> Option<[f64; 4]> {
    let buckets = match point {
        Point::Histogram(histogram) => explicit(histogram),
        Point::Exponential(histogram) => exponential(histogram),
        Point::Number(..) | Point::Summary(_) => return None,
    };
    let total = buckets.iter().map(|bucket| bucket.count).sum::<f64>();
    if total <= 0.0 {
        return None;
    }
    Some(PERCENTILES.map(|(_, quantile)| at(&buckets, quantile * total)))
}

/// The values at [`PERCENTILES`] of a value of the store.
pub fn estimated_percentiles(value: &Value) -> Option<[f64; 4]> {
    match value {
        Value::Histogram(one) => estimates(Point::Histogram(one)),
        Value::Exponential(one) => estimates(Point::Exponential(one)),
        _ => None,
    }
}

/// How many observations lie between two values.
struct Bucket {
    lower: f64,
    upper: f64,
    count: f64,
}

fn at(buckets: &[Bucket], rank: f64) -> f64 {
    let mut below = 0.0;
    for bucket in buckets.iter().filter(|bucket| bucket.count > 0.0) {
        if below + bucket.count >= rank {
            let share = (rank - below) / bucket.count;
            return bucket.lower + (bucket.upper - bucket.lower) * share;
        }
        below += bucket.count;
    }
    buckets.last().map_or(f64::NAN, |bucket| bucket.upper)
}

fn explicit(histogram: &Histogram) -> Vec<Bucket> {
    let bounds = histogram.bounds.values();
    let last = bounds.last().copied().unwrap_or(f64::NAN);
    let each = histogram.counts.iter().enumerate().map(|(index, count)| {
        let upper = bounds.get(index).copied().unwrap_or(last);
        let lower = match index.checked_sub(1) {
            Some(before) => bounds.get(before).copied().unwrap_or(last),
            None => upper.min(0.0),
        };
        Bucket {
            lower,
            upper,
            count: *count as f64,
        }
    });
    each.collect()
}

fn exponential(histogram: &Exponential) -> Vec<Bucket> {
    let bound = |index: i64| exponential_bound(histogram.scale, index as f64);
    let side = |buckets: &Buckets, sign: f64| {
        let each = buckets.counts.iter().enumerate().map(|(at, count)| {
            let index = i64::from(buckets.offset) + at as i64;
            let (near, far) = (sign * bound(index), sign * bound(index + 1));
            Bucket {
                lower: near.min(far),
                upper: near.max(far),
                count: *count as f64,
            }
        });
        each.collect::<Vec<_>>()
    };
    let mut all: Vec<Bucket> = side(&histogram.negative, -1.0).into_iter().rev().collect();
    all.push(Bucket {
        lower: 0.0,
        upper: 0.0,
        count: histogram.zero_count as f64,
    });
    all.extend(side(&histogram.positive, 1.0));
    all
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::series::store::Bounds;

    /// Scenario: a hundred observations spread over two buckets, and one above all bounds.
    /// Guarantees: percentiles lie where an even spread has them; above the bounds the highest bound is given.
    #[test]
    fn percentiles_lie_evenly_in_their_bucket() {
        let mut histogram = Histogram::new(Arc::new(Bounds::new(&[1.0, 2.0]).unwrap()));
        histogram.counts = [50, 50, 0].into();
        let found = estimates(Point::Histogram(&histogram)).unwrap();
        assert_eq!(found, [1.0, 1.8, 1.9, 1.98]);
        histogram.counts = [0, 0, 9].into();
        assert_eq!(estimates(Point::Histogram(&histogram)), Some([2.0; 4]));
        histogram.counts = [0, 0, 0].into();
        assert_eq!(estimates(Point::Histogram(&histogram)), None);
    }

    /// Scenario: an exponential histogram with observations below, at and above zero.
    /// Guarantees: percentiles are found from the lowest value up.
    #[test]
    fn exponential_buckets_are_walked_in_order() {
        let histogram = Exponential {
            zero_count: 30,
            positive: Buckets {
                offset: 1,
                counts: vec![10, 10],
            },
            negative: Buckets {
                offset: 0,
                counts: vec![50],
            },
            ..Exponential::default()
        };
        let [p50, p90, p95, p99] = estimates(Point::Exponential(&histogram)).unwrap();
        assert_eq!((p50, p90, p95), (-1.0, 4.0, 6.0));
        assert!((p99 - 7.6).abs() < 1e-9);
    }
}
