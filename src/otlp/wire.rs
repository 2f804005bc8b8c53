//! The protobuf wire format over byte slices: varints, tags, lengths, fields.
//!
//! Source of the rules: <https://protobuf.dev/programming-guides/encoding/>. Reading functions take
//! `&mut &[u8]` and leave the slice behind what they read.

use std::fmt;

/// What is wrong with a protobuf message, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WireError {
    /// The position in the message at which reading stopped, in bytes.
    pub offset: usize,
    /// The protobuf message type that held the fault, for example `Span`.
    pub message: &'static str,
    /// What is wrong there.
    pub fault: Fault,
}

/// Why bytes are not a protobuf message of the expected type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The bytes end within a value.
    Truncated,
    /// A varint runs past ten bytes or past 64 bits.
    VarintTooLong,
    /// A tag does not fit 32 bits.
    TagTooLarge,
    /// Wire type 6 or 7, which protobuf does not define.
    BadWireType,
    /// Field number 0, which protobuf forbids.
    FieldZero,
    /// A group ends that did not begin, or ends under another number.
    UnexpectedEndGroup,
    /// A length points behind the end of the enclosing message.
    LengthBeyondEnd,
    /// A string field holds bytes that are not UTF-8.
    InvalidUtf8,
    /// Messages are nested deeper than [`MAX_DEPTH`].
    TooDeep,
    /// A field of the schema came with a wire type that its type does not have.
    WrongWireType,
    /// The message is longer than 2 GiB, protobuf's limit.
    TooLarge,
    /// A binary header is not base64, so that it holds no message.
    NotBase64,
}

/// How deep messages may be nested below the outermost one, as in prost and the C++ reader.
pub const MAX_DEPTH: u32 = 100;

impl Fault {
    const fn text(self) -> &'static str {
        match self {
            Fault::Truncated => "the bytes end within a value",
            Fault::VarintTooLong => "a varint is longer than 64 bits",
            Fault::TagTooLarge => "a field tag is longer than 32 bits",
            Fault::BadWireType => "a field has an undefined wire type",
            Fault::FieldZero => "a field has the number 0",
            Fault::UnexpectedEndGroup => "a group ends that did not begin",
            Fault::LengthBeyondEnd => "a length points behind the end of the message",
            Fault::InvalidUtf8 => "a string is not valid UTF-8",
            Fault::TooDeep => "messages are nested more than 100 deep",
            Fault::WrongWireType => "a field has the wrong wire type",
            Fault::TooLarge => "the message is longer than 2 GiB",
            Fault::NotBase64 => "the header is not base64",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let WireError {
            offset,
            message,
            fault,
        } = self;
        write!(f, "not a valid {message}: {fault} (byte {offset})")
    }
}

impl std::error::Error for WireError {}

/// How a field's value is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireType {
    /// Integers, booleans, enums.
    Varint = 0,
    /// Eight bytes, little-endian.
    Fixed64 = 1,
    /// A length, then that many bytes.
    Len = 2,
    /// The deprecated start of a group.
    StartGroup = 3,
    /// The deprecated end of a group.
    EndGroup = 4,
    /// Four bytes, little-endian.
    Fixed32 = 5,
}

impl WireType {
    const fn from_tag(tag: u32) -> Option<WireType> {
        Some(match tag & 7 {
            0 => WireType::Varint,
            1 => WireType::Fixed64,
            2 => WireType::Len,
            3 => WireType::StartGroup,
            4 => WireType::EndGroup,
            5 => WireType::Fixed32,
            _ => return None,
        })
    }
}

/// Reads a varint of at most 64 bits.
#[inline]
pub fn varint(bytes: &mut &[u8]) -> Result<u64, Fault> {
    match **bytes {
        [byte, ref rest @ ..] if byte < 0x80 => {
            *bytes = rest;
            Ok(u64::from(byte))
        }
        _ => long_varint(bytes),
    }
}

fn long_varint(bytes: &mut &[u8]) -> Result<u64, Fault> {
    let mut value = 0;
    for (index, &byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            // The tenth byte has room for one bit.
            if index == 9 && byte > 1 {
                return Err(Fault::VarintTooLong);
            }
            *bytes = &bytes[index + 1..];
            return Ok(value);
        }
    }
    Err(if bytes.len() < 10 {
        Fault::Truncated
    } else {
        Fault::VarintTooLong
    })
}

/// Reads a field's number and wire type.
#[inline]
pub fn tag(bytes: &mut &[u8]) -> Result<(u32, WireType), Fault> {
    let tag = u32::try_from(varint(bytes)?).map_err(|_| Fault::TagTooLarge)?;
    let wire_type = WireType::from_tag(tag).ok_or(Fault::BadWireType)?;
    match tag >> 3 {
        0 => Err(Fault::FieldZero),
        number => Ok((number, wire_type)),
    }
}

/// Reads a length and the bytes it counts.
#[inline]
pub fn length_delimited<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8], Fault> {
    let len = varint(bytes)?;
    let len = usize::try_from(len).map_err(|_| Fault::LengthBeyondEnd)?;
    take(bytes, len).ok_or(Fault::LengthBeyondEnd)
}

/// Reads eight bytes.
#[inline]
pub fn fixed64(bytes: &mut &[u8]) -> Result<u64, Fault> {
    let (value, rest) = bytes.split_first_chunk().ok_or(Fault::Truncated)?;
    *bytes = rest;
    Ok(u64::from_le_bytes(*value))
}

/// Reads four bytes.
#[inline]
pub fn fixed32(bytes: &mut &[u8]) -> Result<u32, Fault> {
    let (value, rest) = bytes.split_first_chunk().ok_or(Fault::Truncated)?;
    *bytes = rest;
    Ok(u32::from_le_bytes(*value))
}

#[inline]
fn take<'a>(bytes: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(len)?;
    *bytes = rest;
    Some(taken)
}

/// Reads past one value whose field nobody knows; `depth` is how many levels may still be entered.
pub fn skip(number: u32, wire_type: WireType, bytes: &mut &[u8], depth: u32) -> Result<(), Fault> {
    if depth == 0 {
        return Err(Fault::TooDeep);
    }
    match wire_type {
        WireType::Varint => varint(bytes).map(drop),
        WireType::Fixed64 => fixed64(bytes).map(drop),
        WireType::Len => length_delimited(bytes).map(drop),
        WireType::Fixed32 => fixed32(bytes).map(drop),
        WireType::StartGroup => skip_group(number, bytes, depth - 1),
        WireType::EndGroup => Err(Fault::UnexpectedEndGroup),
    }
}

fn skip_group(number: u32, bytes: &mut &[u8], depth: u32) -> Result<(), Fault> {
    loop {
        match tag(bytes)? {
            (inner, WireType::EndGroup) if inner == number => return Ok(()),
            (inner, wire_type) => skip(inner, wire_type, bytes, depth)?,
        }
    }
}

/// The value of one field, as the wire holds it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// An integer, boolean or enum.
    Varint(u64),
    /// Eight bytes.
    Fixed64(u64),
    /// Four bytes.
    Fixed32(u32),
    /// A string, byte string, message or packed list.
    Len(&'a [u8]),
    /// A deprecated group, already read past.
    Group,
}

/// Reads a message's next field; `None` at its end.
pub fn next_field<'a>(bytes: &mut &'a [u8]) -> Result<Option<(u32, Value<'a>)>, Fault> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let (number, wire_type) = tag(bytes)?;
    let value = match wire_type {
        WireType::Varint => Value::Varint(varint(bytes)?),
        WireType::Fixed64 => Value::Fixed64(fixed64(bytes)?),
        WireType::Fixed32 => Value::Fixed32(fixed32(bytes)?),
        WireType::Len => Value::Len(length_delimited(bytes)?),
        WireType::StartGroup | WireType::EndGroup => {
            skip(number, wire_type, bytes, MAX_DEPTH)?;
            Value::Group
        }
    };
    Ok(Some((number, value)))
}

/// Every field of `message` in turn; ends after the first fault.
pub fn fields(message: &[u8]) -> impl Iterator<Item = Result<(u32, Value<'_>), Fault>> {
    let mut rest = message;
    std::iter::from_fn(move || {
        let field = next_field(&mut rest).transpose();
        if matches!(field, Some(Err(_))) {
            rest = &[];
        }
        field
    })
}

/// Appends a varint.
#[inline]
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a field's tag.
#[inline]
pub fn put_tag(out: &mut Vec<u8>, number: u32, wire_type: WireType) {
    put_varint(out, u64::from(number << 3 | wire_type as u32));
}

/// Appends an integer field.
pub fn put_varint_field(out: &mut Vec<u8>, number: u32, value: u64) {
    put_tag(out, number, WireType::Varint);
    put_varint(out, value);
}

/// Appends a string, bytes or message field.
pub fn put_bytes_field(out: &mut Vec<u8>, number: u32, value: &[u8]) {
    put_tag(out, number, WireType::Len);
    put_varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

/// Appends a field that holds the message `write` appends.
pub fn put_message(out: &mut Vec<u8>, number: u32, write: impl FnOnce(&mut Vec<u8>)) {
    put_tag(out, number, WireType::Len);
    put_delimited(out, 1, write);
}

/// Appends what `write` appends behind its length, for which `room` bytes are left free; the message is moved where it
/// needs another number of them.
pub fn put_delimited(out: &mut Vec<u8>, room: usize, write: impl FnOnce(&mut Vec<u8>)) {
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
pub const fn varint_len(value: u64) -> usize {
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

/// Appends a field of 64 bits, a number of nanoseconds or a double.
pub fn put_fixed64_field(out: &mut Vec<u8>, number: u32, value: u64) {
    put_tag(out, number, WireType::Fixed64);
    out.extend_from_slice(&value.to_le_bytes());
}

/// Appends a field of 32 bits.
pub fn put_fixed32_field(out: &mut Vec<u8>, number: u32, value: u32) {
    put_tag(out, number, WireType::Fixed32);
    out.extend_from_slice(&value.to_le_bytes());
}
