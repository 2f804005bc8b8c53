//! A prepared request, and where in its bytes stands what differs each time it is sent.

use bytes::{Bytes, BytesMut};
use lineside::otlp::Signal;

use super::VARIANTS;
use crate::Fallible;
use crate::count::{Field, fields};
use crate::scenario::Transport;
use crate::wire::frame;

/// What differs.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// The last eight bytes of an id: mixed with the turn's number, alike in all requests of a turn.
    Id,
    /// Nanoseconds since the Unix epoch: moved to the present.
    Time,
    /// A float that grows by one each turn.
    Float,
    /// An integer that grows by as many each turn.
    Count(u64),
}

#[derive(Clone, Copy, Debug)]
struct Place {
    offset: usize,
    kind: Kind,
    /// The eight bytes that stand there, least significant first.
    prepared: u64,
}

/// A prepared request.
pub struct Template {
    message: Bytes,
    prepared_unix_ns: u64,
    places: Vec<Place>,
}

impl Template {
    /// A request that is sent as it is.
    pub fn fixed(message: Bytes) -> Template {
        Template {
            message,
            prepared_unix_ns: 0,
            places: Vec::new(),
        }
    }

    /// A request that was made at `prepared_unix_ns`.
    pub fn new(signal: Signal, message: Vec<u8>, prepared_unix_ns: u64) -> Fallible<Template> {
        let mut places = Vec::new();
        find(signal, &mut Vec::new(), &message, 0, &mut places).ok_or("a request is malformed")?;
        Ok(Template {
            message: message.into(),
            prepared_unix_ns,
            places,
        })
    }

    /// The same as the body of a request.
    pub fn framed(mut self, transport: Transport, compressed: bool) -> Template {
        let framed = frame(transport, &self.message, compressed);
        let shift = framed.len() - self.message.len();
        self.places
            .iter_mut()
            .for_each(|place| place.offset += shift);
        self.message = framed;
        self
    }

    /// Its length, which is the same each time.
    pub fn len(&self) -> usize {
        self.message.len()
    }

    /// The request as the nth to be sent.
    pub fn dated(&self, nth: usize, now_unix_ns: u64) -> Bytes {
        if self.places.is_empty() {
            return self.message.clone();
        }
        let mut bytes = BytesMut::from(&self.message[..]);
        let turn = (nth / VARIANTS) as u64;
        let later_ns = now_unix_ns.wrapping_sub(self.prepared_unix_ns);
        for place in &self.places {
            let value = place.value(turn, later_ns).to_le_bytes();
            bytes[place.offset..place.offset + 8].copy_from_slice(&value);
        }
        bytes.freeze()
    }
}

impl Place {
    fn value(&self, turn: u64, later_ns: u64) -> u64 {
        match self.kind {
            // Odd, so that no two turns mix alike.
            Kind::Id => self.prepared ^ turn.wrapping_mul(0x9e37_79b9_7f4a_7c15),
            Kind::Time => self.prepared.wrapping_add(later_ns),
            Kind::Float => (f64::from_bits(self.prepared) + turn as f64).to_bits(),
            Kind::Count(step) => self.prepared.wrapping_add(turn.wrapping_mul(step)),
        }
    }
}

/// Notes the places in `message`, which stands at `offset` below the fields of `path`; `None` if it is malformed.
fn find(
    signal: Signal,
    path: &mut Vec<u64>,
    message: &[u8],
    offset: usize,
    places: &mut Vec<Place>,
) -> Option<()> {
    fields(message, &mut |number, start, field| {
        path.push(number);
        let at = offset + start;
        match (field, role(signal, path)) {
            (Field::Bytes(bytes), Some(Role::Inside)) => {
                find(signal, path, bytes, at, places)?;
            }
            (Field::Bytes(id), Some(Role::Is(Kind::Id))) if id.len() >= 8 => {
                places.push(place(Kind::Id, &id[id.len() - 8..], at + id.len() - 8)?);
            }
            (Field::Bytes(counts), Some(Role::Is(kind @ Kind::Count(_)))) => {
                let changing = counts.chunks_exact(8).enumerate().take(BUCKETS_THAT_GROW);
                for (nth, count) in changing {
                    places.push(place(kind, count, at + nth * 8)?);
                }
            }
            (Field::Fixed64(value), Some(Role::Is(kind))) => places.push(place(kind, value, at)?),
            _ => {}
        }
        path.pop();
        Some(())
    })
}

fn place(kind: Kind, bytes: &[u8], offset: usize) -> Option<Place> {
    let prepared = u64::from_le_bytes(bytes.try_into().ok()?);
    Some(Place {
        offset,
        kind,
        prepared,
    })
}

/// So many of a histogram's buckets get one more each turn.
const BUCKETS_THAT_GROW: usize = 4;

enum Role {
    /// A message that holds places.
    Inside,
    Is(Kind),
}

/// What the field with this path is (opentelemetry-proto, `trace.proto`, `metrics.proto`, `logs.proto`).
fn role(signal: Signal, path: &[u64]) -> Option<Role> {
    const ITEM: [u64; 3] = [1, 2, 2];
    if ITEM.starts_with(path) {
        return Some(Role::Inside);
    }
    let kind = match (signal, path.strip_prefix(&ITEM)?) {
        (Signal::Metrics, [5 | 7 | 9] | [5 | 7 | 9, 1]) => return Some(Role::Inside),
        (Signal::Traces, [1 | 2 | 4]) | (Signal::Logs, [9 | 10]) => Kind::Id,
        (Signal::Traces, [7 | 8]) | (Signal::Logs, [1 | 11]) => Kind::Time,
        (Signal::Metrics, [5 | 7 | 9, 1, 3]) => Kind::Time,
        (Signal::Metrics, [5 | 7, 1, 4] | [9, 1, 5]) => Kind::Float,
        (Signal::Metrics, [9, 1, 4]) => Kind::Count(BUCKETS_THAT_GROW as u64),
        (Signal::Metrics, [9, 1, 6]) => Kind::Count(1),
        _ => return None,
    };
    Some(Role::Is(kind))
}
