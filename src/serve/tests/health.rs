//! `/health` and `/api/health`.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use http::StatusCode;
use serde_json::json;

use super::{Agent, Exposure, body, check, is_timestamp, keys};
use crate::serve::{CheckStatus, Phase};

/// Scenario: `/health` of an agent that is well, starts, ends, and has a stuck export.
/// Guarantees: exactly the documented members each time; "ok" with 200, "unhealthy" with 503.
#[tokio::test]
async fn short_health_has_the_documented_shape() {
    let agent = Agent::with(Exposure::Loopback, Vec::new());
    let members = HashSet::from(["status", "timestamp", "uptime", "service", "version"]);
    let well = body(&agent.get("/health").await);
    assert_eq!(keys(&well), members);
    assert_eq!(
        (&well["status"], &well["service"]),
        (&json!("ok"), &json!("lineside"))
    );
    assert!(
        is_timestamp(&well["timestamp"]) && well["uptime"].is_u64(),
        "{well}"
    );
    for (phase, word) in [
        (Phase::Starting, "starting"),
        (Phase::Draining, "unhealthy"),
    ] {
        agent.enters(phase);
        let answer = agent.get("/health").await;
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(
            (keys(&body(&answer)), &body(&answer)["status"]),
            (members.clone(), &json!(word))
        );
    }
    agent.enters(Phase::Running);
    agent.stuck("export \"collector\" has not delivered for 6m: connection refused");
    let answer = agent.get("/health").await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(keys(&body(&answer)), members);
    assert_eq!(body(&answer)["status"], "unhealthy");
}

/// Scenario: `/api/health` with one known, one unknown and one section's name in `include`.
/// Guarantees: every documented section with its unit; the known check's result; the unknown one
/// named as such without failing the answer; the section is no check.
#[tokio::test]
async fn full_health_has_the_documented_sections() {
    let agent = Agent::running();
    let answer = agent
        .get("/api/health?x=1&include=journal%2Cmongo,system")
        .await;
    assert_eq!(answer.status(), StatusCode::OK);
    let health = body(&answer);
    assert_eq!(health["status"], "degraded");
    assert_eq!(
        health["reasons"],
        json!(["journal: 91 % full, since 2026-03-01 12:03:11"])
    );
    assert_eq!(
        health["uptimeHuman"].as_str().unwrap().replace('s', ""),
        health["uptime"].to_string()
    );
    assert_eq!(
        keys(&health["memory"]),
        HashSet::from(["rss", "heapTotal", "heapUsed", "unit"])
    );
    assert_eq!(
        keys(&health["cpu"]),
        HashSet::from(["user", "system", "unit"])
    );
    let system = HashSet::from([
        "platform",
        "arch",
        "hostname",
        "cpus",
        "loadAverage",
        "totalMemory",
        "freeMemory",
        "unit",
    ]);
    assert_eq!(keys(&health["system"]), system);
    let units = (
        &health["memory"]["unit"],
        &health["cpu"]["unit"],
        &health["system"]["unit"],
    );
    assert_eq!(units, (&json!("MB"), &json!("ms"), &json!("GB")));
    assert!(health["memory"]["rss"].as_u64().unwrap() > 0);
    assert_eq!(health["features"], json!(["otlp", "journal"]));
    assert_eq!(keys(&health["checks"]), HashSet::from(["journal", "mongo"]));
    let journal = &health["checks"]["journal"];
    assert_eq!(
        (&journal["status"], &journal["message"]),
        (&json!("warn"), &json!("91 % full"))
    );
    assert_eq!(health["checks"]["mongo"]["status"], "unknown");
}

/// Scenario: a group, every check, a check and a group that are excluded, and sections that are.
/// Guarantees: a group counts its members; `all` holds each; what is excluded is neither shown nor judged.
#[tokio::test]
async fn full_health_shows_what_is_asked_for() {
    let mut failing = check("orders-db", CheckStatus::Fail);
    failing.groups.push("checkout".to_owned());
    let checks = vec![
        failing,
        check("stock-db", CheckStatus::Pass),
        check("users-db", CheckStatus::Warn),
    ];
    let agent = Agent::with(Exposure::Loopback, checks);
    let group = body(&agent.get("/api/health?include=database").await);
    assert_eq!(group["status"], "unhealthy");
    let group = &group["checks"]["database"];
    assert_eq!(
        (&group["status"], &group["message"]),
        (&json!("fail"), &json!("1 of 3 pass"))
    );
    assert_eq!(
        keys(&group["checks"]),
        HashSet::from(["orders-db", "stock-db", "users-db"])
    );
    let all = body(&agent.get("/api/health?include=all,checkout").await);
    assert_eq!(
        keys(&all["checks"]),
        HashSet::from(["orders-db", "stock-db", "users-db", "checkout"])
    );
    let without = body(
        &agent
            .get("/api/health?include=all&exclude=checkout,cpu")
            .await,
    );
    assert_eq!(without["status"], "degraded");
    assert_eq!(
        keys(&without["checks"]),
        HashSet::from(["stock-db", "users-db"])
    );
    assert!(without.get("cpu").is_none() && without.get("memory").is_some());
    for (query, word) in [
        ("", "unhealthy"),
        ("?include=database", "unhealthy"),
        ("?include=stock-db", "ok"),
        ("?include=database&exclude=orders-db", "degraded"),
        ("?exclude=database", "ok"),
        ("?include=all", "unhealthy"),
        ("?exclude=all", "ok"),
        ("?include=memory", "unhealthy"),
        ("?include=mongo", "ok"),
    ] {
        let health = body(&agent.get(&format!("/health{query}")).await);
        assert_eq!(health["status"], word, "{query}");
    }
}

/// Scenario: one check in all its detail.
/// Guarantees: exactly the members that are documented, times in milliseconds, what comes twice added up.
#[tokio::test]
async fn one_check_has_the_documented_members() {
    let agent = Agent::with(Exposure::Loopback, vec![check("it", CheckStatus::Fail)]);
    let health = body(&agent.get("/api/health?include=it").await);
    let facts = json!({
        "server_version": "15.1 (hidden)",
        "server_time": "2026-03-01T12:04:11.002Z",
        "clock_skew_ms": 2.5,
        "connections": { "total": 4, "max": 100, "active": 1, "idle": 3, "waiting": 0 },
    });
    let expected = json!({
        "status": "fail",
        "message": "connection refused by hidden [refused, connect]",
        "advice": "Start the hidden server.",
        "kind": "postgres",
        "target": "hidden:5432/orders",
        "required": true,
        "groups": ["database"],
        "since": "2026-03-01T12:03:11.000Z",
        "lastRun": {
            "at": "2026-03-01T12:04:11.000Z",
            "latency": 1.234,
            "phases": { "resolve": 0.1, "connect": 0.5 },
            "reason": "refused",
            "phase": "connect",
        },
        "nextRun": "2026-03-01T12:04:41.000Z",
        "facts": facts,
    });
    assert_eq!(health["checks"]["it"], expected);
}

/// Scenario: a thousand questions in a row to an agent with 200 checks that fail, in an unoptimized build on a busy
/// machine.
/// Guarantees: the fastest hundredth stays under the promised millisecond, with all that stands
/// round a request.
#[tokio::test]
async fn health_answers_within_a_millisecond() {
    let checks = (0..200).map(|number| check(&format!("db-{number:03}"), CheckStatus::Fail));
    let agent = Agent::with(Exposure::Loopback, checks.collect());
    for path in ["/health", "/health/live"] {
        let mut took = Vec::with_capacity(1000);
        for _ in 0..1000 {
            let asked = Instant::now();
            agent.get(path).await;
            took.push(asked.elapsed());
        }
        took.sort();
        println!("{path}: {:?}, median {:?}", took[10], took[500]);
        assert!(
            took[10] < Duration::from_millis(1),
            "{path}: {:?}",
            took[10]
        );
    }
}
