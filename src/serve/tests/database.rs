//! `/health/db`.

use http::StatusCode;
use serde_json::{Value, json};

use super::{Agent, Exposure, body, check, is_timestamp};
use crate::serve::{Check, CheckStatus, Phase};

const PATHS: [&str; 2] = ["/health/db", "/api/health/db"];

async fn said(agent: &Agent, path: &str) -> (StatusCode, Value) {
    let answer = agent.get(path).await;
    (answer.status(), body(&answer))
}

/// Scenario: databases in every state, beside a cache that is down and an export that is stuck.
/// Guarantees: the documented words; 503 when one is down or not known yet, required or not; excused ones, caches and
/// exports do not count, nor does the agent's own phase.
#[tokio::test]
async fn databases_are_judged_by_themselves() {
    let cache = Check {
        groups: vec!["cache".to_owned()],
        ..check("cache", CheckStatus::Fail)
    };
    let it = |status| check("it", status);
    let optional = Check {
        required: false,
        ..it(CheckStatus::Fail)
    };
    let excused = Check {
        excused: Some("maintenance".to_owned()),
        ..it(CheckStatus::Fail)
    };
    let (ok, unavailable) = (StatusCode::OK, StatusCode::SERVICE_UNAVAILABLE);
    for (check, status, word, database) in [
        (it(CheckStatus::Pass), ok, "ok", "connected"),
        (it(CheckStatus::Warn), ok, "ok", "connected"),
        (
            it(CheckStatus::Starting),
            unavailable,
            "starting",
            "connecting",
        ),
        (
            it(CheckStatus::Fail),
            unavailable,
            "unhealthy",
            "disconnected",
        ),
        (optional, unavailable, "unhealthy", "disconnected"),
        (excused, ok, "ok", "connected"),
    ] {
        for phase in [Phase::Running, Phase::Draining] {
            let agent = Agent::with(Exposure::Loopback, vec![cache.clone(), check.clone()]);
            agent.enters(phase);
            agent.stuck("export \"collector\" is stuck");
            for path in PATHS {
                let (code, said) = said(&agent, path).await;
                assert_eq!(code, status, "{check:?}");
                assert_eq!(
                    (&said["status"], &said["database"]),
                    (&json!(word), &json!(database))
                );
                assert!(is_timestamp(&said["timestamp"]));
                assert_eq!(said["databases"].as_object().unwrap().len(), 1);
            }
        }
    }
}

/// Scenario: one database in all its detail, and a choice of which is asked about.
/// Guarantees: the documented members with the server's facts beside them; what is not chosen is not judged.
#[tokio::test]
async fn a_database_shows_what_was_found() {
    let checks = vec![
        check("orders-db", CheckStatus::Pass),
        check("stock-db", CheckStatus::Fail),
    ];
    let agent = Agent::with(Exposure::Loopback, checks);
    let (code, all) = said(&agent, "/health/db").await;
    assert_eq!(
        (code, &all["status"]),
        (StatusCode::SERVICE_UNAVAILABLE, &json!("unhealthy"))
    );
    let (code, one) = said(&agent, "/health/db?include=orders-db,mongo").await;
    assert_eq!((code, &one["unknown"]), (StatusCode::OK, &json!(["mongo"])));
    let expected = json!({ "orders-db": {
        "status": "pass",
        "message": "answers (hidden)",
        "latency": 1.234,
        "serverTime": "2026-03-01T12:04:11.002Z",
        "clockSkew": 2.5,
        "serverVersion": "15.1 (hidden)",
        "connections": { "total": 4, "max": 100, "active": 1, "idle": 3, "waiting": 0 },
    } });
    assert_eq!(one["databases"], expected);
    let (code, _) = said(&agent, "/health/db?exclude=stock-db").await;
    assert_eq!(code, StatusCode::OK);
}

/// Scenario: no database at all. Guarantees: 200, said so, and how to add one.
#[tokio::test]
async fn without_databases_it_says_so() {
    let agent = Agent::with(Exposure::Loopback, Vec::new());
    let (code, said) = said(&agent, "/health/db").await;
    assert_eq!(code, StatusCode::OK);
    assert_eq!(
        (&said["status"], &said["database"]),
        (&json!("ok"), &json!("not configured"))
    );
    assert!(said["hint"].as_str().unwrap().contains("[probe."), "{said}");
}
