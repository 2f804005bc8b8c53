//! Names that not every Prometheus reads, in each escaping scheme.

use super::{Rig, exemplar};
use crate::series::exposition::Format;
use crate::series::naming::{Escaping, MetricKind, Strategy, metric_name};
use crate::series::store::{Bounds, Exemplar, Histogram, Value};
use std::sync::Arc;

/// Scenario: the counter `foo.bar` with unit `By` of the specification's table, under each strategy.
/// Guarantees: what the table says for no `escaping` parameter, for `underscores` and for `allow-utf-8`.
#[test]
fn strategies_and_schemes_together_are_those_of_the_specification() {
    let table = [
        (
            Strategy::UnderscoreEscapingWithSuffixes,
            "foo_bar_bytes_total",
            "foo_bar_bytes_total",
        ),
        (
            Strategy::UnderscoreEscapingWithoutSuffixes,
            "foo_bar",
            "foo_bar",
        ),
        (
            Strategy::NoUtf8EscapingWithSuffixes,
            "foo_bar_bytes_total",
            r#"{"foo.bar_bytes_total"}"#,
        ),
        (Strategy::NoTranslation, "foo_bar", r#"{"foo.bar"}"#),
    ];
    for (strategy, escaped, utf8) in table {
        let mut rig = Rig::new();
        let name = metric_name(strategy, "foo.bar", "By", MetricKind::Counter).unwrap();
        rig.add(&name, MetricKind::Counter, "", Value::Integer(1));
        let utf8 = match utf8.strip_suffix('}') {
            Some(opened) => format!("{opened},job=\"shop\"}} 1\n"),
            None => format!("{utf8}{{job=\"shop\"}} 1\n"),
        };
        for format in [Format::Text100, Format::OpenMetrics100] {
            for escaping in [None, Some(Escaping::Underscores)] {
                let text = rig.text(format, escaping).0;
                assert!(
                    text.contains(&format!("\n{escaped}{{job=\"shop\"}} 1\n")),
                    "{text}"
                );
            }
            let text = rig.text(format, Some(Escaping::AllowUtf8)).0;
            assert!(text.contains(&format!("\n{utf8}")), "{text}");
        }
    }
}

/// Scenario: families and labels of dotted names: a counter with an exemplar whose labels have dots too, a histogram.
/// Guarantees: in quotes where UTF-8 is allowed, escaped in names, labels and exemplars where not.
#[test]
fn dotted_names_are_quoted_or_escaped() {
    let mut rig = Rig::new();
    let counter = rig.family("http.hits_total", MetricKind::Counter, "", "Hits");
    let id = rig.add_to(counter, r#""http.method"="GET",z="1""#, Value::Integer(2));
    rig.set_exemplar(
        id,
        Exemplar {
            labels: r#""user.id"="7""#.into(),
            ..exemplar(1.0)
        },
    );
    let mut one = Histogram::new(Arc::new(Bounds::new(&[1.0]).unwrap()));
    one.observe(0.5);
    rig.add(
        "took.s",
        MetricKind::Histogram,
        "",
        Value::Histogram(Box::new(one)),
    );
    let lines = |escaping| rig.text(Format::OpenMetrics100, escaping).0;
    let utf8 = lines(Some(Escaping::AllowUtf8));
    for line in [
        "# HELP \"http.hits\" Hits\n# TYPE \"http.hits\" counter\n",
        "{\"http.hits_total\",\"http.method\"=\"GET\",z=\"1\",job=\"shop\"} 2 # {trace_id=",
        ",\"user.id\"=\"7\"} 1 ",
        "{\"took.s_bucket\",job=\"shop\",le=\"1.0\"} 1\n",
        "{\"took.s_sum\",job=\"shop\"} 0.5\n",
    ] {
        assert!(utf8.contains(line), "{line}\n{utf8}");
    }
    let underscores = lines(None);
    for line in [
        "# TYPE http_hits counter\nhttp_hits_total{http_method=\"GET\",job=\"shop\",z=\"1\"} 2 # {trace_id=",
        ",user_id=\"7\"} 1 ",
        "took_s_bucket{job=\"shop\",le=\"1.0\"} 1\n",
    ] {
        assert!(underscores.contains(line), "{line}\n{underscores}");
    }
    assert!(
        lines(Some(Escaping::Values)).contains("U__took_2e_s_bucket{job=\"shop\",le=\"1.0\"} 1\n")
    );
    assert!(lines(Some(Escaping::Dots)).contains("took_dot_s_bucket{job=\"shop\",le=\"1.0\"} 1\n"));
}

/// Scenario: families, and labels of one family, that only escaping makes the same, and one that then is called like a
/// histogram's sample.
/// Guarantees: the first by its name is written, the others are left out and counted; with UTF-8 names all are there.
#[test]
fn what_escaping_makes_the_same_is_written_once() {
    let mut rig = Rig::new();
    rig.add("a.b", MetricKind::Gauge, "", Value::Integer(1));
    rig.add("a_b", MetricKind::Gauge, "", Value::Integer(2));
    rig.add("a-b", MetricKind::Counter, "", Value::Integer(3));
    rig.add("c", MetricKind::Gauge, r#""x.y"="1""#, Value::Integer(4));
    rig.add("c", MetricKind::Gauge, r#"x_y="1""#, Value::Integer(5));
    rig.add("c", MetricKind::Gauge, r#"x_y="2""#, Value::Integer(6));
    let one = Histogram::new(Arc::new(Bounds::new(&[]).unwrap()));
    rig.add(
        "h.h",
        MetricKind::Histogram,
        "",
        Value::Histogram(Box::new(one)),
    );
    rig.add("h_h.count", MetricKind::Gauge, "", Value::Integer(7));
    let (text, exposed) = rig.text(Format::Text100, None);
    let samples: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let expected = [
        "a_b{job=\"shop\"} 3",
        "c{job=\"shop\",x_y=\"1\"} 4",
        "c{job=\"shop\",x_y=\"2\"} 6",
        "h_h_bucket{job=\"shop\",le=\"+Inf\"} 0",
        "h_h_sum{job=\"shop\"} 0",
        "h_h_count{job=\"shop\"} 0",
    ];
    assert_eq!(samples, expected);
    assert_eq!((exposed.series, exposed.left_out), (4, 4));
    let (_, exposed) = rig.text(Format::Text100, Some(Escaping::AllowUtf8));
    assert_eq!((exposed.series, exposed.left_out), (8, 0));
}

/// Scenario: a store of legacy names whose label values look like quoted names.
/// Guarantees: it has no quoted names, so that scrapes stay fast, and the values are written as they are.
#[test]
fn values_that_look_like_names_change_nothing() {
    let mut rig = Rig::new();
    let labels = r#"a="\",\"b.c",d="x,""#;
    rig.add("m", MetricKind::Gauge, labels, Value::Integer(1));
    assert!(!rig.store.has_quoted_names());
    assert!(
        rig.plain()
            .contains(&format!("m{{{labels},job=\"shop\"}} 1\n"))
    );
    rig.add(
        "m",
        MetricKind::Gauge,
        r#"a="1","b.c"="2""#,
        Value::Integer(1),
    );
    assert!(rig.store.has_quoted_names());
}

/// Scenario: exemplars whose further labels are as long as OpenMetrics allows, and one character longer, and of
/// characters of several bytes.
/// Guarantees: "unless they would exceed the Prometheus protocol's exemplar limits": the ids stay, the others go.
#[test]
fn exemplars_keep_to_their_limit() {
    let taken = "trace_id".len() + 32 + "span_id".len() + 16;
    let room = 128 - taken - "k".len();
    for (letter, len, stays) in [
        ("v", room, true),
        ("v", room + 1, false),
        ("é", room, true),
        ("\\\"", room, true),
    ] {
        let mut rig = Rig::new();
        let id = rig.add("m_total", MetricKind::Counter, "", Value::Integer(1));
        let labels = format!("k=\"{}\"", letter.repeat(len));
        rig.set_exemplar(
            id,
            Exemplar {
                labels: labels.clone().into(),
                ..exemplar(1.0)
            },
        );
        let text = rig.open_metrics();
        assert_eq!(text.contains(&labels), stays, "{letter} {len}");
        assert!(text.contains("trace_id=\"abab"));
    }
    let mut rig = Rig::new();
    let id = rig.add("m_total", MetricKind::Counter, "", Value::Integer(1));
    let unknown = Exemplar {
        time_unix_nano: 0,
        trace_id: [0; 16],
        span_id: [0; 8],
        ..exemplar(1.5)
    };
    rig.set_exemplar(id, unknown);
    assert!(
        rig.open_metrics().contains("} 1 # {} 1.5\n"),
        "neither ids nor a time"
    );
}
