//! The instruments of probes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::metrics::{Counter, Histogram, Meter};
use opentelemetry::{KeyValue, StringValue};

use super::instruments::SECONDS_BOUNDS;
use super::names;
use super::observe::Shared;

/// The instruments that all probes record into.
pub(super) struct AllProbes {
    duration: Histogram<f64>,
    lateness: Histogram<f64>,
    runs: Counter<u64>,
}

impl AllProbes {
    pub(super) fn new(meter: &Meter) -> AllProbes {
        let seconds = |name, about| {
            meter
                .f64_histogram(name)
                .with_unit("s")
                .with_description(about)
                .with_boundaries(SECONDS_BOUNDS.to_vec())
                .build()
        };
        AllProbes {
            duration: seconds(names::PROBE_DURATION, "Duration of one run of a probe."),
            lateness: seconds(
                names::PROBE_LATENESS,
                "How much later than due a run of a probe began, by how it ended.",
            ),
            runs: meter
                .u64_counter(names::PROBE_RUNS)
                .with_unit("{run}")
                .with_description("Runs of a probe.")
                .build(),
        }
    }

    /// The instruments of the probe `name`.
    pub(super) fn of(&self, name: &Arc<str>, kind: &'static str) -> ProbeInstruments {
        let name = KeyValue::new(names::PROBE_NAME, StringValue::from(Arc::clone(name)));
        ProbeInstruments {
            duration: self.duration.clone(),
            lateness: self.lateness.clone(),
            runs: self.runs.clone(),
            probe: [name, KeyValue::new(names::KIND, kind)],
        }
    }
}

/// The instruments of one probe, made once and kept by whoever runs it.
#[derive(Clone, Debug)]
pub struct ProbeInstruments {
    duration: Histogram<f64>,
    lateness: Histogram<f64>,
    runs: Counter<u64>,
    probe: [KeyValue; 2],
}

impl ProbeInstruments {
    /// Records a run that ended; `late` is how long after it was due it began, where it was due, and `reason` says why it
    /// failed.
    pub fn ended(&self, took: Duration, late: Option<Duration>, reason: Option<&'static str>) {
        let [name, kind] = self.probe.clone();
        let outcome = if reason.is_some() {
            "failure"
        } else {
            "success"
        };
        let outcome = KeyValue::new(names::OUTCOME, outcome);
        let reason = KeyValue::new(names::REASON, reason.unwrap_or("none"));
        if let Some(late) = late {
            // Of all probes together: that the schedule is kept is a matter of the agent.
            self.lateness
                .record(late.as_secs_f64(), std::slice::from_ref(&outcome));
        }
        self.duration.record(
            took.as_secs_f64(),
            &[name.clone(), kind.clone(), outcome.clone()],
        );
        self.runs.add(1, &[name, kind, outcome, reason]);
    }
}

/// One probe as it stands at one moment.
#[derive(Clone, Debug)]
pub struct ProbeReading {
    /// The configured name.
    pub name: Arc<str>,
    /// The kind of check.
    pub kind: &'static str,
    /// Whether its runs so far say that it works; `None` while they do not say anything.
    pub up: Option<bool>,
    /// The last run.
    pub last: Option<ProbeRunReading>,
}

/// The last run of a probe.
#[derive(Clone, Debug)]
pub struct ProbeRunReading {
    /// Whether it succeeded.
    pub succeeded: bool,
    /// How many seconds it took.
    pub took_s: f64,
    /// How many seconds each phase took.
    pub phases: Vec<(&'static str, f64)>,
    /// When the first certificate that was shown ends, in seconds since 1970.
    pub certificate_end_unix_s: Option<f64>,
}

/// A metric that some probes measure.
#[derive(Clone, Debug)]
pub struct ProbeMetric {
    /// The name.
    pub name: Arc<str>,
    /// The unit (UCUM).
    pub unit: Arc<str>,
    /// One line about it.
    pub about: Arc<str>,
    /// Whether it only counts up.
    pub counts: bool,
}

/// Numbers, each with its attributes.
type Numbers = Vec<(Vec<KeyValue>, f64)>;

/// The numbers of every metric, by its name.
pub type ProbeNumbers = HashMap<Arc<str>, Numbers>;

/// `lineside.probe.up`, `.success`, `.last_duration`, `.phase.duration`, `.certificate.end`.
pub(super) fn observe(meter: &Meter, read: impl Fn() -> Vec<ProbeReading> + Send + Sync + 'static) {
    let shared = Shared::new(read);
    let up = |probe: &ProbeReading| of_probe(probe, probe.up.map(truth));
    gauge(
        meter,
        &shared,
        true,
        names::PROBE_UP,
        "",
        "Whether what a probe checks works: 1 yes, 0 no.",
        up,
    );
    let success = |probe: &ProbeReading| {
        let succeeded = probe.last.as_ref().map(|last| truth(last.succeeded));
        of_probe(probe, succeeded)
    };
    gauge(
        meter,
        &shared,
        false,
        names::PROBE_SUCCESS,
        "",
        "Whether the last run of a probe succeeded: 1 yes, 0 no.",
        success,
    );
    let took = |probe: &ProbeReading| of_probe(probe, probe.last.as_ref().map(|last| last.took_s));
    gauge(
        meter,
        &shared,
        false,
        names::PROBE_LAST_DURATION,
        "s",
        "Duration of the last run of a probe.",
        took,
    );
    let about = "Duration of a phase of the last run of a probe.";
    gauge(
        meter,
        &shared,
        false,
        names::PROBE_PHASE_DURATION,
        "s",
        about,
        of_phases,
    );
    let ends = |probe: &ProbeReading| {
        let last = probe.last.as_ref();
        of_probe(probe, last.and_then(|last| last.certificate_end_unix_s))
    };
    let about = "When the first certificate that was shown ends, in seconds since 1970.";
    gauge(
        meter,
        &shared,
        false,
        names::PROBE_CERTIFICATE_END,
        "s",
        about,
        ends,
    );
}

/// Registers the metrics that probes measure, which share one reading.
pub(super) fn observe_metrics(
    meter: &Meter,
    metrics: Vec<ProbeMetric>,
    read: impl Fn() -> ProbeNumbers + Send + Sync + 'static,
) {
    let shared = Shared::new(read);
    for (nth, metric) in metrics.into_iter().enumerate() {
        observe_metric(meter, metric, Arc::clone(&shared), nth == 0);
    }
}

fn observe_metric(
    meter: &Meter,
    metric: ProbeMetric,
    shared: Arc<Shared<ProbeNumbers>>,
    fresh: bool,
) {
    let name = metric.name.to_string();
    let (unit, about) = (metric.unit.to_string(), metric.about.to_string());
    let callback = move |observer: &dyn opentelemetry::metrics::AsyncInstrument<f64>| {
        let numbers = if fresh { shared.fresh() } else { shared.same() };
        for (attributes, value) in numbers.get(&metric.name).into_iter().flatten() {
            observer.observe(*value, attributes);
        }
    };
    if metric.counts {
        let counter = meter.f64_observable_counter(name);
        counter
            .with_unit(unit)
            .with_description(about)
            .with_callback(callback)
            .build();
    } else {
        let gauge = meter.f64_observable_gauge(name);
        gauge
            .with_unit(unit)
            .with_description(about)
            .with_callback(callback)
            .build();
    }
}

fn gauge(
    meter: &Meter,
    shared: &Arc<Shared<Vec<ProbeReading>>>,
    fresh: bool,
    name: &'static str,
    unit: &'static str,
    about: &'static str,
    numbers: impl Fn(&ProbeReading) -> Numbers + Send + Sync + 'static,
) {
    let shared = Arc::clone(shared);
    meter
        .f64_observable_gauge(name)
        .with_unit(unit)
        .with_description(about)
        .with_callback(move |observer| {
            let probes = if fresh { shared.fresh() } else { shared.same() };
            for (attributes, value) in probes.iter().flat_map(&numbers) {
                observer.observe(value, &attributes);
            }
        })
        .build();
}

fn of_probe(probe: &ProbeReading, value: Option<f64>) -> Numbers {
    let value = value.map(|value| (attributes(probe).to_vec(), value));
    value.into_iter().collect()
}

fn of_phases(probe: &ProbeReading) -> Numbers {
    let phases = probe.last.iter().flat_map(|last| &last.phases);
    let number = |(phase, took_s): &(&'static str, f64)| {
        let [name, kind] = attributes(probe);
        (
            vec![name, kind, KeyValue::new(names::PHASE, *phase)],
            *took_s,
        )
    };
    phases.map(number).collect()
}

fn attributes(probe: &ProbeReading) -> [KeyValue; 2] {
    let name = StringValue::from(Arc::clone(&probe.name));
    [
        KeyValue::new(names::PROBE_NAME, name),
        KeyValue::new(names::KIND, probe.kind),
    ]
}

fn truth(value: bool) -> f64 {
    if value { 1.0 } else { 0.0 }
}
