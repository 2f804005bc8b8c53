//! `NumberDataPoint`: the point of a gauge or sum.

use super::attribute::Attribute;
use super::point::{Exemplars, NumberValue, has_no_recorded_value};
use super::reader::{Reader, fixed64, len, varint};

const START: u32 = fixed64(2);
const TIME: u32 = fixed64(3);
const AS_DOUBLE: u32 = fixed64(4);
const EXEMPLARS: u32 = len(5);
const AS_INT: u32 = fixed64(6);
const ATTRIBUTES: u32 = len(7);
const FLAGS: u32 = varint(8);

/// A point of a gauge or sum (metrics.proto, `NumberDataPoint`).
#[derive(Clone, Copy, Debug, Default)]
pub struct NumberPoint<'a> {
    /// When counting began, in nanoseconds since 1970; 0 is unknown.
    pub start_unix_nano: u64,
    /// The time of the value, in nanoseconds since 1970.
    pub time_unix_nano: u64,
    /// The value.
    pub value: NumberValue,
    /// The flags of `DataPointFlags`.
    pub flags: u32,
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
                START => point.start_unix_nano = rest.fixed64(),
                TIME => point.time_unix_nano = rest.fixed64(),
                AS_DOUBLE => point.value = NumberValue::Double(rest.double()),
                AS_INT => point.value = NumberValue::Int(rest.fixed64() as i64),
                ATTRIBUTES => Attribute::hand_out(&mut rest, &mut attribute),
                FLAGS => point.flags = rest.varint() as u32,
                EXEMPLARS => rest.put_off(tag, field, &mut point.exemplars),
                _ => rest.skip(tag),
            }
            field = rest;
        }
        point
    }

    /// Whether the point says that there is no value: its series ended (metrics.proto,
    /// `DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK`).
    #[must_use]
    pub const fn no_recorded_value(&self) -> bool {
        has_no_recorded_value(self.flags)
    }

    /// The point's exemplars.
    #[must_use]
    pub const fn exemplars(&self) -> Exemplars<'a> {
        Exemplars::new(self.exemplars, EXEMPLARS >> 3)
    }
}
