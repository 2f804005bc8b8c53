//! Metrics that are made of spans and logs.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::otlp::{SpanKind, logs, service, span, spans, with};
use super::shop;
use super::shown::{OPEN_METRICS, Shown, ask};
use crate::fixture::{Agent, Config, Signal, Transport, eventually};

const VISITS: usize = 20;

/// Calls by service, name, kind and status: (service, name, kind, status) and how many after [`VISITS`] visits.
const CALLS: [(&str, &str, &str, &str, f64); 9] = [
    ("web", "GET /checkout/{id}", "SERVER", "UNSET", 19.0),
    ("web", "GET /checkout/{id}", "SERVER", "ERROR", 1.0),
    ("web", "POST /orders", "CLIENT", "UNSET", 20.0),
    ("orders", "POST /orders", "SERVER", "UNSET", 20.0),
    ("orders", "SELECT shop.orders", "CLIENT", "UNSET", 20.0),
    ("orders", "POST", "CLIENT", "UNSET", 19.0),
    ("orders", "POST", "CLIENT", "ERROR", 1.0),
    ("orders", "orders publish", "PRODUCER", "UNSET", 20.0),
    ("mailer", "orders process", "CONSUMER", "UNSET", 20.0),
];

/// Who calls whom: (client, server, connection type), and of [`VISITS`] calls how many failed.
const EDGES: [(&str, &str, &str, f64); 5] = [
    ("user", "web", "virtual_node", 1.0),
    ("web", "orders", "", 0.0),
    ("orders", "shop", "database", 0.0),
    ("orders", "mailer", "messaging_system", 0.0),
    ("orders", "api.stripe.com", "virtual_node", 1.0),
];

/// The same on the map, which draws what messages go over.
const LINKS: [(&str, &str, f64); 6] = [
    ("user", "web", 1.0),
    ("web", "orders", 0.0),
    ("orders", "shop", 0.0),
    ("orders", "kafka", 0.0),
    ("kafka", "mailer", 0.0),
    ("orders", "api.stripe.com", 1.0),
];

/// An agent that waits but a second for the other half of a call.
async fn agent_of_the_shop() -> Agent {
    Agent::start(Config::new().set("series.graph.wait", "1s")).await
}

/// Scenario: twenty visits to a shop of three services. Guarantees: rate, errors and duration stand under the names of the
/// span metrics connector, raw paths are folded into their template, and exemplars name the traces.
#[tokio::test]
async fn spans_become_rate_errors_and_duration() {
    let agent = agent_of_the_shop().await;
    shop::visit(&agent, VISITS).await;
    let shown = Shown::by(&agent).await;
    for (service, name, kind, status, calls) in CALLS {
        let (kind, status) = (format!("SPAN_KIND_{kind}"), format!("STATUS_CODE_{status}"));
        let labels = [
            ("service_name", service),
            ("span_name", name),
            ("span_kind", &*kind),
            ("status_code", &*status),
        ];
        let value = |sample: &str| shown.value(&format!("traces_span_metrics_{sample}"), &labels);
        assert_eq!(value("calls_total"), Some(calls), "{labels:?}");
        assert_eq!(
            value("duration_milliseconds_count"),
            Some(calls),
            "{labels:?}"
        );
    }
    let all = shown.sum("traces_span_metrics_calls_total", &[]);
    assert_eq!(all, CALLS.iter().map(|call| call.4).sum::<f64>());
    durations_are_right(&shown);
    let open = Shown::accepting(&agent, OPEN_METRICS).await;
    let exemplar = |line: &&str| {
        line.starts_with("traces_span_metrics_duration_milliseconds_bucket{")
            && line.contains(r#"# {trace_id=""#)
    };
    assert!(
        open.text.lines().any(|line| exemplar(&line)),
        "no exemplars"
    );
    agent.assert_no_panic();
}

/// The spans of the database took 5 ms each.
fn durations_are_right(shown: &Shown) {
    let span = ("span_name", "SELECT shop.orders");
    let value = |sample: &str, le: Option<&str>| {
        let name = format!("traces_span_metrics_duration_milliseconds_{sample}");
        let labels: Vec<_> = [Some(span), le.map(|le| ("le", le))]
            .into_iter()
            .flatten()
            .collect();
        shown.value(&name, &labels)
    };
    assert_eq!(value("sum", None), Some(VISITS as f64 * 5.0));
    assert_eq!(value("bucket", Some("4")), Some(0.0));
    assert_eq!(value("bucket", Some("6")), Some(VISITS as f64));
    assert_eq!(value("bucket", Some("+Inf")), Some(VISITS as f64));
}

/// Scenario: the same shop. Guarantees: the service graph has every edge under the names of the service graph connector,
/// databases, queues, third parties and users included, and `/api/map` draws the same with rates and percentiles.
#[tokio::test]
async fn spans_become_a_service_graph() {
    let agent = agent_of_the_shop().await;
    shop::visit(&agent, VISITS).await;
    // Third parties show themselves by their silence.
    let shown = eventually("all edges are shown", Duration::from_secs(30), async || {
        let shown = Shown::by(&agent).await;
        let edges = shown.all("traces_service_graph_request_total", &[]);
        let requests: f64 = edges.iter().map(|edge| edge.value).sum();
        (requests >= (EDGES.len() * VISITS) as f64).then_some(shown)
    })
    .await;
    for (client, server, connection_type, errors) in EDGES {
        let labels = [
            ("client", client),
            ("server", server),
            ("connection_type", connection_type),
        ];
        let value =
            |sample: &str| shown.sum(&format!("traces_service_graph_request_{sample}"), &labels);
        assert_eq!(value("total"), VISITS as f64, "{labels:?}");
        assert_eq!(value("failed_total"), errors, "{labels:?}");
    }
    the_map_agrees(&agent).await;
    agent.assert_no_panic();
}

async fn the_map_agrees(agent: &Agent) {
    let map = agent.get("/api/map").await.unwrap().json();
    let nodes = map["nodes"].as_array().expect("nodes");
    let kinds: BTreeMap<&str, &str> = nodes
        .iter()
        .map(|node| {
            (
                node["name"].as_str().unwrap(),
                node["kind"].as_str().unwrap(),
            )
        })
        .collect();
    for (name, kind) in [
        ("web", "service"),
        ("orders", "service"),
        ("mailer", "service"),
        ("shop", "database"),
        ("kafka", "messaging"),
        ("api.stripe.com", "external"),
        ("user", "user"),
    ] {
        assert_eq!(kinds.get(name), Some(&kind), "{name} in {kinds:?}");
    }
    let edges = map["edges"].as_array().expect("edges");
    assert_eq!(edges.len(), LINKS.len(), "{map}");
    for (client, server, errors) in LINKS {
        let is_it = |edge: &&Value| edge["client"] == client && edge["server"] == server;
        let edge = edges
            .iter()
            .find(is_it)
            .unwrap_or_else(|| panic!("no {client} → {server}: {map}"));
        assert_eq!(edge["requests"].as_f64(), Some(VISITS as f64), "{edge}");
        let error_rate = edge["error_rate"].as_f64().expect("a number");
        assert!((error_rate - errors / VISITS as f64).abs() < 1e-9, "{edge}");
        assert!(
            edge["rate"].as_f64().is_some_and(|rate| rate > 0.0),
            "{edge}"
        );
        assert!(
            edge["p95_ms"].as_f64().is_some_and(|p95| p95 > 0.0),
            "{edge}"
        );
    }
}

/// Names of spans as careless instrumentations give them, and what they are counted under.
const FOLDED: [(&[&str], &str); 4] = [
    (
        &["GET /users/1", "GET /users/2", "GET /users/3?page=2"],
        "GET /users/{id}",
    ),
    (
        &[
            "/files/9f8b5a3e-8a2e-4f6e-9a59-0b1c2d3e4f50",
            "/files/00000000-8a2e-4f6e-9a59-0b1c2d3e4f50",
        ],
        "/files/{id}",
    ),
    (
        &["process order 8231", "process order 8232"],
        "process order {id}",
    ),
    (
        &["GET /api/v2/users", "GET /api/v2/users"],
        "GET /api/v2/users",
    ),
];

/// Scenario: spans named after single requests, and one whose route is known. Guarantees: one series for each template,
/// and none for the raw names.
#[tokio::test]
async fn raw_names_are_folded() {
    let agent = Agent::start(Config::new()).await;
    let mut sender = agent.sender(Transport::Http);
    let raw = FOLDED.iter().flat_map(|(raw, _)| raw.iter());
    let mut batch: Vec<_> = raw.map(|name| span(SpanKind::Server, name, 1)).collect();
    batch.push(with(
        span(SpanKind::Server, "/shops/berlin/77", 1),
        &[
            ("http.route", "/shops/{city}/{number}"),
            ("http.request.method", "GET"),
        ],
    ));
    sender
        .must_send(Signal::Traces, &spans(service("raw"), batch))
        .await;
    let shown = Shown::by(&agent).await;
    let calls = |name: &str| shown.sum("traces_span_metrics_calls_total", &[("span_name", name)]);
    for (raw, folded) in FOLDED {
        assert_eq!(calls(folded), raw.len() as f64, "{folded}");
    }
    assert_eq!(calls("GET /shops/{city}/{number}"), 1.0);
    let series = shown.all("traces_span_metrics_calls_total", &[]);
    assert_eq!(series.len(), FOLDED.len() + 1, "{series:?}");
}

/// Scenario: log records of every severity from two services. Guarantees: they are counted by service and severity.
#[tokio::test]
async fn logs_are_counted() {
    let agent = Agent::start(Config::new()).await;
    let mut sender = agent.sender(Transport::Grpc);
    let severities = [0, 1, 5, 9, 9, 13, 17, 18, 24];
    sender
        .must_send(Signal::Logs, &logs(service("web"), &severities))
        .await;
    sender
        .must_send(Signal::Logs, &logs(service("orders"), &[17]))
        .await;
    let shown = Shown::by(&agent).await;
    for (name, severity, expected) in [
        ("web", "UNSPECIFIED", 1.0),
        ("web", "TRACE", 1.0),
        ("web", "DEBUG", 1.0),
        ("web", "INFO", 2.0),
        ("web", "WARN", 1.0),
        ("web", "ERROR", 2.0),
        ("web", "FATAL", 1.0),
        ("orders", "ERROR", 1.0),
    ] {
        let labels = [("service_name", name), ("severity", severity)];
        assert_eq!(
            shown.sum("log_records_total", &labels),
            expected,
            "{labels:?}"
        );
    }
    assert_eq!(shown.sum("log_records_total", &[]), 10.0);
}

/// Scenario: a hundred calls that take 1 to 100 ms, and the metrics as JSON under both of its paths. Guarantees: both hold
/// the family of their durations with p50, p90, p95 and p99 within two percent.
#[tokio::test]
async fn json_holds_percentiles() {
    let agent = Agent::start(Config::new()).await;
    let mut sender = agent.sender(Transport::Grpc);
    let calls = (1..=100).map(|duration_ms| span(SpanKind::Server, "GET /", duration_ms));
    let message = spans(service("json"), calls.collect());
    sender.must_send(Signal::Traces, &message).await;
    for path in ["/metrics/json", "/api/metrics?format=json"] {
        let reply = ask(&agent, http::Method::GET, path, &[]).await;
        assert!(
            reply.header("content-type").unwrap().contains("json"),
            "{path}"
        );
        let json = reply.json();
        for field in ["service", "timestamp", "uptime_seconds", "metrics"] {
            assert!(!json[field].is_null(), "{path} has no {field}");
        }
        let percentiles = found_percentiles(&json, "traces_span_metrics_duration_milliseconds");
        for (name, expected) in [("p50", 50.0), ("p90", 90.0), ("p95", 95.0), ("p99", 99.0)] {
            let value = percentiles[name]
                .as_f64()
                .unwrap_or_else(|| panic!("{path}: no {name}: {percentiles}"));
            assert!(
                (value - expected).abs() <= expected * 0.02 + 1.0,
                "{path}: {name} is {value}"
            );
        }
    }
}

/// The first object within the family that has a `p50`.
fn found_percentiles(json: &Value, family: &str) -> Value {
    fn first(value: &Value) -> Option<&Value> {
        match value {
            Value::Object(map) if map.contains_key("p50") => Some(value),
            Value::Object(map) => map.values().find_map(first),
            Value::Array(list) => list.iter().find_map(first),
            _ => None,
        }
    }
    let family = &json["metrics"][family];
    first(family)
        .unwrap_or_else(|| panic!("no percentiles: {family}"))
        .clone()
}
