use super::{error, probe};
use crate::config::tests::toml;

/// Scenario: queries that write, measure nothing, or call their metric what others call theirs.
/// Guarantees: each is refused at its key; the same metric of two probes is legal where both mean the same by it.
#[test]
fn queries_are_checked() {
    let sql = "sql = \"SELECT 1 AS value\"";
    let cases = [
        ("q = {}", "q.sql", "required"),
        (
            "q.sql = \"DELETE FROM jobs\"",
            "q.sql",
            "is DELETE, which writes",
        ),
        ("q.sql = \"SELECT 1; SELECT 2\"", "q.sql", "more than one"),
        (
            "q = { sql = \"SELECT 1\", values = [] }",
            "q.values",
            "nothing would be measured",
        ),
        (
            "q = { sql = \"SELECT 1\", values = [\"a\", \"a\"] }",
            "q.values",
            "more than once",
        ),
        (
            "q = { sql = \"SELECT 1\", values = [\"a b\", \"c\"] }",
            "q",
            "q.a b",
        ),
        (
            "q = { sql = \"SELECT 1\", metric = \"1st\" }",
            "q.metric",
            "not the name of a metric",
        ),
        (
            "q = { sql = \"SELECT 1\", metric = \"größe\" }",
            "q.metric",
            "not the name of a metric",
        ),
        (
            "q = { sql = \"SELECT 1\", metric = \"\" }",
            "q.metric",
            "not the name of a metric",
        ),
        (
            "q = { sql = \"SELECT 1\", metric = \"lineside.probe.up\" }",
            "q.metric",
            "agent's own",
        ),
        (
            "q = { sql = \"SELECT 1\", metric = \"Probe/success\" }",
            "q.metric",
            "agent's own",
        ),
        (
            "q = { sql = \"SELECT 1\", metric = \"db.server.uptime\" }",
            "q.metric",
            "agent's own",
        ),
        ("probe_x.sql = \"SELECT 1\"", "probe_x", "Set metric"),
        ("9.sql = \"SELECT 1\"", "9", "not the name of a metric"),
        ("Q.sql = \"SELECT 1\"", "Q", "a-z"),
        (
            "q = { sql = \"SELECT 1\", unit = \"größe\" }",
            "q.unit",
            "ASCII",
        ),
        (
            "q = { sql = \"SELECT 1\", about = \"a\\nb\" }",
            "q.about",
            "one line",
        ),
        (
            "q = { sql = \"SELECT 1\", max_rows = 0 }",
            "q.max_rows",
            "outside",
        ),
    ];
    for (line, key, problem) in cases {
        let (found, message) = error(&probe("postgres://db/x", &format!("query.{line}")));
        assert_eq!(found, format!("probe.a.query.{key}"), "{message}");
        assert!(message.contains(problem), "{message}");
    }
    let two = |first: &str, second: &str| {
        format!(
            "[probe.a]\nurl = \"postgres://db/x\"\n[probe.a.query.q]\n{sql}\n{first}\n[probe.b]\nurl = \"mysql://db/x\"\n[probe.b.query.q]\n{sql}\n{second}"
        )
    };
    toml(&two("unit = \"s\"", "unit = \"s\"")).loaded();
    toml(&two("metric = \"x\"", "metric = \"y\"")).loaded();
    for (first, second, differs) in [
        ("unit = \"s\"", "unit = \"By\"", "another unit"),
        ("about = \"A\"", "", "another about"),
        ("metric = \"a.b\"", "metric = \"a_b\"", "another spelling"),
        ("metric = \"ab\"", "metric = \"AB\"", "another spelling"),
    ] {
        let (found, message) = error(&two(first, second));
        assert_eq!(found, "probe.b.query.q");
        assert!(
            message.contains("probe.a.query.q") && message.contains(differs),
            "{message}"
        );
    }
    let same = format!(
        "[probe.a]\nurl = \"postgres://db/x\"\nquery.p = {{ {sql}, metric = \"x\" }}\nquery.q = {{ {sql}, metric = \"x\" }}"
    );
    assert!(error(&same).1.contains("the same probe"));
}
