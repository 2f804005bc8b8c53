//! Labels, scopes and targets.

use std::borrow::Cow;

use crate::series::naming::{
    LabelPair, MetricKind, SCOPE_NAME, SCOPE_SCHEMA_URL, SCOPE_VERSION, Strategy,
    identifies_target, job, label_name, merge_labels, scope_attribute, write_labels,
};

const DEFAULT: Strategy = Strategy::UnderscoreEscapingWithSuffixes;
const NO_SUFFIXES: Strategy = Strategy::UnderscoreEscapingWithoutSuffixes;
const UTF8: Strategy = Strategy::NoUtf8EscapingWithSuffixes;
const NONE: Strategy = Strategy::NoTranslation;

fn pairs<'a>(pairs: &[(&'a str, &'a str)]) -> Vec<LabelPair<'a>> {
    let pair = |(key, value): &(&'a str, &'a str)| (Cow::Borrowed(*key), Cow::Borrowed(*value));
    pairs.iter().map(pair).collect()
}

fn merged(strategy: Strategy, kind: MetricKind, attributes: &[(&str, &str)]) -> String {
    let mut pairs = pairs(attributes);
    merge_labels(strategy, kind, &mut pairs);
    let mut text = String::new();
    write_labels(&mut text, &pairs);
    text
}

/// Scenario: keys of every sort. Guarantees: the label name, or none, for strategies that escape and those that do
/// not.
#[test]
fn names() {
    let cases = [
        // "match the following regular expression: `[a-zA-Z_]([a-zA-Z0-9_])*`"
        (
            "LabelWithCapitals9",
            Some("LabelWithCapitals9"),
            Some("LabelWithCapitals9"),
        ),
        ("_label", Some("_label"), Some("_label")),
        // "Discouraged characters SHOULD be replaced with the `_` character."
        (
            "label.with.dots",
            Some("label_with_dots"),
            Some("label.with.dots"),
        ),
        (
            "label:with:colons",
            Some("label_with_colons"),
            Some("label:with:colons"),
        ),
        (
            "label!with&chars)",
            Some("label_with_chars_"),
            Some("label!with&chars)"),
        ),
        (".foo", Some("_foo"), Some(".foo")),
        ("foreign_字符", Some("foreign_"), Some("foreign_字符")),
        // "Multiple consecutive `_` characters SHOULD be replaced with a single `_` character."
        ("label__two", Some("label_two"), Some("label__two")),
        ("label.__&&two", Some("label_two"), Some("label.__&&two")),
        ("trailing___", Some("trailing_"), Some("trailing___")),
        // No digit in front.
        ("123label", Some("key_123label"), Some("123label")),
        ("1", Some("key_1"), Some("1")),
        // Two underscores in front are Prometheus' own.
        ("__name__", Some("_name_"), Some("_name__")),
        ("__address__", Some("_address_"), Some("_address__")),
        ("___x", Some("_x"), Some("_x")),
        ("..name", Some("_name"), Some("..name")),
        // Nothing left.
        ("", None, None),
        ("_", None, None),
        ("__", None, None),
        ("ようこそ", None, Some("ようこそ")),
        ("!?", None, Some("!?")),
    ];
    for (key, escaped, plain) in cases {
        assert_eq!(label_name(DEFAULT, key).as_deref(), escaped, "{key}");
        assert_eq!(label_name(NO_SUFFIXES, key).as_deref(), escaped, "{key}");
        assert_eq!(label_name(UTF8, key).as_deref(), plain, "{key}");
        assert_eq!(label_name(NONE, key).as_deref(), plain, "{key}");
    }
}

/// A strategy, attributes, and the label text they become.
type MergeCase = (
    Strategy,
    &'static [(&'static str, &'static str)],
    &'static str,
);

/// Scenario: keys that become one label, or none. Guarantees: "the values MUST be concatenated together, separated
/// by `;`, and ordered by the lexicographical order of the original keys"; labels come sorted.
#[test]
fn merging() {
    let cases: [MergeCase; 14] = [
        (DEFAULT, &[], ""),
        (DEFAULT, &[("b", "2"), ("a", "1")], r#"a="1",b="2""#),
        (DEFAULT, &[("a_b", "2"), ("a.b", "1")], r#"a_b="1;2""#),
        (NO_SUFFIXES, &[("a.b", "1"), ("a_b", "2")], r#"a_b="1;2""#),
        // By the keys, neither as they came nor by the values.
        (
            DEFAULT,
            &[("a_b", "1"), ("a.b", "2"), ("a-b", "3")],
            r#"a_b="3;2;1""#,
        ),
        (
            DEFAULT,
            &[("a.c", "x"), ("a_b", "1"), ("a.b", "2")],
            r#"a_b="2;1",a_c="x""#,
        ),
        // Sorted by the names, not by the keys: "a_" stands behind "aZ", "a." before it.
        (DEFAULT, &[("a.", "1"), ("aZ", "2")], r#"aZ="2",a_="1""#),
        // Different keys stay different where nothing is translated.
        (NONE, &[("a_b", "1"), ("a.b", "2")], r#""a.b"="2",a_b="1""#),
        (UTF8, &[("a_b", "1"), ("a.b", "2")], r#""a.b"="2",a_b="1""#),
        // The same key twice, in whatever order.
        (DEFAULT, &[("a", "2"), ("a", "1")], r#"a="1;2""#),
        // Empty is absent; but an attribute that is there is concatenated.
        (DEFAULT, &[("a", ""), ("b", "1")], r#"b="1""#),
        (DEFAULT, &[("a.b", ""), ("a_b", "1")], r#"a_b=";1""#),
        (DEFAULT, &[("?", "1"), ("", "2"), ("a", "3")], r#"a="3""#),
        (
            NONE,
            &[("__name__", "x"), ("1", "y")],
            r#""1"="y",_name__="x""#,
        ),
    ];
    for (strategy, attributes, text) in cases {
        let labels = merged(strategy, MetricKind::Gauge, attributes);
        assert_eq!(labels, text, "{strategy:?} {attributes:?}");
    }
}

/// Scenario: attributes with the names of labels that samples have anyway. Guarantees: no sample gets a label twice.
#[test]
fn labels_of_the_samples() {
    let attributes = [("le", "a"), ("quantile", "b")];
    let cases = [
        (MetricKind::Gauge, r#"le="a",quantile="b""#),
        (MetricKind::Counter, r#"le="a",quantile="b""#),
        (MetricKind::Histogram, r#"exported_le="a",quantile="b""#),
        (MetricKind::Summary, r#"exported_quantile="b",le="a""#),
    ];
    for (kind, text) in cases {
        assert_eq!(merged(DEFAULT, kind, &attributes), text, "{kind:?}");
    }
    let clash = [("le", "a"), ("exported_le", "b"), ("l.e", "c")];
    let text = r#"exported_le="b;a",l_e="c""#;
    assert_eq!(merged(DEFAULT, MetricKind::Histogram, &clash), text);
}

/// Scenario: attributes whose keys are legacy names, unsorted. Guarantees: their texts are not copied.
#[test]
fn legacy_keys_are_not_copied() {
    let mut labels = pairs(&[("zone", "a"), ("host", "b"), ("http_method", "GET")]);
    merge_labels(DEFAULT, MetricKind::Histogram, &mut labels);
    assert_eq!(labels.len(), 3);
    for (name, value) in labels {
        assert!(matches!(name, Cow::Borrowed(_)), "{name}");
        assert!(matches!(value, Cow::Borrowed(_)), "{value}");
    }
}

/// Scenario: attributes of a scope. Guarantees: "the scope attributes as labels with `otel_scope_` prefix", but for
/// those that "would conflict with `otel_scope_name`, `otel_scope_version`, or `otel_scope_schema_url`".
#[test]
fn attributes_of_scopes() {
    let cases = [
        (DEFAULT, "library_mascot", Some("otel_scope_library_mascot")),
        (DEFAULT, "library.mascot", Some("otel_scope_library.mascot")),
        (NONE, "library.mascot", Some("otel_scope_library.mascot")),
        (DEFAULT, "names", Some("otel_scope_names")),
        (DEFAULT, "name", None),
        (DEFAULT, "version", None),
        (DEFAULT, "schema_url", None),
        (DEFAULT, "schema.url", None),
        (NO_SUFFIXES, "_name", None),
        (DEFAULT, ".version", None),
        (NONE, "name", None),
        (UTF8, "schema_url", None),
        (NONE, "schema.url", Some("otel_scope_schema.url")),
        (UTF8, "_name", Some("otel_scope__name")),
    ];
    for (strategy, key, full) in cases {
        assert_eq!(
            scope_attribute(strategy, key).as_deref(),
            full,
            "{strategy:?} {key}"
        );
    }
}

/// Scenario: the specification's example of a scope, the other way round, on a point that has a scope's label itself.
/// Guarantees: the scope's labels, and the values of the one that "other labels (e.g. otel_scope_name)" meet, joined.
#[test]
fn scopes_on_points() {
    let mascot = scope_attribute(DEFAULT, "library.mascot").unwrap();
    let attributes = [
        (SCOPE_NAME, "otelhttp"),
        (SCOPE_VERSION, "v0.24.0"),
        (SCOPE_SCHEMA_URL, "https://opentelemetry.io/schemas/1.31.0"),
        (&mascot, "gopher"),
        ("otel.scope.name", "mine"),
    ];
    let text = merged(DEFAULT, MetricKind::Counter, &attributes);
    assert_eq!(
        text,
        r#"otel_scope_library_mascot="gopher",otel_scope_name="mine;otelhttp",otel_scope_schema_url="https://opentelemetry.io/schemas/1.31.0",otel_scope_version="v0.24.0""#
    );
}

/// Scenario: resources with and without each part of their name. Guarantees: "combined as
/// `<service.namespace>/<service.name>`, or `<service.name>` if namespace is empty".
#[test]
fn jobs() {
    assert_eq!(job("shop", "cart"), "shop/cart");
    assert_eq!(job("", "cart"), "cart");
    assert_eq!(job("shop", ""), "");
    assert_eq!(job("", ""), "");
}

/// Scenario: attributes of a resource. Guarantees: "Other resource attributes SHOULD be converted to a target info
/// metric".
#[test]
fn attributes_of_targets() {
    for key in ["service.name", "service.namespace", "service.instance.id"] {
        assert!(identifies_target(key), "{key}");
    }
    for key in [
        "service.version",
        "service",
        "host.name",
        "service_name",
        "",
    ] {
        assert!(!identifies_target(key), "{key}");
    }
}
