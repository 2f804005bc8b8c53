//! Requests through the gateway as an exporter and a scrape see them.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use opentelemetry::trace::{SpanId, SpanKind, Status, TracerProvider as _};
use opentelemetry::{KeyValue, Value};
use opentelemetry_sdk::trace::{InMemorySpanExporter, Sampler, SdkTracerProvider, SpanData};

use super::*;
use crate::telemetry::{Ended, Settings, Telemetry};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const UNSAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
const TOOK: Duration = Duration::from_millis(60);

fn telemetry() -> Telemetry {
    Telemetry::build(&Settings {
        otlp: false,
        ..Settings::default()
    })
    .unwrap()
}

fn stripe(telemetry: &Telemetry) -> RouteInstruments {
    telemetry.instruments().gateway_route(RouteLabels {
        route: "stripe",
        http_route: "/stripe",
        direction: "egress",
        scheme: "https",
        host: "api.stripe.com",
        port: 443,
    })
}

/// A tracer whose spans an exporter keeps.
fn kept(sampler: Sampler, is_on: bool) -> (GatewayTracer, InMemorySpanExporter) {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder()
        .with_sampler(Sampler::ParentBased(Box::new(sampler)))
        .with_simple_exporter(exporter.clone())
        .build();
    (GatewayTracer::new(provider.tracer("test"), is_on), exporter)
}

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let pair = |(name, value): &(&'static str, &'static str)| {
        (
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )
    };
    pairs.iter().map(pair).collect()
}

fn started(tracer: &GatewayTracer, headers: &HeaderMap) -> GatewaySpan {
    let request = GatewayRequest {
        method: &Method::POST,
        path: "/stripe/v1/charges",
        scheme: "http",
        headers,
    };
    GatewaySpan::start(tracer, &stripe(&telemetry()), request)
}

fn attempted(span: &GatewaySpan, resends: u32) -> AttemptSpan {
    let route = stripe(&telemetry());
    span.attempt(&route, &Method::POST, "/v1/charges", resends)
}

/// What the upstream gets to see of a request with `sent` headers, and the spans that were exported.
fn passed(tracer: &GatewayTracer, sent: &HeaderMap) -> (HeaderMap, GatewaySpan) {
    let span = started(tracer, sent);
    let attempt = attempted(&span, 0);
    let mut onward = sent.clone();
    attempt.inject(&mut onward);
    attempt.end(Ok(StatusCode::OK));
    (onward, span)
}

fn value<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a Value> {
    let found = attributes.iter().find(|found| found.key.as_str() == key);
    found.map(|found| &found.value)
}

fn text(span: &SpanData, key: &str) -> String {
    value(&span.attributes, key).map_or_else(String::new, |value| value.as_str().into_owned())
}

fn traceparent(headers: &HeaderMap) -> &str {
    headers["traceparent"].to_str().unwrap()
}

/// Scenario: a sampled caller's request takes two attempts, of which the first fails, and its answer is 200.
/// Guarantees: a SERVER span below the caller's and two CLIENT spans below it, each with what semantic conventions ask for, and the
/// upstream sees the id of the attempt's span.
#[test]
fn a_sampled_request_is_one_server_span_and_a_client_span_for_each_attempt() {
    let (tracer, exporter) = kept(Sampler::AlwaysOff, true);
    let span = started(
        &tracer,
        &headers(&[("traceparent", SAMPLED), ("x-request-id", "order-7")]),
    );
    attempted(&span, 0).fail("timeout", || "no answer within 1 s".to_owned());
    span.event("retry", || [KeyValue::new("reason", "timeout")]);
    let second = attempted(&span, 1);
    let mut onward = HeaderMap::new();
    second.inject(&mut onward);
    second.end(Ok(StatusCode::OK));
    span.end(Ok(StatusCode::OK));

    let spans = exporter.get_finished_spans().unwrap();
    let [first, second, server] = &spans[..] else {
        panic!("{spans:?}")
    };
    assert_eq!(server.name, "POST /stripe");
    assert_eq!(server.span_kind, SpanKind::Server);
    assert_eq!(
        server.parent_span_id,
        SpanId::from_hex("b7ad6b7169203331").unwrap()
    );
    for (key, expected) in [
        ("http.request.method", "POST"),
        ("http.route", "/stripe"),
        ("url.path", "/stripe/v1/charges"),
        ("url.scheme", "http"),
        ("lineside.route", "stripe"),
        ("lineside.direction", "egress"),
        ("request.id", "order-7"),
        ("http.response.status_code", "200"),
        ("error.type", ""),
    ] {
        assert_eq!(text(server, key), expected, "{key}");
    }
    assert_eq!(server.events.events[0].name, "retry");
    for (key, failed, answered) in [
        ("server.address", "api.stripe.com", "api.stripe.com"),
        ("server.port", "443", "443"),
        (
            "url.full",
            "https://api.stripe.com:443/v1/charges",
            "https://api.stripe.com:443/v1/charges",
        ),
        ("http.request.resend_count", "", "1"),
        ("http.response.status_code", "", "200"),
        ("error.type", "timeout", ""),
    ] {
        assert_eq!(
            (text(first, key), text(second, key)),
            (failed.to_owned(), answered.to_owned()),
            "{key}"
        );
    }
    assert_eq!(first.status, Status::error("no answer within 1 s"));
    for attempt in [first, second] {
        assert_eq!(attempt.name, "POST");
        assert_eq!(attempt.span_kind, SpanKind::Client);
        assert_eq!(attempt.parent_span_id, server.span_context.span_id());
    }
    let sent = format!("00-{TRACE}-{}-01", second.span_context.span_id());
    assert_eq!(traceparent(&onward), sent);
}

/// Scenario: a caller that does not record, with tracestate and baggage.
/// Guarantees: nothing is exported, the upstream sees the same trace with another span that is not sampled, and the rest as it came.
#[test]
fn an_unsampled_request_goes_on_in_its_trace() {
    let (tracer, exporter) = kept(Sampler::AlwaysOn, true);
    let sent = headers(&[
        ("traceparent", UNSAMPLED),
        ("tracestate", "vendor=1"),
        ("baggage", "tenant=acme"),
    ]);
    let (onward, span) = passed(&tracer, &sent);
    assert_eq!(span.request_id().as_str(), TRACE);
    span.event("never", || -> [KeyValue; 1] {
        unreachable!("attributes are only made where the span is recorded")
    });
    span.end(Ok(StatusCode::OK));
    let passed = traceparent(&onward);
    assert!(
        passed.starts_with(&UNSAMPLED[..36]) && passed.ends_with("-00"),
        "{passed}"
    );
    assert_ne!(passed, UNSAMPLED);
    assert_eq!(onward["tracestate"], "vendor=1");
    assert_eq!(onward["baggage"], "tenant=acme");
    assert!(exporter.get_finished_spans().unwrap().is_empty());
}

/// Scenario: a request without a parent, and one with a malformed parent and a tracestate.
/// Guarantees: both begin a trace, which the upstream sees; the tracestate belongs to no trace and is dropped.
#[test]
fn a_request_without_a_parent_begins_a_trace() {
    let (tracer, exporter) = kept(Sampler::AlwaysOn, true);
    for sent in [
        headers(&[]),
        headers(&[("traceparent", "garbage"), ("tracestate", "vendor=1")]),
    ] {
        let (onward, span) = passed(&tracer, &sent);
        assert_eq!(
            &traceparent(&onward)[3..35],
            span.request_id().as_str(),
            "{sent:?}"
        );
        assert!(traceparent(&onward).ends_with("-01"));
        assert!(!onward.contains_key("tracestate"), "{onward:?}");
    }
    assert_eq!(exporter.get_finished_spans().unwrap().len(), 4);
}

/// Scenario: spans go nowhere, as with `OTEL_SDK_DISABLED`.
/// Guarantees: the gateway is no part of the trace: every header passes as it came, and the request's id is the caller's trace.
#[test]
fn where_spans_are_off_headers_pass_unchanged() {
    let (tracer, exporter) = kept(Sampler::AlwaysOn, false);
    let sent = headers(&[("traceparent", SAMPLED), ("tracestate", "vendor=1")]);
    let (onward, span) = passed(&tracer, &sent);
    assert_eq!(onward, sent);
    assert_eq!(span.request_id().as_str(), TRACE);
    let (onward, span) = passed(&tracer, &HeaderMap::new());
    assert!(onward.is_empty());
    assert_eq!(span.request_id().as_str().len(), 32);
    span.end(Ok(StatusCode::OK));
    assert!(exporter.get_finished_spans().unwrap().is_empty());
}

/// Scenario: a request that the breaker refuses, one that a limit refuses, and one whose caller goes away.
/// Guarantees: 503 is an error with the guard as its type, 429 is none, and the third is ended without a status.
#[test]
fn refusals_are_errors_from_500_on() {
    let (tracer, exporter) = kept(Sampler::AlwaysOn, true);
    started(&tracer, &HeaderMap::new())
        .end(Ended::Refused(StatusCode::SERVICE_UNAVAILABLE, "breaker"));
    started(&tracer, &HeaderMap::new()).end(Ended::Refused(StatusCode::TOO_MANY_REQUESTS, "limit"));
    drop(started(&tracer, &HeaderMap::new()));
    let spans = exporter.get_finished_spans().unwrap();
    let ends: Vec<_> = spans
        .iter()
        .map(|span| {
            let status = text(span, "http.response.status_code");
            (status, text(span, "error.type"), span.status.clone())
        })
        .collect();
    let of = |status: &str, error: &str, end| (status.to_owned(), error.to_owned(), end);
    assert_eq!(
        ends,
        [
            of("503", "breaker", Status::error("")),
            of("429", "", Status::Unset),
            of("", "", Status::Unset),
        ]
    );
}

/// Scenario: a log line within a request, recorded or not.
/// Guarantees: the context that is current carries the trace and the request's id.
#[test]
fn the_context_of_a_request_is_current_while_it_is_entered() {
    use opentelemetry::Context;
    use opentelemetry::trace::TraceContextExt as _;
    let (tracer, _) = kept(Sampler::AlwaysOff, true);
    for parent in [SAMPLED, UNSAMPLED] {
        let span = started(&tracer, &headers(&[("traceparent", parent)]));
        let inside = span.enter();
        Context::map_current(|context| {
            assert_eq!(context.span().span_context().trace_id().to_string(), TRACE);
            let id = context.get::<crate::telemetry::RequestId>().unwrap();
            assert_eq!(id.as_str(), TRACE);
        });
        drop(inside);
        assert!(!Context::map_current(|context| context.has_active_span()));
    }
}

/// Scenario: each of a route's instruments is used, its durations through a bound set and without one.
/// Guarantees: a scrape shows each with its name, labels and value.
#[test]
fn a_scrape_shows_what_a_route_recorded() {
    let telemetry = telemetry();
    let route = stripe(&telemetry);
    let active = route.received(&Method::POST);
    let reading = ConnectionsReading {
        route: route.clone(),
        active: 3,
        idle: 2,
    };
    let instruments = telemetry.instruments();
    instruments.observe_connections(move || vec![reading.clone()]);
    let refused = Ended::Refused(StatusCode::SERVICE_UNAVAILABLE, "breaker");
    for ended in [Ended::Status(StatusCode::OK), refused] {
        route.answered(&Method::POST, ended, TOOK);
        route.answered(&Method::POST, ended, TOOK);
    }
    route.answered(&Method::GET, Ok(StatusCode::from_u16(999).unwrap()), TOOK);
    route.attempted(&Method::POST, Ok(StatusCode::BAD_GATEWAY), TOOK);
    route.attempted(&Method::POST, Err("timeout"), TOOK);
    route.retried("timeout");
    route.limited("caller");
    route.refused("breaker");
    route.key("replayed");
    telemetry.instruments().gateway_unrouted().refused("route");
    let text = telemetry.scrape();
    for expected in [
        r#"http_server_active_requests{http_request_method="POST",http_route="/stripe",lineside_route="stripe"} 1"#,
        r#"http_server_request_duration_seconds_count{http_request_method="POST",http_response_status_code="200",http_route="/stripe",lineside_route="stripe"} 2"#,
        r#"http_server_request_duration_seconds_bucket{http_request_method="POST",http_response_status_code="200",http_route="/stripe",lineside_route="stripe",le="0.075"} 2"#,
        r#"http_server_request_duration_seconds_count{error_type="breaker",http_request_method="POST",http_response_status_code="503",http_route="/stripe",lineside_route="stripe"} 2"#,
        r#"http_server_request_duration_seconds_count{error_type="999",http_request_method="GET",http_response_status_code="999",http_route="/stripe",lineside_route="stripe"} 1"#,
        r#"http_client_request_duration_seconds_count{error_type="502",http_request_method="POST",http_response_status_code="502",lineside_route="stripe",server_address="api.stripe.com",server_port="443"} 1"#,
        r#"http_client_request_duration_seconds_count{error_type="timeout",http_request_method="POST",lineside_route="stripe",server_address="api.stripe.com",server_port="443"} 1"#,
        r#"http_client_open_connections{http_connection_state="active",lineside_route="stripe",server_address="api.stripe.com",server_port="443"} 3"#,
        r#"http_client_open_connections{http_connection_state="idle",lineside_route="stripe",server_address="api.stripe.com",server_port="443"} 2"#,
        r#"lineside_gateway_retries_total{lineside_route="stripe",reason="timeout"} 1"#,
        r#"rate_limit_hits_total{endpoint="/stripe",limit="caller",lineside_route="stripe"} 1"#,
        r#"rate_limit_hits_total{endpoint="/stripe",limit="route",lineside_route="stripe"} 0"#,
        r#"lineside_gateway_retries_total{lineside_route="stripe",reason="5xx"} 0"#,
        r#"lineside_idempotency_requests_total{lineside_route="stripe",outcome="unknown"} 0"#,
        r#"lineside_gateway_refusals_total{guard="breaker",lineside_route="stripe"} 1"#,
        r#"lineside_gateway_refusals_total{guard="route"} 1"#,
        r#"lineside_idempotency_requests_total{lineside_route="stripe",outcome="replayed"} 1"#,
    ] {
        assert!(text.contains(expected), "{expected} is missing in\n{text}");
    }
    drop(active);
}
