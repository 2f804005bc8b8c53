use std::fmt::Write;

use super::{error, probe};
use crate::config::tests::toml;

/// Scenario: legal settings of a probe that do not do what they seem to.
/// Guarantees: each is warned about at its key, and its neighbours are not.
#[test]
fn probes_are_warned_about() {
    let warned = |text: &str| -> Vec<String> {
        let warnings = toml(text).loaded().warnings.into_iter();
        warnings
            .map(|warning| warning.key)
            .filter(|key| key.starts_with("probe"))
            .collect()
    };
    let cases = [
        ("postgres://app@db/x", "", ""),
        ("postgres://app:x@db/x", "", "url"),
        ("tcp://db:1", "every = \"4s\"", "timeout"),
        ("tcp://db:1", "every = \"1s\"\ntimeout = \"1s\"", ""),
        ("tcp://db:1", "confirm_every = \"31s\"", "confirm_every"),
        ("tcp://db:1", "slow_after = \"5s\"", "slow_after"),
        ("tcp://db:1", "slow_after = \"4s\"", ""),
        (
            "redis-sentinel://s/m",
            "redis.lists = [\"jobs\"]",
            "redis.lists",
        ),
        ("redis://s", "redis.streams = [\"jobs\"]", ""),
    ];
    for (url, lines, key) in cases {
        let expected: Vec<String> = match key {
            "" => Vec::new(),
            key => vec![format!("probe.a.{key}")],
        };
        assert_eq!(warned(&probe(url, lines)), expected, "{url} {lines}");
    }
    let text = format!(
        "{}[probe.b]\nurl = \"disk:/\"\nenabled = false",
        probe("disk:/", "parent = \"b\"")
    );
    assert_eq!(warned(&text), ["probe.a.parent"]);
}

/// Scenario: probes and settings at the edge of what is allowed.
/// Guarantees: the rules refuse nothing that works, up to a thousand probes and no further.
#[test]
fn what_works_is_legal() {
    for (url, lines) in [
        (
            "postgres://app@db/x?sslmode=verify-full",
            "tls = {}\npassword = \"x\"",
        ),
        ("mysql://app@db/x", "tls = {}"),
        (
            "https://shop",
            "password = \"x\"\nhttp.headers = { host = \"x\", content-type = \"y\" }",
        ),
        (
            "https://shop",
            "http = { max_body = 0, status = [\"100-999\", \"404\"] }",
        ),
        (
            "tcp://smtp:25",
            "tcp = { send = \"x\", expect = \"(?-u)\\\\xff\" }",
        ),
        (
            "grpc://stock:1",
            "grpc = { service = \"\", metadata = { a-bin = \"AAE\", b-bin = \"AAE=\" } }",
        ),
        (
            "redis-sentinel://s/m",
            "redis = { sentinels = [\"[::1]:1\", \"s_2.x:2\"], server_password = \"x\" }",
        ),
        ("disk:/", "disk = { warn_free = 0, fail_free = 0.5 }"),
        (
            "tls://mail:993",
            "certificate_warn = \"0s\"\ncertificate_fail = \"3d\"",
        ),
        (
            "sqlite:x.db",
            "query.q = { sql = \"PRAGMA page_count\", values = [\"page_count\"], metric = \"db.pages\" }",
        ),
        (
            "postgres://db/x",
            "query.q = { sql = \"SELECT 1 AS a, 2 AS b\", values = [\"a\", \"b\"], unit = \"{x}\" }",
        ),
    ] {
        toml(&probe(url, lines)).loaded();
    }
    let many = |count: usize| {
        (0..count).fold(String::new(), |mut text, number| {
            writeln!(text, "[probe.p{number}]\nurl = \"disk:/\"").unwrap();
            text
        })
    };
    assert_eq!(toml(&many(1000)).loaded().settings.probe.len(), 1000);
    assert_eq!(error(&many(1001)).0, "probe");
}
