//! What stands in a text, and reading it back.

use std::borrow::Cow;

use crate::series::naming::{
    TextFormat, unescape_label_text, write_help, write_label, write_labels, write_metric_name,
    write_series,
};

fn written(write: impl FnOnce(&mut String)) -> String {
    let mut out = String::from("before ");
    write(&mut out);
    out.split_off("before ".len())
}

/// Scenario: names and values with everything that has a meaning in a text. Guarantees: it is escaped or quoted,
/// nothing else is.
#[test]
fn labels() {
    let cases = [
        ("method", "GET", r#"method="GET""#),
        ("http.method", "GET", r#""http.method"="GET""#),
        ("a:b", "", r#""a:b"="""#),
        ("9", "x", r#""9"="x""#),
        ("path", r"C:\dir", r#"path="C:\\dir""#),
        ("said", r#""hi""#, r#"said="\"hi\"""#),
        ("lines", "a\nb\n", r#"lines="a\nb\n""#),
        ("literal", r"\n", r#"literal="\\n""#),
        ("odd", "a,b={c}\t\r#é", "odd=\"a,b={c}\t\r#é\""),
        ("q\"u\\o\nte", "x", r#""q\"u\\o\nte"="x""#),
    ];
    for (name, value, text) in cases {
        assert_eq!(written(|out| write_label(out, name, value)), text);
    }
    let none = written(|out| write_labels(out, &[]));
    assert_eq!(none, "");
    let two = [("a", "b"), ("c.d", "e")].map(|(name, value)| (name.into(), value.into()));
    let both = written(|out| write_labels(out, &two));
    assert_eq!(both, r#"a="b","c.d"="e""#);
}

/// Scenario: series with and without labels, by legacy names and others. Guarantees: the forms of the exposition
/// formats.
#[test]
fn series() {
    let cases = [
        ("up", "", "up"),
        ("up", r#"a="b""#, r#"up{a="b"}"#),
        ("a:b", "", "a:b"),
        ("my.up", "", r#"{"my.up"}"#),
        ("my.up", r#"a="b""#, r#"{"my.up",a="b"}"#),
        ("9\"", "", r#"{"9\""}"#),
    ];
    for (name, labels, text) in cases {
        assert_eq!(written(|out| write_series(out, name, labels)), text);
    }
    assert_eq!(written(|out| write_metric_name(out, "a:b")), "a:b");
    assert_eq!(written(|out| write_metric_name(out, "a.b")), r#""a.b""#);
}

/// Scenario: help with backslashes, line feeds and quotes. Guarantees: each format's own escaping.
#[test]
fn help() {
    let help = "The \"size\"\nof C:\\ é";
    let cases = [
        (TextFormat::Prometheus, r#"The "size"\nof C:\\ é"#),
        (TextFormat::OpenMetrics, r#"The \"size\"\nof C:\\ é"#),
    ];
    for (format, text) in cases {
        assert_eq!(written(|out| write_help(out, format, help)), text);
    }
}

/// Scenario: label texts, and texts that are none. Guarantees: the labels up to where the text ends or goes wrong.
#[test]
fn reading_back() {
    let cases: [(&str, &[(&str, &str)]); 13] = [
        ("", &[]),
        (r#"a="b""#, &[("a", "b")]),
        (r#"a="b","c.d"="e""#, &[("a", "b"), ("c.d", "e")]),
        (r#"a="",b="x,y=\"z\"""#, &[("a", ""), ("b", r#"x,y="z""#)]),
        (r#"a="\\n\n\\""#, &[("a", "\\n\n\\")]),
        (r#""q\"\\\n"="x""#, &[("q\"\\\n", "x")]),
        (r#"a="b",c"#, &[("a", "b")]),
        (r#"a="b""c"="d""#, &[("a", "b")]),
        (r#"a="b\""#, &[]),
        (r#"a=b"#, &[]),
        (r#"="b""#, &[]),
        (r#"a.b="c""#, &[]),
        (r#""a"#, &[]),
    ];
    for (text, labels) in cases {
        let read: Vec<_> = unescape_label_text(text).collect();
        let expected = labels
            .iter()
            .map(|(name, value)| (Cow::from(*name), Cow::from(*value)));
        assert_eq!(read, expected.collect::<Vec<_>>(), "{text}");
    }
}
