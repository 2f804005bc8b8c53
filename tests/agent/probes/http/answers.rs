//! Answers as they should be and not, redirects, passwords, and the trace that goes along.

use serde_json::json;

use super::{shop, watch};
use crate::probes::servers::Nginx;

/// Scenario: a site as it should be, with everything that can be asserted asserted. Guarantees: it passes; facts and the span
/// say what came, with the attributes of the semantic conventions and a phase each.
#[tokio::test]
async fn a_site_is_well() {
    let nginx = Nginx::start(shop()).await;
    let url = format!("http://{}/status?token=abcdef", nginx.http());
    let watched = watch(
        &url,
        &[
            ("http.status", json!(["200"])),
            (
                "http.expect_headers.content-type",
                json!("^application/json$"),
            ),
            ("http.expect_body", json!(["\"queue\":[0-9]"])),
            ("http.refuse_body", json!(["(?i)maintenance"])),
            ("http.expect_json.\"$.status\"", json!("^ok$")),
        ],
    )
    .await;
    let check = watched.passes().await;
    assert_eq!(check["kind"], "http");
    assert_eq!(check["target"], format!("http://{}/status", nginx.http()));
    let facts = &check["facts"];
    assert_eq!(facts["status"], 200);
    assert_eq!(facts["size_bytes"], 25);
    assert_eq!(facts["http_version"], "1.1");
    assert!(
        facts["server"].as_str().unwrap().starts_with("nginx/"),
        "{facts}"
    );
    let span = watched.span().await;
    let host = nginx.http().ip().to_string();
    for (key, value) in [
        ("http.request.method", "GET"),
        ("http.response.status_code", "200"),
        ("url.full", &format!("http://{}/status", nginx.http())),
        ("url.scheme", "http"),
        ("server.address", &host),
        ("server.port", "8080"),
        ("network.peer.address", &host),
        ("network.protocol.version", "1.1"),
        ("lineside.probe.kind", "http"),
    ] {
        assert_eq!(
            span.attributes.get(key).map(String::as_str),
            Some(value),
            "{key}: {span:?}"
        );
    }
    assert_eq!(span.phases, ["resolve", "connect", "first_byte", "body"]);
    let requests = nginx.requests();
    let asked = "200 \"GET /status?token=abcdef HTTP/1.1\"";
    assert!(requests.contains(asked), "{requests}");
    let everything = format!(
        "{check}{span:?}{}{}",
        watched.agent.log(),
        watched.agent.metrics().await
    );
    assert!(!everything.contains("abcdef"));
}

/// Scenario: a site of which the status, a header, the body or a value in it is not as expected. Guarantees: the check fails for
/// that, in the phase in which it came, and says what was found.
#[tokio::test]
async fn an_answer_that_is_not_as_expected() {
    let nginx = Nginx::start(shop()).await;
    let cases = [
        (
            "/broken",
            "http.status",
            json!(["2xx"]),
            "status",
            "first_byte",
            "the status is 503 Service",
        ),
        (
            "/status",
            "http.expect_headers.content-type",
            json!("^text/"),
            "assertion",
            "first_byte",
            "the header content-type is \"application/json\"",
        ),
        (
            "/status",
            "http.expect_body",
            json!(["degraded"]),
            "assertion",
            "body",
            "it has 25 bytes",
        ),
        (
            "/status",
            "http.expect_json.\"$.queue\"",
            json!("^[0-2]$"),
            "assertion",
            "body",
            "$.queue is \"3\"",
        ),
    ];
    for (path, key, value, reason, phase, message) in cases {
        let url = format!("http://{}{path}", nginx.http());
        let watched = watch(&url, &[(key, value)]).await;
        let check = watched.fails(reason, Some(phase)).await;
        let said = check["message"].as_str().unwrap();
        assert!(said.contains(message), "{said}");
        let span = watched.span().await;
        assert_eq!(span.attributes["error.type"], reason);
        assert!(span.error.contains(message), "{span:?}");
    }
}

/// Scenario: redirects that lead to an answer, that lead round, and that are not followed. Guarantees: followed as far as
/// configured, and counted on the span.
#[tokio::test]
async fn redirects_are_followed_as_configured() {
    let nginx = Nginx::start(shop()).await;
    let url = |path: &str| format!("http://{}{path}", nginx.http());
    let followed = watch(&url("/old"), &[("http.redirects", json!(2))]).await;
    let check = followed.passes().await;
    assert_eq!(check["facts"]["redirects"], 2);
    assert_eq!(check["facts"]["final_url"], url("/status"));
    let span = followed.span().await;
    assert_eq!(span.attributes["http.request.resend_count"], "2");
    assert_eq!(span.attributes["url.full"], url("/old"));
    for (path, redirects, text) in [
        ("/old", 1, "more than 1 redirect"),
        ("/round", 5, "round in a circle"),
        ("/old", 0, "not followed"),
    ] {
        let watched = watch(&url(path), &[("http.redirects", json!(redirects))]).await;
        let check = watched.fails("status", Some("first_byte")).await;
        assert!(check["message"].as_str().unwrap().contains(text), "{check}");
    }
}

/// Scenario: nginx asks for a password; the probe has the right one, a wrong one, none. Guarantees: well, or the status 401; the
/// password stands nowhere.
#[tokio::test]
async fn nginx_asks_for_a_password() {
    let nginx = Nginx::start(shop()).await;
    let url = format!("http://app@{}/private", nginx.http());
    let right = watch(&url, &[("password", json!("hunter22"))]).await;
    let check = right.passes().await;
    let wrong = watch(&url, &[("password", json!("hunter33"))]).await;
    let refused = wrong.fails("status", Some("first_byte")).await;
    assert!(
        refused["message"]
            .as_str()
            .unwrap()
            .contains("401 Unauthorized"),
        "{refused}"
    );
    let spans = format!("{:?}{:?}", right.span().await, wrong.span().await);
    let logs = format!("{}{}", right.agent.log(), wrong.agent.log());
    let everything = format!("{check}{refused}{spans}{logs}");
    assert!(!everything.contains("hunter"), "{everything}");
}

/// Scenario: nginx notes the trace context that it is sent. Guarantees: it is that of the probe's own span, so that the server's
/// span is its child.
#[tokio::test]
async fn the_servers_span_joins_the_probes() {
    let nginx = Nginx::start(shop()).await;
    let watched = watch(&format!("http://{}/status", nginx.http()), &[]).await;
    let span = watched.span().await;
    let hex = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let context = format!(" 00-{}-{}-01\n", hex(&span.trace_id), hex(&span.span_id));
    let requests = nginx.requests();
    assert_eq!(
        requests.matches(&context).count(),
        1,
        "{context}: {requests}"
    );
}
