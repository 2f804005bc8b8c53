//! Gauges and sums: which type, which values, which exemplars.

use super::*;

fn hint(word: &str, data: Data) -> proto::Metric {
    let mut metric = metric("queue.size", data);
    metric.metadata = attributes(&[("prometheus.type", word)]);
    metric
}

/// Scenario: every kind of number metric, with every hint.
/// Guarantees: names are those of the specification's types ("Gauges", "Sums").
#[test]
fn kinds_follow_the_specification() {
    let gauge = || gauge(vec![int(0, 10, 7)]);
    let sum = |temporality, monotonic| sum(temporality, monotonic, vec![int(0, 10, 7)]);
    let in_ones = |data| proto::Metric {
        unit: "1".to_owned(),
        ..metric("share", data)
    };
    let table = [
        (metric("queue.size", gauge()), "queue_size", "Gauge"),
        (in_ones(gauge()), "share_ratio", "Gauge"),
        (in_ones(sum(CUMULATIVE, false)), "share", "Gauge"),
        (in_ones(sum(CUMULATIVE, true)), "share_total", "Counter"),
        (hint("gauge", gauge()), "queue_size", "Gauge"),
        (hint("unknown", gauge()), "queue_size", "Unknown"),
        (hint("info", gauge()), "queue_size_info", "Info"),
        (hint("stateset", gauge()), "queue_size", "StateSet"),
        (hint("counter", gauge()), "queue_size", "Gauge"),
        (
            hint("info", sum(CUMULATIVE, false)),
            "queue_size_info",
            "Info",
        ),
        (
            metric("queue.size", sum(CUMULATIVE, false)),
            "queue_size",
            "Gauge",
        ),
        (
            metric("queue.size", sum(DELTA, false)),
            "queue_size",
            "Gauge",
        ),
        (
            metric("queue.size", sum(CUMULATIVE, true)),
            "queue_size_total",
            "Counter",
        ),
        (
            metric("queue.size", sum(DELTA, true)),
            "queue_size_total",
            "Counter",
        ),
        (
            hint("gauge", sum(CUMULATIVE, true)),
            "queue_size_total",
            "Counter",
        ),
    ];
    for (metric, name, kind) in table {
        let mut bench = Bench::new();
        bench.send(10, vec![metric]);
        let family = bench.store.get_family(bench.only().family).unwrap();
        assert_eq!(
            (&*family.name, format!("{:?}", family.kind).as_str()),
            (name, kind)
        );
        assert_eq!(
            bench.shown(),
            [format!(r#"{name}{{job="shop",instance=""}} 7"#)]
        );
        assert_eq!(bench.faults(), []);
    }
}

/// Scenario: a value of every sort in a gauge, a counter, and deltas, each beside a good neighbour.
/// Guarantees: gauges take anything; what can't be counted is refused under its name; the neighbour is always shown.
#[test]
fn values_are_checked_by_kind() {
    let nan = Number::AsDouble(f64::NAN);
    let infinite = Number::AsDouble(f64::INFINITY);
    let negative = Number::AsDouble(-0.5);
    let kinds: [fn(Vec<proto::NumberDataPoint>) -> Data; 4] = [
        gauge,
        |points| sum(CUMULATIVE, true, points),
        |points| sum(DELTA, true, points),
        |points| sum(DELTA, false, points),
    ];
    let table = [
        (nan, ["", "not_a_number", "not_a_number", "not_a_number"]),
        (
            infinite,
            ["", "not_a_number", "not_a_number", "not_a_number"],
        ),
        (negative, ["", "negative", "negative", ""]),
        (Number::AsInt(-1), ["", "negative", "negative", ""]),
        (Number::AsInt(i64::MAX), ["", "", "", ""]),
    ];
    for (value, faults) in table {
        for (kind, fault) in kinds.iter().zip(faults) {
            let mut bench = Bench::new();
            let bad = number(0, 10, value).with(&[("n", "bad")]);
            bench.send(
                10,
                vec![metric(
                    "m",
                    kind(vec![bad, int(0, 10, 1).with(&[("n", "good")])]),
                )],
            );
            let expected = if fault.is_empty() {
                vec![]
            } else {
                vec![(fault, 1)]
            };
            assert_eq!(bench.faults(), expected, "{value:?}");
            assert_eq!(bench.store.len(), 2 - expected.len(), "{value:?}");
            assert!(
                bench
                    .shown()
                    .iter()
                    .any(|line| line.contains(r#"n="good""#))
            );
        }
    }
}

/// Scenario: a point without a value, a sum without temporality, a metric without data.
/// Guarantees: each is counted, where there is a point, and none makes a series.
#[test]
fn what_has_no_value_is_counted() {
    let mut bench = Bench::new();
    let empty = proto::NumberDataPoint {
        time_unix_nano: nano(1),
        ..Default::default()
    };
    bench.send(1, vec![metric("a", gauge(vec![empty]))]);
    bench.send(
        1,
        vec![metric("b", sum(0, true, vec![int(0, 1, 1), int(0, 2, 1)]))],
    );
    bench.send(
        1,
        vec![proto::Metric {
            name: "c".into(),
            ..Default::default()
        }],
    );
    assert_eq!(bench.faults(), [("temporality", 2), ("no_value", 1)]);
    assert!(bench.store.is_empty());
}

/// Scenario: a series gets the flag "no recorded value", and a value again; one that was never there gets the flag.
/// Guarantees: it is not shown until a value comes; nothing is made for the other.
#[test]
fn no_recorded_value_hides_a_series() {
    let mut bench = Bench::new();
    let ended = |time| proto::NumberDataPoint {
        flags: 1,
        value: None,
        ..int(0, time, 0)
    };
    bench.send(1, vec![counter("c", vec![int(0, 1, 5)])]);
    bench.send(
        2,
        vec![
            counter("c", vec![ended(2)]),
            counter("other", vec![ended(2)]),
        ],
    );
    assert_eq!((bench.shown().len(), bench.store.len()), (0, 1));
    bench.send(1, vec![counter("c", vec![int(0, 1, 5)])]);
    assert!(
        bench.shown().is_empty(),
        "an older point does not bring it back"
    );
    bench.send(3, vec![counter("c", vec![int(0, 3, 6)])]);
    assert_eq!(bench.shown(), [r#"c_total{job="shop",instance=""} 6"#]);
    assert_eq!(bench.faults(), [("out_of_order", 1)]);
}

fn exemplar(second: u64, value: f64, trace: Vec<u8>) -> proto::Exemplar {
    proto::Exemplar {
        time_unix_nano: nano(second),
        trace_id: trace,
        span_id: vec![2; 8],
        value: Some(proto::exemplar::Value::AsDouble(value)),
        ..Default::default()
    }
}

/// Scenario: a counter with several exemplars, then with older and newer ones, and a gauge with one.
/// Guarantees: the counter keeps the latest, the gauge none ("Exemplars on OpenTelemetry Gauges SHOULD be dropped").
#[test]
fn a_counter_keeps_the_latest_exemplar() {
    let mut bench = Bench::new();
    let at_start = bench.store.memory_bytes();
    let point = |time, exemplars| proto::NumberDataPoint {
        exemplars,
        ..int(0, time, 1)
    };
    let two = vec![exemplar(5, 1.5, vec![1; 16]), exemplar(4, 2.5, vec![1; 16])];
    bench.send(6, vec![counter("c", vec![point(6, two)])]);
    assert_eq!(bench.only().exemplar.as_ref().unwrap().value, 1.5);
    bench.send(
        7,
        vec![counter(
            "c",
            vec![point(7, vec![exemplar(3, 3.5, vec![1; 16])])],
        )],
    );
    assert_eq!(bench.only().exemplar.as_ref().unwrap().value, 1.5);
    bench.send(
        8,
        vec![counter(
            "c",
            vec![point(8, vec![exemplar(8, 4.5, vec![1; 5])])],
        )],
    );
    let held = bench.only().exemplar.as_ref().unwrap();
    assert_eq!(
        (held.value, held.trace_id, held.span_id),
        (4.5, [0; 16], [2; 8])
    );
    bench.send(
        8,
        vec![metric(
            "g",
            gauge(vec![point(8, vec![exemplar(8, 4.5, vec![])])]),
        )],
    );
    assert_eq!(
        bench
            .store
            .iter()
            .filter(|(_, series)| series.exemplar.is_some())
            .count(),
        1
    );
    let all: Vec<_> = bench.store.iter().map(|(id, _)| id).collect();
    bench.store.remove(&all);
    assert_eq!(bench.store.memory_bytes(), at_start);
}

/// Scenario: exemplars with filtered attributes that are short, too long by one character, or named like the ids.
/// Guarantees: they are labels as long as all labels together stay within 128 characters; the ids take precedence.
#[test]
fn filtered_attributes_stay_within_128_characters() {
    // trace_id and span_id take 8 + 32 + 7 + 16 = 63 characters.
    let long = |chars: usize| "ä".repeat(chars);
    let table = [
        (vec![("user", "u1".to_owned())], r#"user="u1""#.to_owned()),
        (vec![("k", long(64))], format!(r#"k="{}""#, long(64))),
        (vec![("k", long(65))], String::new()),
        (
            vec![("trace_id", "other".to_owned()), ("a.b", "c".to_owned())],
            r#"a_b="c""#.to_owned(),
        ),
    ];
    for (pairs, expected) in table {
        let mut bench = Bench::new();
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(key, value)| (*key, value.as_str()))
            .collect();
        let filtered_attributes = attributes(&pairs);
        let one = proto::Exemplar {
            filtered_attributes,
            ..exemplar(5, 1.5, vec![1; 16])
        };
        let point = proto::NumberDataPoint {
            exemplars: vec![one],
            ..int(0, 6, 1)
        };
        bench.send(6, vec![counter("c", vec![point])]);
        assert_eq!(*bench.only().exemplar.as_ref().unwrap().labels, *expected);
    }
}
