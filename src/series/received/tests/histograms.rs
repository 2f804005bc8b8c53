//! Histograms with explicit bounds.

use super::*;

fn point(start: u64, time: u64, bounds: &[f64], counts: &[u64]) -> proto::HistogramDataPoint {
    proto::HistogramDataPoint {
        start_time_unix_nano: nano(start),
        time_unix_nano: nano(time),
        count: counts.iter().sum(),
        sum: Some(counts.iter().sum::<u64>() as f64),
        explicit_bounds: bounds.to_vec(),
        bucket_counts: counts.to_vec(),
        ..Default::default()
    }
}

fn histogram(temporality: i32, points: Vec<proto::HistogramDataPoint>) -> proto::Metric {
    metric(
        "h",
        Data::Histogram(proto::Histogram {
            data_points: points,
            aggregation_temporality: temporality,
        }),
    )
}

fn shown(what: &str) -> [String; 1] {
    [format!(r#"h{{job="shop",instance=""}} {what}"#)]
}

/// Scenario: histograms with and without buckets and sum, and with buckets that contradict their bounds or count.
/// Guarantees: the good ones are shown as they are, the others counted; none harms its neighbour.
#[test]
fn buckets_must_fit() {
    let bare = |count| proto::HistogramDataPoint {
        count,
        ..point(0, 10, &[], &[])
    };
    let without_sum = proto::HistogramDataPoint {
        sum: None,
        ..point(0, 10, &[1.0], &[2, 3])
    };
    let good = [
        (
            point(0, 10, &[1.0, 2.0], &[1, 0, 4]),
            "[1.0, 2.0]/[1, 0, 4] n=5 sum=Some(5.0)",
        ),
        (without_sum, "[1.0]/[2, 3] n=5 sum=None"),
        (bare(7), "[]/[7] n=7 sum=Some(0.0)"),
        (point(0, 10, &[], &[7]), "[]/[7] n=7 sum=Some(7.0)"),
        (
            point(0, 10, &[-0.0], &[1, 1]),
            "[-0.0]/[1, 1] n=2 sum=Some(2.0)",
        ),
    ];
    for (point, expected) in good {
        let mut bench = Bench::new();
        bench.send(10, vec![histogram(CUMULATIVE, vec![point])]);
        assert_eq!(
            (bench.shown(), bench.faults()),
            (shown(expected).to_vec(), vec![])
        );
    }
    let many: Vec<f64> = (0..4097).map(f64::from).collect();
    let bad = [
        proto::HistogramDataPoint {
            count: 6,
            ..point(0, 10, &[1.0], &[2, 3])
        },
        proto::HistogramDataPoint {
            count: 1,
            bucket_counts: vec![u64::MAX, 2],
            ..point(0, 10, &[1.0], &[1])
        },
        proto::HistogramDataPoint {
            bucket_counts: vec![],
            ..point(0, 10, &[1.0], &[])
        },
        point(0, 10, &[1.0, 2.0], &[2, 3]),
        point(0, 10, &[1.0], &[2, 3, 4]),
        point(0, 10, &[2.0, 1.0], &[2, 3, 4]),
        point(0, 10, &[1.0, 1.0], &[2, 3, 4]),
        point(0, 10, &[f64::NAN], &[2, 3]),
        point(0, 10, &[f64::INFINITY], &[2, 3]),
        point(0, 10, &many, &[1; 4098]),
    ];
    for bad in bad {
        let mut bench = Bench::new();
        let good = point(0, 10, &[1.0], &[2, 3]);
        let other = proto::HistogramDataPoint {
            attributes: attributes(&[("k", "v")]),
            ..bad
        };
        bench.send(10, vec![histogram(CUMULATIVE, vec![other, good])]);
        assert_eq!(bench.shown(), shown("[1.0]/[2, 3] n=5 sum=Some(5.0)"));
        assert_eq!(bench.faults(), [("bad_buckets", 1)]);
    }
}

/// Scenario: deltas with the same bounds, one twice, then one with others, one without a sum, one with a sum that is none.
/// Guarantees: they add up; other bounds begin anew with a start of their own; without a part's sum there is none.
#[test]
fn deltas_add_up_until_the_bounds_change() {
    let mut bench = Bench::new();
    let mut send = |point| {
        bench.send(60, vec![histogram(DELTA, vec![point])]);
        (bench.shown(), bench.only().start_unix_nano)
    };
    send(point(0, 10, &[1.0], &[1, 2]));
    send(point(10, 20, &[1.0], &[3, 0]));
    let (after, start) = send(point(10, 20, &[1.0], &[3, 0]));
    assert_eq!(
        (after, start),
        (shown("[1.0]/[4, 2] n=6 sum=Some(6.0)").to_vec(), nano(0))
    );
    let (after, start) = send(point(20, 30, &[2.0], &[1, 1]));
    assert_eq!(
        (after, start),
        (shown("[2.0]/[1, 1] n=2 sum=Some(2.0)").to_vec(), nano(20))
    );
    let endless = proto::HistogramDataPoint {
        sum: Some(f64::NAN),
        ..point(30, 40, &[2.0], &[1, 1])
    };
    send(endless);
    let without = proto::HistogramDataPoint {
        sum: None,
        ..point(30, 40, &[2.0], &[1, u64::MAX - 9])
    };
    let (after, _) = send(without);
    assert_eq!(
        after,
        shown(&format!(
            "[2.0]/[2, {}] n={} sum=None",
            u64::MAX - 8,
            u64::MAX - 6
        ))
    );
    send(point(40, 50, &[2.0], &[0, 100]));
    assert_eq!(bench.faults(), [("duplicate", 1), ("not_a_number", 1)]);
    assert!(
        bench.shown()[0].contains(&format!("n={} ", u64::MAX)),
        "counts stay at the largest number"
    );
}

/// Scenario: a cumulative histogram grows, restarts, changes its bounds, and ends; then deltas of another.
/// Guarantees: percentiles are told of what came since the last point, at a value within each bucket; never twice.
#[test]
fn percentiles_are_told_of_increases() {
    let mut bench = Bench::new();
    let told = |bench: &mut Bench, arrival, temporality, point| {
        bench.observed.clear();
        bench.send(arrival, vec![histogram(temporality, vec![point])]);
        bench.observed.clone()
    };
    let bounds = [1.0, 4.0];
    assert_eq!(
        told(
            &mut bench,
            10,
            CUMULATIVE,
            point(0, 10, &bounds, &[5, 5, 5])
        ),
        []
    );
    assert_eq!(
        told(
            &mut bench,
            20,
            CUMULATIVE,
            point(0, 20, &bounds, &[6, 8, 5])
        ),
        [(0.5, 1), (2.0, 3)]
    );
    assert_eq!(
        told(
            &mut bench,
            21,
            CUMULATIVE,
            point(0, 20, &bounds, &[6, 8, 5])
        ),
        []
    );
    assert_eq!(
        told(
            &mut bench,
            22,
            CUMULATIVE,
            point(0, 15, &bounds, &[9, 9, 9])
        ),
        []
    );
    assert_eq!(
        told(
            &mut bench,
            30,
            CUMULATIVE,
            point(25, 30, &bounds, &[0, 7, 9])
        ),
        [(2.0, 7), (4.0, 9)]
    );
    assert_eq!(
        told(&mut bench, 40, CUMULATIVE, point(25, 40, &[2.0], &[7, 9])),
        []
    );
    assert_eq!(
        told(&mut bench, 50, DELTA, point(40, 50, &[2.0], &[1, 2])),
        [(1.0, 1), (2.0, 2)]
    );
    assert_eq!(
        told(&mut bench, 51, DELTA, point(40, 50, &[2.0], &[1, 2])),
        []
    );
    assert_eq!(bench.faults(), [("out_of_order", 1), ("duplicate", 1)]);
}

/// Scenario: exemplars in several buckets, newer and older ones for the same bucket, one without a value.
/// Guarantees: each bucket keeps its latest.
#[test]
fn each_bucket_keeps_its_latest_exemplar() {
    let exemplar = |second, value| proto::Exemplar {
        time_unix_nano: nano(second),
        value: Some(proto::exemplar::Value::AsDouble(value)),
        ..Default::default()
    };
    let mut bench = Bench::new();
    let mut send = |time, exemplars| {
        let point = proto::HistogramDataPoint {
            exemplars,
            ..point(0, time, &[1.0, 2.0], &[1, 1, 1])
        };
        bench.send(time, vec![histogram(CUMULATIVE, vec![point])]);
    };
    let empty = proto::Exemplar {
        value: None,
        ..exemplar(9, 0.0)
    };
    send(
        10,
        vec![exemplar(5, 0.5), exemplar(6, 1.0), exemplar(5, 0.7), empty],
    );
    send(
        20,
        vec![exemplar(4, 0.1), exemplar(15, 2.5), exemplar(15, f64::NAN)],
    );
    let Value::Histogram(held) = &bench.only().value else {
        panic!("no histogram")
    };
    let values: Vec<_> = held
        .exemplars
        .iter()
        .flatten()
        .map(|one| one.as_ref().map(|one| one.value))
        .collect();
    assert_eq!(values, [Some(1.0), None, Some(2.5)]);
}

/// Scenario: many series with the same bounds, then series with bounds of their own come and go.
/// Guarantees: the same bounds are held once; the memory of the others is given back.
#[test]
fn bounds_are_shared_and_given_back() {
    let mut bench = Bench::new();
    let labelled = |n: u64, bounds: &[f64]| proto::HistogramDataPoint {
        attributes: attributes(&[("n", &n.to_string())]),
        ..point(0, 10, bounds, &[1, 1])
    };
    bench.send(
        10,
        vec![histogram(
            CUMULATIVE,
            vec![labelled(0, &[1.0]), labelled(1, &[1.0])],
        )],
    );
    let held: Vec<_> = bench
        .store
        .iter()
        .map(|(_, series)| match &series.value {
            Value::Histogram(one) => std::sync::Arc::clone(&one.bounds),
            _ => panic!("no histogram"),
        })
        .collect();
    assert!(std::sync::Arc::ptr_eq(&held[0], &held[1]));
    drop(held);
    let with_two = bench.store.memory_bytes();
    let others = (2..90).map(|n| labelled(n, &[n as f64])).collect();
    bench.send(10, vec![histogram(CUMULATIVE, others)]);
    let gone: Vec<_> = bench.store.iter().map(|(id, _)| id).skip(2).collect();
    bench.store.remove(&gone);
    bench.send(11, vec![histogram(CUMULATIVE, vec![labelled(0, &[1.0])])]);
    assert_eq!(
        (bench.store.len(), bench.store.memory_bytes()),
        (2, with_two)
    );
}

/// Scenario: deltas of histograms beyond the limit, with the bounds of the first one there and with others.
/// Guarantees: those with the same bounds are added up, the others counted alone.
#[test]
fn deltas_beyond_the_limit_add_up_where_bounds_are_alike() {
    let mut bench = Bench::new();
    let all: Vec<_> = (0..104_u64)
        .map(|n| proto::HistogramDataPoint {
            attributes: attributes(&[("n", &n.to_string())]),
            ..point(0, 10, if n == 103 { &[2.0] } else { &[1.0] }, &[1, 1])
        })
        .collect();
    bench.send(10, vec![histogram(DELTA, all)]);
    let line = bench
        .shown()
        .into_iter()
        .find(|line| line.contains("overflow"));
    assert!(line.unwrap().ends_with("[1.0]/[3, 3] n=6 sum=Some(6.0)"));
    assert_eq!(bench.faults(), [("metric_limit", 4)]);
}
