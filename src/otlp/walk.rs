//! One walk over a request's bytes: is it valid, how many items does it hold, and whose are they?
//!
//! The walk accepts exactly what a generated protobuf reader (prost) decodes: fields may come in any
//! order, singular messages may come in pieces, unknown fields are read past.
//!
//! The lengths of trace and span ids are not looked at. OTLP calls an id of another length invalid but
//! keeps the item: "receivers SHOULD assume that the log record is not associated with a trace"
//! (logs.proto). The OpenTelemetry Collector refuses the whole request instead
//! (open-telemetry/opentelemetry-collector#2001); where it is the destination, it says so there.
//!
//! Every request passes here, so the common case is short: one table look-up for each tag, and one
//! pass over an attribute of plain ASCII.

use super::schema::{self, KEY_VALUE, Schema, Step};
use super::wire::{self, Fault, MAX_DEPTH, Value, WireError};
use super::{Signal, ascii};

/// How many items a request holds, and of which services.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally<'a> {
    /// Spans, data points or log records.
    pub items: u32,
    /// The items by `service.name`, ordered by name; the name is empty for resources without one.
    ///
    /// Services without an item are left out, so the counts add up to `items`.
    pub services: Vec<(&'a str, u32)>,
}

/// Protobuf's own limit for a message; it also keeps every count within 32 bits.
const MAX_LEN: usize = i32::MAX as usize;

/// Validates an uncompressed `Export*ServiceRequest` and counts its items.
///
/// A metric's items are its data points. Takes linear time; nothing is copied.
///
/// # Errors
/// [`WireError`] where the bytes are not such a message.
pub fn inspect(signal: Signal, message: &[u8]) -> Result<Tally<'_>, WireError> {
    let schema = schema::request(signal);
    if message.len() > MAX_LEN {
        return Err(WireError {
            offset: 0,
            message: schema.name,
            fault: Fault::TooLarge,
        });
    }
    let mut tally = Tally::default();
    let walked = each_message(schema, message, MAX_DEPTH, |_, schema, resource| {
        let (service, items) = resource_items(signal, schema, resource)?;
        tally.add(service, items);
        Ok(())
    });
    walked.map_err(|stop| stop.into_error(message))?;
    tally.merge_services();
    Ok(tally)
}

impl<'a> Tally<'a> {
    fn add(&mut self, service: &'a str, items: u32) {
        self.items += items;
        match self.services.last_mut() {
            Some((last, count)) if *last == service => *count += items,
            _ if items == 0 => {}
            _ => self.services.push((service, items)),
        }
    }

    fn merge_services(&mut self) {
        self.services.sort_unstable_by_key(|(name, _)| *name);
        self.services.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1 += next.1;
            }
            same
        });
    }
}

/// Where the walk stopped.
struct Stop {
    fault: Fault,
    message: &'static str,
    /// The address of the first byte not read.
    address: usize,
}

impl Stop {
    #[cold]
    fn at(fault: Fault, schema: &Schema, rest: &[u8]) -> Stop {
        Stop {
            fault,
            message: schema.name,
            address: rest.as_ptr() as usize,
        }
    }

    #[cold]
    fn into_error(self, message: &[u8]) -> WireError {
        let offset = self.address.saturating_sub(message.as_ptr() as usize);
        WireError {
            offset,
            message: self.message,
            fault: self.fault,
        }
    }
}

/// One `ResourceSpans`, `ResourceMetrics` or `ResourceLogs`: its service and its items.
fn resource_items<'a>(
    signal: Signal,
    schema: &'static Schema,
    bytes: &'a [u8],
) -> Result<(&'a str, u32), Stop> {
    let (mut service, mut items) = (None, 0);
    each_message(schema, bytes, MAX_DEPTH - 1, |number, schema, child| {
        if number == RESOURCE {
            validate(schema, child, MAX_DEPTH - 2)?;
            service = service.or_else(|| service_name(child));
        } else {
            items += scope_items(signal, schema, child)?;
        }
        Ok(())
    })?;
    Ok((service.unwrap_or_default(), items))
}

/// The field of the resource or the scope, in every signal; field 2 holds what belongs to it.
const RESOURCE: u32 = 1;
const SCOPE: u32 = 1;

/// The items of one `ScopeSpans`, `ScopeMetrics` or `ScopeLogs`.
fn scope_items(signal: Signal, schema: &'static Schema, bytes: &[u8]) -> Result<u32, Stop> {
    let mut items = 0;
    each_message(schema, bytes, MAX_DEPTH - 2, |number, schema, child| {
        items += match signal {
            _ if number == SCOPE => validate(schema, child, MAX_DEPTH - 3).map(|()| 0)?,
            Signal::Metrics => data_points(schema, child)?,
            Signal::Traces | Signal::Logs => validate(schema, child, MAX_DEPTH - 3).map(|()| 1)?,
        };
        Ok(())
    })?;
    Ok(items)
}

/// The data points of one `Metric`.
fn data_points(schema: &'static Schema, bytes: &[u8]) -> Result<u32, Stop> {
    let (mut kind, mut points) = (0, 0);
    each_message(schema, bytes, MAX_DEPTH - 3, |number, schema, child| {
        if number != kind {
            // `data` is a oneof: a later kind replaces an earlier one.
            (kind, points) = (number, 0);
        }
        each_message(schema, child, MAX_DEPTH - 4, |_, schema, point| {
            points += 1;
            validate(schema, point, MAX_DEPTH - 5)
        })
    })?;
    Ok(points)
}

/// Validates a message and everything in it.
fn validate(schema: &'static Schema, bytes: &[u8], depth: u32) -> Result<(), Stop> {
    each_message(schema, bytes, depth, |_, schema, child| {
        validate(schema, child, depth - 1)
    })
}

/// Validates a message's own fields and attributes; hands every other message in it to `visit`.
///
/// `depth` is how many levels of messages may stand below this one, at least 1 in `visit`.
#[inline(always)]
fn each_message<'a>(
    schema: &'static Schema,
    mut bytes: &'a [u8],
    depth: u32,
    mut visit: impl FnMut(u32, &'static Schema, &'a [u8]) -> Result<(), Stop>,
) -> Result<(), Stop> {
    while !bytes.is_empty() {
        let found = field(schema, &mut bytes, depth);
        match found.map_err(|fault| Stop::at(fault, schema, bytes))? {
            Found::Checked => {}
            Found::Attribute(tag, child) if depth > 1 && is_plain_attribute(child) => {
                bytes = behind_plain_attributes(tag, bytes);
            }
            _ if depth == 0 => return Err(Stop::at(Fault::TooDeep, schema, bytes)),
            Found::Attribute(_, child) => validate(&KEY_VALUE, child, depth - 1)?,
            Found::Message(index, child) => {
                if let Some((number, schema)) = schema.child(index) {
                    visit(number, schema, child)?;
                }
            }
        }
    }
    Ok(())
}

/// A field that was read: a value that is valid, or a message yet to be looked into.
enum Found<'a> {
    Checked,
    /// Its tag, and the `KeyValue`.
    Attribute(u8, &'a [u8]),
    Message(u8, &'a [u8]),
}

#[inline(always)]
fn field<'a>(schema: &Schema, bytes: &mut &'a [u8], depth: u32) -> Result<Found<'a>, Fault> {
    let mut rest = *bytes;
    let key = match *rest {
        [key, ref behind @ ..] if key < 0x80 => {
            rest = behind;
            u32::from(key)
        }
        _ => u32::try_from(wire::varint(&mut rest)?).map_err(|_| Fault::TagTooLarge)?,
    };
    match schema.step(key) {
        Step::Message(index) => {
            let found = Found::Message(index, wire::length_delimited(&mut rest)?);
            *bytes = rest;
            return Ok(found);
        }
        Step::Attribute => {
            let found = Found::Attribute(key as u8, wire::length_delimited(&mut rest)?);
            *bytes = rest;
            return Ok(found);
        }
        Step::String => check_utf8(wire::length_delimited(&mut rest)?)?,
        Step::Bytes => drop(wire::length_delimited(&mut rest)?),
        Step::Varint => drop(wire::varint(&mut rest)?),
        Step::Fixed64 => drop(wire::fixed64(&mut rest)?),
        Step::Fixed32 => drop(wire::fixed32(&mut rest)?),
        Step::PackedVarint => packed_varints(wire::length_delimited(&mut rest)?)?,
        Step::PackedFixed64 => packed_fixed64(wire::length_delimited(&mut rest)?)?,
        Step::Wrong => return Err(Fault::WrongWireType),
        Step::Unknown => unknown(bytes, &mut rest, depth)?,
    }
    *bytes = rest;
    Ok(Found::Checked)
}

/// Reads past every plain attribute that follows under the same tag: attributes come in runs.
#[inline]
fn behind_plain_attributes(tag: u8, mut bytes: &[u8]) -> &[u8] {
    while let [next, len @ 0..0x80, rest @ ..] = bytes
        && *next == tag
        && let Some((child, behind)) = rest.split_at_checked(usize::from(*len))
        && is_plain_attribute(child)
    {
        bytes = behind;
    }
    bytes
}

/// Reads past a field that the schema does not have; `start` begins with its tag.
#[cold]
fn unknown(start: &[u8], rest: &mut &[u8], depth: u32) -> Result<(), Fault> {
    let mut tagged = start;
    let (number, wire_type) = wire::tag(&mut tagged)?;
    wire::skip(number, wire_type, rest, depth)
}

#[inline]
fn check_utf8(text: &[u8]) -> Result<(), Fault> {
    if ascii::is_ascii(text) || std::str::from_utf8(text).is_ok() {
        return Ok(());
    }
    Err(Fault::InvalidUtf8)
}

fn packed_varints(mut bytes: &[u8]) -> Result<(), Fault> {
    while !bytes.is_empty() {
        wire::varint(&mut bytes)?;
    }
    Ok(())
}

fn packed_fixed64(bytes: &[u8]) -> Result<(), Fault> {
    if bytes.len().is_multiple_of(8) {
        Ok(())
    } else {
        Err(Fault::Truncated)
    }
}

/// Whether a `KeyValue` is valid at first sight: `key`, then `value` with a single scalar, in the
/// shape that every SDK writes. `false` says only that it takes the long way.
#[inline]
fn is_plain_attribute(bytes: &[u8]) -> bool {
    let [0x0a, key_len, rest @ ..] = bytes else {
        return false;
    };
    let Some((key, value)) = rest.split_at_checked(usize::from(*key_len)) else {
        return false;
    };
    let [0x12, value_len, value @ ..] = value else {
        return false;
    };
    // Lengths above 127 take two bytes and the long way.
    if value.len() != usize::from(*value_len) || (key_len | value_len) & 0x80 != 0 {
        return false;
    }
    match value {
        // A string: all lengths are below 128, so that key and text may be looked at together.
        [0x0a, len, text @ ..] => text.len() == usize::from(*len) && ascii::is_ascii(bytes),
        [0x10 | 0x18, number @ ..] => is_varint(number) && ascii::is_ascii(key),
        [0x21, number @ ..] => number.len() == 8 && ascii::is_ascii(key),
        _ => false,
    }
}

/// Whether `bytes` is one varint of at most nine bytes.
#[inline]
fn is_varint(bytes: &[u8]) -> bool {
    match bytes {
        [first] => first & 0x80 == 0,
        [head @ .., last] => {
            head.len() < 9 && last & 0x80 == 0 && head.iter().all(|byte| byte & 0x80 != 0)
        }
        [] => false,
    }
}

/// The string value of a resource's first `service.name` attribute.
///
/// The bytes are known to be a valid `Resource`.
fn service_name(resource: &[u8]) -> Option<&str> {
    wire::fields(resource).find_map(|field| match field {
        Ok((1, Value::Len(attribute))) => service_value(attribute),
        _ => None,
    })
}

fn service_value(attribute: &[u8]) -> Option<&str> {
    let (mut key, mut text): (&[u8], Option<&[u8]>) = (&[], None);
    for field in wire::fields(attribute) {
        match field {
            Ok((1, Value::Len(bytes))) => key = bytes,
            Ok((2, Value::Len(value))) => text = string_value(value, text),
            _ => {}
        }
    }
    let text = text.filter(|_| key == b"service.name")?;
    std::str::from_utf8(text).ok()
}

/// The string that an `AnyValue` holds once merged into one that held `before`.
fn string_value<'a>(value: &'a [u8], before: Option<&'a [u8]>) -> Option<&'a [u8]> {
    wire::fields(value).fold(before, |text, field| match field {
        Ok((1, Value::Len(bytes))) => Some(bytes),
        // The other members of the oneof replace a string.
        Ok((2..=8, _)) => None,
        _ => text,
    })
}
