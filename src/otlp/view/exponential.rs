//! `ExponentialHistogramDataPoint`: the point of a histogram with bounds that follow from a scale.

use super::attribute::Attribute;
use super::point::{Exemplars, PointHead};
use super::reader::{Reader, fixed64, len, varint};
use super::repeated::Numbers;

const ATTRIBUTES: u32 = len(1);
const START: u32 = PointHead::START;
const TIME: u32 = PointHead::TIME;
const COUNT: u32 = fixed64(4);
const SUM: u32 = fixed64(5);
const SCALE: u32 = varint(6);
const ZERO_COUNT: u32 = fixed64(7);
const POSITIVE: u32 = len(8);
const NEGATIVE: u32 = len(9);
const FLAGS: u32 = varint(10);
const EXEMPLARS: u32 = len(11);
const MIN: u32 = fixed64(12);
const MAX: u32 = fixed64(13);
const ZERO_THRESHOLD: u32 = fixed64(14);

/// A point of an exponential histogram (metrics.proto, `ExponentialHistogramDataPoint`).
#[derive(Clone, Copy, Debug, Default)]
pub struct ExponentialPoint<'a> {
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
    /// Bounds are powers of `2^(2^-scale)`.
    pub scale: i32,
    /// How many measurements were within `zero_threshold` of zero.
    pub zero_count: u64,
    /// Half the width of the bucket around zero.
    pub zero_threshold: f64,
    /// The buckets of positive measurements.
    pub positive: Buckets<'a>,
    /// The buckets of negative measurements, by their magnitude.
    pub negative: Buckets<'a>,
    exemplars: Reader<'a>,
}

impl<'a> ExponentialPoint<'a> {
    /// Reads an `ExponentialHistogramDataPoint` message in one pass and hands out its attributes as
    /// they come.
    #[inline]
    pub fn read(
        message: &'a [u8],
        mut attribute: impl FnMut(Attribute<'a>),
    ) -> ExponentialPoint<'a> {
        let mut point = ExponentialPoint::default();
        let mut rest = Reader::new(message);
        let mut field = rest;
        while let Some(tag) = rest.tag() {
            match tag {
                ATTRIBUTES => Attribute::hand_out(&mut rest, &mut attribute),
                START => point.head.start_unix_nano = rest.fixed64(),
                TIME => point.head.time_unix_nano = rest.fixed64(),
                COUNT => point.count = rest.fixed64(),
                SUM => point.sum = Some(rest.double()),
                MIN => point.min = Some(rest.double()),
                MAX => point.max = Some(rest.double()),
                SCALE => point.scale = rest.zigzag(),
                ZERO_COUNT => point.zero_count = rest.fixed64(),
                ZERO_THRESHOLD => point.zero_threshold = rest.double(),
                POSITIVE => point.positive = Buckets::read(rest.bytes()),
                NEGATIVE => point.negative = Buckets::read(rest.bytes()),
                FLAGS => point.head.flags = rest.varint() as u32,
                EXEMPLARS => rest.put_off(tag, field, &mut point.exemplars),
                _ => rest.skip(tag),
            }
            field = rest;
        }
        point
    }

    /// The point's exemplars.
    #[must_use]
    pub const fn exemplars(&self) -> Exemplars<'a> {
        Exemplars::new(self.exemplars, EXEMPLARS >> 3)
    }
}

/// A run of buckets (metrics.proto, `ExponentialHistogramDataPoint.Buckets`).
#[derive(Clone, Copy, Debug, Default)]
pub struct Buckets<'a> {
    /// The index of the first bucket: its lower bound, exclusive, is `2^(offset * 2^-scale)`.
    pub offset: i32,
    counts: Reader<'a>,
}

impl<'a> Buckets<'a> {
    const OFFSET: u32 = varint(1);
    const COUNT: u32 = varint(2);
    const COUNTS: u32 = len(2);

    fn read(message: &'a [u8]) -> Buckets<'a> {
        let mut buckets = Buckets::default();
        let mut rest = Reader::new(message);
        let mut field = rest;
        while let Some(tag) = rest.tag() {
            match tag {
                Buckets::OFFSET => buckets.offset = rest.zigzag(),
                Buckets::COUNT | Buckets::COUNTS => {
                    rest.put_off(tag, field, &mut buckets.counts);
                }
                _ => rest.skip(tag),
            }
            field = rest;
        }
        buckets
    }

    /// How many measurements fell into each bucket, from `offset` on.
    pub fn bucket_counts(&self) -> impl Iterator<Item = u64> + Clone + use<'a> {
        Numbers::new(self.counts, Buckets::COUNT)
    }
}
