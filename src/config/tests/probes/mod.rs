mod kinds;
mod legal;
mod queries;
mod secrets;

use std::fmt::Write;

use super::toml;

/// One probe, `[probe.a]`, of a URL and lines below it.
fn probe(url: &str, lines: &str) -> String {
    format!("[probe.a]\nurl = \"{url}\"\n{lines}\n")
}

/// The one error of a text, as its key and the whole message.
fn error(text: &str) -> (String, String) {
    let error = toml(text).error();
    assert!(!error.fix.is_empty(), "{error}");
    (error.key.clone(), error.to_string())
}

/// Scenario: probes with one thing wrong each, in what every kind has.
/// Guarantees: each is refused at the key to change, saying what is wrong.
#[test]
fn probes_are_checked() {
    let cases = [
        ("[probe.a]\nevery = \"1s\"", "probe.a.url", "required"),
        ("[probe.a]\nurl = 5", "probe.a.url", "a number"),
        (
            "[probe.a]\nurl = \"mongodb://db\"",
            "probe.a.url",
            "no probe knows",
        ),
        ("[probe.\"a b\"]\nurl = \"disk:/\"", "probe.a b", "a-z"),
        ("[probe.A]\nurl = \"disk:/\"", "probe.A", "a-z"),
        (
            "[probe.memory]\nurl = \"disk:/\"",
            "probe.memory",
            "include",
        ),
        ("[probe.all]\nurl = \"disk:/\"", "probe.all", "include"),
        ("[probe.disk]\nurl = \"disk:/\"", "probe.disk", "include"),
        (
            "[probe.a-b]\nurl = \"disk:/\"\n[probe.a_b]\nurl = \"disk:/\"",
            "probe.a_b",
            "a-b",
        ),
        (
            "[export.x]\nendpoint = \"http://c:1\"\n[probe.export-x]\nurl = \"disk:/\"",
            "probe.export-x",
            "export \"x\"",
        ),
    ];
    for (text, key, problem) in cases {
        let (found, message) = error(text);
        assert_eq!(found, key, "{message}");
        assert!(message.contains(problem), "{message}");
    }
    let lines = [
        ("every = \"10ms\"", "every", "outside the limits"),
        ("timeout = \"11m\"", "timeout", "outside the limits"),
        ("failures = 0", "failures", "outside the limits"),
        (
            "connections_warn = 80",
            "connections_warn",
            "outside the limits",
        ),
        (
            "connections_wran = 0.8",
            "connections_wran",
            "connections_warn",
        ),
        ("groups = [\"My Shop\"]", "groups", "a-z"),
        ("groups = [\"database\"]", "groups", "include"),
        ("groups = [\"a\"]", "groups", "name of a probe"),
        ("groups = [\"x\", \"x\"]", "groups", "more than once"),
        (
            "certificate_fail = \"15d\"",
            "certificate_fail",
            "certificate_warn (14d)",
        ),
        ("parent = \"b\"", "parent", "no probe \"b\""),
        ("parent = \"a\"", "parent", "ring: \"a\" needs \"a\""),
    ];
    for (line, key, problem) in lines {
        let (found, message) = error(&probe("tcp://db:1", line));
        assert_eq!(found, format!("probe.a.{key}"), "{message}");
        assert!(message.contains(problem), "{message}");
    }
}

/// Scenario: rings of parents of each length, one beside a probe that leads into it, and a parent that could not be read.
/// Guarantees: each ring is reported once, with all of its probes; what leads into it, and what was written wrong elsewhere,
/// causes no second error.
#[test]
fn parents_form_no_ring() {
    let chain = |parents: &[(&str, &str)]| {
        parents
            .iter()
            .fold(String::new(), |mut text, (name, parent)| {
                write!(
                    text,
                    "[probe.{name}]\nurl = \"disk:/\"\nparent = \"{parent}\"\n"
                )
                .unwrap();
                text
            })
    };
    let (key, message) = error(&chain(&[("a", "b"), ("b", "a")]));
    assert_eq!(key, "probe.a.parent");
    assert!(
        message.contains("\"a\" needs \"b\" needs \"a\""),
        "{message}"
    );
    let (key, message) = error(&chain(&[("a", "d"), ("b", "c"), ("c", "d"), ("d", "b")]));
    assert_eq!(key, "probe.b.parent");
    assert!(
        message.contains("\"b\" needs \"c\" needs \"d\" needs \"b\""),
        "{message}"
    );
    let tree = chain(&[("a", "c"), ("b", "c")]);
    toml(&format!("{tree}[probe.c]\nurl = \"disk:/\"")).loaded();
    let (key, message) = error(&format!("{tree}[probe.c]\nurl = \"nothing\""));
    assert_eq!(key, "probe.c.url", "{message}");
    let near = error(
        "[probe.orders-db]\nurl = \"disk:/\"\n[probe.b]\nurl = \"disk:/\"\nparent = \"order-db\"",
    );
    assert!(near.1.contains("Did you mean \"orders-db\"?"), "{}", near.1);
}

/// Scenario: maintenance windows of mixed forms, without length, backwards, with days that mean nothing, for probes that are
/// not there.
/// Guarantees: each is refused at its key; one that has passed is warned about, and one over midnight is legal.
#[test]
fn windows_are_checked() {
    let window = |lines: &str| format!("[probe.a]\nurl = \"disk:/\"\n[maintenance.m]\n{lines}");
    let once = "from = \"2999-01-01T00:00:00Z\"\nto = \"2999-01-02T00:00:00Z\"";
    let cases = [
        ("from = \"02:00\"".to_owned(), "to", "required"),
        (
            "from = \"25:00\"\nto = \"03:00\"".to_owned(),
            "from",
            "time of day",
        ),
        (
            "from = \"02:00\"\nto = \"02:00\"".to_owned(),
            "to",
            "ends when it begins",
        ),
        (
            "from = \"02:00\"\nto = \"2999-01-01T00:00:00Z\"".to_owned(),
            "to",
            "one form",
        ),
        (
            "from = \"2999-01-01T00:00:00Z\"\nto = \"02:00\"".to_owned(),
            "to",
            "one form",
        ),
        (
            "from = \"2999-01-02T00:00:00Z\"\nto = \"2999-01-01T00:00:00Z\"".to_owned(),
            "to",
            "not after",
        ),
        (
            "from = \"2999-01-01T00:00:00Z\"\nto = \"2999-01-01T00:00:00Z\"".to_owned(),
            "to",
            "not after",
        ),
        (format!("{once}\ndays = [\"mon\"]"), "days", "opens once"),
        (
            "from = \"02:00\"\nto = \"03:00\"\ndays = [\"someday\"]".to_owned(),
            "days",
            "not known",
        ),
        (
            "from = \"02:00\"\nto = \"03:00\"\ndays = [\"mon\", \"mon\"]".to_owned(),
            "days",
            "more than once",
        ),
        (
            format!("{once}\nprobes = [\"b\"]"),
            "probes",
            "no probe \"b\"",
        ),
        (
            format!("{once}\nprobes = [\"a\", \"a\"]"),
            "probes",
            "more than once",
        ),
    ];
    for (lines, key, problem) in cases {
        let (found, message) = error(&window(&lines));
        assert_eq!(found, format!("maintenance.m.{key}"), "{message}");
        assert!(message.contains(problem), "{message}");
    }
    for lines in [
        once,
        "from = \"23:00\"\nto = \"01:00\"\ndays = [\"sat\", \"sun\"]\nprobes = [\"a\", \"disk\"]",
    ] {
        let warnings = toml(&window(lines)).loaded().warnings;
        assert!(
            warnings
                .iter()
                .all(|warning| !warning.key.starts_with("maintenance"))
        );
    }
    let past = window("from = \"2020-01-01T00:00:00Z\"\nto = \"2020-01-02T00:00:00Z\"");
    let warnings = toml(&past).loaded().warnings;
    assert!(
        warnings
            .iter()
            .any(|warning| warning.key == "maintenance.m"),
        "{warnings:?}"
    );
}
