//! `NumberDataPoint`: the point of a gauge or sum.

use super::attribute::Attribute;
use super::point::{Exemplars, NumberValue, PointHead};
use super::reader::{Reader, fixed64, len, varint};

const START: u32 = PointHead::START;
const TIME: u32 = PointHead::TIME;
const AS_DOUBLE: u32 = fixed64(4);
const EXEMPLARS: u32 = len(5);
const AS_INT: u32 = fixed64(6);
const ATTRIBUTES: u32 = len(7);
const FLAGS: u32 = varint(8);

/// A point of a gauge or sum (metrics.proto, `NumberDataPoint`).
#[derive(Clone, Copy, Debug, Default)]
pub struct NumberPoint<'a> {
    /// Its times and flags.
    pub head: PointHead,
    /// The value.
    pub value: NumberValue,
    exemplars: Reader<'a>,
}

impl<'a> NumberPoint<'a> {
    /// Reads a `NumberDataPoint` message in one pass and hands out its attributes as they come.
    #[inline]
    pub fn read(message: &'a [u8], mut attribute: impl FnMut(Attribute<'a>)) -> NumberPoint<'a> {
        let mut point = NumberPoint::default();
        let mut rest = Reader::new(message);
        let mut field = rest;
        while let Some(tag) = rest.tag() {
            match tag {
                START => point.head.start_unix_nano = rest.fixed64(),
                TIME => point.head.time_unix_nano = rest.fixed64(),
                AS_DOUBLE => point.value = NumberValue::Double(rest.double()),
                AS_INT => point.value = NumberValue::Int(rest.fixed64() as i64),
                ATTRIBUTES => Attribute::hand_out(&mut rest, &mut attribute),
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
