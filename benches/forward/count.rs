//! Counts the items of an export request without decoding them, inflating it first if need be.

use std::cell::RefCell;
use std::io::Read;

use flate2::bufread::MultiGzDecoder;
use lineside::otlp::{Encoding, Signal};

thread_local! {
    static INFLATED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// What a message holds.
pub struct Counted {
    pub items: u64,
    pub inflated_bytes: u64,
}

/// The items in `message`; `None` if it is not protobuf or not compressed as `encoding` says.
pub fn count(signal: Signal, encoding: Encoding, message: &[u8]) -> Option<Counted> {
    INFLATED.with_borrow_mut(|buffer| {
        let plain = inflate(encoding, message, buffer)?;
        let items = count_items(signal, plain)?;
        Some(Counted {
            items,
            inflated_bytes: plain.len() as u64,
        })
    })
}

fn inflate<'a>(encoding: Encoding, message: &'a [u8], buffer: &'a mut Vec<u8>) -> Option<&'a [u8]> {
    buffer.clear();
    match encoding {
        Encoding::Identity => return Some(message),
        Encoding::Gzip => drop(MultiGzDecoder::new(message).read_to_end(buffer).ok()?),
        Encoding::Zstd => zstd::stream::copy_decode(message, &mut *buffer).ok()?,
    }
    Some(buffer)
}

/// All three signals nest alike: resource (field 1), scope (field 2), then field 2 is a span, a metric
/// or a log record (opentelemetry-proto, `trace.proto`, `metrics.proto`, `logs.proto`).
fn count_items(signal: Signal, request: &[u8]) -> Option<u64> {
    let mut items = 0;
    each(request, 1, &mut |resource| {
        each(resource, 2, &mut |scope| {
            each(scope, 2, &mut |item| {
                items += if signal == Signal::Metrics {
                    count_points(item)?
                } else {
                    1
                };
                Some(())
            })
        })
    })?;
    Some(items)
}

/// A metric's points are field 1 of its data: gauge 5, sum 7, histogram 9, exponential 10, summary 11.
fn count_points(metric: &[u8]) -> Option<u64> {
    let mut points = 0;
    for field in [5, 7, 9, 10, 11] {
        each(metric, field, &mut |data| {
            each(data, 1, &mut |_| {
                points += 1;
                Some(())
            })
        })?;
    }
    Some(points)
}

/// Calls `visit` with every length-delimited `field` of `message`; `None` if either finds it malformed.
fn each<'a>(
    message: &'a [u8],
    field: u64,
    visit: &mut dyn FnMut(&'a [u8]) -> Option<()>,
) -> Option<()> {
    fields(message, &mut |number, _, value| match value {
        Field::Bytes(bytes) if number == field => visit(bytes),
        _ => Some(()),
    })
}

/// The value of a field of a message.
pub enum Field<'a> {
    Bytes(&'a [u8]),
    Fixed64(&'a [u8]),
    Other,
}

/// Calls `visit` with number, offset of the value and value of every field of `message`; `None` if either finds it
/// malformed.
pub fn fields<'a>(
    message: &'a [u8],
    visit: &mut dyn FnMut(u64, usize, Field<'a>) -> Option<()>,
) -> Option<()> {
    let mut rest = message;
    while !rest.is_empty() {
        let key = varint(&mut rest)?;
        let len = match key & 7 {
            0 => {
                varint(&mut rest)?;
                0
            }
            1 => 8,
            2 => usize::try_from(varint(&mut rest)?).ok()?,
            5 => 4,
            _ => return None,
        };
        let start = message.len() - rest.len();
        let (value, after) = rest.split_at_checked(len)?;
        rest = after;
        let value = match key & 7 {
            1 => Field::Fixed64(value),
            2 => Field::Bytes(value),
            _ => Field::Other,
        };
        visit(key >> 3, start, value)?;
    }
    Some(())
}

fn varint(message: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = message.split_first()?;
        *message = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
