//! One plain JSON value as the protobuf value of a field's type.

use std::borrow::Cow;

use super::number::{double, integer, is_number};
use super::reader::{Reason, Token};
use crate::otlp::digits;
use crate::otlp::schema::{Kind, Names};
use crate::otlp::wire::{self, WireType};

/// A value as the wire holds it.
pub(super) enum Scalar<'a> {
    Varint(u64),
    Fixed32(u32),
    Fixed64(u64),
    Text(Cow<'a, str>),
    Bytes(Vec<u8>),
}

impl Scalar<'_> {
    /// Whether proto3 leaves the value out of a field without presence.
    pub(super) fn is_default(&self) -> bool {
        match self {
            Scalar::Varint(value) | Scalar::Fixed64(value) => *value == 0,
            Scalar::Fixed32(value) => *value == 0,
            Scalar::Text(text) => text.is_empty(),
            Scalar::Bytes(bytes) => bytes.is_empty(),
        }
    }

    pub(super) const fn wire_type(&self) -> WireType {
        match self {
            Scalar::Varint(_) => WireType::Varint,
            Scalar::Fixed32(_) => WireType::Fixed32,
            Scalar::Fixed64(_) => WireType::Fixed64,
            Scalar::Text(_) | Scalar::Bytes(_) => WireType::Len,
        }
    }

    /// Appends the value without a tag.
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        match self {
            Scalar::Varint(value) => wire::put_varint(out, *value),
            Scalar::Fixed32(value) => out.extend_from_slice(&value.to_le_bytes()),
            Scalar::Fixed64(value) => out.extend_from_slice(&value.to_le_bytes()),
            Scalar::Text(text) => put_bytes(out, text.as_bytes()),
            Scalar::Bytes(bytes) => put_bytes(out, bytes),
        }
    }
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    wire::put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Reads `token` as a value of type `kind`.
pub(super) fn scalar<'a>(kind: Kind, token: Token<'a>) -> Result<Scalar<'a>, Reason> {
    match kind {
        Kind::Bool => boolean(&token),
        Kind::String => text(token).map(Scalar::Text),
        Kind::Bytes => digits::decode_base64(&text(token)?).map(Scalar::Bytes),
        Kind::Id => digits::decode_hex(&text(token)?).map(Scalar::Bytes),
        Kind::Double => float(&token).map(|value| Scalar::Fixed64(value.to_bits())),
        Kind::Enum(names) => enumeration(names, &token),
        Kind::Message(_) | Kind::Attribute => Err("expected an object"),
        _ => whole(kind, &token),
    }
}

fn boolean<'a>(token: &Token<'_>) -> Result<Scalar<'a>, Reason> {
    match token {
        Token::Bool(value) => Ok(Scalar::Varint(u64::from(*value))),
        _ => Err("expected true or false"),
    }
}

fn text(token: Token<'_>) -> Result<Cow<'_, str>, Reason> {
    match token {
        Token::String(text) => Ok(text),
        _ => Err("expected a string"),
    }
}

fn float(token: &Token<'_>) -> Result<f64, Reason> {
    match numeric(token) {
        Some(number) => double(number),
        None => match token {
            Token::String(text) if text == "NaN" => Ok(f64::NAN),
            Token::String(text) if text == "Infinity" => Ok(f64::INFINITY),
            Token::String(text) if text == "-Infinity" => Ok(f64::NEG_INFINITY),
            _ => Err("expected a number, \"NaN\", \"Infinity\" or \"-Infinity\""),
        },
    }
}

/// The number that a token is, or spells in a string.
fn numeric<'t>(token: &'t Token<'_>) -> Option<&'t str> {
    match token {
        Token::Number(number) => Some(number),
        Token::String(text) if is_number(text) => Some(text),
        _ => None,
    }
}

fn whole<'a>(kind: Kind, token: &Token<'_>) -> Result<Scalar<'a>, Reason> {
    let value = integer(numeric(token).ok_or("expected an integer, plain or in quotes")?)?;
    let range = "the number is out of range";
    let unsigned = || u64::try_from(value).map_err(|_| range);
    let signed = || i64::try_from(value).map_err(|_| range);
    let small = || u32::try_from(value).map_err(|_| range);
    Ok(match kind {
        Kind::Uint64 => Scalar::Varint(unsigned()?),
        Kind::Fixed64 => Scalar::Fixed64(unsigned()?),
        Kind::Int64 => Scalar::Varint(signed()? as u64),
        Kind::Sfixed64 => Scalar::Fixed64(signed()? as u64),
        Kind::Uint32 => Scalar::Varint(u64::from(small()?)),
        Kind::Fixed32 => Scalar::Fixed32(small()?),
        Kind::Sint32 => Scalar::Varint(zigzag(int32(value)?)),
        _ => Scalar::Varint(i64::from(int32(value)?) as u64),
    })
}

fn int32(value: i128) -> Result<i32, Reason> {
    i32::try_from(value).map_err(|_| "the number is out of range")
}

/// The signed encoding in which small magnitudes stay short.
const fn zigzag(value: i32) -> u64 {
    ((value << 1) ^ (value >> 31)) as u32 as u64
}

fn enumeration<'a>(names: &Names, token: &Token<'_>) -> Result<Scalar<'a>, Reason> {
    match token {
        Token::String(name) if !is_number(name) => {
            let rest = name.strip_prefix(names.prefix);
            let value = rest.and_then(|rest| names.rest.iter().position(|known| *known == rest));
            let value = value.ok_or("the enum has no value of this name")?;
            Ok(Scalar::Varint(value as u64))
        }
        _ => {
            let number = numeric(token).ok_or("expected an enum's number or name")?;
            Ok(Scalar::Varint(i64::from(int32(integer(number)?)?) as u64))
        }
    }
}
