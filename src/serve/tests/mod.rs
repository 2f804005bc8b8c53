//! The face as a client sees it.

use std::collections::{BTreeMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::{Response, StatusCode};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use serde_json::{Value, json};
use warp::filters::BoxedFilter;

use super::answer::Answer;
use super::*;
use crate::telemetry::{Settings, Telemetry};

mod health;
mod identity;

/// An agent whose phase and reasons a test sets, with its spans in memory.
struct Agent {
    filter: BoxedFilter<(Answer,)>,
    phase: Arc<Mutex<Phase>>,
    reasons: Arc<Mutex<Vec<String>>>,
    broken: Arc<AtomicBool>,
    /// Whether series are kept.
    kept: Arc<AtomicBool>,
    telemetry: Telemetry,
    spans: InMemorySpanExporter,
    _provider: SdkTracerProvider,
}

impl Agent {
    fn running() -> Agent {
        let settings = Settings {
            otlp: false,
            ..Settings::default()
        };
        let telemetry = Telemetry::build(&settings).unwrap();
        let spans = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder()
            .with_simple_exporter(spans.clone())
            .build();
        let phase = Arc::new(Mutex::new(Phase::Running));
        let reasons = Arc::new(Mutex::new(Vec::new()));
        let (broken, kept) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicBool::new(true)),
        );
        let face = Face {
            service: "lineside".to_owned(),
            features: vec!["otlp".to_owned(), "journal".to_owned()],
            phase: asking(&phase, |phase| *phase),
            ready: asking(&reasons, Vec::clone),
            ledger: ledger(&broken),
            scrape: scrape(&telemetry, &broken),
            metrics_json: series(&kept, json!({ "families": [] })),
            map: series(&kept, json!({ "edges": [] })),
            conflicts: series(&kept, json!({ "conflicts": [] })),
            checks: Arc::new(|| vec![journal_check()]),
            run_check: Arc::new(|_| Box::pin(async { None })),
            instruments: telemetry.instruments(),
            tracer: provider.tracer("test"),
        };
        Agent {
            filter: routes(face),
            phase,
            reasons,
            broken,
            kept,
            telemetry,
            spans,
            _provider: provider,
        }
    }

    async fn get(&self, path: &str) -> Response<Bytes> {
        warp::test::request().path(path).reply(&self.filter).await
    }

    fn stuck(&self, reason: &str) {
        self.reasons.lock().unwrap().push(reason.to_owned());
    }

    fn enters(&self, phase: Phase) {
        *self.phase.lock().unwrap() = phase;
    }

    fn only_span(&self) -> SpanData {
        let spans = self.spans.get_finished_spans().unwrap();
        assert_eq!(spans.len(), 1);
        spans[0].clone()
    }
}

fn asking<S: Send + 'static, T: 'static>(state: &Arc<Mutex<S>>, of: fn(&S) -> T) -> Ask<T> {
    let state = Arc::clone(state);
    Arc::new(move || of(&state.lock().unwrap()))
}

fn ledger(broken: &Arc<AtomicBool>) -> Ask<Value> {
    let broken = Arc::clone(broken);
    Arc::new(move || {
        assert!(
            !broken.load(Ordering::Relaxed),
            "the ledger is broken on purpose"
        );
        json!({ "received": 7 })
    })
}

fn scrape(telemetry: &Telemetry, broken: &Arc<AtomicBool>) -> AskLaterWith<ScrapeRequest, Scraped> {
    let (telemetry, broken) = (telemetry.clone(), Arc::clone(broken));
    Arc::new(move |request| {
        assert!(
            !broken.load(Ordering::Relaxed),
            "the scrape is broken on purpose"
        );
        let gzip = request.accept_encoding.as_deref() == Some("gzip");
        let scraped = Scraped {
            content_type: HeaderValue::from_str(request.accept.as_deref().unwrap_or("text/plain"))
                .unwrap(),
            content_encoding: gzip.then(|| HeaderValue::from_static("gzip")),
            body: telemetry.scrape().into(),
        };
        Box::pin(async { scraped })
    })
}

fn series(kept: &Arc<AtomicBool>, value: Value) -> AskLater<Option<Bytes>> {
    let kept = Arc::clone(kept);
    let json = Bytes::from(value.to_string());
    Arc::new(move || {
        let value = kept.load(Ordering::Relaxed).then(|| json.clone());
        Box::pin(async { value })
    })
}

fn journal_check() -> Check {
    Check {
        name: "journal".to_owned(),
        kind: "disk",
        groups: Vec::new(),
        required: true,
        status: CheckStatus::Warn,
        excused: None,
        message: "91 % full".to_owned(),
        advice: None,
        target: "/var".to_owned(),
        since: None,
        last_run: None,
        next_run: None,
        certificate_ends: None,
        facts: BTreeMap::new(),
    }
}

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
/// Guarantees: each answers 200, HEAD with the same headers and no body, all uncached and with an id.
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
        let path = endpoint["path"].as_str().unwrap();
        assert!(
            !endpoint["description"].as_str().unwrap().is_empty(),
            "{path}"
        );
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
/// Guarantees: 405 with Allow; the invented method does not become a label of its own.
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
        json!({ "received": 7 })
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
