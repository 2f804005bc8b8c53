//! What data points of several kinds have in common: times and flags, values, exemplars.

use super::attribute::Attributes;
use super::reader::{Reader, fixed64, len};
use super::repeated::Messages;

/// The value of a data point or exemplar.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum NumberValue {
    /// None, which makes the point or exemplar invalid (metrics.proto).
    #[default]
    None,
    /// A whole number.
    Int(i64),
    /// A floating point number.
    Double(f64),
}

impl NumberValue {
    /// The value as a floating point number; whole numbers beyond 2⁵³ are rounded.
    #[must_use]
    pub const fn as_f64(self) -> Option<f64> {
        match self {
            NumberValue::None => None,
            NumberValue::Int(value) => Some(value as f64),
            NumberValue::Double(value) => Some(value),
        }
    }
}

/// What points of every kind have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PointHead {
    /// When counting began, in nanoseconds since 1970; 0 is unknown.
    pub start_unix_nano: u64,
    /// The time of the values, in nanoseconds since 1970.
    pub time_unix_nano: u64,
    /// The flags of `DataPointFlags`.
    pub flags: u32,
}

impl PointHead {
    /// The fields of the times, alike in every kind.
    pub(super) const START: u32 = fixed64(2);
    pub(super) const TIME: u32 = fixed64(3);

    /// Whether the point says that there is no value: its series ended (metrics.proto,
    /// `DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK`).
    #[must_use]
    pub const fn no_recorded_value(&self) -> bool {
        self.flags & 1 != 0
    }
}

/// The exemplars of a data point.
#[derive(Clone, Debug, Default)]
pub struct Exemplars<'a> {
    messages: Messages<'a>,
}

impl<'a> Exemplars<'a> {
    /// Those under the field `number` in `rest`.
    pub(super) const fn new(rest: Reader<'a>, number: u32) -> Exemplars<'a> {
        Exemplars {
            messages: Messages::new(rest, number),
        }
    }
}

impl<'a> Iterator for Exemplars<'a> {
    type Item = Exemplar<'a>;

    fn next(&mut self) -> Option<Exemplar<'a>> {
        self.messages.next().map(Exemplar::read)
    }
}

/// One measurement that went into a data point (metrics.proto, `Exemplar`).
#[derive(Clone, Debug)]
pub struct Exemplar<'a> {
    /// When it was measured, in nanoseconds since 1970.
    pub time_unix_nano: u64,
    /// What was measured.
    pub value: NumberValue,
    /// The trace in which it was measured: 16 bytes, or empty.
    pub trace_id: &'a [u8],
    /// The span in which it was measured: 8 bytes, or empty.
    pub span_id: &'a [u8],
    /// The attributes of the measurement that the data point does not have.
    pub filtered_attributes: Attributes<'a>,
}

impl<'a> Exemplar<'a> {
    fn read(message: &'a [u8]) -> Exemplar<'a> {
        const TIME: u32 = fixed64(2);
        const AS_DOUBLE: u32 = fixed64(3);
        const SPAN_ID: u32 = len(4);
        const TRACE_ID: u32 = len(5);
        const AS_INT: u32 = fixed64(6);
        const FILTERED_ATTRIBUTES: u32 = 7;
        let mut exemplar = Exemplar {
            time_unix_nano: 0,
            value: NumberValue::None,
            trace_id: &[],
            span_id: &[],
            filtered_attributes: Attributes::of(message, FILTERED_ATTRIBUTES),
        };
        let mut rest = Reader::new(message);
        while let Some(tag) = rest.tag() {
            match tag {
                TIME => exemplar.time_unix_nano = rest.fixed64(),
                AS_DOUBLE => exemplar.value = NumberValue::Double(rest.double()),
                AS_INT => exemplar.value = NumberValue::Int(rest.fixed64() as i64),
                SPAN_ID => exemplar.span_id = rest.bytes(),
                TRACE_ID => exemplar.trace_id = rest.bytes(),
                _ => rest.skip(tag),
            }
        }
        exemplar
    }
}
