//! Probes whose checks do as they are told.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use tokio::time::sleep;

use crate::config::{ProbeKind, ProbeUrl, ProbesSettings};
use crate::probe::kind::Check;
use crate::probe::{Failure, Phase, Prepared, Probes, Reason, Run, Spec, Thresholds, Windows};
use crate::telemetry::{Settings, Telemetry};

/// A probe that runs every 30 s, and every 3 s while undecided.
pub(super) fn spec(name: &str) -> Spec {
    let url = ProbeUrl::parse("tcp://127.0.0.1:1").unwrap();
    Spec {
        name: name.into(),
        kind: ProbeKind::Tcp,
        target: url.to_string(),
        groups: Vec::new(),
        required: true,
        parent: None,
        every: Duration::from_secs(30),
        confirm_every: Duration::from_secs(3),
        timeout: Duration::from_secs(5),
        slow_after: None,
        thresholds: Thresholds {
            failures: 3,
            recoveries: 2,
        },
    }
}

/// What a scripted check does.
#[derive(Clone, Copy, Debug)]
pub(super) enum Does {
    Succeeds,
    Fails,
    TakesFor(Duration),
    Hangs,
    Panics,
}

/// A check that does as it is told, and counts.
#[derive(Clone)]
pub(super) struct Scripted {
    pub(super) does: Arc<Mutex<Does>>,
    pub(super) runs: Arc<AtomicUsize>,
    pub(super) under_way: Arc<AtomicUsize>,
    /// The most that all checks which share it had under way.
    pub(super) most: Arc<AtomicUsize>,
}

impl Scripted {
    pub(super) fn new(does: Does) -> Scripted {
        Scripted {
            does: Arc::new(Mutex::new(does)),
            runs: Arc::default(),
            under_way: Arc::default(),
            most: Arc::default(),
        }
    }

    pub(super) fn now(&self, does: Does) {
        *self.does.lock().unwrap() = does;
    }

    pub(super) fn runs(&self) -> usize {
        self.runs.load(Ordering::Relaxed)
    }
}

/// Counts down when the check ends, also when it is cut off.
struct Leaving(Arc<AtomicUsize>);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[async_trait]
impl Check for Scripted {
    fn attributes(&self) -> Vec<KeyValue> {
        vec![KeyValue::new("scripted", true)]
    }

    async fn check(&self, run: &Run) -> Result<(), Failure> {
        self.runs.fetch_add(1, Ordering::Relaxed);
        let under_way = 1 + self.under_way.fetch_add(1, Ordering::Relaxed);
        self.most.fetch_max(under_way, Ordering::Relaxed);
        let _leaving = Leaving(Arc::clone(&self.under_way));
        let does = *self.does.lock().unwrap();
        match does {
            Does::Succeeds => Ok(()),
            Does::Fails => Err(Failure::new(Reason::Refused, "connection refused")),
            Does::TakesFor(time) => {
                run.phase(Phase::Query, sleep(time)).await;
                Ok(())
            }
            Does::Hangs => run.phase(Phase::Connect, std::future::pending()).await,
            Does::Panics => panic!("broken on purpose"),
        }
    }
}

/// Probes that run, their telemetry, and the spans they make.
pub(super) struct Rig {
    pub(super) probes: Probes,
    pub(super) telemetry: Telemetry,
    spans: InMemorySpanExporter,
    _provider: SdkTracerProvider,
}

impl Rig {
    pub(super) fn start(probes: Vec<(Spec, Scripted)>) -> Rig {
        Rig::start_with(probes, ProbesSettings::default(), Windows::default())
    }

    pub(super) fn start_with(
        probes: Vec<(Spec, Scripted)>,
        settings: ProbesSettings,
        windows: Windows,
    ) -> Rig {
        let telemetry = Telemetry::build(&Settings {
            otlp: false,
            ..Settings::default()
        });
        let telemetry = telemetry.unwrap();
        let spans = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder()
            .with_simple_exporter(spans.clone())
            .build();
        let mut prepared = Prepared::default();
        for (spec, check) in probes {
            prepared.add(spec, Arc::new(check));
        }
        let (instruments, tracer) = (telemetry.instruments(), provider.tracer("test"));
        let probes = Probes::start(prepared, &settings, windows, &instruments, &tracer);
        Rig {
            probes,
            telemetry,
            spans,
            _provider: provider,
        }
    }

    /// The spans that have ended, those of phases too.
    pub(super) fn spans(&self) -> Vec<SpanData> {
        self.spans.get_finished_spans().unwrap()
    }
}
