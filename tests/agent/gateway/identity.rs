//! Who asked, from the caller through the gateway to the upstream: one trace, one request id.

use std::time::Duration;

use http::Request;
use serde_json::Value;

use super::fixture::{Answer, Seen, Upstream, ask, get};
use crate::fixture::{Agent, Config, Signal, Sink, canonical, eventually};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// An agent whose own telemetry goes to `sink` soon. Only what callers sample is recorded.
fn telling(sink: &Sink, upstream: &Upstream) -> Config {
    Config::to(sink)
        .set("telemetry.export_own", true)
        .set("telemetry.trace_ratio", 0.0)
        .set("telemetry.metrics_every", "1s")
        .environment("OTEL_BSP_SCHEDULE_DELAY", "50")
        .environment("OTEL_BLRP_SCHEDULE_DELAY", "50")
        .set("route.up.upstream", upstream.url())
        .set("route.up.prefix", "/up")
        .set("route.up.retry.base", "2ms")
        .set("route.up.breaker.mode", "disabled")
        .set("route.up.limit.learn", false)
}

fn items(sink: &Sink, signal: Signal) -> Vec<Value> {
    let requests = sink.taken();
    let of_signal = requests.iter().filter(|request| request.signal == signal);
    of_signal
        .flat_map(|request| canonical(signal, &request.message))
        .collect()
}

/// Waits until as many spans of the trace have come, in the order of their start.
async fn spans(sink: &Sink, trace: &str, count: usize) -> Vec<Value> {
    let what = format!("{count} spans of {trace}");
    let mut spans = eventually(&what, Duration::from_secs(15), async || {
        let spans = items(sink, Signal::Traces).into_iter();
        let spans: Vec<_> = spans.filter(|span| span["trace_id"] == trace).collect();
        (spans.len() >= count).then_some(spans)
    })
    .await;
    spans.sort_by_key(|span| span["start"].as_str().map(str::to_owned));
    assert_eq!(spans.len(), count, "{spans:#?}");
    spans
}

fn with_kind(spans: &[Value], kind: i64) -> Vec<&Value> {
    spans.iter().filter(|span| span["kind"] == kind).collect()
}

/// The span that the upstream was told is its parent.
fn told(seen: &Seen) -> Vec<&str> {
    seen.header("traceparent")
        .expect("traceparent")
        .split('-')
        .collect()
}

const SERVER: i64 = 2;
const CLIENT: i64 = 3;
/// The code of a span's status.
const ERROR: i64 = 2;

/// Scenario: a sampled caller, and an upstream that fails once. Guarantees: one trace: the caller's span, under it the gateway's
/// SERVER span, under that a CLIENT span for each attempt, the second with `http.request.resend_count` 1; the upstream is told the
/// attempt that it serves; tracestate and baggage pass.
#[tokio::test]
async fn each_attempt_is_a_span_of_the_callers_trace() {
    let (sink, upstream) = (Sink::start().await, Upstream::start().await);
    let agent = Agent::start(telling(&sink, &upstream)).await;
    upstream.next([Answer::reply(503, &[], "")]);
    let request = Request::get("/up/orders/7?token=hidden")
        .header("traceparent", format!("00-{TRACE}-{CALLER}-01"))
        .header("tracestate", "vendor=1")
        .header("baggage", "user=7");
    let reply = ask(&agent, request, "").await;
    assert_eq!(reply.header("x-request-id"), Some(TRACE));
    let spans = spans(&sink, TRACE, 3).await;
    let [server] = with_kind(&spans, SERVER)[..] else {
        panic!("{spans:#?}")
    };
    assert_eq!(
        (&server["parent_span_id"], &server["name"]),
        (&CALLER.into(), &"GET /up".into())
    );
    let attributes = &server["attributes"];
    for (name, value) in [
        ("http.request.method", Value::from("GET")),
        ("http.route", "/up".into()),
        ("url.path", "/up/orders/7".into()),
        ("url.scheme", "http".into()),
        ("http.response.status_code", 200.into()),
        ("lineside.route", "up".into()),
    ] {
        assert_eq!(attributes[name], value, "{name} in {attributes}");
    }
    let attempts = with_kind(&spans, CLIENT);
    for (number, attempt) in attempts.iter().enumerate() {
        assert_eq!(attempt["parent_span_id"], server["span_id"]);
        let attributes = &attempt["attributes"];
        assert_eq!(
            attributes["server.address"],
            upstream.address().ip().to_string()
        );
        assert_eq!(attributes["server.port"], 8080);
        let resends = attributes
            .get("http.request.resend_count")
            .and_then(Value::as_u64);
        assert_eq!(resends.unwrap_or(0), number as u64);
        assert_eq!(attributes["http.response.status_code"], [503, 200][number]);
        let seen = &upstream.seen()[number];
        assert_eq!(
            told(seen),
            ["00", TRACE, attempt["span_id"].as_str().unwrap(), "01"]
        );
        assert_eq!(
            (seen.header("tracestate"), seen.header("baggage")),
            (Some("vendor=1"), Some("user=7"))
        );
        assert_eq!(
            seen.headers
                .iter()
                .filter(|(name, _)| name == "traceparent")
                .count(),
            1
        );
    }
    assert_eq!(attempts[0]["attributes"]["error.type"], "503");
    let told = format!("{spans:?}{:?}", items(&sink, Signal::Logs));
    assert!(!told.contains("token=hidden"), "a query was shown");
}

/// Scenario: callers that are not sampled, that name no trace, and that name nonsense. Guarantees: the upstream gets a traceparent
/// all the same: of the caller's trace and not sampled, or of a new one; no span is exported.
#[tokio::test]
async fn a_trace_goes_on_though_nobody_records_it() {
    let (sink, upstream) = (Sink::start().await, Upstream::start().await);
    let agent = Agent::start(telling(&sink, &upstream)).await;
    let request = Request::get("/up/x").header("traceparent", format!("00-{TRACE}-{CALLER}-00"));
    ask(&agent, request, "").await;
    let seen = upstream.last();
    let [version, trace, parent, flags] = told(&seen)[..] else {
        panic!("{seen:?}")
    };
    assert_eq!((version, trace, flags), ("00", TRACE, "00"));
    assert_ne!(parent, CALLER);
    let nonsense = [
        None,
        Some("nonsense".to_owned()),
        Some(format!("ff-{TRACE}-{CALLER}-01")),
        Some(format!("00-{}-{CALLER}-01", "0".repeat(32))),
        Some(format!("00-{TRACE}-{}-01", "0".repeat(16))),
    ];
    for value in nonsense {
        let mut request = Request::get("/up/x");
        if let Some(value) = &value {
            request = request.header("traceparent", value);
        }
        let reply = ask(&agent, request, "").await;
        let seen = upstream.last();
        let [version, trace, _, flags] = told(&seen)[..] else {
            panic!("{seen:?}")
        };
        assert_eq!((version, trace.len(), flags), ("00", 32, "00"), "{value:?}");
        assert_ne!(trace, TRACE, "{value:?}");
        assert_eq!(reply.header("x-request-id"), Some(trace), "{value:?}");
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let spans = items(&sink, Signal::Traces);
    assert!(with_kind(&spans, CLIENT).is_empty(), "{spans:#?}");
}

/// Scenario: request ids of callers: a sane one, one that is too long, ones with strange characters, two. Guarantees: the sane one
/// goes to the upstream and back, on refusals as well; others are replaced by the trace's id.
#[tokio::test]
async fn a_request_id_goes_there_and_back() {
    let (sink, upstream) = (Sink::start().await, Upstream::start().await);
    let agent = Agent::start(telling(&sink, &upstream)).await;
    for path in ["/up/x", "/nowhere"] {
        let request = Request::get(path).header("x-request-id", "order-7");
        assert_eq!(
            ask(&agent, request, "").await.header("x-request-id"),
            Some("order-7"),
            "{path}"
        );
    }
    assert_eq!(upstream.last().header("x-request-id"), Some("order-7"));
    for strange in ["x".repeat(129), "a b".to_owned(), "a\tb".to_owned()] {
        let request = Request::get("/up/x")
            .header("x-request-id", &strange)
            .header("traceparent", format!("00-{TRACE}-{CALLER}-00"));
        assert_eq!(
            ask(&agent, request, "").await.header("x-request-id"),
            Some(TRACE),
            "{strange:?}"
        );
    }
}

/// Scenario: sampled requests to an upstream that breaks off, that is silent, and where nobody listens.
/// Guarantees: the CLIENT span, the SERVER span, the metrics and the breaker say the same: why the attempt failed, what the caller
/// got, and one failure each.
#[tokio::test]
async fn spans_metrics_and_breaker_agree() {
    let (sink, upstream) = (Sink::start().await, Upstream::start().await);
    let config = telling(&sink, &upstream)
        .set("route.up.retry.attempts", 1)
        .set("route.up.timeout.first_byte", "200ms")
        .set("route.up.breaker.mode", "metrics_only");
    let agent = Agent::start(config).await;
    upstream.next([Answer::reset(), Answer::hang()]);
    let faults = [
        ("closed", 502, "00000000000000000000000000000001"),
        (
            "timeout_first_byte",
            504,
            "00000000000000000000000000000002",
        ),
        ("connect", 502, "00000000000000000000000000000003"),
    ];
    for (number, (error, status, trace)) in faults.into_iter().enumerate() {
        if error == "connect" {
            upstream.stop().await;
        }
        let request =
            Request::get("/up/x").header("traceparent", format!("00-{trace}-{CALLER}-01"));
        assert_eq!(ask(&agent, request, "").await.status, status, "{error}");
        let spans = spans(&sink, trace, 2).await;
        let ([server], [client]) = (
            &with_kind(&spans, SERVER)[..],
            &with_kind(&spans, CLIENT)[..],
        ) else {
            panic!("{spans:#?}")
        };
        assert_eq!(client["attributes"]["error.type"], error);
        assert_eq!(client["status"]["code"], ERROR);
        assert_eq!(server["attributes"]["http.response.status_code"], status);
        assert_eq!(server["status"]["code"], ERROR);
        let label = format!("error_type=\"{error}\"");
        let name = "http_client_request_duration_seconds_count";
        assert_eq!(agent.metric(name, &label).await, 1.0, "{error}");
        let failures = "outcome=\"failure\",service=\"up\"";
        let counted = agent.metric("circuit_breaker_calls_total", failures).await;
        assert_eq!(counted, (number + 1) as f64, "{error}");
    }
}

/// Scenario: a breaker that opens during a sampled request. Guarantees: the log line about it carries that trace's id, and the span
/// says which guard refused the next one.
#[tokio::test]
async fn what_the_breaker_says_belongs_to_the_trace() {
    let (sink, upstream) = (Sink::start().await, Upstream::start().await);
    let config = telling(&sink, &upstream)
        .set("route.up.breaker.mode", "auto")
        .set("route.up.breaker.failures", 1)
        .set("route.up.retry.attempts", 1);
    let agent = Agent::start(config).await;
    upstream.always(Answer::reply(500, &[], ""));
    let request = Request::get("/up/x").header("traceparent", format!("00-{TRACE}-{CALLER}-01"));
    assert_eq!(ask(&agent, request, "").await.status, 500);
    eventually(
        "a log record of the trace",
        Duration::from_secs(10),
        async || {
            let logs = items(&sink, Signal::Logs);
            let mut of_trace = logs.iter().filter(|log| log["trace_id"] == TRACE);
            of_trace
                .any(|log| log.to_string().contains("open"))
                .then_some(())
        },
    )
    .await;
    assert_eq!(get(&agent, "/up/x").await.status, 503);
}

/// Scenario: the same with spans of requests that are refused at each guard. Guarantees: SERVER spans end with the status that the
/// caller got.
#[tokio::test]
async fn refusals_are_spans_too() {
    let (sink, upstream) = (Sink::start().await, Upstream::start().await);
    let agent = Agent::start(telling(&sink, &upstream)).await;
    let paths = [("/nowhere", 404), ("/up/..%2fx", 400)];
    for (path, status) in paths {
        let request = Request::get(path).header("traceparent", format!("00-{TRACE}-{CALLER}-01"));
        assert_eq!(ask(&agent, request, "").await.status, status);
    }
    let spans = spans(&sink, TRACE, 2).await;
    for (span, (_, status)) in spans.iter().zip(paths) {
        assert_eq!(
            (
                &span["kind"],
                &span["attributes"]["http.response.status_code"]
            ),
            (&SERVER.into(), &status.into())
        );
    }
    assert_eq!(upstream.count(), 0);
}
