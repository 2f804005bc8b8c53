use super::{error, refused, stripe, warnings};
use crate::config::tests::toml;

/// Scenario: guards with one thing wrong each.
/// Guarantees: each is refused at the key to change, saying what is wrong.
#[test]
fn guards_are_checked() {
    refused(&[
        (
            "breaker.max_open_for = \"29s\"",
            "breaker.max_open_for",
            "breaker.open_for (\"30s\")",
        ),
        (
            "breaker = { open_for = \"6m\" }",
            "breaker.max_open_for",
            "breaker.open_for (\"6m\")",
        ),
        (
            "breaker = { preset = \"namesilo\", max_open_for = \"1m\" }",
            "breaker.max_open_for",
            "breaker.open_for (\"2m\")",
        ),
        (
            "breaker.failure_rate = 0",
            "breaker.failure_rate",
            "first call",
        ),
        (
            "breaker.failure_rate = 1.5",
            "breaker.failure_rate",
            "outside the limits",
        ),
        ("breaker.slow_rate = 0.0", "breaker.slow_rate", "first call"),
        (
            "breaker = { failure_rate = 0.5, window_calls = 19 }",
            "breaker.window_calls",
            "breaker.minimum_calls (20)",
        ),
        (
            "breaker.failure_status = [\"6xy\"]",
            "breaker.failure_status",
            "not a status",
        ),
        ("breaker.trials = 0", "breaker.trials", "outside the limits"),
        ("breaker.preset = \"strip\"", "breaker.preset", "stripe"),
        (
            "retry = { base = \"11s\" }",
            "retry.max",
            "retry.base (\"11s\")",
        ),
        ("retry.status = [\"504-502\"]", "retry.status", "502-504"),
        ("limit.route = { }", "limit.route.requests", "required"),
        (
            "limit.route = { requests = 0 }",
            "limit.route.requests",
            "none is let through",
        ),
        (
            "limit.caller = { requests = 1000001, per = \"1ms\" }",
            "limit.caller.requests",
            "nanosecond",
        ),
        (
            "limit.route = { requests = 1, burst = 0 }",
            "limit.route.burst",
            "outside the limits",
        ),
        (
            "idempotency.methods = []",
            "idempotency.methods",
            "no key would count",
        ),
        (
            "idempotency.methods = [\"post\"]",
            "idempotency.methods",
            "Write POST",
        ),
        (
            "idempotency.methods = [\"TRACE\"]",
            "idempotency.methods",
            "never passes",
        ),
        (
            "methods = [\"GET\"]\nidempotency = {}",
            "idempotency.methods",
            "passes the route",
        ),
        (
            "cache = { default_ttl = \"25h\" }",
            "cache.max_ttl",
            "cache.default_ttl (\"25h\")",
        ),
        (
            "methods = [\"POST\"]\ncache = {}",
            "cache",
            "neither GET nor HEAD",
        ),
    ]);
    let (key, message) = error(&stripe("cache = {}\n[cache]\nmemory = \"512KiB\""));
    assert_eq!(key, "cache.memory");
    assert!(
        message.contains("route.a.cache.max_entry (\"1MiB\")"),
        "{message}"
    );
}

/// Scenario: the same settings at the edge of what is allowed.
/// Guarantees: the rules refuse nothing that works.
#[test]
fn the_edges_of_the_rules_are_legal() {
    for lines in [
        "breaker = { max_open_for = \"30s\" }",
        "breaker = { preset = \"namesilo\", open_for = \"1m\", max_open_for = \"1m\" }",
        "breaker = { failure_rate = 1.0, slow_rate = 0.01 }",
        "breaker = { window_calls = 5 }",
        "breaker = { failure_rate = 0.5, window_calls = 20 }",
        "breaker = { failure_rate = 0.5, window_calls = 5, window_time = \"1m\" }",
        "breaker.failure_status = []",
        "retry = { base = \"10s\", status = [] }",
        "limit.route = { requests = 1000000, per = \"1ms\", burst = 1 }",
        "methods = [\"GET\", \"POST\"]\nidempotency = {}\ncache = { default_ttl = \"1d\" }",
        "cache = {}\n[cache]\nmemory = \"1MiB\"",
    ] {
        assert_eq!(warnings(&stripe(lines)), [""; 0], "{lines}");
    }
    toml("[cache]\nmemory = \"64KiB\"").loaded();
}

/// Scenario: limits that are never reached, as another comes first.
/// Guarantees: each gives a warning; the same just in reach gives none.
#[test]
fn limits_out_of_reach_are_warned_about() {
    let cases = [
        (
            "breaker = { slow_rate = 0.5, slow_after = \"1m\" }",
            "breaker.slow_after",
        ),
        (
            "breaker = { slow_rate = 0.5 }\ntimeout.total = \"5s\"",
            "breaker.slow_after",
        ),
        (
            "limit = { route = { requests = 10 }, caller = { requests = 11 } }",
            "limit.caller",
        ),
    ];
    for (lines, key) in cases {
        assert_eq!(
            warnings(&stripe(lines)),
            [format!("route.a.{key}")],
            "{lines}"
        );
    }
    for lines in [
        "breaker = { slow_rate = 0.5, slow_after = \"59s\" }",
        "breaker = { slow_after = \"1m\" }",
        "limit = { route = { requests = 10 }, caller = { requests = 10 } }",
        "limit = { route = { requests = 10 }, caller = { requests = 20, burst = 5 } }",
    ] {
        assert_eq!(warnings(&stripe(lines)), [""; 0], "{lines}");
    }
}
