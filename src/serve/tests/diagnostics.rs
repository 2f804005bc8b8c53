//! `/health/diagnostics`.

use http::StatusCode;
use serde_json::json;

use super::{Agent, Exposure, body, check, header};
use crate::serve::CheckStatus;

/// Scenario: the page as browsers, curl and programs ask for it.
/// Guarantees: text unless JSON is preferred; 200 although a check fails; the JSON holds every check and export.
#[tokio::test]
async fn it_is_text_unless_json_is_asked_for() {
    let agent = Agent::with(
        Exposure::Loopback,
        vec![check("orders-db", CheckStatus::Fail)],
    );
    let (text, plain) = ("text/plain; charset=utf-8", "application/json");
    for (query, accept, media_type) in [
        ("", "*/*", text),
        ("", "text/html, */*;q=0.8", text),
        ("", "application/json", plain),
        ("", "application/json, text/plain;q=0.9", plain),
        ("?format=json", "*/*", plain),
        ("?format=text", "application/json", text),
    ] {
        let path = format!("/health/diagnostics{query}");
        let answer = agent.ask("GET", &path, &[("accept", accept)]).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(
            header(&answer, "content-type"),
            media_type,
            "{query} {accept}"
        );
    }
    let shown = body(
        &agent
            .get("/health/diagnostics?format=json&include=orders-db,mongo")
            .await,
    );
    assert_eq!(shown["status"], "unhealthy");
    assert_eq!(
        shown["checks"]["orders-db"]["advice"],
        "Start the hidden server."
    );
    assert_eq!(shown["exports"]["collector"]["waiting"], 1);
    assert_eq!(shown["unknown"], json!(["mongo"]));
    assert_eq!(shown["reasons"].as_array().unwrap().len(), 1);
}
