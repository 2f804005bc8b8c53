use super::*;
use crate::series::naming::MetricKind;
use crate::series::store::{FamilySpec, Limits, Lineage, NewSeries, Store, Value};

/// So many series of a store.
fn ids(count: u64) -> Vec<SeriesId> {
    let mut store = Store::new(Limits {
        series: 10_000,
        series_per_metric: 10_000,
        label_bytes: 100,
        memory_bytes: 64 << 20,
    });
    let spec = FamilySpec {
        name: "x",
        kind: MetricKind::Gauge,
        unit: "",
        help: "",
    };
    let family = store.family(&spec).unwrap();
    let insert = |n: u64| {
        let new = NewSeries {
            fingerprint: store.key().of(&n.to_be_bytes()),
            identity: n + 1,
            labels: format!("n=\"{n}\"").into(),
            family,
            place: None,
            lineage: Lineage::Derived,
            start_unix_nano: 0,
            value: Value::Integer(0),
        };
        store.insert(new, 0, at(0)).unwrap()
    };
    (0..count).map(insert).collect()
}

fn at(seconds: u64) -> Moment {
    Moment {
        unix_ms: 1_700_000_000_000 + seconds * 1000,
    }
}

fn percentiles(max_tracked: usize) -> Percentiles {
    Percentiles::new(PercentileOptions {
        max_tracked,
        ..PercentileOptions::default()
    })
}

/// Scenario: a thousand values in any order, over several parts of the window.
/// Guarantees: percentiles are within 1 % of those of the sorted values; count and maximum are exact.
#[test]
fn percentiles_are_close() {
    let (mut percentiles, id) = (percentiles(10), ids(1)[0]);
    let mut values: Vec<u32> = (1..=1000).collect();
    fastrand::Rng::with_seed(7).shuffle(&mut values);
    for (index, value) in (0..).zip(values) {
        percentiles.add(id, f64::from(value), 1, at(index / 5));
    }
    let found = percentiles.quantiles(id, at(200)).unwrap();
    assert_eq!((found.count, found.max), (1000, 1000.0));
    for (value, expected) in [
        (found.p50, 500.0),
        (found.p90, 900.0),
        (found.p95, 950.0),
        (found.p99, 990.0),
    ] {
        assert!(
            (value / expected - 1.0).abs() <= 0.011,
            "{value} {expected}"
        );
    }
}

/// Scenario: values in each minute, read later and later.
/// Guarantees: those of the window count, the others not; after it there is nothing.
#[test]
fn the_window_slides() {
    let (mut percentiles, id) = (percentiles(10), ids(1)[0]);
    for minute in 0..3 {
        percentiles.add(id, 1.0, 10, at(minute * 60));
    }
    let count = |now| percentiles.quantiles(id, at(now)).map(|found| found.count);
    assert_eq!(count(179), Some(30));
    assert_eq!(count(299), Some(30));
    assert_eq!(count(300), Some(20));
    assert_eq!(count(419), Some(10));
    assert_eq!(count(420), None);
}

/// Scenario: the clock is set back by a day, then forward.
/// Guarantees: values stay, new ones count, and both leave the window as time goes on.
#[test]
fn a_clock_set_back_breaks_nothing() {
    let (mut percentiles, id) = (percentiles(10), ids(1)[0]);
    percentiles.add(id, 1.0, 1, at(86_400));
    percentiles.add(id, 2.0, 1, at(0));
    let count = |percentiles: &Percentiles, now| {
        let found = percentiles.quantiles(id, at(now));
        found.map(|found| found.count)
    };
    assert_eq!(count(&percentiles, 0), Some(2));
    percentiles.add(id, 3.0, 1, at(200));
    assert_eq!(count(&percentiles, 200), Some(3));
    assert_eq!(count(&percentiles, 301), Some(1));
    assert_eq!(count(&percentiles, 100_000), None);
}

/// Scenario: more series than may be tracked, some of them silent for the window; series that are gone.
/// Guarantees: silent ones give way, others do not, what is left out is counted; a new series under an old id begins
/// with nothing.
#[test]
fn tracks_are_limited() {
    let (mut percentiles, ids) = (percentiles(2), ids(3));
    percentiles.add(ids[0], 1.0, 1, at(0));
    percentiles.add(ids[1], 1.0, 1, at(200));
    percentiles.add(ids[2], 1.0, 5, at(200));
    assert_eq!((percentiles.tracked(), percentiles.untracked()), (2, 5));
    assert!(percentiles.quantiles(ids[2], at(200)).is_none());
    percentiles.add(ids[2], 1.0, 1, at(301));
    assert_eq!((percentiles.tracked(), percentiles.untracked()), (2, 5));
    assert!(percentiles.quantiles(ids[0], at(301)).is_none());
    assert!(percentiles.quantiles(ids[1], at(301)).is_some());
    percentiles.forget(&ids[2..]);
    percentiles.forget(&ids[2..]);
    assert!(percentiles.quantiles(ids[2], at(301)).is_none());
    percentiles.add(ids[2], 1.0, 1, at(301));
    assert_eq!(percentiles.quantiles(ids[2], at(301)).unwrap().count, 1);
}

/// Scenario: any numbers in any amounts, not finite ones among them, in several parts of the window and series.
/// Guarantees: nothing panics, answers are in order and finite, and memory stays within what is stated.
#[test]
fn any_values_are_survived() {
    let mut rng = fastrand::Rng::with_seed(7);
    let ids = ids(20);
    for round in 0..300 {
        let mut percentiles = percentiles(20);
        for step in 0..200 {
            let value = match rng.u8(..6) {
                0 => f64::from_bits(rng.u64(..)),
                1 => f64::INFINITY,
                2 => f64::NAN,
                3 => -rng.f64() * 1e9,
                _ => rng.f64() * 10f64.powi(rng.i32(-12..12)),
            };
            let count = if rng.bool() { 1 } else { rng.u64(..) };
            percentiles.add(ids[rng.usize(..20)], value, count, at(step * (round % 7)));
        }
        let now = at(200 * (round % 7));
        let Some(all) = percentiles.quantiles_of(ids.iter().copied(), now) else {
            continue;
        };
        let order = [all.p50, all.p90, all.p95, all.p99, all.max];
        assert!(order.iter().all(|value| value.is_finite()), "{all:?}");
        assert!(order.is_sorted(), "{all:?}");
        // Values below zero have bins of their own.
        assert!(percentiles.memory_bytes() <= 20 * 5 * (2 * 4096 + 512));
    }
}
