//! `HistogramDataPoint`: the point of a histogram with bounds that the sender names.

use super::attribute::Attribute;
use super::point::{Exemplars, PointHead};
use super::reader::{Reader, fixed64, len, varint};
use super::repeated::Numbers;

const START: u32 = PointHead::START;
const TIME: u32 = PointHead::TIME;
const COUNT: u32 = fixed64(4);
const SUM: u32 = fixed64(5);
const BUCKET_COUNT: u32 = fixed64(6);
const BUCKET_COUNTS: u32 = len(6);
const EXPLICIT_BOUND: u32 = fixed64(7);
const EXPLICIT_BOUNDS: u32 = len(7);
const EXEMPLARS: u32 = len(8);
const ATTRIBUTES: u32 = len(9);
const FLAGS: u32 = varint(10);
const MIN: u32 = fixed64(11);
const MAX: u32 = fixed64(12);

/// A point of a histogram (metrics.proto, `HistogramDataPoint`).
#[derive(Clone, Copy, Debug, Default)]
pub struct HistogramPoint<'a> {
    /// Its times and flags.
    pub head: PointHead,
    /// How many measurements there were.
    pub count: u64,
    /// Their sum.
    pub sum: Option<f64>,
    /// The least of them.
    pub min: Option<f64>,
    /// The greatest of them.
    pub max: Option<f64>,
    bucket_counts: Reader<'a>,
    explicit_bounds: Reader<'a>,
    exemplars: Reader<'a>,
}

impl<'a> HistogramPoint<'a> {
    /// Reads a `HistogramDataPoint` message in one pass and hands out its attributes as they come.
    #[inline]
    pub fn read(message: &'a [u8], mut attribute: impl FnMut(Attribute<'a>)) -> HistogramPoint<'a> {
        let mut point = HistogramPoint::default();
        let mut rest = Reader::new(message);
        let mut field = rest;
        while let Some(tag) = rest.tag() {
            match tag {
                START => point.head.start_unix_nano = rest.fixed64(),
                TIME => point.head.time_unix_nano = rest.fixed64(),
                COUNT => point.count = rest.fixed64(),
                SUM => point.sum = Some(rest.double()),
                MIN => point.min = Some(rest.double()),
                MAX => point.max = Some(rest.double()),
                FLAGS => point.head.flags = rest.varint() as u32,
                BUCKET_COUNT | BUCKET_COUNTS => {
                    rest.put_off(tag, field, &mut point.bucket_counts);
                }
                EXPLICIT_BOUND | EXPLICIT_BOUNDS => {
                    rest.put_off(tag, field, &mut point.explicit_bounds);
                }
                EXEMPLARS => rest.put_off(tag, field, &mut point.exemplars),
                ATTRIBUTES => Attribute::hand_out(&mut rest, &mut attribute),
                _ => rest.skip(tag),
            }
            field = rest;
        }
        point
    }

    /// How many measurements fell into each bucket; none if the sender keeps no buckets.
    pub fn bucket_counts(&self) -> impl Iterator<Item = u64> + Clone + use<'a> {
        Numbers::new(self.bucket_counts, BUCKET_COUNT)
    }

    /// The upper bound of every bucket but the last, inclusive.
    pub fn explicit_bounds(&self) -> impl Iterator<Item = f64> + Clone + use<'a> {
        Numbers::new(self.explicit_bounds, EXPLICIT_BOUND).map(f64::from_bits)
    }

    /// The point's exemplars.
    #[must_use]
    pub const fn exemplars(&self) -> Exemplars<'a> {
        Exemplars::new(self.exemplars, EXEMPLARS >> 3)
    }
}
