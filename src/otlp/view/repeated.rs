//! Fields that stand any number of times: messages, and numbers in every spelling.

use super::reader::{Reader, len};

/// The messages under one repeated field, each as its bytes.
#[derive(Clone, Debug, Default)]
pub struct Messages<'a> {
    rest: Reader<'a>,
    tag: u32,
}

impl<'a> Messages<'a> {
    /// Those under the field `number` in `rest`.
    #[inline]
    pub(super) const fn new(rest: Reader<'a>, number: u32) -> Messages<'a> {
        Messages {
            rest,
            tag: len(number),
        }
    }

    /// Those under the field `number` of `message`.
    #[inline]
    pub(super) const fn of(message: &'a [u8], number: u32) -> Messages<'a> {
        Messages::new(Reader::new(message), number)
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        while let Some(tag) = self.rest.tag() {
            if tag == self.tag {
                return self.rest.message();
            }
            self.rest.skip(tag);
        }
        None
    }
}

/// The numbers under one repeated field: packed, one by one, or in several packs.
#[derive(Clone, Debug)]
pub(super) struct Numbers<'a> {
    pack: Reader<'a>,
    rest: Reader<'a>,
    /// The tag of a number that stands alone.
    tag: u32,
    packed_tag: u32,
}

impl<'a> Numbers<'a> {
    /// Those in `rest` whose tag, where one stands alone, is `tag`.
    #[inline]
    pub(super) const fn new(rest: Reader<'a>, tag: u32) -> Numbers<'a> {
        Numbers {
            pack: Reader::new(&[]),
            rest,
            tag,
            packed_tag: len(tag >> 3),
        }
    }
}

impl Iterator for Numbers<'_> {
    type Item = u64;

    #[inline]
    fn next(&mut self) -> Option<u64> {
        while self.pack.is_at_end() {
            match self.rest.tag()? {
                tag if tag == self.packed_tag => self.pack = Reader::new(self.rest.bytes()),
                tag if tag == self.tag => return self.rest.number(tag),
                tag => self.rest.skip(tag),
            }
        }
        self.pack.number(self.tag)
    }
}
