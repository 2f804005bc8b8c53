//! The JSON answer.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::{MetricKind, Rig, Value};
use crate::series::exposition::{About, to_json};
use crate::series::store::{Bounds, Histogram, SeriesId, Summary};

fn document(rig: &Rig, recent: &dyn Fn(&[SeriesId]) -> Option<[f64; 4]>) -> Json {
    let about = About {
        service: "lineside".into(),
        version: "1",
        timestamp: "2026-01-01T00:00:00Z".into(),
        uptime_seconds: 21,
    };
    serde_json::from_slice(&to_json(&rig.store, &rig.own, about, recent)).unwrap()
}

fn histogram(counts: [u64; 3]) -> Value {
    let bounds = Arc::new(Bounds::new(&[0.1, 1.0]).unwrap());
    let mut histogram = Histogram::new(bounds);
    histogram.count = counts.iter().sum();
    histogram.counts = counts.into();
    histogram.sum = Some(2.5);
    Value::Histogram(Box::new(histogram))
}

/// Scenario: two series of a counter, one gauge, two series of a gauge, with labels that need escaping.
/// Guarantees: a counter is totalled, a gauge alone is its value, several are a range; labels are as they were sent.
#[test]
fn numbers_are_totalled_by_name() {
    let mut rig = Rig::new();
    rig.add(
        "requests_total",
        MetricKind::Counter,
        r#"a="1""#,
        Value::Integer(3),
    );
    rig.add(
        "requests_total",
        MetricKind::Counter,
        r#"a="\"2\"\\\n""#,
        Value::Integer(4),
    );
    rig.add("depth", MetricKind::Gauge, "", Value::Double(1.5));
    rig.add("heat", MetricKind::Gauge, r#"a="1""#, Value::Integer(-2));
    rig.add(
        "heat",
        MetricKind::Gauge,
        r#"a="2""#,
        Value::Double(f64::NAN),
    );
    let json = document(&rig, &|_| None);
    assert_eq!(json["uptime_seconds"], 21);
    assert_eq!(json["metrics"]["requests_total"], 7.0);
    assert_eq!(json["metrics"]["depth"], 1.5);
    assert_eq!(
        json["metrics"]["heat"],
        json!({"series": 2, "min": -2.0, "max": -2.0})
    );
    let families = json["families"].as_array().unwrap();
    let heat = families
        .iter()
        .find(|family| family["name"] == "heat")
        .unwrap();
    assert_eq!(
        heat["series"][1],
        json!({"labels": {"a": "2", "job": "shop"}, "value": null})
    );
    let requests = families
        .iter()
        .find(|family| family["name"] == "requests_total")
        .unwrap();
    assert_eq!(requests["type"], "counter");
    assert_eq!(requests["series"][1]["labels"]["a"], "\"2\"\\\n");
    assert_eq!(requests["series"][1]["value"], 4);
}

/// Scenario: a histogram with and without percentiles of the recent past, then a second series beside it.
/// Guarantees: the recent ones are shown where they are known, else estimates; of several series only sketches are put together.
#[test]
fn histograms_have_percentiles() {
    let mut rig = Rig::new();
    rig.add(
        "wait_seconds",
        MetricKind::Histogram,
        "",
        histogram([50, 50, 0]),
    );
    let json = document(&rig, &|ids| {
        (ids.len() == 1).then_some([1.0, 2.0, 3.0, 4.0])
    });
    let row = &json["families"][0]["series"][0];
    assert_eq!((&row["p50"], &row["p99"]), (&json!(1.0), &json!(4.0)));
    assert_eq!(row["buckets"], json!({"0.1": 50, "1": 100, "+Inf": 100}));
    assert_eq!(json["metrics"]["wait_seconds"]["p95"], 3.0);
    let estimated = document(&rig, &|_| None);
    assert_eq!(estimated["families"][0]["series"][0]["p50"], 0.1);
    rig.add(
        "wait_seconds",
        MetricKind::Histogram,
        r#"a="1""#,
        histogram([1, 0, 0]),
    );
    let both = document(&rig, &|_| None);
    assert_eq!(
        both["metrics"]["wait_seconds"],
        json!({"count": 101, "sum": 5.0})
    );
    let merged = document(&rig, &|ids| (ids.len() == 2).then_some([9.0; 4]));
    assert_eq!(merged["metrics"]["wait_seconds"]["p50"], 9.0);
}

/// Scenario: a summary. Guarantees: its quantiles are shown as the sender computed them.
#[test]
fn summaries_keep_their_quantiles() {
    let mut rig = Rig::new();
    let quantiles = [(0.5, 1.0), (0.99, 2.0)].into();
    let summary = Summary {
        count: 3,
        sum: 4.0,
        quantiles,
    };
    rig.add(
        "latency",
        MetricKind::Summary,
        "",
        Value::Summary(Box::new(summary)),
    );
    let json = document(&rig, &|_| None);
    let expected = json!({"labels": {"job": "shop"}, "count": 3, "sum": 4.0, "quantiles": {"0.5": 1.0, "0.99": 2.0}});
    assert_eq!(json["families"][0]["series"][0], expected);
    assert_eq!(json["metrics"]["latency"], json!({"count": 3, "sum": 4.0}));
}
