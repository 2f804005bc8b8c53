//! `application/health+json`.

use http::StatusCode;
use serde_json::{Value, json};

use super::{Agent, Exposure, body, check, header};
use crate::serve::{Check, CheckStatus};

const MEDIA_TYPE: &str = "application/health+json";
const PATHS: [&str; 6] = [
    "/health",
    "/api/health",
    "/health/ready",
    "/api/ready",
    "/health/db",
    "/api/health/db",
];

async fn draft(agent: &Agent, path: &str) -> Value {
    let answer = agent.ask("GET", path, &[("accept", MEDIA_TYPE)]).await;
    assert_eq!(header(&answer, "content-type"), MEDIA_TYPE, "{path}");
    body(&answer)
}

/// Scenario: what clients say that they accept, at every endpoint that knows the draft.
/// Guarantees: the draft where it is preferred, plain JSON where that is, or where neither is.
#[tokio::test]
async fn accept_decides() {
    let agent = Agent::with(Exposure::Loopback, Vec::new());
    let plain = "application/json";
    for path in PATHS {
        for (accept, media_type) in [
            ("application/health+json", MEDIA_TYPE),
            (
                "application/health+json, application/json;q=0.5",
                MEDIA_TYPE,
            ),
            ("application/health+json;q=0.2, */*;q=0.1", MEDIA_TYPE),
            ("application/json, application/health+json", plain),
            ("application/health+json;q=0.5, */*", plain),
            ("application/health+json;q=0", plain),
            ("text/html, */*;q=0.8", plain),
            ("image/png", plain),
            ("", plain),
        ] {
            let answer = agent.ask("GET", path, &[("accept", accept)]).await;
            assert_eq!(
                header(&answer, "content-type"),
                media_type,
                "{path} {accept}"
            );
        }
        let twice = [("accept", "text/html"), ("accept", MEDIA_TYPE)];
        let answer = agent.ask("GET", path, &twice).await;
        assert_eq!(header(&answer, "content-type"), MEDIA_TYPE, "{path}");
    }
}

/// Scenario: a check that fails, one that has not run, a disk that is excused.
/// Guarantees: the draft's members with its words, for each check and for the whole.
#[tokio::test]
async fn checks_have_the_drafts_members() {
    let disk = Check {
        kind: "disk",
        groups: Vec::new(),
        excused: Some("maintenance \"night\"".to_owned()),
        ..check("disk", CheckStatus::Fail)
    };
    let starting = Check {
        required: false,
        groups: Vec::new(),
        ..check("new", CheckStatus::Starting)
    };
    let agent = Agent::with(
        Exposure::Loopback,
        vec![
            disk,
            starting,
            check("orders-db", CheckStatus::Fail),
            check("well", CheckStatus::Pass),
        ],
    );
    for path in &PATHS[..4] {
        let health = draft(&agent, path).await;
        assert_eq!(
            (&health["status"], &health["serviceId"], &health["version"]),
            (
                &json!("fail"),
                &json!("lineside"),
                &json!(env!("CARGO_PKG_VERSION"))
            )
        );
        assert_eq!(
            health["output"],
            "orders-db: connection refused by hidden [refused, connect], since 2026-03-01 12:03:11"
        );
        assert_eq!(
            health["notes"],
            json!(["disk is excused: maintenance \"night\""])
        );
        assert_eq!(
            health["checks"]["orders-db:responseTime"],
            json!([{
                "componentId": "orders-db",
                "componentType": "datastore",
                "observedValue": 1.234,
                "observedUnit": "ms",
                "status": "fail",
                "time": "2026-03-01T12:04:11.000Z",
                "output": "connection refused by hidden [refused, connect]",
            }])
        );
        let of = |name: &str| health["checks"][format!("{name}:responseTime")][0].clone();
        assert_eq!(
            (of("well")["status"].as_str(), of("well").get("output")),
            (Some("pass"), None)
        );
        assert_eq!(
            (&of("disk")["componentType"], &of("disk")["status"]),
            (&json!("system"), &json!("warn"))
        );
        assert_eq!(
            (&of("new")["componentType"], &of("new")["status"]),
            (&json!("component"), &json!("warn"))
        );
        assert!(of("new").get("observedValue").is_none());
    }
    let databases = draft(&agent, "/health/db").await;
    assert_eq!(databases["checks"].as_object().unwrap().len(), 2);
}

/// Scenario: an agent that is well, and one whose export is stuck.
/// Guarantees: "pass" without output; "fail" with 503 and the reason.
#[tokio::test]
async fn the_whole_has_the_drafts_words() {
    let agent = Agent::with(Exposure::Loopback, Vec::new());
    let well = draft(&agent, "/health").await;
    assert_eq!(
        (&well["status"], well.get("output")),
        (&json!("pass"), None)
    );
    agent.stuck("disk full");
    let ill = agent.ask("GET", "/health", &[("accept", MEDIA_TYPE)]).await;
    assert_eq!(ill.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        (&body(&ill)["status"], &body(&ill)["output"]),
        (&json!("fail"), &json!("disk full"))
    );
    let databases = agent
        .ask("GET", "/health/db", &[("accept", MEDIA_TYPE)])
        .await;
    assert_eq!(
        (databases.status(), &body(&databases)["status"]),
        (StatusCode::OK, &json!("pass"))
    );
}
