//! Fields of protobuf messages that only the exposition writes.

use crate::otlp::wire::{put_fixed64_field, put_message, put_varint_field};

/// Appends a double field.
pub(super) fn put_double_field(out: &mut Vec<u8>, number: u32, value: f64) {
    put_fixed64_field(out, number, value.to_bits());
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
