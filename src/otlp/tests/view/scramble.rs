//! The same kind of request, written as no sender writes it but every reader must read it.

use fastrand::Rng;

use crate::otlp::schema::{Field, KEY_VALUE, Kind, Label, Schema};
use crate::otlp::wire::{self, Value, WireType, put_bytes_field, put_tag, put_varint};

/// Fields that no message of OTLP has, of every wire type.
const UNKNOWN: [&[u8]; 5] = [
    b"\xf8\x06\x01",
    b"\xf9\x06\x00\x00\x00\x00\x00\x00\x00\x00",
    b"\xfa\x06\x02ab",
    b"\xfb\x06\x08\x01\xfc\x06",
    b"\xfd\x06\x00\x00\x00\x00",
];

/// Writes `message` with its fields in any order, unknown ones between them, single ones more than
/// once, lists packed in part, and tags longer than they need to be.
pub(super) fn scramble(schema: &Schema, message: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut fields = Vec::new();
    for field in wire::fields(message) {
        let (number, value) = field.unwrap();
        let known = schema.fields.iter().find(|known| known.number == number);
        match known {
            Some(known) => scramble_field(known, value, rng, &mut fields),
            None => fields.push(single(number, value)),
        }
    }
    if rng.u8(..4) == 0 {
        fields.push(UNKNOWN[rng.usize(..UNKNOWN.len())].to_vec());
    }
    rng.shuffle(&mut fields);
    fields
        .iter()
        .flat_map(|field| with_long_tag(field, rng))
        .collect()
}

/// The message type of a field.
pub(super) fn child(field: &Field) -> Option<&'static Schema> {
    match field.kind {
        Kind::Message(schema) => Some(schema),
        Kind::Attribute => Some(&KEY_VALUE),
        _ => None,
    }
}

fn scramble_field(field: &Field, value: Value<'_>, rng: &mut Rng, out: &mut Vec<Vec<u8>>) {
    let number = field.number;
    match (child(field), value) {
        (Some(schema), Value::Len(message)) => {
            let message = scramble(schema, message, rng);
            out.push(single(number, Value::Len(&message)));
        }
        (None, Value::Len(list)) if is_packed(field) => unpack(field, list, rng, out),
        _ => {
            let repeatable = field.label != Label::Repeated && rng.u8(..4) == 0;
            out.extend(repeatable.then(|| single(number, other(value))));
            out.push(single(number, value));
        }
    }
}

fn is_packed(field: &Field) -> bool {
    let number = matches!(field.kind, Kind::Fixed64 | Kind::Double | Kind::Uint64);
    number && field.label == Label::Repeated
}

/// A value of the same type.
fn other(value: Value<'_>) -> Value<'_> {
    match value {
        Value::Varint(number) => Value::Varint(number ^ 1),
        Value::Fixed64(number) => Value::Fixed64(number ^ 0xff00),
        Value::Fixed32(number) => Value::Fixed32(number ^ 0xff00),
        Value::Len(_) => Value::Len(b"another"),
        Value::Group => Value::Group,
    }
}

/// Writes a packed list one by one, in packs, or both.
fn unpack(field: &Field, mut list: &[u8], rng: &mut Rng, out: &mut Vec<Vec<u8>>) {
    let mut pack = Vec::new();
    while !list.is_empty() {
        let before = list;
        let value = match field.kind {
            Kind::Uint64 => Value::Varint(wire::varint(&mut list).unwrap()),
            _ => Value::Fixed64(wire::fixed64(&mut list).unwrap()),
        };
        if rng.u8(..3) == 0 {
            out.push(single(field.number, value));
        } else {
            pack.extend_from_slice(&before[..before.len() - list.len()]);
        }
        if rng.u8(..3) == 0 {
            out.push(single(field.number, Value::Len(&pack)));
            pack.clear();
        }
    }
    out.push(single(field.number, Value::Len(&pack)));
}

fn single(number: u32, value: Value<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    match value {
        Value::Varint(value) => {
            put_tag(&mut out, number, WireType::Varint);
            put_varint(&mut out, value);
        }
        Value::Fixed64(value) => {
            put_tag(&mut out, number, WireType::Fixed64);
            out.extend_from_slice(&value.to_le_bytes());
        }
        Value::Fixed32(value) => {
            put_tag(&mut out, number, WireType::Fixed32);
            out.extend_from_slice(&value.to_le_bytes());
        }
        Value::Len(bytes) => put_bytes_field(&mut out, number, bytes),
        Value::Group => {}
    }
    out
}

/// The field with a tag that says the same in one more byte.
fn with_long_tag(field: &[u8], rng: &mut Rng) -> Vec<u8> {
    match field {
        [tag @ 0..0x80, rest @ ..] if rng.u8(..8) == 0 => [&[tag | 0x80, 0], rest].concat(),
        _ => field.to_vec(),
    }
}
