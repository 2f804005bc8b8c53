//! One sender's and scope's metrics on their way into the store.

use crate::otlp::view::{Exemplars, Metric, MetricData, PointHead, ScopeGroup};
use crate::series::store::{
    ConflictKind, Exemplar, Fault, Fingerprint, Lineage, Moment, PlaceId, SeriesId, Store, Value,
};

use super::Received;
use super::count::points_of;
use super::exemplar::ExemplarReader;
use super::find::Points;
use super::metric::{Route, Stream};
use super::note::job_of_place;
use super::time::Times;

/// The metrics of one sender and scope on their way into the store.
pub(super) struct Taking<'a, O> {
    pub(super) state: &'a mut Received,
    pub(super) store: &'a mut Store,
    pub(super) place: PlaceId,
    /// The fingerprint of the place's labels.
    pub(super) sender: Fingerprint,
    /// The name of the scope where no label tells it, so that two scopes never write one series.
    pub(super) hidden_scope: &'a [u8],
    pub(super) now: Moment,
    /// The latest time of a point.
    pub(super) latest_unix_nano: u64,
    /// Told of measurements: the series, a value, how many.
    pub(super) observe: O,
}

impl<O: FnMut(SeriesId, f64, u64)> Taking<'_, O> {
    /// Takes all metrics of a scope; answers with the latest time of their points.
    pub(super) fn take(mut self, group: &ScopeGroup<'_>) -> u64 {
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
            Route::Refused(fault) => self.store.count_fault(fault, points()),
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

    /// What a point with these attributes is found by, and its times. `None` if there is nothing more to take of it,
    /// because it says that its series has no value.
    #[inline]
    pub(super) fn begin(
        &mut self,
        points: &Points<'_>,
        attributes: Fingerprint,
        head: PointHead,
    ) -> Option<(Fingerprint, Times)> {
        let fingerprint = points.base.then(attributes);
        let times = self.times(head.start_unix_nano, head.time_unix_nano);
        if head.no_recorded_value() {
            self.end(points, fingerprint, times);
            return None;
        }
        Some((fingerprint, times))
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

    pub(super) fn exemplars(&self) -> ExemplarReader {
        ExemplarReader {
            strategy: self.state.options.strategy,
            now: self.now,
        }
    }

    /// Gives a point's exemplars to `keep`, as long as there is room for each and for `more_bytes`.
    pub(super) fn keep_exemplars(
        &mut self,
        id: SeriesId,
        exemplars: Exemplars<'_>,
        more_bytes: usize,
        keep: impl Fn(&mut Value, Exemplar),
    ) {
        let reader = self.exemplars();
        for exemplar in exemplars.filter_map(|exemplar| reader.read(&exemplar)) {
            let has_room = self.store.has_room(exemplar.bytes() + more_bytes);
            let Some(series) = self.store.get_mut(id).filter(|_| has_room) else {
                return;
            };
            let before = series.value.heap_bytes();
            keep(&mut series.value, exemplar);
            let after = series.value.heap_bytes();
            self.store.note_heap(before, after);
        }
    }

    /// Puts `value` in place of what the series holds, if there is room for it.
    pub(super) fn replace(&mut self, id: SeriesId, value: Value) -> Result<(), Fault> {
        let after = value.heap_bytes();
        self.store.may_grow(id, after)?;
        if let Some(series) = self.store.get_mut(id) {
            let before = series.value.heap_bytes();
            series.value = value;
            self.store.note_heap(before, after);
        }
        Ok(())
    }

    /// Counts a point that is not taken.
    #[inline(never)]
    pub(super) fn refuse_point(&mut self, points: &Points<'_>, fault: Fault) {
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
                "two senders write the same series: shown is {kept}, not {refused}; give each a service.instance.id"
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
