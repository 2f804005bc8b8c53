//! Values as text, for what knows text alone.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::attribute::Attribute;
use super::text;
use super::value::AnyValue;
use crate::otlp::wire::MAX_DEPTH;
use crate::otlp::{digits, json};

impl<'a> AnyValue<'a> {
    /// The value as [`AnyValue::write_text`] writes it; text is not copied.
    #[must_use]
    pub fn text(self) -> Cow<'a, str> {
        if let AnyValue::Str(bytes) = self {
            return text(bytes);
        }
        let mut written = String::new();
        self.write_text(&mut written);
        Cow::Owned(written)
    }

    /// Appends the value as the OpenTelemetry specification writes values for other protocols (common
    /// concepts, "AnyValue representation for non-OTLP protocols"): text as it is, bytes as base64,
    /// arrays and maps as JSON, nothing for no value.
    ///
    /// JSON is written without spaces; floating point numbers as ECMAScript and the OpenTelemetry
    /// Collector write them: `1`, `0.25`, `1e+21`. `out` grows by as much as the value needs.
    pub fn write_text(&self, out: &mut String) {
        match self {
            AnyValue::Empty => {}
            AnyValue::Str(bytes) => out.push_str(&text(bytes)),
            AnyValue::Bytes(bytes) => digits::put_base64(out, bytes),
            AnyValue::Double(value) => put_double(out, *value),
            _ => put_json(out, *self, MAX_DEPTH),
        }
    }
}

/// Appends a value as it stands in an array. `depth` is how many levels may stand below it: checked
/// bytes never reach its end.
fn put_json(out: &mut String, value: AnyValue<'_>, depth: u32) {
    match value {
        AnyValue::Empty => out.push_str("null"),
        AnyValue::Str(bytes) => out.push_str(&json::quote(&text(bytes))),
        AnyValue::Bool(value) => out.push_str(if value { "true" } else { "false" }),
        AnyValue::Int(value) => put_int(out, value),
        AnyValue::Double(value) => put_json_double(out, value),
        AnyValue::Bytes(bytes) => in_quotes(out, |out| digits::put_base64(out, bytes)),
        AnyValue::Array(_) | AnyValue::Map(_) if depth == 0 => out.push_str("null"),
        AnyValue::Array(array) => {
            let put = |out: &mut String, value| put_json(out, value, depth - 1);
            put_list(out, ['[', ']'], array.values(), put);
        }
        AnyValue::Map(map) => {
            let put = |out: &mut String, entry| put_entry(out, entry, depth - 1);
            put_list(out, ['{', '}'], map.attributes(), put);
        }
    }
}

fn put_entry(out: &mut String, entry: Attribute<'_>, depth: u32) {
    out.push_str(&json::quote(&text(entry.key())));
    out.push(':');
    put_json(out, entry.value(), depth);
}

fn put_list<T>(
    out: &mut String,
    [open, close]: [char; 2],
    items: impl Iterator<Item = T>,
    put: impl Fn(&mut String, T),
) {
    out.push(open);
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push(',');
        }
        put(out, item);
    }
    out.push(close);
}

fn put_int(out: &mut String, value: i64) {
    // Writing to a string can't fail.
    let _ = write!(out, "{value}");
}

/// JSON has no numbers for what is not finite.
fn put_json_double(out: &mut String, value: f64) {
    if value.is_finite() {
        put_double(out, value);
    } else {
        in_quotes(out, |out| put_double(out, value));
    }
}

fn put_double(out: &mut String, value: f64) {
    let magnitude = value.abs();
    let _ = if value.is_nan() {
        out.write_str("NaN")
    } else if value.is_infinite() {
        out.write_str(if value > 0.0 { "Infinity" } else { "-Infinity" })
    } else if magnitude >= 1e21 {
        out.write_str(&format!("{value:e}").replacen('e', "e+", 1))
    } else if magnitude < 1e-6 && magnitude > 0.0 {
        write!(out, "{value:e}")
    } else {
        write!(out, "{value}")
    };
}

fn in_quotes(out: &mut String, put: impl FnOnce(&mut String)) {
    out.push('"');
    put(out);
    out.push('"');
}
