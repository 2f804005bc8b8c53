//! The store and the agent's own registry as one answer.

use prometheus::core::Collector;
use prometheus::proto::{LabelPair, Metric, MetricFamily, MetricType};
use prometheus::{CounterVec, Gauge, Histogram, HistogramOpts, Opts};

use super::Rig;
use crate::series::exposition::{Format, own_families};
use crate::series::naming::MetricKind;
use crate::series::store::Value;

fn gauge(name: &str, value: f64) -> MetricFamily {
    let gauge = Gauge::new("name", "What it is").unwrap();
    gauge.set(value);
    let mut family = gauge.collect().remove(0);
    family.set_name(name.to_owned());
    family
}

fn with_labels(mut family: MetricFamily, labels: &[(&str, &str)]) -> MetricFamily {
    let pairs = labels.iter().map(|(name, value)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pair
    });
    let pairs: Vec<_> = pairs.collect();
    for metric in family.mut_metric() {
        metric.set_label(pairs.clone());
    }
    family
}

fn untyped(name: &str) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_field_type(MetricType::UNTYPED);
    family.set_metric(vec![Metric::default()]);
    family
}

/// Scenario: a registry with a counter, a gauge, a histogram, and hostile label values; the store is empty.
/// Guarantees: the answer is what the registry's own text encoder writes, but for the order of families.
#[test]
fn the_own_registry_is_written_whole() {
    let counter = CounterVec::new(Opts::new("a_total", "Help \\ with\nlines"), &["x"]).unwrap();
    counter.with_label_values(&["q\"\\\n"]).inc_by(3.0);
    let opts = HistogramOpts::new("b_seconds", "How long").buckets(vec![0.5, 1.0]);
    let histogram = Histogram::with_opts(opts).unwrap();
    for value in [0.1, 0.7, 9.0] {
        histogram.observe(value);
    }
    let mut families = counter.collect();
    families.extend(histogram.collect());
    families.push(gauge("c", -2.5));
    let mut rig = Rig::new();
    rig.own = own_families(families);
    let expected = r#"# HELP a_total Help \\ with\nlines
# TYPE a_total counter
a_total{x="q\"\\\n"} 3
# HELP b_seconds How long
# TYPE b_seconds histogram
b_seconds_bucket{le="0.5"} 1
b_seconds_bucket{le="1"} 2
b_seconds_bucket{le="+Inf"} 3
b_seconds_sum 9.8
b_seconds_count 3
# HELP c What it is
# TYPE c gauge
c -2.5
"#;
    assert_eq!(rig.plain(), expected);
}

/// Scenario: nameless, empty and untyped families of the registry between two good ones, and one that has the name of
/// another.
/// Guarantees: the good ones are written, and each of the others is counted.
#[test]
fn an_own_family_that_cannot_be_written_fails_alone() {
    let mut empty = gauge("b", 1.0);
    empty.set_metric(Vec::new());
    let families = vec![
        gauge("a", 1.0),
        empty,
        untyped("c"),
        gauge("", 1.0),
        gauge("d", 2.0),
        gauge("d", 3.0),
    ];
    let mut rig = Rig::new();
    rig.own = own_families(families);
    let (text, exposed) = rig.text(Format::Text004, None);
    let samples: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(samples, ["a 1", "d 2"]);
    assert_eq!((exposed.series, exposed.left_out), (2, 4));
}

/// Scenario: the store and the registry have families of the same name and type, and one series each that is the same.
/// Guarantees: one block with the own HELP and the series of both, the shared one once, and counted.
#[test]
fn families_of_one_name_and_type_are_one_block() {
    let mut rig = Rig::new();
    let help = rig.family("load", MetricKind::Gauge, "", "Of another");
    rig.add_to(help, r#"a="1""#, Value::Integer(5));
    rig.add_to(help, r#"b="2""#, Value::Integer(6));
    let own = with_labels(gauge("load", 1.0), &[("job", "shop"), ("b", "2")]);
    rig.own = own_families(vec![own]);
    let (text, exposed) = rig.text(Format::Text004, None);
    let expected = "# HELP load What it is\n# TYPE load gauge\nload{job=\"shop\",b=\"2\"} 1\nload{a=\"1\",job=\"shop\"} 5\n";
    assert_eq!(text, expected);
    assert_eq!((exposed.series, exposed.left_out), (2, 1));
}

/// Scenario: the store has families that share a name with own ones of other types, or the names of their samples.
/// Guarantees: the own ones are written, the others left out and counted, and what has no part in it is there.
#[test]
fn the_own_family_is_written_where_types_contradict() {
    let histogram = Histogram::with_opts(HistogramOpts::new("took", "How long")).unwrap();
    let mut families = histogram.collect();
    families.extend([gauge("same", 1.0), gauge("sizes_sum", 2.0)]);
    for (name, kind, stays) in [
        ("same", MetricKind::Counter, false),
        ("took_count", MetricKind::Gauge, false),
        ("took_bucket", MetricKind::Gauge, false),
        ("took_max", MetricKind::Gauge, true),
        ("same_sum", MetricKind::Gauge, true),
        ("sizes", MetricKind::Gauge, true),
    ] {
        let mut rig = Rig::new();
        rig.own = own_families(families.clone());
        rig.add(name, kind, r#"of="store""#, Value::Integer(1));
        let (text, exposed) = rig.text(Format::Text004, None);
        assert_eq!(text.contains("of=\"store\""), stays, "{name}");
        assert_eq!(
            (exposed.series, exposed.left_out),
            (3 + usize::from(stays), usize::from(!stays))
        );
    }
    let mut rig = Rig::new();
    rig.own = own_families(families);
    let summary = crate::series::store::Summary {
        count: 1,
        sum: 1.0,
        quantiles: [].into(),
    };
    rig.add(
        "sizes",
        MetricKind::Summary,
        "",
        Value::Summary(Box::new(summary)),
    );
    assert_eq!(
        rig.text(Format::Text004, None).1.left_out,
        1,
        "its sum is called like an own gauge"
    );
}

/// Scenario: `target_info` of the registry, a gauge there, and of the store, an info metric.
/// Guarantees: one info metric, in text one gauge.
#[test]
fn target_info_is_one_info_metric() {
    let mut rig = Rig::new();
    rig.own = own_families(vec![with_labels(
        gauge("target_info", 1.0),
        &[("host", "here")],
    )]);
    rig.add(
        "target_info",
        MetricKind::Info,
        r#"host="there""#,
        Value::Integer(1),
    );
    let expected = "# TYPE target info\ntarget_info{host=\"here\"} 1\ntarget_info{host=\"there\",job=\"shop\"} 1\n# EOF\n";
    assert_eq!(
        rig.open_metrics()
            .strip_prefix("# HELP target What it is\n"),
        Some(expected)
    );
    assert!(rig.plain().contains("# TYPE target_info gauge\n"));
}

/// Scenario: series whose value does not fit their family's type, alone in a family and beside good ones.
/// Guarantees: they are left out and counted; a family of nothing else is not there at all.
#[test]
fn a_value_of_another_type_is_left_out_alone() {
    let mut rig = Rig::new();
    rig.add("bad", MetricKind::Histogram, "", Value::Integer(1));
    rig.add("mixed", MetricKind::Summary, "", Value::Double(1.0));
    let fine = crate::series::store::Summary {
        count: 1,
        sum: 1.0,
        quantiles: [].into(),
    };
    rig.add(
        "mixed",
        MetricKind::Summary,
        r#"a="1""#,
        Value::Summary(Box::new(fine)),
    );
    for format in Format::ALL {
        let (bytes, exposed) = rig.bytes(format, None);
        assert_eq!((exposed.series, exposed.left_out), (1, 2), "{format:?}");
        assert!(
            !String::from_utf8_lossy(&bytes).contains("bad"),
            "{format:?}"
        );
    }
}

/// Scenario: nothing at all, and families that have no series.
/// Guarantees: an answer without a family; OpenMetrics still has its end.
#[test]
fn an_empty_answer_is_one() {
    let mut rig = Rig::new();
    rig.family("empty", MetricKind::Gauge, "", "Help");
    rig.add("silent", MetricKind::Gauge, "", Value::None);
    assert_eq!(rig.plain(), "");
    assert_eq!(rig.open_metrics(), "# EOF\n");
    assert!(rig.bytes(Format::Protobuf, None).0.is_empty());
}
