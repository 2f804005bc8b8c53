//! Health, readiness, liveness.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use http::StatusCode;
use serde_json::{Value, json};

use super::{Agent, body, header, is_timestamp, keys};
use crate::serve::Phase;

/// Scenario: `/health` of a ready agent, then of one with a stuck export.
/// Guarantees: exactly the documented members both times; "ok" with 200, "unhealthy" with 503.
#[tokio::test]
async fn short_health_has_the_documented_shape() {
    let agent = Agent::running();
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
    agent.stuck("export \"collector\" has not delivered for 6m: connection refused");
    let answer = agent.get("/health").await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(keys(&body(&answer)), members);
    assert_eq!(body(&answer)["status"], "unhealthy");
}

/// Scenario: `/health` asked for as `application/health+json`, well and stuck.
/// Guarantees: the draft's words and media type, with the reason as output.
#[tokio::test]
async fn health_speaks_the_ietf_draft_when_asked() {
    let agent = Agent::running();
    let ask = || {
        warp::test::request()
            .path("/health")
            .header("accept", "application/health+json")
    };
    let well = ask().reply(&agent.filter).await;
    assert_eq!(header(&well, "content-type"), "application/health+json");
    assert_eq!(body(&well)["status"], "pass");
    agent.stuck("disk full");
    let ill = ask().reply(&agent.filter).await;
    assert_eq!(ill.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        (&body(&ill)["status"], &body(&ill)["output"]),
        (&json!("fail"), &json!("disk full"))
    );
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
    assert_eq!(health["status"], "healthy");
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
    assert_eq!(
        health["checks"]["journal"],
        json!({ "status": "warn", "message": "91 % full" })
    );
    assert_eq!(health["checks"]["mongo"]["status"], "unknown");
}

/// Scenario: readiness while starting, running, with a stuck export, and draining.
/// Guarantees: 200 only while running with no reason; else 503 with the reasons; liveness 200
/// throughout, and other endpoints keep answering while draining.
#[tokio::test]
async fn readiness_follows_the_phase_and_liveness_does_not() {
    let agent = Agent::running();
    let reason = "export \"collector\" has not delivered for 6m: connection refused";
    for (phase, stuck, word, reasons) in [
        (
            Phase::Starting,
            false,
            "not ready",
            json!(["the agent is starting"]),
        ),
        (Phase::Running, false, "ready", Value::Null),
        (Phase::Running, true, "not ready", json!([reason])),
        (
            Phase::Draining,
            true,
            "not ready",
            json!(["the agent is shutting down"]),
        ),
    ] {
        agent.enters(phase);
        if stuck && agent.reasons.lock().unwrap().is_empty() {
            agent.stuck(reason);
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
        let live = agent.get("/health/live").await;
        assert_eq!(
            (live.status(), &body(&live)["status"]),
            (StatusCode::OK, &json!("alive"))
        );
    }
    assert_eq!(agent.get("/api/ledger").await.status(), StatusCode::OK);
    assert_eq!(agent.get("/metrics").await.status(), StatusCode::OK);
}

/// Scenario: a thousand health checks in a row, in an unoptimized build on a busy machine.
/// Guarantees: the fastest hundredth stays under the promised millisecond, with all that stands
/// round a request.
#[tokio::test]
async fn health_answers_within_a_millisecond() {
    let agent = Agent::running();
    let mut took = Vec::with_capacity(1000);
    for _ in 0..1000 {
        let asked = Instant::now();
        agent.get("/health").await;
        took.push(asked.elapsed());
    }
    took.sort();
    assert!(took[10] < Duration::from_millis(1), "{:?}", took[10]);
}
