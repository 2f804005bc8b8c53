//! `KeyValue`: a key and its value.

use super::reader::{Reader, len};
use super::repeated::Messages;
use super::value::AnyValue;
use crate::otlp::wire;

const KEY: u32 = len(1);
const VALUE: u32 = len(2);

/// One attribute: a `KeyValue` message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// The whole message. Equal bytes are equal attributes; the reverse need not hold.
    pub raw: &'a [u8],
}

impl<'a> Attribute<'a> {
    /// Reads the value of an attribute field and hands it to `to`.
    #[inline(always)]
    pub(super) fn hand_out(rest: &mut Reader<'a>, to: &mut impl FnMut(Attribute<'a>)) {
        if let Some(raw) = rest.message() {
            to(Attribute { raw });
        }
    }

    /// The key, empty if there is none.
    #[inline]
    #[must_use]
    pub fn key(&self) -> &'a [u8] {
        match self.in_plain_order() {
            Some((key, _)) => key,
            None => self.key_in_any_order(),
        }
    }

    /// The value, [`AnyValue::Empty`] if there is none.
    #[inline]
    #[must_use]
    pub fn value(&self) -> AnyValue<'a> {
        match self.in_plain_order() {
            Some((_, value)) => AnyValue::read(value),
            None => self.value_in_any_order(),
        }
    }

    /// The key and the `AnyValue` of a message in the shape that every SDK writes: the key, the value,
    /// nothing else.
    #[inline(always)]
    fn in_plain_order(&self) -> Option<(&'a [u8], &'a [u8])> {
        let [0x0a, key_len @ 0..0x80, rest @ ..] = self.raw else {
            return None;
        };
        let (key, rest) = rest.split_at_checked(usize::from(*key_len))?;
        let [0x12, rest @ ..] = rest else { return None };
        let mut rest = rest;
        let value = wire::length_delimited(&mut rest).ok()?;
        rest.is_empty().then_some((key, value))
    }

    fn key_in_any_order(&self) -> &'a [u8] {
        let mut key: &[u8] = &[];
        let mut rest = Reader::new(self.raw);
        while let Some(tag) = rest.tag() {
            match tag {
                KEY => key = rest.bytes(),
                _ => rest.skip(tag),
            }
        }
        key
    }

    fn value_in_any_order(&self) -> AnyValue<'a> {
        let mut value = AnyValue::Empty;
        let mut rest = Reader::new(self.raw);
        while let Some(tag) = rest.tag() {
            match tag {
                VALUE => value = value.merged_with(rest.bytes()),
                _ => rest.skip(tag),
            }
        }
        value
    }
}

/// The attributes under one field of a message, in their order there.
#[derive(Clone, Debug, Default)]
pub struct Attributes<'a> {
    messages: Messages<'a>,
}

impl<'a> Attributes<'a> {
    /// Those under the field `number` of `message`.
    #[inline]
    #[must_use]
    pub const fn of(message: &'a [u8], number: u32) -> Attributes<'a> {
        Attributes {
            messages: Messages::of(message, number),
        }
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Attribute<'a>;

    #[inline]
    fn next(&mut self) -> Option<Attribute<'a>> {
        self.messages.next().map(|raw| Attribute { raw })
    }
}
