//! Reads one message field by field and needs no error handling: at a fault, the message ends.

use crate::otlp::wire::{self, Fault, WireType};

/// The tag of a field that holds a string, bytes, a message or a packed list.
pub(super) const fn len(number: u32) -> u32 {
    number << 3 | WireType::Len as u32
}

/// The tag of a field that holds an integer of variable length, a boolean or an enum.
pub(super) const fn varint(number: u32) -> u32 {
    number << 3 | WireType::Varint as u32
}

/// The tag of a field that holds eight bytes.
pub(super) const fn fixed64(number: u32) -> u32 {
    number << 3 | WireType::Fixed64 as u32
}

/// What is left to read of a message.
///
/// Who reads takes a [`tag`](Reader::tag), then the value of its wire type, until there is no tag.
/// Every value and every tag makes the rest shorter or ends it, so that reading always ends.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    #[inline]
    pub(super) const fn new(message: &'a [u8]) -> Reader<'a> {
        Reader { rest: message }
    }

    #[inline]
    pub(super) const fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next field's tag: its number and wire type.
    #[inline(always)]
    pub(super) fn tag(&mut self) -> Option<u32> {
        match *self.rest {
            [] => None,
            [tag @ 0..0x80, ref rest @ ..] => {
                self.rest = rest;
                Some(u32::from(tag))
            }
            _ => u32::try_from(self.varint()).ok(),
        }
    }

    /// Reads the value under a tag made by [`len`]; `None` if it is cut.
    #[inline(always)]
    pub(super) fn message(&mut self) -> Option<&'a [u8]> {
        let read = wire::length_delimited(&mut self.rest);
        self.sound(read)
    }

    /// As [`message`](Reader::message), empty if it is cut.
    #[inline(always)]
    pub(super) fn bytes(&mut self) -> &'a [u8] {
        self.message().unwrap_or_default()
    }

    /// Reads the value under a tag made by [`varint()`].
    #[inline(always)]
    pub(super) fn varint(&mut self) -> u64 {
        let read = wire::varint(&mut self.rest);
        self.sound(read).unwrap_or_default()
    }

    /// Reads the value of a `sint32` under a tag made by [`varint()`].
    #[inline]
    pub(super) fn zigzag(&mut self) -> i32 {
        let bits = self.varint() as u32;
        (bits >> 1) as i32 ^ -((bits & 1) as i32)
    }

    /// Reads the value under a tag made by [`fixed64()`].
    #[inline(always)]
    pub(super) fn fixed64(&mut self) -> u64 {
        let read = wire::fixed64(&mut self.rest);
        self.sound(read).unwrap_or_default()
    }

    /// Reads the value under a tag made by [`fixed64()`].
    #[inline(always)]
    pub(super) fn double(&mut self) -> f64 {
        f64::from_bits(self.fixed64())
    }

    /// Reads the value under a tag made by [`varint()`] or [`fixed64()`]; `None` if it is cut.
    #[inline(always)]
    pub(super) fn number(&mut self, tag: u32) -> Option<u64> {
        let read = match tag & 7 {
            0 => wire::varint(&mut self.rest),
            _ => wire::fixed64(&mut self.rest),
        };
        self.sound(read)
    }

    /// Reads past the value under any tag.
    #[inline]
    pub(super) fn skip(&mut self, tag: u32) {
        match tag & 7 {
            0 => drop(self.varint()),
            1 => drop(self.fixed64()),
            2 => drop(self.message()),
            _ => self.skip_rare(tag),
        }
    }

    /// Reads past a value of a repeated field that somebody reads later. `first` is where its first
    /// value's field begins, or else at its end; `field` is where the field at hand begins.
    #[inline]
    pub(super) fn put_off(&mut self, tag: u32, field: Reader<'a>, first: &mut Reader<'a>) {
        if first.is_at_end() {
            *first = field;
        }
        self.skip(tag);
    }

    fn skip_rare(&mut self, tag: u32) {
        let wire_type = match tag & 7 {
            3 => WireType::StartGroup,
            5 => WireType::Fixed32,
            _ => return self.end(),
        };
        let read = wire::skip(tag >> 3, wire_type, &mut self.rest, wire::MAX_DEPTH);
        self.sound(read);
    }

    #[inline(always)]
    fn sound<T>(&mut self, read: Result<T, Fault>) -> Option<T> {
        if read.is_err() {
            self.end();
        }
        read.ok()
    }

    #[cold]
    fn end(&mut self) {
        self.rest = &[];
    }
}
