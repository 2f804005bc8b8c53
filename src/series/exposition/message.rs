//! Protobuf messages within messages, written in one go.

use crate::otlp::wire::{WireType, put_tag, put_varint_field};

/// Appends a field that holds the message `write` appends.
pub(super) fn put_message(out: &mut Vec<u8>, number: u32, write: impl FnOnce(&mut Vec<u8>)) {
    put_tag(out, number, WireType::Len);
    put_delimited(out, 1, write);
}

/// Appends what `write` appends behind its length, for which `room` bytes are left free; the message is moved where it
/// needs another number of them.
pub(super) fn put_delimited(out: &mut Vec<u8>, room: usize, write: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    out.resize(at + room, 0);
    let start = out.len();
    write(out);
    let len = out.len() - start;
    let needed = varint_len(len as u64);
    if needed > room {
        out.resize(out.len() + needed - room, 0);
    }
    if needed != room {
        out.copy_within(start..start + len, at + needed);
        out.truncate(at + needed + len);
    }
    set_varint(&mut out[at..at + needed], len as u64);
}

/// How many bytes a varint takes.
pub(super) const fn varint_len(value: u64) -> usize {
    let bits = 64 - (value | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

fn set_varint(bytes: &mut [u8], mut value: u64) {
    let Some((last, first)) = bytes.split_last_mut() else {
        return;
    };
    for byte in first {
        *byte = value as u8 | 0x80;
        value >>= 7;
    }
    *last = value as u8;
}

/// Appends a double field.
pub(super) fn put_double_field(out: &mut Vec<u8>, number: u32, value: f64) {
    put_tag(out, number, WireType::Fixed64);
    out.extend_from_slice(&value.to_le_bytes());
}

/// Appends a field of type sint32 or sint64, in zigzag order.
pub(super) fn put_signed_field(out: &mut Vec<u8>, number: u32, value: i64) {
    put_varint_field(out, number, ((value << 1) ^ (value >> 63)) as u64);
}

/// Appends a `google.protobuf.Timestamp`; nothing for 0, which means that the time is not known.
pub(super) fn put_timestamp(out: &mut Vec<u8>, number: u32, unix_nano: u64) {
    if unix_nano == 0 {
        return;
    }
    put_message(out, number, |out| {
        put_varint_field(out, 1, unix_nano / 1_000_000_000);
        put_varint_field(out, 2, unix_nano % 1_000_000_000);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::otlp::wire::varint;

    /// Scenario: messages of lengths around those where a varint grows, with room for too few, the right and too many bytes.
    /// Guarantees: the length is that of the message, in as few bytes as there can be, and the message is whole.
    #[test]
    fn lengths_stand_before_what_they_measure() {
        for len in [0_usize, 1, 127, 128, 16_383, 16_384, 3_000_000] {
            for room in [1, 2, 4] {
                let mut out = b"before".to_vec();
                put_delimited(&mut out, room, |out| {
                    out.extend((0..len).map(|place| place as u8));
                });
                let mut rest = out.strip_prefix(b"before").unwrap();
                assert_eq!(varint(&mut rest).unwrap(), len as u64);
                assert!(
                    rest.iter()
                        .enumerate()
                        .all(|(place, byte)| *byte == place as u8)
                );
                assert_eq!(rest.len(), len);
                assert_eq!(out.len(), 6 + varint_len(len as u64) + len);
            }
        }
    }
}
