//! What a stranger may send: memory and the number of series stay within their limits, and good neighbours are shown.

use super::*;

/// A gauge point with the attribute `n`.
fn numbered(number: u64) -> proto::NumberDataPoint {
    int(0, 1, 1).with(&[("n", &number.to_string()), ("path", "/some/path")])
}

const LARGE: Limits = Limits {
    series: 5000,
    series_per_metric: 2000,
    label_bytes: 512,
    memory_bytes: 4 << 20,
};

fn assert_within(bench: &Bench, limits: Limits) {
    assert!(
        bench.store.memory_bytes() <= limits.memory_bytes,
        "{}",
        bench.store.memory_bytes()
    );
    assert!(
        bench.store.len() <= limits.series + limits.series / 16 + 16,
        "{}",
        bench.store.len()
    );
}

/// Scenario: a million label sets, over a thousand metrics, as gauges and as deltas, while a neighbour sends a counter.
/// Guarantees: the store stays within its limits, and the neighbour's counter follows all the while.
#[test]
fn a_million_label_sets_stay_within_the_limits() {
    let mut bench = Bench::with(LARGE, Strategy::default(), false);
    for batch in 0..1000_u64 {
        let points: Vec<_> = (0..1000).map(|n| numbered(1000 * batch + n)).collect();
        let data = if batch % 2 == 0 {
            gauge(points)
        } else {
            sum(DELTA, true, points)
        };
        let neighbour = vec![counter("good", vec![int(0, batch + 1, batch as i64)])];
        bench.send_from(batch + 1, &[("service.name", "good")], "", neighbour);
        bench.take(
            batch + 1,
            &request(
                &[("service.name", "bad")],
                "",
                vec![metric(&format!("m{}", batch % 1000 / 2), data)],
            ),
        );
        assert_within(&bench, LARGE);
    }
    assert!(
        bench
            .shown()
            .contains(&r#"good_total{job="good",instance=""} 999"#.to_owned())
    );
    let refused: u64 = bench.faults().iter().map(|(_, count)| count).sum();
    assert!(refused >= 1_000_000 - 5000);
}

/// Scenario: twenty thousand names, scopes, and bounds, each once.
/// Guarantees: what is kept of names, places and bounds counts as memory and stays within the limit.
#[test]
fn names_scopes_and_bounds_stay_within_the_limits() {
    let mut bench = Bench::with(LARGE, Strategy::default(), true);
    for number in 0..20_000_u64 {
        let bounds: Vec<f64> = (0..20).map(|bound| (number * 20 + bound) as f64).collect();
        let point = proto::HistogramDataPoint {
            time_unix_nano: nano(1),
            count: 1,
            bucket_counts: (0..21).map(|bucket| u64::from(bucket == 0)).collect(),
            explicit_bounds: bounds,
            ..Default::default()
        };
        let temporality = if number % 2 == 0 { CUMULATIVE } else { DELTA };
        let data = proto::Histogram {
            data_points: vec![point],
            aggregation_temporality: temporality,
        };
        let name = format!("metric.with.a.long.name.number.{number}");
        let metrics = vec![metric(&name, Data::Histogram(data))];
        bench.take(
            1,
            &request(
                &[("service.name", "bad")],
                &format!("scope {number}"),
                metrics,
            ),
        );
        assert_within(&bench, LARGE);
    }
    assert!(bench.store.families().count() <= 6000);
    assert!(bench.store.conflicts().list().len() <= 1000);
}

/// Scenario: series whose values grow after they were taken: more buckets, exemplars and quantiles each time.
/// Guarantees: growth stays within the limit, and what does not fit is counted.
#[test]
fn growth_stays_within_the_limit() {
    let limits = Limits {
        memory_bytes: 1 << 20,
        ..LARGE
    };
    let mut bench = Bench::with(limits, Strategy::default(), false);
    for round in 1..10_u64 {
        let buckets = 40 * round as usize;
        let exemplar = |bucket: usize| proto::Exemplar {
            value: Some(proto::exemplar::Value::AsDouble(bucket as f64)),
            filtered_attributes: attributes(&[("k", &"v".repeat(120))]),
            ..Default::default()
        };
        let points = (0..200_u64).map(|n| proto::HistogramDataPoint {
            attributes: attributes(&[("n", &n.to_string())]),
            time_unix_nano: nano(round),
            count: buckets as u64,
            bucket_counts: vec![1; buckets],
            explicit_bounds: (1..buckets).map(|bound| bound as f64).collect(),
            exemplars: (0..buckets).map(exemplar).collect(),
            ..Default::default()
        });
        let data = proto::Histogram {
            data_points: points.collect(),
            aggregation_temporality: CUMULATIVE,
        };
        bench.take(
            round,
            &request(&[], "", vec![metric("h", Data::Histogram(data))]),
        );
        assert_within(&bench, limits);
    }
    assert_eq!(bench.faults()[0].0, "memory_limit");
}

/// Scenario: labels longer than they may be, and a sender beyond the number of senders.
/// Guarantees: both are counted for each point, and the others are shown.
#[test]
fn long_labels_and_many_senders_are_counted() {
    let mut bench = Bench::new();
    let long = "x".repeat(600);
    let points = vec![int(0, 1, 1).with(&[("k", &long)]), int(0, 1, 2)];
    bench.send(1, vec![metric("m", gauge(points))]);
    assert_eq!(bench.shown(), [r#"m{job="shop",instance=""} 2"#]);
    for number in 0..101 {
        let resource = [("service.name", format!("s{number}"))];
        let resource = resource
            .each_ref()
            .map(|(key, value)| (*key, value.as_str()));
        bench.send_from(
            1,
            &resource,
            "",
            vec![counter("c", vec![int(0, 1, 1), int(0, 1, 1)])],
        );
    }
    assert_eq!(
        bench.faults(),
        [("target_limit", 4), ("labels_too_long", 1)]
    );
}

/// Scenario: messages that nobody checked: a good request cut off anywhere, and with any byte changed.
/// Guarantees: nothing panics.
#[test]
fn damaged_bytes_do_not_panic() {
    let point = proto::HistogramDataPoint {
        count: 3,
        bucket_counts: vec![1, 2],
        explicit_bounds: vec![1.0],
        ..Default::default()
    };
    let histogram = proto::Histogram {
        data_points: vec![point],
        aggregation_temporality: DELTA,
    };
    let metrics = vec![
        counter("c", vec![numbered(1)]),
        metric("h", Data::Histogram(histogram)),
    ];
    let good = request(&[("service.name", "shop")], "lib", metrics);
    let mut bench = Bench::new();
    let mut random = fastrand::Rng::with_seed(7);
    for end in 0..good.len() {
        bench.take(1, &good[..end]);
        for _ in 0..20 {
            let mut bytes = good.clone();
            bytes[end] = random.u8(..);
            bench.take(1, &bytes);
        }
    }
}
