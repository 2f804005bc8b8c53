//! Escaping schemes.

use std::borrow::Cow;

use crate::series::naming::{
    Escaping, LabelPair, escape_label_name, escape_labels, escape_metric_name,
    is_legacy_label_name, is_legacy_metric_name, write_labels,
};

/// Scenario: metric names of every sort. Guarantees: what the page on escaping schemes says, for each scheme.
#[test]
fn metric_names() {
    // The name as it is, then with underscores, dots, values.
    let cases = [
        // "Example: `metric.name/with/slashes` becomes `metric_name_with_slashes`."
        (
            "metric.name/with/slashes",
            "metric_name_with_slashes",
            "metric_dot_name_with_slashes",
            "U__metric_2e_name_2f_with_2f_slashes",
        ),
        // "Example: `metric.name.with.dots` becomes `metric_dot_name_dot_with_dot_dots`."
        (
            "metric.name.with.dots",
            "metric_name_with_dots",
            "metric_dot_name_dot_with_dot_dots",
            "U__metric_2e_name_2e_with_2e_dots",
        ),
        // "Existing underscores MUST be replaced with double underscores"; "Single underscores MUST be replaced with
        // double underscores."
        (
            "cpu.load_total",
            "cpu_load_total",
            "cpu_dot_load__total",
            "U__cpu_2e_load__total",
        ),
        // "the legacy character set (a-zA-Z0-9_:)"
        (
            "no:escaping_required",
            "no:escaping_required",
            "no:escaping__required",
            "no:escaping_required",
        ),
        (
            "http.status:sum",
            "http_status:sum",
            "http_dot_status:sum",
            "U__http_2e_status:sum",
        ),
        ("simple", "simple", "simple", "simple"),
        // "Other non-legacy characters MUST be replaced with single underscores."
        (
            "label with 😱",
            "label_with__",
            "label_with__",
            "U__label_20_with_20__1f631_",
        ),
        ("花火", "__", "__", "U___82b1__706b_"),
        ("a..b", "a__b", "a_dot__dot_b", "U__a_2e__2e_b"),
        // "The first character MUST be either a letter, underscore, or colon."
        ("1st.9", "_st_9", "_st_dot_9", "U___31_st_2e_9"),
        (":1", ":1", ":1", ":1"),
        ("", "", "", ""),
    ];
    for (name, underscores, dots, values) in cases {
        assert_eq!(escape_metric_name(Escaping::AllowUtf8, name), name);
        assert_eq!(escape_metric_name(Escaping::Underscores, name), underscores);
        assert_eq!(escape_metric_name(Escaping::Dots, name), dots);
        assert_eq!(escape_metric_name(Escaping::Values, name), values);
    }
}

/// Scenario: label names with what only metric names may hold, and those that become Prometheus' own.
/// Guarantees: a colon is escaped, and no label takes the place of the metric's name.
#[test]
fn label_names() {
    let cases = [
        (Escaping::Underscores, "http.method", "http_method"),
        (Escaping::Underscores, "a:b", "a_b"),
        (Escaping::Dots, "a:b", "a_b"),
        (Escaping::Values, "a:b", "U__a_3a_b"),
        (Escaping::AllowUtf8, "a:b", "a:b"),
        (Escaping::Underscores, "..name..", "_name__"),
        (Escaping::Dots, "_name_", "_name__"),
        (Escaping::Dots, "_x", "__x"),
    ];
    for (escaping, name, escaped) in cases {
        assert_eq!(escape_label_name(escaping, name), escaped, "{escaping:?}");
    }
}

/// Scenario: labels whose names become one in a scheme. Guarantees: one label, values joined in the order of the
/// names; the labels are sorted by what they are called then.
#[test]
fn colliding_labels() {
    let labels = ["a.b", "aZ", "a_b"].map(|name| (Cow::Borrowed(name), Cow::Borrowed(name)));
    let cases = [
        (Escaping::Underscores, r#"aZ="aZ",a_b="a.b;a_b""#),
        (Escaping::Dots, r#"aZ="aZ",a__b="a_b",a_dot_b="a.b""#),
        (Escaping::Values, r#"U__a_2e_b="a.b",aZ="aZ",a_b="a_b""#),
        (Escaping::AllowUtf8, r#""a.b"="a.b",aZ="aZ",a_b="a_b""#),
    ];
    for (escaping, text) in cases {
        let mut escaped: Vec<LabelPair<'_>> = labels.to_vec();
        escape_labels(escaping, &mut escaped);
        let mut written = String::new();
        write_labels(&mut written, &escaped);
        assert_eq!(written, text, "{escaping:?}");
    }
}

/// Scenario: the schemes by their names in headers. Guarantees: each is found by its own, and nothing by another.
#[test]
fn schemes_by_name() {
    let names = ["underscores", "dots", "values", "allow-utf-8"];
    assert_eq!(Escaping::ALL.map(Escaping::name), names);
    for scheme in Escaping::ALL {
        assert_eq!(Escaping::from_name(scheme.name()), Some(scheme));
    }
    for other in ["", "Dots", "utf-8", "allow-utf-8 "] {
        assert_eq!(Escaping::from_name(other), None, "{other}");
    }
}

/// Scenario: names on both sides of the legacy rules. Guarantees: the two expressions of Prometheus' data model, to
/// the letter.
#[test]
fn legacy_names() {
    // The name, and whether a metric and a label may have it.
    let cases = [
        ("a", true, true),
        ("Z9_", true, true),
        ("_", true, true),
        ("__name__", true, true),
        (":a:b", true, false),
        ("a:b", true, false),
        ("", false, false),
        ("9a", false, false),
        ("a.b", false, false),
        ("a b", false, false),
        ("a-b", false, false),
        ("é", false, false),
        ("a\n", false, false),
    ];
    for (name, metric, label) in cases {
        assert_eq!(is_legacy_metric_name(name), metric, "{name:?}");
        assert_eq!(is_legacy_label_name(name), label, "{name:?}");
    }
}
