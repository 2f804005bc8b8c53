//! The span and the id of a request.

use opentelemetry::trace::{SpanKind, Status};

use super::{Agent, header};

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// Scenario: a request with a traceparent and without a request id of its own.
/// Guarantees: one server span, child of the caller's, with the conventions' attributes; the
/// answer's request id is the trace id.
#[tokio::test]
async fn a_request_is_a_span_in_the_callers_trace() {
    let agent = Agent::running();
    let ask = warp::test::request()
        .path("/api/live")
        .header("traceparent", PARENT);
    let answer = ask.reply(&agent.filter).await;
    assert_eq!(
        header(&answer, "x-request-id"),
        "0af7651916cd43dd8448eb211c80319c"
    );
    let span = agent.only_span();
    assert_eq!(
        (span.name.as_ref(), span.span_kind),
        ("GET /api/live", SpanKind::Server)
    );
    assert_eq!(
        span.span_context.trace_id().to_string(),
        "0af7651916cd43dd8448eb211c80319c"
    );
    assert_eq!(span.parent_span_id.to_string(), "b7ad6b7169203331");
    let attributes: Vec<_> = span
        .attributes
        .iter()
        .map(|pair| (pair.key.as_str(), pair.value.to_string()))
        .collect();
    for expected in [
        ("http.request.method", "GET"),
        ("http.route", "/api/live"),
        ("url.path", "/api/live"),
        ("request.id", "0af7651916cd43dd8448eb211c80319c"),
        ("http.response.status_code", "200"),
    ] {
        assert!(
            attributes.contains(&(expected.0, expected.1.to_owned())),
            "{expected:?} in {attributes:?}"
        );
    }
    assert_eq!(span.status, Status::Unset);
}

/// Scenario: callers with a sane request id and with one that is too long.
/// Guarantees: the sane one comes back and stands on the span; the other gives way to the trace id.
#[tokio::test]
async fn a_sane_request_id_comes_back() {
    let agent = Agent::running();
    let ask = |id: String| {
        warp::test::request()
            .path("/nowhere")
            .header("x-request-id", id)
    };
    let answer = ask("custom-id".to_owned()).reply(&agent.filter).await;
    assert_eq!(header(&answer, "x-request-id"), "custom-id");
    let span = agent.only_span();
    assert!(
        span.attributes
            .iter()
            .any(|pair| pair.key.as_str() == "request.id" && pair.value.to_string() == "custom-id")
    );
    let answer = ask("x".repeat(129)).reply(&agent.filter).await;
    assert_eq!(header(&answer, "x-request-id").len(), 32);
}
