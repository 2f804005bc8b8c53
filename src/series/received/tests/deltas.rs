//! Deltas, added up in the store.

use std::sync::Arc;

use super::*;
use crate::series::store::{Bounds, FamilySpec, Fingerprint, Lineage, NOBODY, NewSeries};

fn delta(bench: &mut Bench, arrival: u64, start: u64, end: u64, value: i64) {
    bench.send(
        arrival,
        vec![metric("m", sum(DELTA, true, vec![int(start, end, value)]))],
    );
}

/// Scenario: deltas in order, with a gap that is filled late, a repetition, an overlap, and one from before the first.
/// Guarantees: each interval counts once; what is not counted has its name; the series starts where the first delta did.
#[test]
fn each_interval_counts_once() {
    let mut bench = Bench::new();
    for (start, end) in [
        (10, 20),
        (20, 30),
        (40, 50),
        (30, 40),
        (30, 40),
        (45, 55),
        (5, 10),
    ] {
        delta(&mut bench, 60, start, end, 1);
    }
    assert_eq!(bench.shown(), [r#"m_total{job="shop",instance=""} 4"#]);
    assert_eq!(
        bench.faults(),
        [("out_of_order", 1), ("duplicate", 1), ("overlap", 1)]
    );
    let series = bench.only();
    assert_eq!(
        (series.start_unix_nano, series.time_unix_nano),
        (nano(10), nano(50))
    );
    assert_eq!(series.lineage, Lineage::Converted);
    assert!(series.changed);
}

/// Scenario: deltas without start, without time, and from the future.
/// Guarantees: each goes on from what came before; a repeated end is a duplicate.
#[test]
fn deltas_without_times_go_on() {
    let mut bench = Bench::new();
    let without_start = |end| proto::NumberDataPoint {
        start_time_unix_nano: 0,
        ..int(0, end, 1)
    };
    let without_time = || proto::NumberDataPoint {
        time_unix_nano: 0,
        ..without_start(0)
    };
    let send = |bench: &mut Bench, point| {
        bench.send(100, vec![metric("m", sum(DELTA, true, vec![point]))]);
    };
    for end in [10, 20, 20, 15] {
        send(&mut bench, without_start(end));
    }
    assert_eq!(bench.only().start_unix_nano, nano(10));
    send(&mut bench, without_time());
    send(&mut bench, without_time());
    send(&mut bench, without_start(100_000));
    assert_eq!(bench.shown(), [r#"m_total{job="shop",instance=""} 5"#]);
    assert_eq!(
        bench.faults(),
        [("out_of_order", 1), ("duplicate", 1), ("future", 1)]
    );
}

/// Scenario: a delta sender's clock is set back by an hour.
/// Guarantees: its deltas count again once none of them can be meant for a gap; a repetition of the last never does.
#[test]
fn a_clock_set_back_is_followed_after_the_window() {
    let mut bench = Bench::new();
    delta(&mut bench, 5010, 5000, 5010, 1);
    delta(&mut bench, 5020, 1010, 1020, 1);
    delta(&mut bench, 5311, 5000, 5010, 1);
    delta(&mut bench, 5320, 1310, 1320, 1);
    delta(&mut bench, 5330, 1320, 1330, 1);
    assert_eq!(bench.shown(), [r#"m_total{job="shop",instance=""} 3"#]);
    assert_eq!(bench.faults(), [("out_of_order", 1), ("duplicate", 1)]);
}

/// Scenario: a sender of deltas changes to cumulative values and back; one ends with "no recorded value" and goes on.
/// Guarantees: each change is a reset to what then comes; a delta repeated after the end is still known.
#[test]
fn changes_of_temporality_are_resets() {
    let mut bench = Bench::new();
    let shown = |value: i64| [format!(r#"m_total{{job="shop",instance=""}} {value}"#)];
    delta(&mut bench, 10, 0, 10, 5);
    bench.send(20, vec![counter("m", vec![int(0, 20, 100)])]);
    assert_eq!(bench.shown(), shown(100));
    delta(&mut bench, 30, 20, 30, 5);
    delta(&mut bench, 40, 30, 40, 5);
    assert_eq!(bench.shown(), shown(10));
    let ended = proto::NumberDataPoint {
        flags: 1,
        ..int(40, 50, 0)
    };
    bench.send(50, vec![metric("m", sum(DELTA, true, vec![ended]))]);
    assert!(bench.shown().is_empty());
    delta(&mut bench, 51, 30, 40, 5);
    delta(&mut bench, 60, 50, 60, 7);
    assert_eq!(bench.shown(), shown(7));
    assert_eq!(
        (bench.only().start_unix_nano, bench.faults()),
        (nano(50), vec![("duplicate", 1)])
    );
}

/// Scenario: deltas of more label sets than a metric may have series, of two jobs, again and again.
/// Guarantees: what is beyond the limit adds up in one overflow series for each sender; nothing is lost, all is counted.
#[test]
fn deltas_beyond_the_limit_add_up_in_the_overflow() {
    let mut bench = Bench::new();
    for round in 0..3 {
        for number in 0..200 {
            let label = number.to_string();
            let point = int(round, round + 1, 1).with(&[("n", &label)]);
            let job = if number < 150 { "a" } else { "b" };
            let metrics = vec![metric("m", sum(DELTA, true, vec![point]))];
            bench.send_from(round + 1, &[("service.name", job)], "", metrics);
        }
    }
    let shown = bench.shown();
    assert_eq!(shown.len(), 102);
    let overflow: Vec<_> = shown
        .iter()
        .filter(|line| line.contains("overflow"))
        .collect();
    assert_eq!(
        overflow,
        [
            r#"m_total{otel_metric_overflow="true",job="a",instance=""} 150"#,
            r#"m_total{otel_metric_overflow="true",job="b",instance=""} 150"#,
        ]
    );
    assert_eq!(bench.faults(), [("metric_limit", 300)]);
    assert_eq!(bench.store.conflicts().list()[0].points, 300);
}

/// Scenario: an SDK has an overflow series of its own, and the store needs one beside it.
/// Guarantees: both are one series with the sum, whichever came first.
#[test]
fn an_overflow_of_the_sender_is_the_same_series() {
    for sender_first in [true, false] {
        let mut bench = Bench::new();
        let mut own = int(0, 1, 1000);
        own.attributes = vec![attribute("otel.metric.overflow", Any::BoolValue(true))];
        let mut points: Vec<_> = (0..101)
            .map(|number: u64| int(0, 1, 1).with(&[("n", &number.to_string())]))
            .collect();
        points.insert(if sender_first { 0 } else { 101 }, own);
        bench.send(1, vec![metric("m", sum(DELTA, true, points))]);
        let beyond = if sender_first { 2 } else { 1 };
        let expected = format!(
            r#"m_total{{otel_metric_overflow="true",job="shop",instance=""}} {}"#,
            1000 + beyond
        );
        assert!(bench.shown().contains(&expected), "{:?}", bench.shown());
    }
}

/// Scenario: series of deltas, a number and a histogram, are put back after a restart; then the last deltas come once more,
/// and the next ones.
/// Guarantees: what is repeated is known, and the others are added to what was put back.
#[test]
fn restored_series_go_on() {
    let deltas = |start, end| {
        let point = proto::HistogramDataPoint {
            start_time_unix_nano: nano(start),
            time_unix_nano: nano(end),
            count: 3,
            sum: Some(1.5),
            bucket_counts: vec![1, 2],
            explicit_bounds: vec![1.0],
            ..Default::default()
        };
        let histogram = proto::Histogram {
            data_points: vec![point],
            aggregation_temporality: DELTA,
        };
        let number = sum(DELTA, true, vec![int(start, end, 1)]);
        vec![metric("m", number), metric("h", Data::Histogram(histogram))]
    };
    let mut before = Bench::new();
    before.send(10, deltas(0, 10));
    for (repeated, faults) in [(true, vec![("duplicate", 2)]), (false, vec![])] {
        let mut after = Bench::new();
        for (_, series) in before.store.iter() {
            restore(&before.store, series, &mut after.store);
        }
        assert_eq!(after.shown(), before.shown());
        if repeated {
            after.send(11, deltas(0, 10));
            assert_eq!(after.shown(), before.shown());
        }
        after.send(20, deltas(10, 20));
        assert_eq!(
            after.shown(),
            [
                r#"h{job="shop",instance=""} [1.0]/[2, 4] n=6 sum=Some(3.0)"#,
                r#"m_total{job="shop",instance=""} 2"#,
            ]
        );
        assert_eq!(after.faults(), faults);
    }
}

/// Puts a series of one store into another, with bounds of its own, as reading a file makes them.
fn restore(from: &Store, series: &Series, into: &mut Store) {
    let family = from.get_family(series.family).unwrap();
    let spec = FamilySpec {
        name: &family.name,
        kind: family.kind,
        unit: &family.unit,
        help: &family.help,
    };
    let mut value = series.value.clone();
    if let Value::Histogram(held) = &mut value {
        held.bounds = Arc::new(Bounds::new(held.bounds.values()).unwrap());
    }
    let new = NewSeries {
        fingerprint: Fingerprint::default(),
        identity: series.identity,
        labels: series.labels.clone(),
        family: into.family(&spec).unwrap(),
        place: series
            .place
            .map(|place| into.place(from.places().text(place), NOBODY)),
        lineage: series.lineage,
        start_unix_nano: series.start_unix_nano,
        value,
    };
    into.restore(new, series.time_unix_nano, series.seen_s)
        .unwrap();
}
