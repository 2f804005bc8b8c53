//! Writes protobuf while it reads JSON, led by the schema.

use std::borrow::Cow;

use super::JsonError;
use super::reader::{Reader, Reason};
use super::scalar::{Scalar, scalar};
use crate::otlp::schema::{Field, KEY_VALUE, Kind, Label, Schema};
use crate::otlp::wire::{self, MAX_DEPTH, WireType};

/// An error on its way out; every level puts its own name before the path.
type Failure = Box<JsonError>;

/// Translates a document that holds one message of type `schema`.
pub(super) fn document(schema: &'static Schema, json: &[u8]) -> Result<Vec<u8>, Failure> {
    let text = std::str::from_utf8(json)
        .map_err(|error| failure(error.valid_up_to(), "the document is not valid UTF-8"))?;
    // Protobuf takes about a third of the JSON.
    let out = Vec::with_capacity(text.len() / 2);
    let mut encoder = Encoder {
        json: Reader::new(text),
        out,
    };
    encoder.object(schema, MAX_DEPTH)?;
    encoder
        .json
        .end()
        .map_err(|reason| encoder.failed(reason))?;
    Ok(encoder.out)
}

fn failure(offset: usize, reason: Reason) -> Failure {
    Box::new(JsonError {
        path: String::new(),
        offset,
        reason: reason.to_owned(),
    })
}

struct Encoder<'a> {
    json: Reader<'a>,
    out: Vec<u8>,
}

/// Which fields an object has had so far.
#[derive(Default)]
struct Seen {
    /// A bit for each field number; the highest in OTLP is 16.
    numbers: u32,
    oneof: Option<u32>,
}

impl Seen {
    /// Notes a field; returns whether it stood before.
    fn note(&mut self, field: &Field) -> Result<bool, Reason> {
        if field.label == Label::Oneof && *self.oneof.get_or_insert(field.number) != field.number {
            return Err("only one of the fields of a oneof may be set");
        }
        let bit = 1 << field.number;
        let before = self.numbers & bit != 0;
        self.numbers |= bit;
        Ok(before)
    }
}

impl<'a> Encoder<'a> {
    #[cold]
    fn failed(&self, reason: Reason) -> Failure {
        failure(self.json.offset(), reason)
    }

    /// Writes the fields of one object; `depth` is how many levels may stand below it.
    fn object(&mut self, schema: &'static Schema, depth: u32) -> Result<(), Failure> {
        self.json
            .begin_object()
            .map_err(|reason| self.failed(reason))?;
        let (mut first, mut seen) = (true, Seen::default());
        while let Some(key) = self.key(&mut first)? {
            match field_named(schema, &key) {
                Some(field) => {
                    self.member(field, &mut seen, depth)
                        .map_err(|error| within(&key, error))?;
                }
                None => self.json.skip().map_err(|reason| self.failed(reason))?,
            }
        }
        Ok(())
    }

    fn key(&mut self, first: &mut bool) -> Result<Option<Cow<'a, str>>, Failure> {
        self.json
            .next_key(first)
            .map_err(|reason| self.failed(reason))
    }

    fn null(&mut self) -> Result<bool, Failure> {
        self.json.null().map_err(|reason| self.failed(reason))
    }

    /// Writes the value of one field.
    fn member(&mut self, field: &Field, seen: &mut Seen, depth: u32) -> Result<(), Failure> {
        if self.null()? {
            return Ok(());
        }
        let again = seen.note(field).map_err(|reason| self.failed(reason))?;
        match field.label {
            Label::Repeated => self.elements(field, depth),
            _ => match message_of(field.kind) {
                Some(schema) => self.message(field.number, schema, depth),
                None => self.single(field, again),
            },
        }
    }

    /// Writes a scalar, unless it is a default that means the same as its absence.
    fn single(&mut self, field: &Field, again: bool) -> Result<(), Failure> {
        let value = self.scalar(field.kind)?;
        if field.label != Label::Plain || again || !value.is_default() {
            self.put(field.number, &value);
        }
        Ok(())
    }

    fn put(&mut self, number: u32, value: &Scalar<'_>) {
        wire::put_tag(&mut self.out, number, value.wire_type());
        value.put(&mut self.out);
    }

    fn scalar(&mut self, kind: Kind) -> Result<Scalar<'a>, Failure> {
        let start = self.json.value_offset();
        let token = self.json.token().map_err(|reason| self.failed(reason))?;
        scalar(kind, token).map_err(|reason| failure(start, reason))
    }

    /// Writes a nested message, or an empty one for `null`.
    fn message(&mut self, number: u32, schema: &'static Schema, depth: u32) -> Result<(), Failure> {
        if depth == 0 {
            return Err(self.failed("messages are nested too deep"));
        }
        let start = self.begin(number);
        if !self.null()? {
            self.object(schema, depth - 1)?;
        }
        self.end(start);
        Ok(())
    }

    /// Writes every element of an array.
    fn elements(&mut self, field: &Field, depth: u32) -> Result<(), Failure> {
        self.json
            .begin_array()
            .map_err(|reason| self.failed(reason))?;
        let packed = is_packed(field.kind).then(|| (self.out.len(), self.begin(field.number)));
        let (mut first, mut index) = (true, 0);
        while self
            .json
            .next_element(&mut first)
            .map_err(|reason| self.failed(reason))?
        {
            self.element(field, depth)
                .map_err(|error| within_element(index, error))?;
            index += 1;
        }
        match packed {
            Some((before, _)) if index == 0 => self.out.truncate(before),
            Some((_, start)) => self.end(start),
            None => {}
        }
        Ok(())
    }

    fn element(&mut self, field: &Field, depth: u32) -> Result<(), Failure> {
        if let Some(schema) = message_of(field.kind) {
            return self.message(field.number, schema, depth);
        }
        let value = self.scalar(field.kind)?;
        if is_packed(field.kind) {
            value.put(&mut self.out);
        } else {
            self.put(field.number, &value);
        }
        Ok(())
    }

    /// Begins a length-delimited field with room for a length of one byte.
    fn begin(&mut self, number: u32) -> usize {
        wire::put_tag(&mut self.out, number, WireType::Len);
        self.out.push(0);
        self.out.len()
    }

    /// Fills in the length of what was written since `start`, and moves it if the length is long.
    fn end(&mut self, start: usize) {
        let len = self.out.len() - start;
        if len < 0x80 {
            self.out[start - 1] = len as u8;
            return;
        }
        // The first byte has its place; the others are written behind and turned to the front.
        self.out[start - 1] = len as u8 | 0x80;
        wire::put_varint(&mut self.out, len as u64 >> 7);
        let more = self.out.len() - start - len;
        self.out[start..].rotate_right(more);
    }
}

const fn message_of(kind: Kind) -> Option<&'static Schema> {
    match kind {
        Kind::Message(schema) => Some(schema),
        Kind::Attribute => Some(&KEY_VALUE),
        _ => None,
    }
}

/// Whether a repeated field of this type is written as one run of values.
const fn is_packed(kind: Kind) -> bool {
    matches!(kind, Kind::Fixed64 | Kind::Double | Kind::Uint64)
}

fn field_named(schema: &'static Schema, key: &str) -> Option<&'static Field> {
    schema
        .fields
        .iter()
        .find(|field| is_camel_of(key, field.name) || key == field.name)
}

/// Whether `key` is the lowerCamelCase form of `name`.
fn is_camel_of(key: &str, name: &str) -> bool {
    let mut key = key.bytes();
    let mut letters = name.bytes();
    while let Some(letter) = letters.next() {
        let expected = match letter {
            b'_' => letters.next().map(|next| next.to_ascii_uppercase()),
            _ => Some(letter),
        };
        if key.next() != expected {
            return false;
        }
    }
    key.next().is_none()
}

#[cold]
fn within(key: &str, mut error: Failure) -> Failure {
    let dot = if error.path.is_empty() || error.path.starts_with('[') {
        ""
    } else {
        "."
    };
    error.path = format!("{key}{dot}{}", error.path);
    error
}

#[cold]
fn within_element(index: usize, mut error: Failure) -> Failure {
    let dot = if error.path.is_empty() || error.path.starts_with('[') {
        ""
    } else {
        "."
    };
    error.path = format!("[{index}]{dot}{}", error.path);
    error
}
