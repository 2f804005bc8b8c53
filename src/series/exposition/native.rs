//! Native histograms: <https://prometheus.io/docs/specs/native_histograms/>.

use super::message::{put_double_field, put_signed_field};
use super::protobuf::put_exemplar;
use super::rewrite::Rewriting;
use crate::otlp::wire::{put_message, put_varint_field};
use crate::series::store::{Buckets, Exponential};

/// "`ZeroThreshold`, if set, is converted to the Native Histogram `ZeroThreshold`. Otherwise, it is set to the default
/// value `1e-128`." It also is what a reader tells an empty native histogram from one without buckets by.
const DEFAULT_ZERO_THRESHOLD: f64 = 1e-128;

/// "Valid values for `Schema` are in the range [-4, 8]."
const SCHEMAS: std::ops::RangeInclusive<i32> = -4..=8;

/// The numbers of the fields that hold one side's buckets.
struct Side {
    span: u32,
    delta: u32,
}

const NEGATIVE: Side = Side { span: 9, delta: 10 };
const POSITIVE: Side = Side {
    span: 12,
    delta: 13,
};

/// Appends the fields of a `Histogram`; answers whether it could be.
///
/// Not for a scale that is no schema, nor without a sum: "`Sum`, if set, is converted to the Native Histogram `Sum`;
/// otherwise, the metric point MUST be dropped."
pub(super) fn put_native(out: &mut Vec<u8>, histogram: &Exponential, rewriting: Rewriting) -> bool {
    let Some(sum) = histogram.sum.filter(|_| SCHEMAS.contains(&histogram.scale)) else {
        return false;
    };
    let threshold = match histogram.zero_threshold {
        set if set > 0.0 => set,
        _ => DEFAULT_ZERO_THRESHOLD,
    };
    put_varint_field(out, 1, histogram.buckets_count());
    put_double_field(out, 2, sum);
    put_signed_field(out, 5, i64::from(histogram.scale));
    put_double_field(out, 6, threshold);
    put_varint_field(out, 7, histogram.zero_count);
    put_side(out, &NEGATIVE, &histogram.negative);
    put_side(out, &POSITIVE, &histogram.positive);
    for exemplar in &histogram.exemplars {
        put_exemplar(out, 16, Some(exemplar), rewriting);
    }
    true
}

/// Runs of buckets that are not empty, and the difference of each to the one before it.
fn put_side(out: &mut Vec<u8>, side: &Side, buckets: &Buckets) {
    for (gap, len) in spans(buckets) {
        put_message(out, side.span, |out| {
            put_signed_field(out, 1, gap);
            put_varint_field(out, 2, len);
        });
    }
    let mut before = 0;
    for count in buckets.counts.iter().filter(|count| **count > 0) {
        let count = i64::try_from(*count).unwrap_or(i64::MAX);
        put_signed_field(out, side.delta, count - before);
        before = count;
    }
}

/// Each run's distance from the run before, the first one's from the bucket 0, and its length.
///
/// "Prometheus Native Histogram buckets are indexed by their upper boundary while Exponential Histogram buckets are indexed
/// by their lower boundary, so the Native Histogram bucket index […] is `Offset + i + 1`."
fn spans(buckets: &Buckets) -> impl Iterator<Item = (i64, u64)> {
    let mut counts = buckets.counts.as_slice();
    let mut gap = i64::from(buckets.offset) + 1;
    std::iter::from_fn(move || {
        let empty = counts.iter().take_while(|count| **count == 0).count();
        let len = counts
            .get(empty..)?
            .iter()
            .take_while(|count| **count > 0)
            .count();
        counts = counts.get(empty + len..)?;
        let distance = gap + i64::try_from(empty).ok()?;
        gap = 0;
        (len > 0).then_some((distance, len as u64))
    })
}
