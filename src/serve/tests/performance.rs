//! `/health/performance`.

use std::collections::HashSet;

use serde_json::json;

use super::{Agent, Exposure, body, check, keys};
use crate::serve::{Check, CheckStatus};

fn of(name: &str, group: &str, status: CheckStatus) -> Check {
    Check {
        groups: vec![group.to_owned()],
        ..check(name, status)
    }
}

/// Scenario: an agent without checks, and one with some of every group.
/// Guarantees: exactly the documented members; what is not configured passes and says so; a part is as bad as its worst
/// check and names it.
#[tokio::test]
async fn the_parts_are_those_documented() {
    let agent = Agent::with(Exposure::Loopback, Vec::new());
    let none = body(&agent.get("/health/performance").await);
    assert_eq!(
        keys(&none),
        HashSet::from(["status", "timestamp", "uptime", "version", "checks"])
    );
    assert!(none["timestamp"].as_u64().unwrap() > 1_700_000_000_000 && none["uptime"].is_u64());
    let parts = HashSet::from(["database", "cache", "circuitBreaker", "memory"]);
    assert_eq!(keys(&none["checks"]), parts);
    for part in ["database", "cache", "circuitBreaker"] {
        assert_eq!(
            none["checks"][part],
            json!({ "status": "pass", "message": "not configured" })
        );
    }
    let memory = &none["checks"]["memory"];
    assert_eq!(memory["status"], "pass");
    assert!(
        memory["message"]
            .as_str()
            .unwrap()
            .contains(" MiB resident, "),
        "{memory}"
    );
    agent.finds(vec![
        of("a-db", "database", CheckStatus::Pass),
        of("b-db", "database", CheckStatus::Fail),
        of("cache", "cache", CheckStatus::Pass),
        of("sink", "exports", CheckStatus::Warn),
    ]);
    let some = body(&agent.get("/health/performance").await);
    let parts = &some["checks"];
    assert_eq!(
        parts["database"],
        json!({ "status": "fail", "message":
            "1 of 2 pass; b-db: connection refused by hidden [refused, connect], since 2026-03-01 12:03:11" })
    );
    assert_eq!(
        parts["cache"],
        json!({ "status": "pass", "message": "1 of 1 pass" })
    );
    assert_eq!(parts["circuitBreaker"]["status"], "warn");
    agent.stuck("export \"sink\" is stuck");
    let stuck = body(&agent.get("/health/performance").await);
    assert_eq!(
        stuck["checks"]["circuitBreaker"],
        json!({ "status": "fail", "message": "export \"sink\" is stuck" })
    );
}

/// Scenario: with the details and the numbers that can be asked for, and as switches are also written.
/// Guarantees: each adds its part and nothing else does.
#[tokio::test]
async fn details_and_numbers_can_be_asked_for() {
    let agent = Agent::with(
        Exposure::Loopback,
        vec![of("a-db", "database", CheckStatus::Pass)],
    );
    for (query, is_detailed, has_metrics) in [
        ("", false, false),
        ("?detailed=false&metrics=0", false, false),
        ("?detailed=true", true, false),
        ("?detailed&metrics=1", true, true),
        ("?metrics=true", false, true),
    ] {
        let health = body(&agent.get(&format!("/health/performance{query}")).await);
        let database = &health["checks"]["database"];
        assert_eq!(
            database["checks"]["a-db"]["kind"] == "postgres",
            is_detailed,
            "{query}"
        );
        assert_eq!(health.get("metrics").is_some(), has_metrics, "{query}");
        if has_metrics {
            assert_eq!(
                keys(&health["metrics"]),
                HashSet::from(["memory", "cpu", "items"])
            );
            assert_eq!(health["metrics"]["items"]["collector"]["delivered"], 6);
        }
    }
}
