//! Histograms with explicit bounds.

use std::sync::Arc;

use crate::otlp::view::{Attributes, HistogramPoint};
use crate::series::store::{Bounds, Fault, Fingerprint, Histogram, Lineage, SeriesId, Value};

use super::exemplar::keep_in_buckets;
use super::find::{Found, Points};
use super::gaps::Addition;
use super::taking::Taking;
use super::time::{Times, is_first};
use super::{Scratch, middle};

/// The field of a point's attributes.
const ATTRIBUTES: u32 = 9;

/// The count and sum of a point; its buckets are in the scratch room.
#[derive(Clone, Copy)]
struct Totals {
    count: u64,
    sum: Option<f64>,
}

impl<O: FnMut(SeriesId, f64, u64)> Taking<'_, O> {
    /// Takes a point of a histogram.
    pub(super) fn histogram(&mut self, points: &Points<'_>, message: &[u8]) {
        let (key, mut set) = (self.store.key(), Fingerprint::default());
        let point = HistogramPoint::read(message, |attribute| {
            set = set.with_member(key.of(attribute.raw));
        });
        let Some((fingerprint, times)) = self.begin(points, set, point.head) else {
            return;
        };
        let attributes = Attributes::of(message, ATTRIBUTES);
        if let Err(fault) = self.take_histogram(points, fingerprint, attributes, &point, times) {
            self.refuse_point(points, fault);
        }
    }

    fn take_histogram(
        &mut self,
        points: &Points<'_>,
        fingerprint: Fingerprint,
        attributes: Attributes<'_>,
        point: &HistogramPoint<'_>,
        times: Times,
    ) -> Result<(), Fault> {
        let lineage = points.stream.lineage;
        self.state.scratch.read_buckets(point)?;
        let totals = Totals {
            count: point.count,
            sum: point.sum,
        };
        if lineage == Lineage::Converted && totals.sum.is_some_and(|sum| !sum.is_finite()) {
            return Err(Fault::NotANumber);
        }
        let bounds = self.bounds_for(fingerprint)?;
        let empty = || Value::Histogram(Box::new(Histogram::new(Arc::clone(&bounds))));
        let id = match self.find(points, fingerprint, attributes, empty) {
            None => return Ok(()),
            Some(Found::Overflow(id)) => return self.add_histogram_to_overflow(id, totals),
            Some(Found::Own(id)) if lineage == Lineage::Received => {
                self.set_histogram(id, &bounds, totals, times)?;
                id
            }
            Some(Found::Own(id)) => {
                self.add_histogram(id, &bounds, totals, times)?;
                id
            }
        };
        // The first exemplar of a series brings room for one in each bucket.
        let room_bytes = 8 * self.state.scratch.counts.len();
        self.keep_exemplars(id, point.exemplars(), room_bytes, |value, exemplar| {
            if let Value::Histogram(held) = value {
                keep_in_buckets(held, exemplar);
            }
        });
        Ok(())
    }

    /// The bounds of the point that was read: those of its series if they are the same.
    fn bounds_for(&mut self, fingerprint: Fingerprint) -> Result<Arc<Bounds>, Fault> {
        let values = &self.state.scratch.bounds;
        let held = self
            .store
            .find(fingerprint)
            .and_then(|id| self.store.get(id));
        if let Some(Value::Histogram(held)) = held.map(|series| &series.value)
            && held.bounds.values() == values.as_slice()
        {
            return Ok(Arc::clone(&held.bounds));
        }
        self.state.bounds.get(self.store, values)
    }

    /// Puts what the sender has accumulated in place of the last.
    fn set_histogram(
        &mut self,
        id: SeriesId,
        bounds: &Arc<Bounds>,
        totals: Totals,
        times: Times,
    ) -> Result<(), Fault> {
        let now = self.now;
        let held = self.store.get(id).ok_or(Fault::NoValue)?;
        times.may_go_on(held, now)?;
        let is_first = is_first(held);
        let began_anew = times.begin_anew(held);
        // What a histogram with other bounds counted before can't be taken off.
        let is_known = !is_first && (began_anew || has_bounds(&held.value, bounds));
        self.lay_out(id, bounds, began_anew)?;
        let (series, counts) = (self.store.get_mut(id), &self.state.scratch.counts);
        let Some(series) = series else { return Ok(()) };
        times.note_in(series, now);
        let Value::Histogram(held) = &mut series.value else {
            return Ok(());
        };
        let buckets = held.counts.iter_mut().zip(counts).enumerate();
        for (index, (held, count)) in buckets {
            let increase = count.saturating_sub(*held);
            if increase > 0 && is_known {
                (self.observe)(id, middle::of_explicit(bounds.values(), index), increase);
            }
            *held = *count;
        }
        (held.count, held.sum) = (totals.count, totals.sum);
        Ok(())
    }

    /// Sees to it that the series holds a histogram with these bounds; an empty one if it held another.
    fn lay_out(&mut self, id: SeriesId, bounds: &Arc<Bounds>, anew: bool) -> Result<(), Fault> {
        let Some(series) = self.store.get_mut(id) else {
            return Ok(());
        };
        if let Value::Histogram(held) = &mut series.value
            && same_bounds(&held.bounds, bounds)
        {
            held.bounds = Arc::clone(bounds);
            if anew {
                held.clear();
            }
            return Ok(());
        }
        let empty = Value::Histogram(Box::new(Histogram::new(Arc::clone(bounds))));
        self.replace(id, empty)
    }

    /// Adds a delta. Where its bounds are others, a new accumulation begins with it, as after a reset.
    fn add_histogram(
        &mut self,
        id: SeriesId,
        bounds: &Arc<Bounds>,
        totals: Totals,
        times: Times,
    ) -> Result<(), Fault> {
        let held = self.store.get(id).ok_or(Fault::NoValue)?;
        let goes_on = has_bounds(&held.value, bounds);
        if !goes_on {
            self.store
                .may_grow(id, 8 * (bounds.values().len() + 1) + size_of::<Histogram>())?;
        }
        let Some(series) = self.store.get_mut(id) else {
            return Ok(());
        };
        let addition = self.state.gaps.book(id, series, times, self.now)?;
        if !goes_on {
            series.start_unix_nano = times.start_or_time();
        }
        self.lay_out(id, bounds, addition == Addition::Begin)?;
        if let Some(Value::Histogram(held)) = self.store.get_mut(id).map(|series| &mut series.value)
        {
            held.add(&self.state.scratch.counts, totals);
        }
        let counts = self.state.scratch.counts.iter().enumerate();
        for (index, count) in counts.filter(|(_, count)| **count > 0) {
            (self.observe)(id, middle::of_explicit(bounds.values(), index), *count);
        }
        Ok(())
    }

    /// Adds a delta to the overflow series, if its bounds are those of the first there.
    fn add_histogram_to_overflow(&mut self, id: SeriesId, totals: Totals) -> Result<(), Fault> {
        let (now, scratch) = (self.now, &self.state.scratch);
        let Some(series) = self.store.get_mut(id) else {
            return Ok(());
        };
        if let Value::Histogram(held) = &mut series.value
            && held.bounds.values() == scratch.bounds.as_slice()
        {
            held.add(&scratch.counts, totals);
            series.note_change(now);
        }
        Ok(())
    }
}

/// Whether a value is a histogram with these bounds.
fn has_bounds(value: &Value, bounds: &Arc<Bounds>) -> bool {
    matches!(value, Value::Histogram(held) if same_bounds(&held.bounds, bounds))
}

/// Whether bounds are the same. Each set is held once, but those of a series that was put back after a restart are
/// its own until its first point.
fn same_bounds(held: &Arc<Bounds>, bounds: &Arc<Bounds>) -> bool {
    Arc::ptr_eq(held, bounds) || held.values() == bounds.values()
}

impl Histogram {
    /// Adds a delta with the same bounds.
    fn add(&mut self, counts: &[u64], totals: Totals) {
        for (held, count) in self.counts.iter_mut().zip(counts) {
            *held = held.saturating_add(*count);
        }
        self.count = self.count.saturating_add(totals.count);
        // Without the sum of a part there is none of the whole.
        self.sum = self.sum.zip(totals.sum).map(|(held, sum)| held + sum);
    }

    /// Forgets all observations, but not the exemplars.
    fn clear(&mut self) {
        self.counts.fill(0);
        (self.count, self.sum) = (0, Some(0.0));
    }
}

impl Scratch {
    /// Reads the buckets of a point.
    ///
    /// "The number of elements in bucket_counts array must be by one greater than the number of elements in
    /// explicit_bounds array. The exception to this rule is when the length of bucket_counts is 0, then the length
    /// of explicit_bounds must also be 0" (metrics.proto): such a point has a count and a sum alone.
    fn read_buckets(&mut self, point: &HistogramPoint<'_>) -> Result<(), Fault> {
        self.counts.clear();
        self.bounds.clear();
        self.counts
            .extend(point.bucket_counts().take(Bounds::MAX + 2));
        self.bounds
            .extend(point.explicit_bounds().take(Bounds::MAX + 1));
        if self.counts.is_empty() {
            self.counts.push(point.count);
        }
        let fit = self.counts.len() == self.bounds.len() + 1 && self.bounds.len() <= Bounds::MAX;
        match fit && total(&self.counts) == Some(point.count) {
            true => Ok(()),
            false => Err(Fault::BadBuckets),
        }
    }
}

/// The sum of counts, unless it is too large to be true.
pub(super) fn total(counts: &[u64]) -> Option<u64> {
    counts
        .iter()
        .try_fold(0_u64, |total, count| total.checked_add(*count))
}
