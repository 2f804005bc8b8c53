//! `/api/probes`.

use std::sync::atomic::Ordering;

use http::StatusCode;
use serde_json::json;

use super::{Agent, Exposure, body, check};
use crate::serve::{CheckStatus, Phase};

fn agent() -> Agent {
    let checks = vec![
        check("orders-db", CheckStatus::Fail),
        check("stock db", CheckStatus::Pass),
    ];
    Agent::with(Exposure::Loopback, checks)
}

/// Scenario: all checks, some, and one, by names with and without escapes.
/// Guarantees: each with its name and everything known of it; a name that is near one there is, is told so.
#[tokio::test]
async fn checks_can_be_looked_at() {
    let agent = agent();
    let all = body(&agent.get("/api/probes").await);
    let names: Vec<_> = all["probes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["name"])
        .collect();
    assert_eq!(names, [&json!("orders-db"), &json!("stock db")]);
    assert_eq!(all["probes"][0]["lastRun"]["reason"], "refused");
    let some = body(&agent.get("/api/probes?exclude=orders-db").await);
    assert_eq!(some["probes"].as_array().unwrap().len(), 1);
    for path in [
        "/api/probes/stock%20db",
        "/api/probes/stock%20db/",
        "/api/probes/%73tock%20db",
    ] {
        let one = agent.get(path).await;
        assert_eq!(one.status(), StatusCode::OK, "{path}");
        assert_eq!(
            (&body(&one)["name"], &body(&one)["status"]),
            (&json!("stock db"), &json!("pass"))
        );
    }
    for (path, hint) in [
        ("/api/probes/order-db", "did you mean \"orders-db\"?"),
        ("/api/probes/zzz", "listed here"),
        ("/api/probes/%ff%00", "listed here"),
    ] {
        let answer = agent.get(path).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
        let said = body(&answer);
        assert!(said["message"].as_str().unwrap().contains(hint), "{said}");
        assert_eq!(said["probes"], json!(["orders-db", "stock db"]));
    }
    let long = body(
        &agent
            .get(&format!("/api/probes/{}", "n".repeat(4000)))
            .await,
    );
    assert!(long["message"].as_str().unwrap().len() < 200, "{long}");
}

/// Scenario: runs of a check that fails, of one that there is not, while the agent ends, and of one that panics.
/// Guarantees: 200 with the result although it fails; 404; 503 and nothing is run; 500.
#[tokio::test]
async fn checks_can_be_run() {
    let agent = agent();
    let ran = agent.ask("POST", "/api/probes/orders-db/run", &[]).await;
    assert_eq!(ran.status(), StatusCode::OK);
    assert_eq!(
        (&body(&ran)["name"], &body(&ran)["status"]),
        (&json!("orders-db"), &json!("fail"))
    );
    let unknown = agent.ask("POST", "/api/probes/orders/run", &[]).await;
    assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
    assert_eq!(body(&unknown)["probes"], json!(["orders-db", "stock db"]));
    assert_eq!(*agent.ran.lock().unwrap(), ["orders-db"]);
    agent.enters(Phase::Draining);
    let ending = agent.ask("POST", "/api/probes/orders-db/run", &[]).await;
    assert_eq!(ending.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(agent.ran.lock().unwrap().len(), 1);
    agent.enters(Phase::Running);
    agent.broken.store(true, Ordering::Relaxed);
    let broken = agent.ask("POST", "/api/probes/orders-db/run", &[]).await;
    assert_eq!(broken.status(), StatusCode::INTERNAL_SERVER_ERROR);
}

/// Scenario: a hundred names under the same template. Guarantees: they share one span name and one series.
#[tokio::test]
async fn names_are_no_routes() {
    let agent = agent();
    agent.ask("POST", "/api/probes/orders-db/run", &[]).await;
    assert_eq!(agent.only_span().name, "POST /api/probes/{name}/run");
    for number in 0..100 {
        agent.get(&format!("/api/probes/n{number}")).await;
    }
    let text = agent.telemetry.scrape();
    let counted = r#"http_response_status_code="404",http_route="/api/probes/{name}"} 100"#;
    assert!(text.contains(counted) && !text.contains("n99"), "{text}");
}

/// Scenario: paths near those of the table. Guarantees: nothing answers there.
#[tokio::test]
async fn parameters_are_one_segment() {
    let agent = agent();
    for path in [
        "/api/probes//run",
        "/api/probes/a/b",
        "/api/probes/a/b/run",
        "/api/probesx",
        "/api/probes/a/run/x",
    ] {
        let answer = agent.ask("POST", path, &[]).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
    }
}
