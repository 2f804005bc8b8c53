//! Shows where the probes stand, and what they measure, as metrics.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use opentelemetry::{Key, KeyValue, StringValue};

use super::board::Board;
use super::kind::Check;
use super::metric::{Metric, MetricKind, Reading};
use super::spec::Spec;
use super::standing::{Report, Standing, State};
use crate::telemetry::{
    Instruments, ProbeMetric, ProbeNumbers, ProbeReading, ProbeRunReading, names,
};

/// Registers what `board` shows, and every metric that `checks` may measure.
pub(super) fn observe(instruments: &Instruments, board: &Arc<Board>, checks: &[Arc<dyn Check>]) {
    let shown = Arc::clone(board);
    instruments.observe_probes(move || shown.each(reading));
    let measured = Arc::clone(board);
    instruments.observe_probe_metrics(distinct(checks), move || numbers(&measured));
}

/// Each metric once: where two probes measure the same, the first one's words are taken.
fn distinct(checks: &[Arc<dyn Check>]) -> Vec<ProbeMetric> {
    let mut metrics: BTreeMap<Arc<str>, Metric> = BTreeMap::new();
    for metric in checks.iter().flat_map(|check| check.metrics()) {
        metrics.entry(Arc::clone(&metric.name)).or_insert(metric);
    }
    let metrics = metrics.into_values().map(|metric| ProbeMetric {
        name: metric.name,
        unit: metric.unit,
        about: metric.about,
        counts: metric.kind == MetricKind::Counter,
    });
    metrics.collect()
}

fn reading(spec: &Spec, standing: &Standing) -> ProbeReading {
    ProbeReading {
        name: Arc::clone(&spec.name),
        kind: spec.kind.name(),
        up: match standing.state() {
            State::Starting => None,
            State::Up => Some(true),
            State::Down => Some(false),
        },
        last: standing.last().map(|last| last_run(last)),
    }
}

fn last_run(report: &Report) -> ProbeRunReading {
    let certificate_end = report.found.certificate_ends;
    ProbeRunReading {
        succeeded: report.failure.is_none(),
        took_s: report.took.as_secs_f64(),
        phases: report
            .phases()
            .into_iter()
            .map(|(phase, took)| (phase.name(), took.as_secs_f64()))
            .collect(),
        certificate_end_unix_s: certificate_end
            .and_then(|end| end.duration_since(UNIX_EPOCH).ok())
            .map(|end| end.as_secs_f64()),
    }
}

/// What the last runs measured, by metric.
fn numbers(board: &Board) -> ProbeNumbers {
    let mut numbers = ProbeNumbers::new();
    board.each(|spec, standing| {
        for reading in standing.last().iter().flat_map(|last| &last.found.readings) {
            let of_metric = numbers.entry(Arc::clone(&reading.metric)).or_default();
            of_metric.push(number(spec, reading));
        }
    });
    numbers
}

fn number(spec: &Spec, reading: &Reading) -> (Vec<KeyValue>, f64) {
    let probe = StringValue::from(Arc::clone(&spec.name));
    let own = reading.attributes.iter().map(|(name, value)| {
        KeyValue::new(
            Key::from(Arc::clone(name)),
            StringValue::from(Arc::clone(value)),
        )
    });
    let attributes = std::iter::once(KeyValue::new(names::PROBE_NAME, probe)).chain(own);
    (attributes.collect(), reading.value)
}
