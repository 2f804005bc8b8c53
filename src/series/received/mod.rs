//! Metrics as senders push them, into the store.
//!
//! What becomes of each kind follows the specification's page "Prometheus and OpenMetrics Compatibility";
//! what becomes of points that come late, twice, or from clocks that are wrong is said in `time.rs` and
//! `delta.rs`. Whatever is not taken is counted under its [`Fault`], and never keeps others from being
//! taken.
//!
//! A metric is looked up once for all its points, and each point by a fingerprint over the bytes of its
//! attributes: a point of a known series allocates nothing, exponential histograms and exemplars apart.

mod bounds;
mod delta;
mod exemplar;
mod exponential;
mod find;
mod gaps;
mod histogram;
mod labels;
mod metric;
mod middle;
mod number;
mod scale;
mod summary;
#[cfg(test)]
mod tests;
mod time;

use crate::otlp::view::{self, Metric, MetricData, ResourceGroup, ScopeGroup, Temporality};
use crate::series::naming::Strategy;
use crate::series::store::{
    ConflictKind, Fault, Fingerprint, Lineage, Moment, PlaceId, SeriesId, Store,
};
use crate::series::targets::Targets;

use bounds::BoundsPool;
use exemplar::ExemplarReader;
use find::{Points, Refusals};
use gaps::GapTable;
use metric::{Route, Routes, Stream, job_of_place};
use time::Times;

/// How received metrics are shown.
#[derive(Clone, Copy, Debug)]
pub struct ReceivedOptions {
    /// How names are translated.
    pub strategy: Strategy,
    /// Whether series carry the labels of their instrumentation scope.
    pub scope_labels: bool,
}

/// Takes requests of metrics into the store.
#[derive(Debug)]
pub struct Received {
    options: ReceivedOptions,
    routes: Routes,
    refusals: Refusals,
    bounds: BoundsPool,
    gaps: GapTable,
    /// Buckets of the point being read.
    scratch: Scratch,
    /// The store's epoch that routes and refusals belong to.
    epoch: u64,
}

/// Room for the lists of one point, kept so that reading allocates nothing.
#[derive(Debug, Default)]
struct Scratch {
    counts: Vec<u64>,
    bounds: Vec<f64>,
    quantiles: Vec<(f64, f64)>,
}

/// The metrics of one sender and scope on their way into the store.
struct Taking<'a, O> {
    state: &'a mut Received,
    store: &'a mut Store,
    place: PlaceId,
    /// The fingerprint of the place's labels.
    sender: Fingerprint,
    /// The name of the scope where no label tells it, so that two scopes never write one series.
    hidden_scope: &'a [u8],
    now: Moment,
    /// The latest time of a point.
    latest_unix_nano: u64,
    /// Told of measurements: the series, a value, how many.
    observe: O,
}

impl Received {
    /// Nothing known yet.
    pub fn new(options: ReceivedOptions) -> Received {
        Received {
            options,
            routes: Routes::new(options.strategy),
            refusals: Refusals::default(),
            bounds: BoundsPool::default(),
            gaps: GapTable::default(),
            scratch: Scratch::default(),
            epoch: 0,
        }
    }

    /// Takes an `ExportMetricsServiceRequest` that [`inspect`](crate::otlp::inspect) has accepted.
    ///
    /// `observe` is told what histograms have counted since their last point: the series, a value within a
    /// bucket (its middle, see `middle.rs`), and how many measurements. The first point of a series that its sender
    /// accumulates tells nothing, since what it counts may be hours old.
    pub fn take(
        &mut self,
        store: &mut Store,
        targets: &mut Targets,
        mut observe: impl FnMut(SeriesId, f64, u64),
        message: &[u8],
        now: Moment,
    ) {
        for group in view::groups(message) {
            let started = || earliest_start(&group);
            let target = match targets.of_metrics(store, group.resource_attributes(), started, now)
            {
                Ok(target) => target,
                Err(fault) => {
                    store.count_fault(fault, points_of_group(&group));
                    continue;
                }
            };
            for scope_group in group.scopes() {
                let scope = scope_group.scope();
                let place = targets.place(store, target, Some(&scope));
                let hidden_scope = if self.options.scope_labels {
                    &[]
                } else {
                    scope.name
                };
                let taking = self.taking(store, place, hidden_scope, &mut observe, now);
                let latest_unix_nano = taking.take(&scope_group);
                targets.heard(target, latest_unix_nano);
            }
        }
    }

    fn taking<'a, O: FnMut(SeriesId, f64, u64)>(
        &'a mut self,
        store: &'a mut Store,
        place: PlaceId,
        hidden_scope: &'a [u8],
        observe: O,
        now: Moment,
    ) -> Taking<'a, O> {
        if self.epoch != store.epoch() {
            self.epoch = store.epoch();
            self.routes.clear();
            self.refusals.clear();
            self.gaps.sweep(store);
            self.bounds.sweep(store);
        }
        let labels = store.key().of(store.places().text(place).as_bytes());
        Taking {
            sender: labels.then(store.key().of(hidden_scope)),
            state: self,
            store,
            place,
            hidden_scope,
            now,
            latest_unix_nano: 0,
            observe,
        }
    }
}

impl<O: FnMut(SeriesId, f64, u64)> Taking<'_, O> {
    /// Takes all metrics of a scope; answers with the latest time of their points.
    fn take(mut self, group: &ScopeGroup<'_>) -> u64 {
        for message in group.items() {
            self.metric(&Metric::read(message));
        }
        self.latest_unix_nano
    }

    fn metric(&mut self, metric: &Metric<'_>) {
        let stream = match Stream::read(metric, self.store.key()) {
            Ok(stream) => stream,
            // A metric without data has no point that could be counted.
            Err(fault) => return self.store.count_fault(fault, points_of(metric)),
        };
        let points = || points_of(metric);
        let (place, now) = (self.place, self.now);
        let routes = &mut self.state.routes;
        match routes.route(self.store, &stream, metric.description, place, points, now) {
            Route::Refused(fault, _) => self.store.count_fault(fault, points()),
            Route::Family(family) => {
                let base = self.sender.then(stream.fingerprint);
                self.points(
                    &Points {
                        stream,
                        family,
                        base,
                    },
                    &metric.data,
                );
            }
        }
    }

    fn points(&mut self, points: &Points<'_>, data: &MetricData<'_>) {
        match data {
            MetricData::None => {}
            MetricData::Gauge(messages)
            | MetricData::Sum {
                points: messages, ..
            } => {
                messages
                    .clone()
                    .for_each(|message| self.number(points, message));
            }
            MetricData::Histogram {
                points: messages, ..
            } => {
                messages
                    .clone()
                    .for_each(|message| self.histogram(points, message));
            }
            MetricData::ExponentialHistogram {
                points: messages, ..
            } => {
                messages
                    .clone()
                    .for_each(|message| self.exponential(points, message));
            }
            MetricData::Summary(messages) => {
                messages
                    .clone()
                    .for_each(|message| self.summary(points, message));
            }
        }
    }

    /// The times of a point, as far as they can be believed.
    #[inline]
    fn times(&mut self, start_unix_nano: u64, time_unix_nano: u64) -> Times {
        let (times, is_future) = Times::read(start_unix_nano, time_unix_nano, self.now);
        if is_future {
            self.store.count_fault(Fault::Future, 1);
        }
        self.latest_unix_nano = self.latest_unix_nano.max(times.time_unix_nano);
        times
    }

    fn exemplars(&self) -> ExemplarReader {
        ExemplarReader {
            strategy: self.state.options.strategy,
            now: self.now,
        }
    }

    /// Counts a point that is not taken.
    #[inline(never)]
    fn refuse_point(&mut self, points: &Points<'_>, fault: Fault) {
        self.store.count_fault(fault, 1);
        if fault == Fault::SenderConflict {
            self.note_senders(points);
        }
    }

    fn note_senders(&mut self, points: &Points<'_>) {
        let Some(family) = self.store.get_family(points.family) else {
            return;
        };
        let name = family.name.clone();
        let job = job_of_place(self.store, self.place);
        let kept = "the sender that started last";
        let refused = format!("one of {job} that started before it");
        let conflicts = self.store.conflicts();
        if conflicts.note(
            ConflictKind::Sender,
            &name,
            (kept, &refused),
            1,
            self.now.seconds(),
        ) {
            tracing::warn!(
                metric = &*name,
                "two senders write the same series: {kept} is shown, {refused} is not; give each a service.instance.id of its own"
            );
        }
    }

    /// Takes a point that says that there is no value: its series is not shown until one comes.
    fn end(&mut self, points: &Points<'_>, fingerprint: Fingerprint, times: Times) {
        let Some(id) = self.store.find(fingerprint) else {
            return;
        };
        let Some(series) = self.store.get_mut(id) else {
            return;
        };
        if let Err(fault) = times.may_follow(series, self.now) {
            return self.refuse_point(points, fault);
        }
        let before = series.take_value();
        // What a converted series has counted stays counted, so that a repeated delta is known.
        if series.lineage == Lineage::Received {
            series.start_unix_nano = times.start_unix_nano;
            series.time_unix_nano = times.time_unix_nano;
        }
        series.seen_s = self.now.seconds();
        self.store.note_heap(before, 0);
    }
}

/// How many points a metric has.
fn points_of(metric: &Metric<'_>) -> u64 {
    match &metric.data {
        MetricData::None => 0,
        MetricData::Gauge(points)
        | MetricData::Sum { points, .. }
        | MetricData::Histogram { points, .. }
        | MetricData::ExponentialHistogram { points, .. }
        | MetricData::Summary(points) => points.clone().count() as u64,
    }
}

fn points_of_group(group: &ResourceGroup<'_>) -> u64 {
    let metrics = group.scopes().flat_map(|scope| scope.items());
    metrics
        .map(|message| points_of(&Metric::read(message)))
        .sum()
}

/// When the sender of a group began to count: the earliest start of what it accumulates. Starts of deltas say
/// nothing of their sender.
fn earliest_start(group: &ResourceGroup<'_>) -> Option<u64> {
    let metrics = group.scopes().flat_map(|scope| scope.items());
    metrics
        .filter_map(|message| start_of(&Metric::read(message)))
        .min()
}

fn start_of(metric: &Metric<'_>) -> Option<u64> {
    const CUMULATIVE: Temporality = Temporality::Cumulative;
    let starts = |start: u64| Some(start).filter(|start| *start != 0);
    match &metric.data {
        MetricData::Sum {
            points,
            temporality: CUMULATIVE,
            ..
        } => points
            .clone()
            .filter_map(|point| starts(view::NumberPoint::read(point, |_| {}).start_unix_nano))
            .min(),
        MetricData::Histogram {
            points,
            temporality: CUMULATIVE,
        } => points
            .clone()
            .filter_map(|point| starts(view::HistogramPoint::read(point, |_| {}).start_unix_nano))
            .min(),
        MetricData::ExponentialHistogram {
            points,
            temporality: CUMULATIVE,
        } => points
            .clone()
            .filter_map(|point| starts(view::ExponentialPoint::read(point, |_| {}).start_unix_nano))
            .min(),
        _ => None,
    }
}
