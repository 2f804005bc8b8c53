//! `AnyValue`: what an attribute holds.

use super::attribute::Attributes;
use super::reader::{Reader, fixed64, len, varint};
use super::repeated::Messages;

const STRING: u32 = len(1);
const BOOL: u32 = varint(2);
const INT: u32 = varint(3);
const DOUBLE: u32 = fixed64(4);
const ARRAY: u32 = len(5);
const MAP: u32 = len(6);
const BYTES: u32 = len(7);
const STRING_INDEX: u32 = varint(8);

/// The value of an attribute (common.proto, `AnyValue`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum AnyValue<'a> {
    /// No value, or one that only profiles have (`string_value_strindex`).
    Empty,
    /// Text.
    Str(&'a [u8]),
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A floating point number.
    Double(f64),
    /// Any bytes.
    Bytes(&'a [u8]),
    /// Values in order.
    Array(Array<'a>),
    /// Values by key.
    Map(Map<'a>),
}

impl<'a> AnyValue<'a> {
    /// Reads an `AnyValue` message; of several members of its oneof, the last counts.
    #[inline]
    #[must_use]
    pub fn read(message: &'a [u8]) -> AnyValue<'a> {
        AnyValue::Empty.merged_with(message)
    }

    /// The value after another piece of its message: a piece without a member changes nothing.
    #[inline(always)]
    pub(super) fn merged_with(self, message: &'a [u8]) -> AnyValue<'a> {
        let mut value = self;
        let mut rest = Reader::new(message);
        while let Some(tag) = rest.tag() {
            match tag {
                STRING => value = AnyValue::Str(rest.bytes()),
                BOOL => value = AnyValue::Bool(rest.varint() != 0),
                INT => value = AnyValue::Int(rest.varint() as i64),
                DOUBLE => value = AnyValue::Double(rest.double()),
                ARRAY => value = AnyValue::Array(Array(rest.bytes())),
                MAP => value = AnyValue::Map(Map(rest.bytes())),
                BYTES => value = AnyValue::Bytes(rest.bytes()),
                STRING_INDEX => {
                    rest.skip(tag);
                    value = AnyValue::Empty;
                }
                _ => rest.skip(tag),
            }
        }
        value
    }
}

/// An `ArrayValue` message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Array<'a>(&'a [u8]);

impl<'a> Array<'a> {
    /// The values in their order.
    pub fn values(&self) -> impl Iterator<Item = AnyValue<'a>> + Clone + use<'a> {
        Messages::of(self.0, 1).map(AnyValue::read)
    }
}

/// A `KeyValueList` message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Map<'a>(&'a [u8]);

impl<'a> Map<'a> {
    /// The keys and values in their order; keys should be unique, which nobody checked.
    #[must_use]
    pub const fn attributes(&self) -> Attributes<'a> {
        Attributes::of(self.0, 1)
    }
}
