//! Exponential buckets at other scales: merging pairs of buckets lowers the scale by one, and loses nothing but
//! resolution (OpenTelemetry metrics data model, "Exponential Scale").

use crate::otlp::view;
use crate::series::store::{Buckets, Exponential, Fault, exponential_bound};

use super::histogram::total;

/// The lowest scale that Prometheus has a schema for.
pub(super) const MIN: i32 = -4;

/// The highest one.
pub(super) const MAX: i32 = 8;

/// Buckets on each side of a held histogram; the scale is lowered until there are no more.
pub(super) const MAX_BUCKETS: i64 = 320;

/// Buckets on each side of a point; points with more are refused.
const MAX_READ: usize = 16_384;

/// The first and the last index of the buckets that count something.
type Range = Option<(i64, i64)>;

/// The buckets of one side, without empty ones at the ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Side {
    first: i64,
    counts: Vec<u64>,
}

impl Side {
    /// Reads a side of a point.
    ///
    /// # Errors
    /// [`Fault::BadBuckets`] for more buckets than any SDK writes.
    pub(super) fn read(buckets: &view::Buckets<'_>) -> Result<Side, Fault> {
        let counts: Vec<u64> = buckets.bucket_counts().take(MAX_READ + 1).collect();
        match counts.len() > MAX_READ {
            true => Err(Fault::BadBuckets),
            false => Ok(Side::new(i64::from(buckets.offset), counts)),
        }
    }

    /// A side of a held histogram.
    pub(super) fn of(buckets: &Buckets) -> Side {
        Side::new(i64::from(buckets.offset), buckets.counts.clone())
    }

    fn new(first: i64, mut counts: Vec<u64>) -> Side {
        let empty = counts.iter().take_while(|count| **count == 0).count();
        counts.drain(..empty);
        while counts.last() == Some(&0) {
            counts.pop();
        }
        Side {
            first: first + empty as i64,
            counts,
        }
    }

    /// How many measurements it counts, unless that is too many to be true.
    pub(super) fn total(&self) -> Option<u64> {
        total(&self.counts)
    }

    pub(super) fn range(&self) -> Range {
        let last = self.first + self.counts.len() as i64 - 1;
        (!self.counts.is_empty()).then_some((self.first, last))
    }

    /// The buckets at the scale `to`, which is not above `from`.
    pub(super) fn at(&self, from: i32, to: i32) -> Buckets {
        let Some((first, last)) = self.range() else {
            return Buckets::default();
        };
        let shift = shift(from, to);
        let offset = first >> shift;
        let mut counts = vec![0_u64; ((last >> shift) - offset + 1) as usize];
        for (index, count) in (first..).zip(&self.counts) {
            let held = &mut counts[((index >> shift) - offset) as usize];
            *held = held.saturating_add(*count);
        }
        // Indices of a point are within 32 bits and a few more buckets; at the ends of floats there are none.
        let offset = offset.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32;
        Buckets { offset, counts }
    }

    /// Takes out the buckets that lie within `threshold` of zero; answers with their count and with the
    /// threshold, raised to the bound of a bucket that it would cut.
    fn below(&mut self, scale: i32, mut threshold: f64) -> (u64, f64) {
        let mut moved = 0_u64;
        while let Some(count) = self.counts.first().copied() {
            if exponential_bound(scale, self.first as f64) >= threshold {
                break;
            }
            if count > 0 {
                threshold = threshold.max(exponential_bound(scale, (self.first + 1) as f64));
            }
            moved = moved.saturating_add(count);
            self.counts.remove(0);
            self.first += 1;
        }
        (moved, threshold)
    }
}

const fn shift(from: i32, to: i32) -> u32 {
    let difference = from.saturating_sub(to);
    // A shift by 63 leaves 0 or -1, as any longer one would.
    if difference > 63 {
        63
    } else if difference < 0 {
        0
    } else {
        difference as u32
    }
}

/// The highest scale, not above `scale`, that Prometheus has a schema for and at which none of the ranges has
/// more than [`MAX_BUCKETS`].
///
/// # Errors
/// [`Fault::Scale`] if there is none: "Any data point unable to be rescaled to an acceptable range MUST be dropped."
pub(super) fn fitting(scale: i32, ranges: &[Range]) -> Result<i32, Fault> {
    let fits = |to: &i32| {
        let shift = shift(scale, *to);
        let buckets = |(first, last): (i64, i64)| (last >> shift) - (first >> shift) + 1;
        ranges
            .iter()
            .flatten()
            .all(|range| buckets(*range) <= MAX_BUCKETS)
    };
    (MIN..=scale.min(MAX)).rev().find(fits).ok_or(Fault::Scale)
}

/// Both histograms as one, with the exemplars of `held`.
///
/// Scales and zero thresholds are made the same first (data model, "Merging Exponential Histograms").
///
/// # Errors
/// [`Fault::Scale`] if no scale holds both.
pub(super) fn merged(held: &Exponential, delta: &Exponential) -> Result<Exponential, Fault> {
    let scale = held.scale.min(delta.scale);
    let at_scale =
        |one: &Exponential, side: &Buckets| Side::of(&Side::of(side).at(one.scale, scale));
    let mut sides = [
        at_scale(held, &held.positive),
        at_scale(held, &held.negative),
        at_scale(delta, &delta.positive),
        at_scale(delta, &delta.negative),
    ];
    let thresholds = (held.zero_threshold, delta.zero_threshold);
    let (moved, zero_threshold) = one_threshold(scale, thresholds, &mut sides);
    let ranges = [0, 1].map(|side| union(sides[side].range(), sides[side + 2].range()));
    let to = fitting(scale, &ranges)?;
    let side = |side: usize| sum(&sides[side].at(scale, to), &sides[side + 2].at(scale, to));
    Ok(Exponential {
        scale: to,
        zero_count: held
            .zero_count
            .saturating_add(delta.zero_count)
            .saturating_add(moved),
        zero_threshold,
        positive: side(0),
        negative: side(1),
        count: held.count.saturating_add(delta.count),
        sum: held.sum.zip(delta.sum).map(|(held, delta)| held + delta),
        exemplars: held.exemplars.clone(),
    })
}

/// Moves what lies within the wider of two thresholds to the zero bucket; answers with how much that is, and
/// with the threshold.
fn one_threshold(scale: i32, thresholds: (f64, f64), sides: &mut [Side]) -> (u64, f64) {
    let (mut moved, mut threshold) = (0_u64, thresholds.0.max(thresholds.1));
    let mut settled = thresholds.0 == thresholds.1;
    while !settled {
        let before = threshold;
        for side in &mut *sides {
            let (count, raised) = side.below(scale, threshold);
            moved = moved.saturating_add(count);
            threshold = raised;
        }
        settled = threshold == before;
    }
    (moved, threshold)
}

fn union(left: Range, right: Range) -> Range {
    match (left, right) {
        (Some(left), Some(right)) => Some((left.0.min(right.0), left.1.max(right.1))),
        (one, other) => one.or(other),
    }
}

/// The sum of two sides at the same scale.
fn sum(left: &Buckets, right: &Buckets) -> Buckets {
    if left.counts.is_empty() || right.counts.is_empty() {
        return if left.counts.is_empty() {
            right.clone()
        } else {
            left.clone()
        };
    }
    let end = |side: &Buckets| i64::from(side.offset) + side.counts.len() as i64;
    let offset = left.offset.min(right.offset);
    let len = end(left).max(end(right)) - i64::from(offset);
    let counts = (0..len).map(|place| {
        let index = i64::from(offset) + place;
        count_at(left, index).saturating_add(count_at(right, index))
    });
    Buckets {
        offset,
        counts: counts.collect(),
    }
}

/// The count of the bucket at `index`.
pub(super) fn count_at(side: &Buckets, index: i64) -> u64 {
    let place = usize::try_from(index - i64::from(side.offset)).ok();
    place
        .and_then(|place| side.counts.get(place).copied())
        .unwrap_or(0)
}
