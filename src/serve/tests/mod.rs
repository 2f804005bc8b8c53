//! The face as a client sees it.

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::{Value, json};

use agent::{Agent, Exposure, check};

mod access;
mod agent;
mod breakers;
mod cache;
mod database;
mod diagnostics;
mod draft;
mod health;
mod identity;
mod performance;
mod probes;
mod readiness;
mod verdict;

fn body(answer: &Response<Bytes>) -> Value {
    serde_json::from_slice(answer.body()).unwrap()
}

fn keys(value: &Value) -> HashSet<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

fn header<'a>(answer: &'a Response<Bytes>, name: &str) -> &'a str {
    answer
        .headers()
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

/// RFC 3339, UTC, milliseconds.
fn is_timestamp(value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    humantime::parse_rfc3339(text).is_ok() && text.len() == "2025-10-20T14:37:31.176Z".len()
}

/// Scenario: every path of the index is asked for with GET and with HEAD.
/// Guarantees: each that is read answers 200, HEAD with the same headers and no body, all uncached and with an id.
#[tokio::test]
async fn every_listed_endpoint_answers_get_and_head() {
    let agent = Agent::running();
    let index = body(&agent.get("/").await);
    let listed: Vec<_> = index["endpoints"].as_array().unwrap().iter().collect();
    assert_eq!(
        (&index["name"], &index["version"]),
        (&json!("lineside"), &json!(env!("CARGO_PKG_VERSION")))
    );
    assert!(listed.len() >= 10);
    for endpoint in listed {
        let template = endpoint["path"].as_str().unwrap();
        assert!(
            !endpoint["description"].as_str().unwrap().is_empty(),
            "{template}"
        );
        if endpoint["methods"] == json!(["POST"]) {
            continue;
        }
        assert_eq!(endpoint["methods"], json!(["GET", "HEAD"]), "{template}");
        if template == "/api/breakers/events" {
            continue; // It never ends by itself, and has a test of its own.
        }
        let path = &*template.replace("{name}", "journal");
        let got = agent.get(path).await;
        let head = warp::test::request()
            .method("HEAD")
            .path(path)
            .reply(&agent.filter)
            .await;
        assert_eq!(
            (got.status(), head.status()),
            (StatusCode::OK, StatusCode::OK),
            "{path}"
        );
        assert_eq!(
            header(&got, "content-length"),
            got.body().len().to_string(),
            "{path}"
        );
        assert!(
            head.body().is_empty() && !header(&head, "content-length").is_empty(),
            "{path}"
        );
        assert_eq!(
            header(&head, "content-type"),
            header(&got, "content-type"),
            "{path}"
        );
        for answer in [got, head] {
            assert_eq!(header(&answer, "cache-control"), "no-store", "{path}");
            assert_eq!(header(&answer, "x-request-id").len(), 32, "{path}");
        }
    }
}

/// Scenario: a path that nothing answers, and a known path with a slash at its end.
/// Guarantees: the first gets a JSON 404 that lists every endpoint; the second is answered.
#[tokio::test]
async fn an_unknown_path_is_told_the_known_ones() {
    let agent = Agent::running();
    let answer = agent.get("/helth").await;
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    let fault = body(&answer);
    assert!(fault["message"].as_str().unwrap().contains("/helth"));
    assert!(
        fault["endpoints"]
            .as_array()
            .unwrap()
            .contains(&json!("/health"))
    );
    assert_eq!(header(&answer, "x-request-id").len(), 32);
    assert_eq!(agent.get("/health/").await.status(), StatusCode::OK);
}

/// Scenario: POST, and a method that nobody defined, to a known path.
/// Guarantees: 405 with Allow, also where POST is the right one; the invented method does not become a label of its own.
#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let agent = Agent::running();
    for method in ["POST", "BREW"] {
        let answer = warp::test::request()
            .method(method)
            .path("/health")
            .reply(&agent.filter)
            .await;
        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(header(&answer, "allow"), "GET, HEAD");
        assert!(body(&answer)["message"].as_str().unwrap().contains(method));
    }
    for method in ["GET", "HEAD", "DELETE"] {
        let answer = agent.ask(method, "/api/probes/journal/run", &[]).await;
        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(header(&answer, "allow"), "POST");
    }
    let text = agent.telemetry.scrape();
    assert!(
        text.contains(r#"http_request_method="_OTHER""#) && !text.contains("BREW"),
        "{text}"
    );
}

/// Scenario: the ledger and a scrape.
/// Guarantees: the ledger is what the room said; the scrape was told what the scraper takes, and is of the type it says.
#[tokio::test]
async fn ledger_and_metrics_are_passed_on() {
    let agent = Agent::running();
    assert_eq!(
        body(&agent.get("/api/ledger").await),
        json!({ "exports": { "collector": { "traces": {
            "received": 7, "waiting": 1, "delivered": 6, "refused": 0, "dropped": {}
        } } } })
    );
    for path in ["/metrics", "/api/metrics"] {
        let request = warp::test::request().path(path).header("accept", "x/y");
        let request = request.header("accept-encoding", "gzip");
        let answer = request.reply(&agent.filter).await;
        assert_eq!(header(&answer, "content-type"), "x/y");
        assert_eq!(header(&answer, "content-encoding"), "gzip");
        let text = std::str::from_utf8(answer.body()).unwrap();
        assert!(text.contains("lineside_build_info"), "{text}");
    }
    let text = agent.telemetry.scrape();
    assert!(text.contains(r#"http_server_request_duration_seconds_count{http_request_method="GET",http_response_status_code="200",http_route="/metrics"} 1"#), "{text}");
}

/// Scenario: the rooms behind the ledger and the scrape panic when asked.
/// Guarantees: a JSON 500 with an id each; what does not need them still answers.
#[tokio::test]
async fn a_broken_room_breaks_only_its_endpoint() {
    let agent = Agent::running();
    agent.broken.store(true, Ordering::Relaxed);
    for path in ["/api/ledger", "/metrics"] {
        let answer = agent.get(path).await;
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR, "{path}");
        assert_eq!(body(&answer)["status"], 500);
        assert_eq!(header(&answer, "x-request-id").len(), 32);
    }
    assert_eq!(agent.get("/health").await.status(), StatusCode::OK);
}

/// Scenario: a scanner asks for fifty paths that nothing answers.
/// Guarantees: they share one series, so it cannot grow the metrics.
#[tokio::test]
async fn unknown_paths_share_one_series() {
    let agent = Agent::running();
    for number in 0..50 {
        agent.get(&format!("/wp-admin/{number}")).await;
    }
    let text = agent.telemetry.scrape();
    assert!(
        text.contains(r#"http_response_status_code="404",http_route="/*"} 50"#),
        "{text}"
    );
    assert!(!text.contains("wp-admin"));
}

/// Scenario: what is shown of series only, while they are kept and when they are not.
/// Guarantees: each passes on what the room said, the JSON metrics by both paths; without series a JSON 404 that says why.
#[tokio::test]
async fn what_needs_series_says_so_without_them() {
    let agent = Agent::running();
    let table = [
        ("/metrics/json", json!({ "families": [] })),
        ("/api/metrics?format=json", json!({ "families": [] })),
        ("/api/map", json!({ "edges": [] })),
        ("/api/conflicts", json!({ "conflicts": [] })),
    ];
    for (path, shown) in &table {
        assert_eq!(body(&agent.get(path).await), *shown, "{path}");
    }
    agent.kept.store(false, Ordering::Relaxed);
    for (path, _) in &table {
        let answer = agent.get(path).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
        let message = body(&answer)["message"].to_string();
        assert!(message.contains("series.enabled"), "{message}");
    }
}

/// Scenario: queries at the limit and beyond, lists with too many names, names that are escaped.
/// Guarantees: 414 and 400 where it is too much; everything else is answered.
#[tokio::test]
async fn queries_have_limits() {
    let agent = Agent::running();
    let names = |count: usize| {
        (0..count)
            .map(|n| format!("n{n}"))
            .collect::<Vec<_>>()
            .join(",")
    };
    for (query, status) in [
        (format!("include={}", names(100)), StatusCode::OK),
        (format!("include={}", names(101)), StatusCode::BAD_REQUEST),
        (format!("exclude={}", names(101)), StatusCode::BAD_REQUEST),
        (format!("include={}", "a,".repeat(5000)), StatusCode::OK),
        (format!("x={}", "y".repeat((16 << 10) - 2)), StatusCode::OK),
        (
            format!("x={}", "y".repeat(16 << 10)),
            StatusCode::URI_TOO_LONG,
        ),
        (
            "include=%6aournal%ff%00&exclude&&=".to_owned(),
            StatusCode::OK,
        ),
    ] {
        for path in [
            "/health",
            "/api/health",
            "/health/ready",
            "/health/db",
            "/api/probes",
        ] {
            let answer = agent.get(&format!("{path}?{query}")).await;
            assert_eq!(answer.status(), status, "{path}?{query}");
        }
    }
    let unknown = agent
        .get(&format!("/api/health?include={}", "n".repeat(5000)))
        .await;
    let unknown = body(&unknown);
    let names = keys(&unknown["checks"]);
    assert!(names.iter().all(|name| name.len() <= 64), "{names:?}");
    assert_eq!(names.len(), 1);
}
