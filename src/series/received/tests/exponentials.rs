//! Exponential histograms.

use super::*;
use crate::series::store::{Exponential, SeriesId};
use proto::exponential_histogram_data_point::Buckets;

type Point = proto::ExponentialHistogramDataPoint;

fn point(time: u64, scale: i32, offset: i32, counts: &[u64]) -> Point {
    let bucket_counts = counts.to_vec();
    Point {
        start_time_unix_nano: nano(time - 10),
        time_unix_nano: nano(time),
        count: counts.iter().sum(),
        sum: Some(1.0),
        scale,
        positive: Some(Buckets {
            offset,
            bucket_counts,
        }),
        ..Default::default()
    }
}

fn exponential(temporality: i32, point: Point) -> proto::Metric {
    metric(
        "e",
        Data::ExponentialHistogram(proto::ExponentialHistogram {
            data_points: vec![point],
            aggregation_temporality: temporality,
        }),
    )
}

fn play(temporality: i32, points: Vec<Point>) -> Bench {
    let mut bench = Bench::new();
    for point in points {
        let arrival = point.time_unix_nano / 1_000_000_000 - T0_S;
        bench.send(arrival, vec![exponential(temporality, point)]);
    }
    bench
}

fn held(bench: &Bench) -> &Exponential {
    match &bench.only().value {
        Value::Exponential(one) => one,
        other => panic!("{other:?}"),
    }
}

/// Scenario: points at scales in and out of Prometheus' range, with too many buckets, without a sum, with wrong counts.
/// Guarantees: what can be rescaled is, the rest is dropped and counted ("Exponential Histograms").
#[test]
fn points_are_brought_to_a_schema() {
    let wide = vec![1; 321];
    let good: [(Point, &str); 7] = [
        (
            point(10, 3, 3, &[10, 0, 0, 20, 5, 2]),
            "scale=3 zero=0 +3:[10, 0, 0, 20, 5, 2] -0:[] n=37",
        ),
        (point(10, -4, 0, &[1]), "scale=-4 zero=0 +0:[1] -0:[] n=1"),
        (
            point(10, 9, -3, &[1, 2, 3, 4]),
            "scale=8 zero=0 +-2:[1, 5, 4] -0:[] n=10",
        ),
        (
            point(10, 20, 4096, &[1, 2]),
            "scale=8 zero=0 +1:[3] -0:[] n=3",
        ),
        (
            point(10, 3, 0, &[0, 0, 5, 0]),
            "scale=3 zero=0 +2:[5] -0:[] n=5",
        ),
        (point(10, 3, 0, &[]), "scale=3 zero=0 +0:[] -0:[] n=0"),
        (
            Point {
                zero_count: 4,
                count: 6,
                negative: Some(Buckets {
                    offset: -1,
                    bucket_counts: vec![1],
                }),
                ..point(10, 0, 5, &[1])
            },
            "scale=0 zero=4 +5:[1] --1:[1] n=6",
        ),
    ];
    for (point, expected) in good {
        let bench = play(CUMULATIVE, vec![point]);
        assert_eq!(
            bench.shown(),
            [format!(r#"e{{job="shop",instance=""}} {expected}"#)]
        );
        assert_eq!(bench.faults(), []);
    }
    let bench = play(CUMULATIVE, vec![point(10, 3, 0, &wide)]);
    assert_eq!(
        (held(&bench).scale, held(&bench).positive.counts.len()),
        (2, 161)
    );
    let sparse = |scale| {
        let mut counts = vec![0; 16_384];
        (counts[0], counts[16_383]) = (1, 1);
        point(10, scale, 0, &counts)
    };
    let bad = [
        (point(10, -5, 0, &[1]), "scale"),
        (sparse(-4), "scale"),
        (
            Point {
                sum: None,
                ..point(10, 3, 0, &[1])
            },
            "no_value",
        ),
        (
            Point {
                count: 2,
                ..point(10, 3, 0, &[1])
            },
            "bad_buckets",
        ),
        (
            Point {
                count: 0,
                zero_count: u64::MAX,
                ..point(10, 3, 0, &[1])
            },
            "bad_buckets",
        ),
        (
            Point {
                zero_threshold: -1.0,
                ..point(10, 3, 0, &[1])
            },
            "bad_buckets",
        ),
        (
            Point {
                zero_threshold: f64::NAN,
                ..point(10, 3, 0, &[1])
            },
            "bad_buckets",
        ),
        (point(10, 3, 0, &vec![1; 16_385]), "bad_buckets"),
    ];
    for (point, fault) in bad {
        let bench = play(CUMULATIVE, vec![point]);
        assert_eq!((bench.store.len(), bench.faults()), (0, vec![(fault, 1)]));
    }
}

/// Scenario: deltas at the same and at different scales, offsets and zero thresholds, one twice, one too far away.
/// Guarantees: they are merged at the lower scale without losing a count.
#[test]
fn deltas_are_merged_at_the_lower_scale() {
    let far = point(60, 8, i32::MAX - 2, &[1]);
    let bench = play(
        DELTA,
        vec![
            point(10, 1, 0, &[1, 2]),
            point(20, 1, -2, &[4, 0]),
            point(30, 0, 1, &[8]),
            point(30, 0, 1, &[8]),
            point(40, 3, 16, &[16]),
            far,
        ],
    );
    let expected = "scale=0 zero=0 +-1:[4, 3, 8, 16] -0:[] n=31";
    assert_eq!(
        bench.shown(),
        [format!(r#"e{{job="shop",instance=""}} {expected}"#)]
    );
    assert_eq!(bench.faults(), [("duplicate", 1), ("scale", 1)]);
    assert_eq!(held(&bench).sum, Some(4.0));
    let start = bench.only().start_unix_nano;
    assert_eq!(start, nano(0));
}

/// Scenario: deltas whose zero buckets differ in width, so that the wider one covers buckets of the other, and cuts one.
/// Guarantees: what lies within the wider moves to zero; the threshold rises to the bound of the bucket that it cut.
#[test]
fn the_wider_zero_bucket_takes_in_buckets() {
    // At scale 0 bucket i is (2^i, 2^(i+1)].
    let wide = Point {
        zero_threshold: 3.0,
        zero_count: 1,
        count: 2,
        ..point(20, 0, 4, &[1])
    };
    let bench = play(DELTA, vec![point(10, 0, 0, &[1, 2, 4]), wide]);
    let one = held(&bench);
    assert_eq!((one.zero_count, one.zero_threshold, one.count), (4, 4.0, 9));
    assert_eq!(
        (one.positive.offset, one.positive.counts.as_slice()),
        (2, &[4, 0, 1][..])
    );
}

/// Scenario: many random deltas at random scales and offsets.
/// Guarantees: the counts always add up, and no side has more buckets than it may.
#[test]
fn merging_loses_no_count() {
    for seed in 0..200 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut bench = Bench::new();
        for round in 1..20_u64 {
            let counts: Vec<_> = (0..random.usize(0..40)).map(|_| random.u64(0..3)).collect();
            let point = point(
                10 * round,
                random.i32(-4..12),
                random.i32(-300..300),
                &counts,
            );
            bench.send(10 * round, vec![exponential(DELTA, point)]);
        }
        let one = held(&bench);
        let total: u64 = one.positive.counts.iter().sum();
        assert_eq!(total + one.zero_count, one.count, "seed {seed}");
        assert!(one.positive.counts.len() <= 320 && one.scale >= -4);
    }
}

/// Scenario: a cumulative histogram grows, at a lower scale too, and restarts.
/// Guarantees: percentiles are told of the increase in each bucket, negative and zero ones included.
#[test]
fn percentiles_are_told_of_increases() {
    let mut bench = Bench::new();
    let mut told = |arrival: u64, start: u64, mut point: Point| {
        point.start_time_unix_nano = nano(start);
        bench.observed.clear();
        bench.send(arrival, vec![exponential(CUMULATIVE, point)]);
        bench.observed.clone()
    };
    assert_eq!(told(10, 1, point(10, 0, 1, &[5])), []);
    let root = |value: f64| value.sqrt();
    assert_eq!(
        told(20, 1, point(20, 0, 1, &[6, 2])),
        [(root(8.0), 1), (root(32.0), 2)]
    );
    assert_eq!(told(30, 1, point(30, -1, 0, &[6, 3])), [(8.0, 1)]);
    let mixed = Point {
        zero_count: 1,
        count: 4,
        negative: Some(Buckets {
            offset: 0,
            bucket_counts: vec![1],
        }),
        ..point(40, -1, 1, &[2])
    };
    assert_eq!(told(40, 35, mixed), [(0.0, 1), (8.0, 2), (-2.0, 1)]);
}

/// Scenario: points with more exemplars than are kept, some of them repeated.
/// Guarantees: the latest are kept, each once, the oldest first; their memory is given back.
#[test]
fn the_latest_exemplars_are_kept() {
    let exemplar = |second| proto::Exemplar {
        time_unix_nano: nano(second),
        value: Some(proto::exemplar::Value::AsInt(1)),
        ..Default::default()
    };
    let with = |time, seconds: &[u64]| Point {
        exemplars: seconds.iter().map(|second| exemplar(*second)).collect(),
        ..point(time, 0, 0, &[1])
    };
    let mut bench = play(
        CUMULATIVE,
        vec![with(20, &[5, 3, 4]), with(30, &[5, 6, 7, 8, 9, 10, 11])],
    );
    let times: Vec<_> = held(&bench)
        .exemplars
        .iter()
        .map(|one| one.time_unix_nano)
        .collect();
    assert_eq!(times, [4, 5, 6, 7, 8, 9, 10, 11].map(nano));
    let all: Vec<SeriesId> = bench.store.iter().map(|(id, _)| id).collect();
    bench.store.remove(&all);
    assert_eq!(
        bench.store.memory_bytes(),
        Bench::new().store.memory_bytes()
    );
}
