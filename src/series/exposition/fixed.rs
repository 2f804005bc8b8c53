//! Exponential histograms for formats without them: "MAY be converted to fixed-bucket histograms".

use std::sync::LazyLock;

use crate::series::store::{Bounds, Buckets, Exemplar, Exponential};

/// The bounds are 0 and the powers of two from 2⁻¹⁴ (0.06 ms in seconds) to 2³⁰ (1 GiB in bytes). They are the same for all
/// series at all times, whatever was observed: a bucket that came later than others would show its first
/// observations to nobody who takes a rate.
const LEAST_POWER: i64 = -14;
const GREATEST_POWER: i64 = 30;

/// Buckets with the one for +Inf and that for 0.
pub(super) const BUCKETS: usize = (GREATEST_POWER - LEAST_POWER) as usize + 3;

static BOUNDS: LazyLock<Option<Bounds>> = LazyLock::new(|| {
    let powers = (LEAST_POWER..=GREATEST_POWER).map(|power| 2_f64.powi(power as i32));
    let values: Vec<f64> = std::iter::once(0.0).chain(powers).collect();
    Bounds::new(&values)
});

/// How each bucket's `le` is spelled, `+Inf` last.
pub(super) fn texts() -> &'static [Box<str>] {
    BOUNDS.as_ref().map_or(&[], Bounds::texts)
}

/// Observations in each bucket, not accumulated.
///
/// Exact where the scale is 0 or more, since powers of two then are bounds of the histogram's own. Below that
/// its buckets are wider than these, and count with the bound that they end at. What lies within the zero
/// threshold counts as zero, what lies below with it.
pub(super) fn counts(histogram: &Exponential) -> [u64; BUCKETS] {
    let mut counts = [0_u64; BUCKETS];
    let below = histogram.negative.counts.iter();
    counts[0] = below.fold(histogram.zero_count, |sum, count| {
        sum.saturating_add(*count)
    });
    let Buckets {
        offset,
        counts: above,
    } = &histogram.positive;
    for (index, count) in (i64::from(*offset)..).zip(above) {
        let place = bucket_of(upper_power(histogram.scale, index));
        counts[place] = counts[place].saturating_add(*count);
    }
    counts
}

/// The latest of the exemplars that fall into a bucket.
pub(super) fn exemplar(histogram: &Exponential, bucket: usize) -> Option<&Exemplar> {
    let bounds = BOUNDS.as_ref()?;
    let within = |exemplar: &&Exemplar| bounds.bucket(exemplar.value) == bucket;
    histogram.exemplars.iter().rev().find(within)
}

/// The least power of two that no value of the bucket `index` exceeds, as its exponent.
fn upper_power(scale: i32, index: i64) -> i64 {
    match scale {
        0.. => (index >> scale.min(62)) + 1,
        _ => (index + 1).saturating_mul(1 << scale.unsigned_abs().min(30)),
    }
}

fn bucket_of(power: i64) -> usize {
    let place = power.clamp(LEAST_POWER, GREATEST_POWER + 1) - LEAST_POWER + 1;
    usize::try_from(place).unwrap_or(0)
}
