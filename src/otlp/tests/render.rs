//! Protobuf bytes as OTLP/JSON, in any of the spellings that senders may choose.

use std::collections::BTreeMap;

use fastrand::Rng;

use crate::otlp::schema::{Field, KEY_VALUE, Kind, Label, Schema};
use crate::otlp::wire::{self, Value};
use crate::otlp::{digits, json};

/// The JSON of a valid message of type `schema`.
pub(super) fn render(schema: &'static Schema, message: &[u8], rng: &mut Rng) -> String {
    let mut values: BTreeMap<u32, Vec<Value<'_>>> = BTreeMap::new();
    for field in wire::fields(message) {
        let (number, value) = field.unwrap();
        values.entry(number).or_default().push(value);
    }
    let mut members: Vec<String> = schema
        .fields
        .iter()
        .filter_map(|field| member(field, values.get(&field.number), rng))
        .collect();
    if rng.u8(..8) == 0 {
        members.push(r#""unknown":{"deep":[1,{"x":null}],"text":"\u00e9"}"#.to_owned());
    }
    rng.shuffle(&mut members);
    let space = ["", " ", "\n\t"][rng.usize(..3)];
    format!(
        "{{{space}{}{space}}}",
        members.join(&format!("{space},{space}"))
    )
}

fn member(field: &Field, values: Option<&Vec<Value<'_>>>, rng: &mut Rng) -> Option<String> {
    let value = match values {
        None if field.label == Label::Repeated => {
            [None, Some("[]"), Some("null")][rng.usize(..3)]?.to_owned()
        }
        None => [None, None, Some("null")][rng.usize(..3)]?.to_owned(),
        Some(values) if field.label == Label::Repeated => {
            let elements = unpacked(field.kind, values);
            let elements: Vec<_> = elements
                .iter()
                .map(|one| value(field.kind, one, rng))
                .collect();
            format!("[{}]", elements.join(", "))
        }
        Some(values) => value(field.kind, &values[0], rng),
    };
    Some(format!("\"{}\":{value}", name(field.name, rng)))
}

fn name(name: &str, rng: &mut Rng) -> String {
    if rng.u8(..4) == 0 {
        return name.to_owned();
    }
    let mut words = name.split('_');
    let first = words.next().unwrap().to_owned();
    words.fold(first, |name, word| {
        name + &word[..1].to_uppercase() + &word[1..]
    })
}

/// The single values of a packed list.
fn unpacked<'a>(kind: Kind, values: &[Value<'a>]) -> Vec<Value<'a>> {
    let mut out = Vec::new();
    for value in values {
        let Value::Len(mut run) = *value else {
            panic!("prost packs {value:?}")
        };
        match kind {
            Kind::Fixed64 | Kind::Double => {
                while !run.is_empty() {
                    out.push(Value::Fixed64(wire::fixed64(&mut run).unwrap()));
                }
            }
            Kind::Uint64 => {
                while !run.is_empty() {
                    out.push(Value::Varint(wire::varint(&mut run).unwrap()));
                }
            }
            _ => out.push(*value),
        }
    }
    out
}

fn value(kind: Kind, value: &Value<'_>, rng: &mut Rng) -> String {
    match (kind, value) {
        (Kind::Bool, Value::Varint(value)) => (*value != 0).to_string(),
        (Kind::Int32, Value::Varint(value)) => integer(i128::from(*value as i32), rng),
        (Kind::Int64, Value::Varint(value)) => integer(i128::from(*value as i64), rng),
        (Kind::Uint32 | Kind::Uint64, Value::Varint(value)) => integer(i128::from(*value), rng),
        (Kind::Sint32, Value::Varint(value)) => integer(i128::from(unzigzag(*value)), rng),
        (Kind::Fixed32, Value::Fixed32(value)) => integer(i128::from(*value), rng),
        (Kind::Fixed64, Value::Fixed64(value)) => integer(i128::from(*value), rng),
        (Kind::Sfixed64, Value::Fixed64(value)) => integer(i128::from(*value as i64), rng),
        (Kind::Double, Value::Fixed64(value)) => double(f64::from_bits(*value), rng),
        (Kind::Enum(names), Value::Varint(value)) => {
            match names.rest.get(*value as usize).filter(|_| rng.bool()) {
                Some(rest) => format!("\"{}{rest}\"", names.prefix),
                None => (*value as i32).to_string(),
            }
        }
        (Kind::String, Value::Len(text)) => string(std::str::from_utf8(text).unwrap(), rng),
        (Kind::Bytes, Value::Len(bytes)) => format!("\"{}\"", base64(bytes, rng)),
        (Kind::Id, Value::Len(bytes)) => format!("\"{}\"", hex(bytes, rng)),
        (Kind::Message(schema), Value::Len(message)) => render(schema, message, rng),
        (Kind::Attribute, Value::Len(message)) => render(&KEY_VALUE, message, rng),
        (_, other) => panic!("unexpected {other:?}"),
    }
}

fn unzigzag(value: u64) -> i32 {
    ((value >> 1) as i32) ^ -((value & 1) as i32)
}

fn integer(value: i128, rng: &mut Rng) -> String {
    match rng.u8(..6) {
        0 => format!("{value}.0"),
        1 if value != 0 => format!("\"{value}00e-2\""),
        2 => format!("{value}e0"),
        3 => value.to_string(),
        _ => format!("\"{value}\""),
    }
}

fn double(value: f64, rng: &mut Rng) -> String {
    let plain = match value {
        f64::INFINITY => return "\"Infinity\"".to_owned(),
        f64::NEG_INFINITY => return "\"-Infinity\"".to_owned(),
        _ => [format!("{value:?}"), format!("{value:e}")][rng.usize(..2)].clone(),
    };
    if rng.u8(..4) == 0 {
        format!("\"{plain}\"")
    } else {
        plain
    }
}

fn string(text: &str, rng: &mut Rng) -> String {
    if rng.u8(..4) > 0 {
        return json::quote(text);
    }
    let units = text.encode_utf16().map(|unit| format!("\\u{unit:04X}"));
    format!("\"{}\"", units.collect::<String>())
}

fn hex(bytes: &[u8], rng: &mut Rng) -> String {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    if rng.bool() {
        digits
    } else {
        digits.to_uppercase()
    }
}

fn base64(bytes: &[u8], rng: &mut Rng) -> String {
    let mut out = digits::encode_base64(bytes);
    if rng.bool() {
        out = out.replace('+', "-").replace('/', "_");
    }
    while rng.bool() && !out.len().is_multiple_of(4)
        || out.ends_with('=') && !out.len().is_multiple_of(4)
    {
        out.push('=');
    }
    out
}
