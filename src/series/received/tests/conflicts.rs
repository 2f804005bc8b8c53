//! Metrics and senders that contradict each other.

use super::*;
use crate::series::store::{Conflict, ConflictKind, Expiry};

const SHOP: &[(&str, &str)] = &[("service.name", "shop")];
const BANK: &[(&str, &str)] = &[("service.name", "bank")];

fn described(mut metric: proto::Metric, unit: &str, description: &str) -> proto::Metric {
    (metric.unit, metric.description) = (unit.to_owned(), description.to_owned());
    metric
}

fn conflicts(bench: &mut Bench) -> Vec<Conflict> {
    bench.store.conflicts().list()
}

fn gauge_of(name: &str, value: i64) -> proto::Metric {
    metric(name, gauge(vec![int(0, 10, value)]))
}

fn histogram_of(name: &str) -> proto::Metric {
    let point = proto::HistogramDataPoint {
        time_unix_nano: nano(10),
        ..Default::default()
    };
    let histogram = proto::Histogram {
        data_points: vec![point],
        aggregation_temporality: CUMULATIVE,
    };
    metric(name, Data::Histogram(histogram))
}

/// Scenario: pairs of metrics of two jobs that need the same family or sample names with different types.
/// Guarantees: the first is shown, the second is not, is counted, and is listed with both types and jobs.
#[test]
fn the_first_type_keeps_the_name() {
    let table = [
        (gauge_of("a.b", 1), histogram_of("a.b")),
        (gauge_of("a.count", 1), histogram_of("a")),
        (gauge_of("a.bucket", 1), histogram_of("a")),
        (histogram_of("a"), gauge_of("a.sum", 1)),
        (gauge_of("a.total", 1), counter("a", vec![int(0, 10, 1)])),
        (counter("a", vec![int(0, 10, 1)]), gauge_of("a_total", 1)),
    ];
    for (first, second) in table {
        let mut bench = Bench::new();
        bench.send_from(10, SHOP, "", vec![first]);
        let before = bench.shown();
        for second_again in [second.clone(), second.clone()] {
            bench.send_from(10, BANK, "", vec![second_again]);
        }
        assert_eq!(bench.shown(), before);
        assert_eq!(bench.faults(), [("type_conflict", 2)]);
        let listed = conflicts(&mut bench);
        assert_eq!(listed.len(), 1);
        assert_eq!((listed[0].kind, listed[0].points), (ConflictKind::Type, 2));
        assert!(
            listed[0].kept.contains(r#"job "shop""#),
            "{}",
            listed[0].kept
        );
        assert!(
            listed[0].refused.contains(r#"job "bank""#),
            "{}",
            listed[0].refused
        );
    }
}

/// Scenario: a metric changes its type while its old series are there, and after they have gone.
/// Guarantees: it is not shown at first, and shown from then on.
#[test]
fn a_name_is_free_when_its_series_are_gone() {
    let mut bench = Bench::new();
    bench.send(10, vec![gauge_of("a", 1)]);
    bench.send(20, vec![histogram_of("a")]);
    assert_eq!(bench.faults(), [("type_conflict", 1)]);
    let expiry = Expiry {
        gauges_s: 60,
        counters_s: 60,
        derived_s: 60,
    };
    bench.store.sweep(
        Moment {
            unix_ms: (T0_S + 71) * 1000,
        },
        &expiry,
    );
    bench.send(72, vec![histogram_of("a")]);
    assert!(bench.shown()[0].starts_with("a{"));
    assert_eq!(bench.faults(), [("type_conflict", 1)]);
}

/// Scenario: two jobs give one metric different units and descriptions, under a strategy without suffixes.
/// Guarantees: the points of both are shown under the first's unit and help, and both conflicts are listed once.
#[test]
fn units_and_descriptions_lose_no_points() {
    let mut bench = Bench::with(LIMITS, Strategy::UnderscoreEscapingWithoutSuffixes, false);
    bench.send_from(
        10,
        SHOP,
        "",
        vec![described(gauge_of("a", 1), "s", "Time.")],
    );
    for _ in 0..2 {
        bench.send_from(
            10,
            BANK,
            "",
            vec![described(gauge_of("a", 2), "ms", "Other time.")],
        );
    }
    let silent = described(gauge_of("a", 3), "s", "");
    bench.send_from(10, &[("service.name", "silent")], "", vec![silent]);
    assert_eq!(bench.shown().len(), 3);
    let family = bench.store.families().next().unwrap().1;
    assert_eq!((&*family.unit, &*family.help), ("seconds", "Time."));
    let listed: Vec<_> = conflicts(&mut bench)
        .into_iter()
        .map(|one| (one.kind, one.kept, one.refused))
        .collect();
    assert_eq!(
        listed,
        [
            (ConflictKind::Help, "Time.".into(), "Other time.".into()),
            (
                ConflictKind::Unit,
                "unit seconds".into(),
                "unit milliseconds".into()
            ),
        ]
    );
    assert_eq!(bench.faults(), []);
}

/// Scenario: attributes whose keys become one label; label sets and names that become the same; the same attributes
/// in another order.
/// Guarantees: keys are joined; of two streams the first is shown and the second counted and listed; order makes no
/// difference.
#[test]
fn streams_that_become_one_are_kept_apart() {
    let mut bench = Bench::new();
    let point = |value, pairs: &[(&str, &str)]| vec![int(0, 10, value).with(pairs)];
    let send = |bench: &mut Bench, name, points| bench.send(10, vec![counter(name, points)]);
    send(
        &mut bench,
        "a.b",
        point(1, &[("http.method", "GET"), ("http_method", "get")]),
    );
    send(
        &mut bench,
        "a.b",
        point(2, &[("http_method", "get"), ("http.method", "GET")]),
    );
    assert_eq!(
        bench.shown(),
        [r#"a_b_total{http_method="GET;get",job="shop",instance=""} 2"#]
    );
    send(&mut bench, "a.b", point(3, &[("http.method", "GET;get")]));
    send(&mut bench, "a.b", point(3, &[("http.method", "GET;get")]));
    send(
        &mut bench,
        "a_b",
        point(4, &[("http.method", "GET"), ("http_method", "get")]),
    );
    assert_eq!(
        bench.shown(),
        [r#"a_b_total{http_method="GET;get",job="shop",instance=""} 2"#]
    );
    assert_eq!(bench.faults(), [("label_conflict", 3)]);
    let listed = conflicts(&mut bench);
    let points: Vec<_> = listed
        .iter()
        .map(|one| (&*one.refused, one.points))
        .collect();
    assert_eq!(
        points,
        [
            (r#"a.b http.method="GET;get""#, 2),
            (r#"a_b http.method="GET" http_method="get""#, 1),
        ]
    );
}

/// Scenario: an attribute is sent once as text and once as a number; one without a value.
/// Guarantees: values are rendered; of two that become the same the first is shown; empty labels are left out.
#[test]
fn values_of_other_types_are_rendered() {
    let mut bench = Bench::new();
    let with = |value, any| {
        let attributes = vec![
            attribute("code", any),
            attribute("none", Any::StringValue(String::new())),
        ];
        counter(
            "c",
            vec![proto::NumberDataPoint {
                attributes,
                ..int(0, 10, value)
            }],
        )
    };
    bench.send(10, vec![with(1, Any::IntValue(200))]);
    bench.send(10, vec![with(2, Any::StringValue("200".into()))]);
    bench.send(10, vec![with(3, Any::BoolValue(true))]);
    assert_eq!(
        bench.shown(),
        [
            r#"c_total{code="200",job="shop",instance=""} 1"#,
            r#"c_total{code="true",job="shop",instance=""} 3"#,
        ]
    );
    assert_eq!(bench.faults(), [("label_conflict", 1)]);
}

/// Scenario: attributes that are called as the labels of the place: job, instance, the scope's name.
/// Guarantees: their values are joined with those; the series of two senders stay two; an empty instance stays.
#[test]
fn attributes_named_like_the_place_are_joined() {
    let mut bench = Bench::with(LIMITS, Strategy::default(), true);
    let metrics = |pairs: &[(&str, &str)]| vec![counter("c", vec![int(0, 10, 1).with(pairs)])];
    bench.send_from(10, SHOP, "lib", metrics(&[("job", "batch")]));
    bench.send_from(10, BANK, "lib", metrics(&[("job", "batch"), ("z", "1")]));
    bench.send_from(
        10,
        SHOP,
        "lib",
        metrics(&[("otel.scope.name", "mine"), ("instance", "i")]),
    );
    assert_eq!(
        bench.shown(),
        [
            r#"c_total{instance="",job="bank;batch",otel_scope_name="lib",z="1"} 1"#,
            r#"c_total{instance="",job="batch;shop",otel_scope_name="lib"} 1"#,
            r#"c_total{instance="i",job="shop",otel_scope_name="mine;lib"} 1"#,
        ]
    );
}

/// Scenario: two scopes of a sender write the same metric, with and without labels for the scope.
/// Guarantees: with labels both are shown; without, the first is, and the second is counted, never mixed in.
#[test]
fn scopes_never_write_one_series() {
    for (scope_labels, shown, faults) in
        [(true, 2, vec![]), (false, 1, vec![("label_conflict", 1)])]
    {
        let mut bench = Bench::with(LIMITS, Strategy::default(), scope_labels);
        for (scope, value) in [("lib.a", 1), ("lib.b", 2)] {
            bench.send_from(10, SHOP, scope, vec![counter("c", vec![int(0, 10, value)])]);
        }
        assert_eq!((bench.shown().len(), bench.faults()), (shown, faults));
        assert!(bench.shown()[0].ends_with(" 1"));
    }
}

/// Scenario: two replicas without an instance of their own, told apart by `host.name`, and one that restarts.
/// Guarantees: replicas have series of their own; the restarted one goes on with its series.
#[test]
fn replicas_are_told_apart_by_their_resource() {
    let mut bench = Bench::new();
    let replica = |host| [("service.name", "shop"), ("host.name", host)];
    bench.send_from(
        10,
        &replica("a"),
        "",
        vec![counter("c", vec![int(1, 10, 5)])],
    );
    bench.send_from(
        11,
        &replica("b"),
        "",
        vec![counter("c", vec![int(1, 11, 100)])],
    );
    bench.send_from(
        20,
        &replica("a"),
        "",
        vec![counter("c", vec![int(15, 20, 1)])],
    );
    assert_eq!(bench.shown().len(), 2);
    assert!(
        bench
            .shown()
            .contains(&r#"c_total{job="shop",instance=""} 1"#.to_owned())
    );
    assert_eq!(bench.faults(), []);
}

/// Scenario: metrics whose names leave nothing, or are too long, beside a good one; a long unit and description.
/// Guarantees: they are counted, the good one is shown; long units are left out, long descriptions cut.
#[test]
fn unusable_names_fail_alone() {
    let mut bench = Bench::new();
    let long = "a".repeat(1025);
    let help = "ä".repeat(1000);
    let names = ["", "???", "___", &long];
    let mut metrics: Vec<_> = names.iter().map(|name| gauge_of(name, 1)).collect();
    metrics.push(described(gauge_of("good", 1), &"u".repeat(65), &help));
    bench.send(10, metrics);
    assert_eq!(bench.shown(), [r#"good{job="shop",instance=""} 1"#]);
    assert_eq!(bench.faults(), [("unusable_name", 4)]);
    let (_, family) = bench.store.families().next().unwrap();
    assert_eq!((&*family.unit, family.help.len()), ("", 1024));
}
