//! Every type in every text, to the letter.

use std::sync::Arc;

use super::{Rig, START, exemplar};
use crate::series::exposition::{Format, Offer, Request, expose};
use crate::series::naming::MetricKind;
use crate::series::store::{
    Bounds, Buckets, Exponential, FamilySpec, Histogram, Reading, Summary, Value,
};

fn histogram() -> Histogram {
    let mut histogram = Histogram::new(Arc::new(Bounds::new(&[0.5, 1.0, 1e6]).unwrap()));
    for value in [0.25, 0.5, 0.75, 3.0, 2e6] {
        histogram.observe(value);
    }
    histogram.set_exemplar(1, exemplar(0.75));
    histogram
}

/// One family of each type.
fn every_type() -> Rig {
    let mut rig = Rig::new();
    let requests = rig.family(
        "requests_bytes_total",
        MetricKind::Counter,
        "bytes",
        "Sent \\ \"quoted\"\nmore",
    );
    let id = rig.add_to(requests, r#"path="/a\\b\"c\nd""#, Value::Integer(7));
    rig.set_exemplar(id, exemplar(2.0));
    let gauge = rig.family("temperature_celsius", MetricKind::Gauge, "celsius", "");
    let id = rig.add_to(gauge, "", Value::Double(-0.5));
    rig.set_exemplar(id, exemplar(1.0));
    rig.add_to(gauge, r#"a="nan""#, Value::Double(f64::NAN));
    rig.add_to(gauge, r#"a="none""#, Value::None);
    rig.add(
        "target_info",
        MetricKind::Info,
        r#"host="é""#,
        Value::Integer(1),
    );
    rig.add(
        "state",
        MetricKind::StateSet,
        r#"state="on""#,
        Value::Integer(1),
    );
    rig.add(
        "something",
        MetricKind::Unknown,
        "",
        Value::Double(f64::INFINITY),
    );
    let summary = Summary {
        count: 3,
        sum: 6.0,
        quantiles: [(0.0, 1.0), (0.99, f64::NAN), (1.0, 3.0)].into(),
    };
    rig.add(
        "size",
        MetricKind::Summary,
        "",
        Value::Summary(Box::new(summary)),
    );
    let took = rig.family("took_seconds", MetricKind::Histogram, "seconds", "");
    rig.add_to(took, "", Value::Histogram(Box::new(histogram())));
    rig
}

/// Scenario: a family of each type, with values, labels and help of every sort, as Prometheus text.
/// Guarantees: families by name; info and stateset are gauges and what is unknown is untyped; "Exemplars MUST be
/// dropped if they are not supported"; a series without a value is not there.
#[test]
fn prometheus_text_to_the_letter() {
    let expected = r#"# HELP requests_bytes_total Sent \\ "quoted"\nmore
# TYPE requests_bytes_total counter
requests_bytes_total{path="/a\\b\"c\nd",job="shop"} 7
# TYPE size summary
size{job="shop",quantile="0"} 1
size{job="shop",quantile="0.99"} NaN
size{job="shop",quantile="1"} 3
size_sum{job="shop"} 6
size_count{job="shop"} 3
# TYPE something untyped
something{job="shop"} +Inf
# TYPE state gauge
state{state="on",job="shop"} 1
# TYPE target_info gauge
target_info{host="é",job="shop"} 1
# TYPE temperature_celsius gauge
temperature_celsius{job="shop"} -0.5
temperature_celsius{a="nan",job="shop"} NaN
# TYPE took_seconds histogram
took_seconds_bucket{job="shop",le="0.5"} 2
took_seconds_bucket{job="shop",le="1"} 3
took_seconds_bucket{job="shop",le="1e+06"} 4
took_seconds_bucket{job="shop",le="+Inf"} 5
took_seconds_sum{job="shop"} 2000004.5
took_seconds_count{job="shop"} 5
"#;
    let rig = every_type();
    let (text, exposed) = rig.text(Format::Text004, None);
    assert_eq!(text, expected);
    assert_eq!((exposed.series, exposed.left_out), (8, 0));
    assert_eq!(rig.text(Format::Text100, None).0, expected);
}

/// Scenario: the same as OpenMetrics.
/// Guarantees: counters and info under their base names, units where the name has them, quotes escaped in help, numbers of
/// labels with a point, exemplars on counters and buckets and nowhere else, and the end marked.
#[test]
fn open_metrics_to_the_letter() {
    let ids = r#"{trace_id="abababababababababababababababab",span_id="cdcdcdcdcdcdcdcd"}"#;
    let expected = r#"# HELP requests_bytes Sent \\ \"quoted\"\nmore
# TYPE requests_bytes counter
# UNIT requests_bytes bytes
requests_bytes_total{path="/a\\b\"c\nd",job="shop"} 7 # IDS 2 1700000000.500000000
# TYPE size summary
size{job="shop",quantile="0.0"} 1
size{job="shop",quantile="0.99"} NaN
size{job="shop",quantile="1.0"} 3
size_sum{job="shop"} 6
size_count{job="shop"} 3
# TYPE something unknown
something{job="shop"} +Inf
# TYPE state stateset
state{state="on",job="shop"} 1
# TYPE target info
target_info{host="é",job="shop"} 1
# TYPE temperature_celsius gauge
# UNIT temperature_celsius celsius
temperature_celsius{job="shop"} -0.5
temperature_celsius{a="nan",job="shop"} NaN
# TYPE took_seconds histogram
# UNIT took_seconds seconds
took_seconds_bucket{job="shop",le="0.5"} 2
took_seconds_bucket{job="shop",le="1.0"} 3 # IDS 0.75 1700000000.500000000
took_seconds_bucket{job="shop",le="1e+06"} 4
took_seconds_bucket{job="shop",le="+Inf"} 5
took_seconds_sum{job="shop"} 2000004.5
took_seconds_count{job="shop"} 5
# EOF
"#;
    let rig = every_type();
    assert_eq!(rig.open_metrics(), expected.replace("IDS", ids));
    assert_eq!(rig.text(Format::OpenMetrics001, None).0, rig.open_metrics());
}

/// Scenario: counters without `_total`, and counters and info metrics whose base name is that of another family or of its
/// samples.
/// Guarantees: OpenMetrics shows them under their full name without a type; no name has two types.
#[test]
fn a_name_has_one_type_in_open_metrics() {
    let mut rig = Rig::new();
    for (name, kind) in [
        ("plain", MetricKind::Counter),
        ("shared_total", MetricKind::Counter),
        ("shared", MetricKind::Gauge),
        ("twin_total", MetricKind::Counter),
        ("twin_info", MetricKind::Info),
        ("h_count_total", MetricKind::Counter),
        ("fine_total", MetricKind::Counter),
    ] {
        let id = rig.add(name, kind, "", Value::Integer(1));
        rig.set_exemplar(id, exemplar(1.0));
    }
    rig.add(
        "h",
        MetricKind::Histogram,
        "",
        Value::Histogram(Box::new(histogram())),
    );
    let text = rig.open_metrics();
    let types: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .collect();
    let expected = [
        "fine counter",
        "h histogram",
        "h_count_total unknown",
        "plain unknown",
        "shared gauge",
        "shared_total unknown",
        "twin_info unknown",
        "twin_total unknown",
    ];
    assert_eq!(types, expected);
    assert_eq!(
        text.matches(" # {").count(),
        2,
        "exemplars on `fine_total` and on one bucket of `h`"
    );
    assert!(rig.plain().contains("# TYPE shared_total counter\n"));
}

/// Scenario: OpenMetrics with starts, and text with starts.
/// Guarantees: counters, histograms and summaries have `_created`, others not, and text never.
#[test]
fn starts_are_shown_where_they_are_asked_for() {
    let mut rig = every_type();
    rig.add("size_created", MetricKind::Gauge, "", Value::Integer(1));
    let with_starts = |format| {
        let request = Request {
            offer: Offer {
                format,
                escaping: None,
            },
            created: true,
        };
        let mut out = Vec::new();
        expose(&rig.store, &rig.own, request, &mut out);
        String::from_utf8(out).unwrap()
    };
    let text = with_starts(Format::OpenMetrics100);
    let created: Vec<_> = text
        .lines()
        .filter(|line| line.contains("_created{"))
        .collect();
    let expected = [
        r#"requests_bytes_created{path="/a\\b\"c\nd",job="shop"} 1700000000.000000000"#,
        r#"size_created{job="shop"} 1"#,
        r#"took_seconds_created{job="shop"} 1700000000.000000000"#,
    ];
    assert_eq!(created, expected, "the summary's name is taken by a gauge");
    assert_eq!(with_starts(Format::Text004).matches("_created{").count(), 1);
    assert_eq!(START % 1_000_000_000, 0);
}

/// Scenario: a histogram without a sum, one whose buckets count more than it does, one with neither bounds nor buckets.
/// Guarantees: NaN as Prometheus' own library has it; buckets never exceed their count, and the last one is it.
#[test]
fn odd_histograms_are_whole() {
    let mut rig = Rig::new();
    let mut odd = histogram();
    (odd.sum, odd.count) = (None, 2);
    rig.add(
        "odd",
        MetricKind::Histogram,
        "",
        Value::Histogram(Box::new(odd)),
    );
    let mut bare = Histogram::new(Arc::new(Bounds::new(&[]).unwrap()));
    bare.observe(4.0);
    rig.add(
        "bare",
        MetricKind::Histogram,
        "",
        Value::Histogram(Box::new(bare)),
    );
    let text = rig.plain();
    for line in [
        "odd_bucket{job=\"shop\",le=\"1\"} 2\n",
        "odd_bucket{job=\"shop\",le=\"+Inf\"} 2\n",
        "odd_sum{job=\"shop\"} NaN\n",
        "odd_count{job=\"shop\"} 2\n",
        "bare_bucket{job=\"shop\",le=\"+Inf\"} 1\n",
        "bare_sum{job=\"shop\"} 4\n",
    ] {
        assert!(text.contains(line), "{line}{text}");
    }
}

/// Scenario: exponential histograms of fine and coarse scales, with negative and zero observations, in text.
/// Guarantees: "MAY be converted to fixed-bucket histograms": always the same bounds, each bucket counts what lies
/// below its bound, and the exemplar is in the bucket it belongs to.
#[test]
fn exponential_histograms_have_powers_of_two_in_text() {
    let mut rig = Rig::new();
    // Scale 1: (1, 1.41], (1.41, 2], (2, 2.83], (2.83, 4].
    let fine = Exponential {
        scale: 1,
        zero_count: 5,
        negative: Buckets {
            offset: 0,
            counts: vec![2],
        },
        positive: Buckets {
            offset: 0,
            counts: vec![1, 2, 4, 8],
        },
        count: 22,
        sum: Some(40.0),
        exemplars: vec![exemplar(1.5), exemplar(3.0), exemplar(2.5)],
        ..Exponential::default()
    };
    // Scale -1: (1, 4], (4, 16].
    let coarse = Exponential {
        scale: -1,
        positive: Buckets {
            offset: 0,
            counts: vec![1, 2],
        },
        count: 3,
        sum: Some(9.0),
        ..Exponential::default()
    };
    let extreme = Exponential {
        scale: 0,
        positive: Buckets {
            offset: i32::MAX,
            counts: vec![1, 1],
        },
        negative: Buckets {
            offset: i32::MIN,
            counts: vec![u64::MAX, 1],
        },
        ..Exponential::default()
    };
    for (labels, one) in [
        (r#"a="fine""#, fine),
        (r#"a="coarse""#, coarse),
        (r#"a="extreme""#, extreme),
    ] {
        rig.add(
            "e",
            MetricKind::Histogram,
            labels,
            Value::Exponential(Box::new(one)),
        );
    }
    let text = rig.open_metrics();
    let bucket = |of: &str, bound: &str| {
        let start = format!("e_bucket{{a=\"{of}\",job=\"shop\",le=\"{bound}\"}} ");
        text.lines()
            .find_map(|line| line.strip_prefix(&start))
            .unwrap()
            .to_owned()
    };
    for (bound, count) in [
        ("0.0", "7"),
        ("1.0", "7"),
        ("2.0", "10 # "),
        ("4.0", "22 # "),
        ("8.0", "22"),
        ("+Inf", "22"),
    ] {
        let line = bucket("fine", bound);
        assert!(
            line == count || count.ends_with("# ") && line.starts_with(count),
            "{bound} {line}"
        );
    }
    assert!(
        bucket("fine", "4.0").contains("} 2.5 "),
        "the latest of two"
    );
    for (bound, count) in [("2.0", "0"), ("4.0", "1"), ("8.0", "1"), ("16.0", "3")] {
        assert_eq!(bucket("coarse", bound), count);
    }
    assert_eq!(bucket("extreme", "+Inf"), u64::MAX.to_string());
    assert_eq!(
        text.matches("e_bucket{a=\"coarse\"").count(),
        text.matches("e_bucket{a=\"fine\"").count()
    );
    assert!(text.contains("e_bucket{a=\"fine\",job=\"shop\",le=\"6.103515625e-05\"} 7\n"));
    assert!(text.contains("e_count{a=\"fine\",job=\"shop\"} 22\n"));
}

/// Scenario: a view that counts a histogram's observations, under other labels, and one that shows a gauge as it is.
/// Guarantees: the count with the latest exemplar, the labels of the view, the place of the series.
#[test]
fn views_show_the_series_of_others() {
    let mut rig = Rig::new();
    let mut one = histogram();
    let mut late = exemplar(0.25);
    late.time_unix_nano += 1;
    one.set_exemplar(0, late);
    let id = rig.add(
        "took",
        MetricKind::Histogram,
        r#"a="1""#,
        Value::Histogram(Box::new(one)),
    );
    let gauge = rig.add("up", MetricKind::Gauge, r#"a="1""#, Value::Integer(1));
    let spec = |name, kind| FamilySpec {
        name,
        kind,
        unit: "",
        help: "",
    };
    let calls = rig
        .store
        .view(
            &spec("calls_total", MetricKind::Counter),
            Reading::Count,
            false,
        )
        .unwrap();
    let old = rig
        .store
        .view(&spec("old_up", MetricKind::Gauge), Reading::Same, false)
        .unwrap();
    rig.store.show(calls, id, Some(r#"b="2""#.into()));
    rig.store.show(calls, gauge, None);
    rig.store.show(old, gauge, None);
    let (text, exposed) = rig.text(Format::OpenMetrics100, None);
    assert!(
        text.contains("calls_total{b=\"2\",job=\"shop\"} 5 # {trace_id="),
        "{text}"
    );
    assert!(text.contains("} 0.25 1700000000.500000001\n"), "{text}");
    assert!(
        text.contains("# TYPE old_up gauge\nold_up{a=\"1\",job=\"shop\"} 1\n"),
        "{text}"
    );
    assert_eq!(
        (exposed.series, exposed.left_out),
        (4, 1),
        "a gauge has no count"
    );
}
