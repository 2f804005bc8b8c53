//! Readiness, start, life.

use http::StatusCode;
use serde_json::{Value, json};

use super::{Agent, Exposure, body, check, is_timestamp};
use crate::serve::{Check, CheckStatus, Phase};

const STUCK: &str = "export \"collector\" has not delivered for 6m: connection refused";

/// Scenario: readiness while starting, running, with a stuck export, and draining.
/// Guarantees: 200 only while running with no reason; else 503 with the reasons; liveness 200
/// throughout, and other endpoints keep answering while draining.
#[tokio::test]
async fn readiness_follows_the_phase_and_liveness_does_not() {
    let agent = Agent::running();
    for (phase, stuck, word, reasons) in [
        (
            Phase::Starting,
            false,
            "starting",
            json!(["the agent is starting"]),
        ),
        (Phase::Running, false, "ready", Value::Null),
        (Phase::Running, true, "not ready", json!([STUCK])),
        (
            Phase::Draining,
            true,
            "not ready",
            json!(["the agent is shutting down"]),
        ),
    ] {
        agent.enters(phase);
        if stuck && agent.reasons.lock().unwrap().is_empty() {
            agent.stuck(STUCK);
        }
        for path in ["/health/ready", "/api/ready"] {
            let answer = agent.get(path).await;
            assert_eq!(
                answer.status() == StatusCode::OK,
                word == "ready",
                "{phase:?}"
            );
            assert_eq!(
                (&body(&answer)["status"], &body(&answer)["reasons"]),
                (&json!(word), &reasons)
            );
            assert!(is_timestamp(&body(&answer)["timestamp"]));
        }
        for path in ["/health/live", "/api/live"] {
            let live = agent.get(path).await;
            assert_eq!(
                (live.status(), &body(&live)["status"]),
                (StatusCode::OK, &json!("alive"))
            );
        }
    }
    assert_eq!(agent.get("/api/ledger").await.status(), StatusCode::OK);
    assert_eq!(agent.get("/metrics").await.status(), StatusCode::OK);
}

fn excused(mut check: Check) -> Check {
    check.excused = Some("the parent \"vpn\" is down".to_owned());
    check
}

fn optional(mut check: Check) -> Check {
    check.required = false;
    check
}

/// Scenario: one check in every state, required, not required and excused.
/// Guarantees: readiness falls for required checks alone; the start is over once they have a result, whatever it is.
#[tokio::test]
async fn required_checks_decide() {
    let failing = "it: connection refused by hidden [refused, connect], since 2026-03-01 12:03:11";
    let starting = "it: no run has ended yet (hidden), since 2026-03-01 12:03:11";
    let it = |status| check("it", status);
    for (check, ready, reasons, started) in [
        (it(CheckStatus::Pass), "ready", Value::Null, true),
        (it(CheckStatus::Warn), "ready", Value::Null, true),
        (it(CheckStatus::Fail), "not ready", json!([failing]), true),
        (
            it(CheckStatus::Starting),
            "starting",
            json!([starting]),
            false,
        ),
        (optional(it(CheckStatus::Fail)), "ready", Value::Null, true),
        (
            optional(it(CheckStatus::Starting)),
            "ready",
            Value::Null,
            true,
        ),
        (excused(it(CheckStatus::Fail)), "ready", Value::Null, true),
        (
            excused(it(CheckStatus::Starting)),
            "ready",
            Value::Null,
            true,
        ),
    ] {
        let case = format!("{check:?}");
        let agent = Agent::with(Exposure::Loopback, vec![check]);
        let answer = agent.get("/health/ready").await;
        assert_eq!(
            answer.status() == StatusCode::OK,
            ready == "ready",
            "{case}"
        );
        let body_of = body(&answer);
        assert_eq!(
            (&body_of["status"], &body_of["reasons"]),
            (&json!(ready), &reasons),
            "{case}"
        );
        for path in ["/health/startup", "/api/startup"] {
            let answer = agent.get(path).await;
            let said = body(&answer);
            assert_eq!(answer.status() == StatusCode::OK, started, "{case}");
            let word = if started { "started" } else { "starting" };
            assert_eq!(said["status"], word, "{case}");
            assert!(is_timestamp(&said["timestamp"]));
            let awaited = if started {
                Value::Null
            } else {
                reasons.clone()
            };
            assert_eq!(said["waitingFor"], awaited, "{case}");
        }
    }
}

/// Scenario: the start, and the end of an agent whose checks never had a result.
/// Guarantees: the agent's own start is waited for; whoever ends has started.
#[tokio::test]
async fn the_agents_own_start_is_waited_for() {
    let agent = Agent::with(Exposure::Loopback, vec![check("it", CheckStatus::Starting)]);
    agent.enters(Phase::Starting);
    let answer = agent.get("/health/startup").await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        body(&answer)["waitingFor"],
        json!(["the agent is starting"])
    );
    agent.enters(Phase::Draining);
    assert_eq!(agent.get("/health/startup").await.status(), StatusCode::OK);
}

/// Scenario: readiness for a choice of checks and groups, with one check failing and an export stuck.
/// Guarantees: only what is chosen is judged, besides the agent's own phase; a name that nothing has is said and fails
/// nothing.
#[tokio::test]
async fn readiness_can_be_asked_for_a_part() {
    let mut cache = check("cache", CheckStatus::Pass);
    cache.groups = vec!["cache".to_owned(), "checkout".to_owned()];
    let agent = Agent::with(
        Exposure::Loopback,
        vec![cache, check("orders-db", CheckStatus::Fail)],
    );
    agent.stuck(STUCK);
    for (query, is_ready) in [
        ("", false),
        ("?include=cache", true),
        ("?include=checkout", true),
        ("?include=checkout,exports", false),
        ("?include=database", false),
        ("?include=orders-db&include=cache", false),
        ("?exclude=exports", false),
        ("?exclude=exports,database", true),
        ("?exclude=orders%2Ddb,exports", true),
        ("?exclude=all", true),
        ("?include=nothing", true),
    ] {
        for path in ["/health/ready", "/api/ready"] {
            let answer = agent.get(&format!("{path}{query}")).await;
            assert_eq!(answer.status() == StatusCode::OK, is_ready, "{query}");
        }
    }
    let unknown = body(&agent.get("/health/ready?include=nothing,cache").await);
    assert_eq!(unknown["unknown"], json!(["nothing"]));
    agent.enters(Phase::Draining);
    let answer = agent.get("/health/ready?include=cache").await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
}
