//! Summaries.

use super::*;
use proto::summary_data_point::ValueAtQuantile;

/// A time, the quantiles sent, and what is then shown.
type Step<'a> = (u64, &'a [(f64, f64)], &'a str);

fn summary(time: u64, quantiles: &[(f64, f64)]) -> proto::Metric {
    let of = |(quantile, value): &(f64, f64)| ValueAtQuantile {
        quantile: *quantile,
        value: *value,
    };
    let point = proto::SummaryDataPoint {
        start_time_unix_nano: nano(0),
        time_unix_nano: nano(time),
        count: time,
        sum: 2.5,
        quantile_values: quantiles.iter().map(of).collect(),
        ..Default::default()
    };
    metric(
        "s",
        Data::Summary(proto::Summary {
            data_points: vec![point],
        }),
    )
}

/// Scenario: quantiles out of order, out of range and repeated; then more and fewer of them, and a late point.
/// Guarantees: they are shown from lowest to highest, each once, and follow the latest point.
#[test]
fn quantiles_are_sorted_and_within_range() {
    let mut bench = Bench::new();
    let at_start = bench.store.memory_bytes();
    let messy = [
        (0.9, 3.0),
        (-0.1, 0.0),
        (f64::NAN, 1.0),
        (1.1, 9.0),
        (0.5, f64::NAN),
        (0.9, 4.0),
    ];
    let steps: [Step; 5] = [
        (10, &messy, "[(0.5, NaN), (0.9, 3.0)] n=10 sum=2.5"),
        (
            20,
            &[(0.0, 1.0), (1.0, 2.0)],
            "[(0.0, 1.0), (1.0, 2.0)] n=20 sum=2.5",
        ),
        (
            30,
            &[(0.0, 1.0), (0.5, 1.5), (1.0, 2.0)],
            "[(0.0, 1.0), (0.5, 1.5), (1.0, 2.0)] n=30 sum=2.5",
        ),
        (40, &[], "[] n=40 sum=2.5"),
        (35, &[(0.5, 1.0)], "[] n=40 sum=2.5"),
    ];
    for (time, quantiles, expected) in steps {
        bench.send(50, vec![summary(time, quantiles)]);
        assert_eq!(
            bench.shown(),
            [format!(r#"s{{job="shop",instance=""}} {expected}"#)]
        );
    }
    assert_eq!(bench.faults(), [("out_of_order", 1)]);
    let all: Vec<_> = bench.store.iter().map(|(id, _)| id).collect();
    bench.store.remove(&all);
    assert_eq!(bench.store.memory_bytes(), at_start);
}
