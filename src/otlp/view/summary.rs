//! `SummaryDataPoint`: the point of a summary.

use super::attribute::Attribute;
use super::point::PointHead;
use super::reader::{Reader, fixed64, len, varint};
use super::repeated::Messages;

const START: u32 = PointHead::START;
const TIME: u32 = PointHead::TIME;
const COUNT: u32 = fixed64(4);
const SUM: u32 = fixed64(5);
const QUANTILES: u32 = len(6);
const ATTRIBUTES: u32 = len(7);
const FLAGS: u32 = varint(8);

/// A point of a summary (metrics.proto, `SummaryDataPoint`).
#[derive(Clone, Copy, Debug, Default)]
pub struct SummaryPoint<'a> {
    /// Its times and flags.
    pub head: PointHead,
    /// How many measurements there were.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    quantiles: Reader<'a>,
}

impl<'a> SummaryPoint<'a> {
    /// Reads a `SummaryDataPoint` message in one pass and hands out its attributes as they come.
    #[inline]
    pub fn read(message: &'a [u8], mut attribute: impl FnMut(Attribute<'a>)) -> SummaryPoint<'a> {
        let mut point = SummaryPoint::default();
        let mut rest = Reader::new(message);
        let mut field = rest;
        while let Some(tag) = rest.tag() {
            match tag {
                START => point.head.start_unix_nano = rest.fixed64(),
                TIME => point.head.time_unix_nano = rest.fixed64(),
                COUNT => point.count = rest.fixed64(),
                SUM => point.sum = rest.double(),
                QUANTILES => rest.put_off(tag, field, &mut point.quantiles),
                ATTRIBUTES => Attribute::hand_out(&mut rest, &mut attribute),
                FLAGS => point.head.flags = rest.varint() as u32,
                _ => rest.skip(tag),
            }
            field = rest;
        }
        point
    }

    /// Each quantile, from 0 to 1, and the value there.
    pub fn quantiles(&self) -> impl Iterator<Item = (f64, f64)> + Clone + use<'a> {
        Messages::new(self.quantiles, QUANTILES >> 3).map(quantile)
    }
}

/// Reads a `ValueAtQuantile`.
fn quantile(message: &[u8]) -> (f64, f64) {
    const QUANTILE: u32 = fixed64(1);
    const VALUE: u32 = fixed64(2);
    let (mut quantile, mut value) = (0.0, 0.0);
    let mut rest = Reader::new(message);
    while let Some(tag) = rest.tag() {
        match tag {
            QUANTILE => quantile = rest.double(),
            VALUE => value = rest.double(),
            _ => rest.skip(tag),
        }
    }
    (quantile, value)
}
