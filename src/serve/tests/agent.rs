//! An agent of which there is the face alone.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::{HeaderValue, Response};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use serde_json::{Value, json};
use warp::filters::BoxedFilter;

use crate::config::Secret;
use crate::resilience::{Breaker, BreakerPolicy, Breakers};
use crate::serve::*;
use crate::telemetry::{CacheReading, Settings, Telemetry};

/// The token of those agents that have one.
pub(super) const TOKEN: &str = "s3cret-token";

/// Where an agent listens, and whether it has a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exposure {
    Loopback,
    LoopbackWithoutToken,
    Exposed,
    ExposedWithToken,
}

impl Exposure {
    fn access(self) -> Access {
        let token = || Some(Secret::new(TOKEN));
        match self {
            Exposure::Loopback => Access::new([127, 0, 0, 1].into(), token()),
            Exposure::LoopbackWithoutToken => Access::new([127, 0, 0, 1].into(), None),
            Exposure::Exposed => Access::new([0, 0, 0, 0].into(), None),
            Exposure::ExposedWithToken => Access::new([10, 0, 0, 7].into(), token()),
        }
    }
}

/// An agent whose phase, checks and reasons a test sets, with its spans in memory.
pub(super) struct Agent {
    pub(super) filter: BoxedFilter<(warp::reply::Response,)>,
    phase: Arc<Mutex<Phase>>,
    pub(super) reasons: Arc<Mutex<Vec<String>>>,
    checks: Arc<Mutex<Vec<Check>>>,
    pub(super) broken: Arc<AtomicBool>,
    /// Whether series are kept.
    pub(super) kept: Arc<AtomicBool>,
    /// The names of the checks that were run.
    pub(super) ran: Arc<Mutex<Vec<String>>>,
    pub(super) breakers: Breakers,
    pub(super) feed: Feed,
    pub(super) cache: Arc<Mutex<Vec<CacheReading>>>,
    pub(super) telemetry: Telemetry,
    spans: InMemorySpanExporter,
    _provider: SdkTracerProvider,
}

impl Agent {
    /// On loopback, with a check called "journal" that warns.
    pub(super) fn running() -> Agent {
        Agent::with(Exposure::Loopback, vec![journal_check()])
    }

    pub(super) fn with(exposure: Exposure, checks: Vec<Check>) -> Agent {
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
        let checks = Arc::new(Mutex::new(checks));
        let ran = Arc::new(Mutex::new(Vec::new()));
        let (broken, kept) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicBool::new(true)),
        );
        let (breakers, feed) = (Breakers::default(), Feed::default());
        breakers.insert(Breaker::new("journal", BreakerPolicy::STRIPE));
        let cache = Arc::default();
        let face = Face {
            service: "lineside".to_owned(),
            features: vec!["otlp".to_owned(), "journal".to_owned()],
            access: exposure.access(),
            phase: asking(&phase, |phase| *phase),
            stuck: asking(&reasons, Vec::clone),
            ledger: ledger(&broken),
            scrape: scrape(&telemetry, &broken),
            metrics_json: series(&kept, json!({ "families": [] })),
            map: series(&kept, json!({ "edges": [] })),
            conflicts: series(&kept, json!({ "conflicts": [] })),
            checks: asking(&checks, Vec::clone),
            run_check: running(&checks, &ran, &broken),
            breakers: views(&breakers),
            order_breaker: orders(&breakers),
            breaker_events: feed.clone(),
            cache: asking(&cache, Vec::clone),
            instruments: telemetry.instruments(),
            tracer: provider.tracer("test"),
        };
        Agent {
            filter: routes(face),
            phase,
            reasons,
            checks,
            broken,
            kept,
            ran,
            breakers,
            feed,
            cache,
            telemetry,
            spans,
            _provider: provider,
        }
    }

    pub(super) async fn get(&self, path: &str) -> Response<Bytes> {
        self.ask("GET", path, &[]).await
    }

    pub(super) async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Response<Bytes> {
        let mut request = warp::test::request().method(method).path(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.reply(&self.filter).await
    }

    pub(super) fn stuck(&self, reason: &str) {
        self.reasons.lock().unwrap().push(reason.to_owned());
    }

    pub(super) fn enters(&self, phase: Phase) {
        *self.phase.lock().unwrap() = phase;
    }

    pub(super) fn finds(&self, checks: Vec<Check>) {
        *self.checks.lock().unwrap() = checks;
    }

    pub(super) fn only_span(&self) -> SpanData {
        let spans = self.spans.get_finished_spans().unwrap();
        assert_eq!(spans.len(), 1);
        spans[0].clone()
    }
}

fn asking<S: Send + 'static, T: 'static>(state: &Arc<Mutex<S>>, of: fn(&S) -> T) -> Ask<T> {
    let state = Arc::clone(state);
    Arc::new(move || of(&state.lock().unwrap()))
}

fn view(breaker: &Breaker) -> BreakerView {
    BreakerView {
        status: breaker.status(Instant::now()),
        guards: "route",
        last_change: None,
    }
}

fn views(breakers: &Breakers) -> Ask<Vec<BreakerView>> {
    let breakers = breakers.clone();
    Arc::new(move || breakers.all().iter().map(view).collect())
}

fn orders(breakers: &Breakers) -> OrderBreaker {
    let breakers = breakers.clone();
    Arc::new(move |service, order| {
        let (breaker, now) = (breakers.get(service)?, Instant::now());
        match order {
            BreakerOrder::Open => breaker.force_open(now),
            BreakerOrder::Reset => breaker.reset(now),
            BreakerOrder::Disable => breaker.disable(now),
            BreakerOrder::MetricsOnly => breaker.metrics_only(now),
        }
        Some(view(&breaker))
    })
}

fn running(
    checks: &Arc<Mutex<Vec<Check>>>,
    ran: &Arc<Mutex<Vec<String>>>,
    broken: &Arc<AtomicBool>,
) -> AskLaterWith<String, Option<Check>> {
    let (checks, ran, broken) = (Arc::clone(checks), Arc::clone(ran), Arc::clone(broken));
    Arc::new(move |name| {
        assert!(
            !broken.load(Ordering::Relaxed),
            "the run is broken on purpose"
        );
        let found = checks
            .lock()
            .unwrap()
            .iter()
            .find(|c| c.name == name)
            .cloned();
        if found.is_some() {
            ran.lock().unwrap().push(name);
        }
        Box::pin(async { found })
    })
}

fn ledger(broken: &Arc<AtomicBool>) -> Ask<Value> {
    let broken = Arc::clone(broken);
    Arc::new(move || {
        assert!(
            !broken.load(Ordering::Relaxed),
            "the ledger is broken on purpose"
        );
        let row =
            json!({ "received": 7, "waiting": 1, "delivered": 6, "refused": 0, "dropped": {} });
        json!({ "exports": { "collector": { "traces": row } } })
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
        kind: "disk",
        groups: Vec::new(),
        message: "91 % full".to_owned(),
        target: "/var".to_owned(),
        ..check("journal", CheckStatus::Warn)
    }
}

/// When checks of tests began to be as they are: 2026-03-01 12:03:11 UTC.
pub(super) fn since() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_772_366_591)
}

/// A required PostgreSQL that stands so. Every text in it that is a detail holds "hidden".
pub(super) fn check(name: &str, status: CheckStatus) -> Check {
    let (message, failure) = match status {
        CheckStatus::Starting => ("no run has ended yet (hidden)", None),
        CheckStatus::Pass => ("answers (hidden)", None),
        CheckStatus::Warn => ("95 of 100 connections are in use (hidden)", None),
        CheckStatus::Fail => (
            "connection refused by hidden [refused, connect]",
            Some(("refused", Some("connect"))),
        ),
    };
    let run = LastRun {
        at: since() + Duration::from_secs(60),
        took: Duration::from_micros(1234),
        phases: vec![
            ("resolve", Duration::from_micros(100)),
            ("connect", Duration::from_micros(200)),
            ("connect", Duration::from_micros(300)),
        ],
        failure,
    };
    Check {
        name: name.to_owned(),
        kind: "postgres",
        groups: vec!["database".to_owned()],
        required: true,
        status,
        excused: None,
        message: message.to_owned(),
        advice: (status == CheckStatus::Fail).then(|| "Start the hidden server.".to_owned()),
        target: "hidden:5432/orders".to_owned(),
        since: Some(since()),
        last_run: (status != CheckStatus::Starting).then_some(run),
        next_run: Some(since() + Duration::from_secs(90)),
        certificate_ends: None,
        facts: facts(),
    }
}

fn facts() -> BTreeMap<&'static str, Value> {
    let connections = json!({ "total": 4, "max": 100, "active": 1, "idle": 3, "waiting": 0 });
    BTreeMap::from([
        ("server_version", json!("15.1 (hidden)")),
        ("server_time", json!("2026-03-01T12:04:11.002Z")),
        ("clock_skew_ms", json!(2.5)),
        ("connections", connections),
    ])
}
