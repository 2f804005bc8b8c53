//! The OTLP 1.x schema as tables, which the walk and the JSON reader share.
//!
//! Names, numbers and types are those of opentelemetry-proto: `common`, `resource`, `trace`,
//! `metrics`, `logs` and the collector services.

mod common;
mod logs;
mod metrics;
mod trace;

use super::Signal;
pub(super) use common::KEY_VALUE;

/// A message type: its fields, and what to do with each tag that may begin one.
pub(super) struct Schema {
    pub(super) name: &'static str,
    pub(super) fields: &'static [Field],
    steps: [Step; KEYS],
}

pub(super) struct Field {
    pub(super) number: u32,
    /// The name in the `.proto` source; JSON also spells it in lowerCamelCase.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) label: Label,
}

/// The type of a field.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Bool,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint32,
    Enum(&'static Names),
    Fixed32,
    Fixed64,
    Sfixed64,
    Double,
    String,
    Bytes,
    /// Bytes that JSON writes in hexadecimal: a trace or span id.
    Id,
    Message(&'static Schema),
    /// A `KeyValue`, so frequent that the walk treats it apart.
    Attribute,
}

/// An enum's names in JSON: a common prefix, then the rest of the name at the index of its value.
pub(super) struct Names {
    pub(super) prefix: &'static str,
    pub(super) rest: &'static [&'static str],
}

/// Whether and how often a field may stand in a message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Label {
    /// At most once; a zero value is not written.
    Plain,
    /// At most once; a zero value is written, because absence means something else.
    Optional,
    /// As `Optional`, and at most one of the message's fields with this label may stand.
    Oneof,
    /// Any number of times; numbers are packed.
    Repeated,
}

/// What the walk does at a tag.
#[derive(Clone, Copy)]
pub(super) enum Step {
    /// Nobody knows the field: read past it.
    Unknown,
    /// The field is known, and not with this wire type.
    Wrong,
    Varint,
    Fixed64,
    Fixed32,
    Bytes,
    String,
    PackedVarint,
    PackedFixed64,
    /// The index in [`Schema::fields`].
    Message(u8),
    Attribute,
}

/// Every tag of the fields 0 to 16, the highest number in OTLP.
const KEYS: usize = 17 * 8;

impl Schema {
    const fn new(name: &'static str, fields: &'static [Field]) -> Schema {
        let mut steps = [Step::Unknown; KEYS];
        let mut index = 0;
        while index < fields.len() {
            let field = &fields[index];
            let base = field.number as usize * 8;
            let mut wire_type = 0;
            while wire_type < 6 {
                steps[base + wire_type] = field.step(wire_type, index as u8);
                wire_type += 1;
            }
            index += 1;
        }
        Schema {
            name,
            fields,
            steps,
        }
    }

    /// What to do at the tag `key`.
    #[inline(always)]
    pub(super) fn step(&self, key: u32) -> Step {
        self.steps
            .get(key as usize)
            .copied()
            .unwrap_or(Step::Unknown)
    }

    /// The field and message type that a [`Step::Message`] names.
    #[inline(always)]
    pub(super) fn child(&self, index: u8) -> Option<(u32, &'static Schema)> {
        let field = self.fields.get(usize::from(index))?;
        match field.kind {
            Kind::Message(schema) => Some((field.number, schema)),
            _ => None,
        }
    }
}

impl Field {
    const fn step(&self, wire_type: usize, index: u8) -> Step {
        let packed = matches!(self.label, Label::Repeated);
        match (wire_type, self.kind) {
            (0, Kind::Bool | Kind::Int32 | Kind::Int64 | Kind::Uint32) => Step::Varint,
            (0, Kind::Uint64 | Kind::Sint32 | Kind::Enum(_)) => Step::Varint,
            (1, Kind::Fixed64 | Kind::Sfixed64 | Kind::Double) => Step::Fixed64,
            (5, Kind::Fixed32) => Step::Fixed32,
            (2, Kind::String) => Step::String,
            (2, Kind::Bytes | Kind::Id) => Step::Bytes,
            (2, Kind::Message(_)) => Step::Message(index),
            (2, Kind::Attribute) => Step::Attribute,
            (2, Kind::Fixed64 | Kind::Double) if packed => Step::PackedFixed64,
            (2, Kind::Uint64) if packed => Step::PackedVarint,
            _ => Step::Wrong,
        }
    }
}

const fn plain(number: u32, name: &'static str, kind: Kind) -> Field {
    Field {
        number,
        name,
        kind,
        label: Label::Plain,
    }
}

const fn optional(number: u32, name: &'static str, kind: Kind) -> Field {
    Field {
        number,
        name,
        kind,
        label: Label::Optional,
    }
}

const fn oneof(number: u32, name: &'static str, kind: Kind) -> Field {
    Field {
        number,
        name,
        kind,
        label: Label::Oneof,
    }
}

const fn repeated(number: u32, name: &'static str, kind: Kind) -> Field {
    Field {
        number,
        name,
        kind,
        label: Label::Repeated,
    }
}

/// The export request of a signal.
pub(super) fn request(signal: Signal) -> &'static Schema {
    match signal {
        Signal::Traces => &trace::TRACES,
        Signal::Metrics => &metrics::METRICS,
        Signal::Logs => &logs::LOGS,
    }
}
