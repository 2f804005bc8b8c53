//! Exponential histograms, shown as native histograms.

use crate::otlp::view::{Attributes, ExponentialPoint};
use crate::series::store::{Buckets, Exponential, Fault, Fingerprint, Lineage, SeriesId, Value};

use super::exemplar::keep_latest;
use super::find::{Found, Points};
use super::gaps::Addition;
use super::middle;
use super::scale::{self, Side};
use super::taking::Taking;
use super::time::{Times, is_first};

/// The field of a point's attributes.
const ATTRIBUTES: u32 = 1;

impl<O: FnMut(SeriesId, f64, u64)> Taking<'_, O> {
    /// Takes a point of an exponential histogram.
    pub(super) fn exponential(&mut self, points: &Points<'_>, message: &[u8]) {
        let (key, mut set) = (self.store.key(), Fingerprint::default());
        let point = ExponentialPoint::read(message, |attribute| {
            set = set.with_member(key.of(attribute.raw));
        });
        let Some((fingerprint, times)) = self.begin(points, set, point.head) else {
            return;
        };
        let attributes = Attributes::of(message, ATTRIBUTES);
        if let Err(fault) = self.take_exponential(points, fingerprint, attributes, &point, times) {
            self.refuse_point(points, fault);
        }
    }

    fn take_exponential(
        &mut self,
        points: &Points<'_>,
        fingerprint: Fingerprint,
        attributes: Attributes<'_>,
        point: &ExponentialPoint<'_>,
        times: Times,
    ) -> Result<(), Fault> {
        let lineage = points.stream.lineage;
        let read = read(point)?;
        if lineage == Lineage::Converted && read.sum.is_some_and(|sum| !sum.is_finite()) {
            return Err(Fault::NotANumber);
        }
        let empty = || Value::Exponential(Box::new(empty_like(&read)));
        let id = match self.find(points, fingerprint, attributes, empty) {
            None => return Ok(()),
            Some(Found::Overflow(id)) => return self.merge(id, read),
            Some(Found::Own(id)) if lineage == Lineage::Received => {
                self.set_exponential(id, read, times)?;
                id
            }
            Some(Found::Own(id)) => {
                self.add_exponential(id, read, times)?;
                id
            }
        };
        self.keep_exemplars(id, point.exemplars(), 0, |value, exemplar| {
            if let Value::Exponential(held) = value {
                keep_latest(held, exemplar);
            }
        });
        Ok(())
    }

    /// Puts what the sender has accumulated in place of the last.
    fn set_exponential(
        &mut self,
        id: SeriesId,
        mut read: Exponential,
        times: Times,
    ) -> Result<(), Fault> {
        let now = self.now;
        let Some(series) = self.store.get(id) else {
            return Ok(());
        };
        times.may_go_on(series, now)?;
        let is_first = is_first(series);
        let began_anew = times.begin_anew(series);
        if let Value::Exponential(held) = &series.value {
            read.exemplars.clone_from(&held.exemplars);
            if !is_first {
                let before = if began_anew {
                    &Exponential::default()
                } else {
                    &**held
                };
                observe_increase(before, &read, |value, count| {
                    (self.observe)(id, value, count)
                });
            }
        }
        self.replace(id, Value::Exponential(Box::new(read)))?;
        if let Some(series) = self.store.get_mut(id) {
            times.note_in(series, now);
        }
        Ok(())
    }

    /// Adds a delta, at the lower scale of both.
    fn add_exponential(
        &mut self,
        id: SeriesId,
        read: Exponential,
        times: Times,
    ) -> Result<(), Fault> {
        let Some(series) = self.store.get(id) else {
            return Ok(());
        };
        let merged = match &series.value {
            Value::Exponential(held) => scale::merged(held, &read)?,
            _ => read.clone(),
        };
        self.store.may_grow(id, merged.heap_bytes())?;
        let Some(series) = self.store.get_mut(id) else {
            return Ok(());
        };
        let is_other = !matches!(series.value, Value::Exponential(_));
        let addition = self.state.gaps.book(id, series, times, self.now)?;
        if is_other {
            series.start_unix_nano = times.start_or_time();
        }
        observe_increase(&Exponential::default(), &read, |value, count| {
            (self.observe)(id, value, count)
        });
        let value = if addition == Addition::Begin {
            read
        } else {
            merged
        };
        self.replace(id, Value::Exponential(Box::new(value)))
    }

    /// Adds a delta to the overflow series.
    fn merge(&mut self, id: SeriesId, read: Exponential) -> Result<(), Fault> {
        let now = self.now;
        let Some(Value::Exponential(held)) = self.store.get(id).map(|series| &series.value) else {
            return Ok(());
        };
        let merged = scale::merged(held, &read)?;
        self.replace(id, Value::Exponential(Box::new(merged)))?;
        if let Some(series) = self.store.get_mut(id) {
            series.note_change(now);
        }
        Ok(())
    }
}

/// An empty histogram that takes as much memory as `read`.
fn empty_like(read: &Exponential) -> Exponential {
    let room = |buckets: &Buckets| Buckets {
        offset: 0,
        counts: Vec::with_capacity(buckets.counts.len()),
    };
    Exponential {
        scale: read.scale,
        zero_threshold: read.zero_threshold,
        positive: room(&read.positive),
        negative: room(&read.negative),
        sum: Some(0.0),
        ..Exponential::default()
    }
}

/// Reads a point at a scale that Prometheus has a schema for.
///
/// # Errors
/// [`Fault::NoValue`] without a sum: "Sum, if set, is converted […]; otherwise, the metric point MUST be dropped".
/// [`Fault::BadBuckets`] if the counts do not add up, [`Fault::Scale`] if no schema fits.
fn read(point: &ExponentialPoint<'_>) -> Result<Exponential, Fault> {
    if point.scale < scale::MIN {
        return Err(Fault::Scale);
    }
    if point.sum.is_none() {
        return Err(Fault::NoValue);
    }
    if !(0.0..f64::INFINITY).contains(&point.zero_threshold) {
        return Err(Fault::BadBuckets);
    }
    let positive = Side::read(&point.positive)?;
    let negative = Side::read(&point.negative)?;
    let counts = [positive.total(), negative.total(), Some(point.zero_count)];
    let total = counts
        .iter()
        .try_fold(0_u64, |total, count| total.checked_add((*count)?));
    if total != Some(point.count) {
        return Err(Fault::BadBuckets);
    }
    let scale = scale::fitting(point.scale, &[positive.range(), negative.range()])?;
    Ok(Exponential {
        scale,
        zero_count: point.zero_count,
        zero_threshold: point.zero_threshold,
        positive: positive.at(point.scale, scale),
        negative: negative.at(point.scale, scale),
        count: point.count,
        sum: point.sum,
        exemplars: Vec::new(),
    })
}

/// Tells of what was counted since `before`: a value within each bucket, and how many. Nothing of what can't be
/// compared because the sender changed the scale to a finer one.
fn observe_increase(before: &Exponential, after: &Exponential, mut observe: impl FnMut(f64, u64)) {
    let is_comparable = before.scale >= after.scale || before.count == 0;
    if !is_comparable {
        return;
    }
    let zero = after.zero_count.saturating_sub(before.zero_count);
    if zero > 0 {
        observe(0.0, zero);
    }
    let sides = [
        (1.0, &before.positive, &after.positive),
        (-1.0, &before.negative, &after.negative),
    ];
    for (sign, before_side, after_side) in sides {
        let before_side = Side::of(before_side).at(before.scale, after.scale);
        for (place, count) in after_side.counts.iter().enumerate() {
            let index = i64::from(after_side.offset) + place as i64;
            let increase = count.saturating_sub(scale::count_at(&before_side, index));
            if increase > 0 {
                let index = i32::try_from(index).unwrap_or(i32::MAX);
                observe(sign * middle::of_exponential(after.scale, index), increase);
            }
        }
    }
}
