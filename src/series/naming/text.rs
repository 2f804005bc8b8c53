//! Names, labels and help as they stand in a text.

use super::kind::TextFormat;
use super::label::LabelPair;
use super::legacy::{is_legacy_label_name, is_legacy_metric_name};

/// Appends `name="value"`; a name that is not a legacy one stands in quotes.
pub fn write_label(out: &mut String, name: &str, value: &str) {
    match is_legacy_label_name(name) {
        true => out.push_str(name),
        false => write_quoted(out, name),
    }
    out.push('=');
    write_quoted(out, value);
}

/// Appends a label to a label text, with a comma where others stand in it already.
pub fn append_label(label_text: &mut String, name: &str, value: &str) {
    if !label_text.is_empty() {
        label_text.push(',');
    }
    write_label(label_text, name, value);
}

/// Appends a label text, `a="b","c.d"="e"`: labels with commas between them.
pub fn write_labels(out: &mut String, pairs: &[LabelPair<'_>]) {
    for (place, (name, value)) in pairs.iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        write_label(out, name, value);
    }
}

/// Appends a metric name as HELP, TYPE and UNIT lines have it; one that is not a legacy name stands in quotes.
pub fn write_metric_name(out: &mut String, name: &str) {
    match is_legacy_metric_name(name) {
        true => out.push_str(name),
        false => write_quoted(out, name),
    }
}

/// Appends a series, a sample's name with its label text: `name{a="b"}`, or `{"na.me",a="b"}` for a name that
/// is not a legacy one.
pub fn write_series(out: &mut String, name: &str, label_text: &str) {
    let is_legacy = is_legacy_metric_name(name);
    if is_legacy {
        out.push_str(name);
    }
    if is_legacy && label_text.is_empty() {
        return;
    }
    out.push('{');
    if !is_legacy {
        write_quoted(out, name);
    }
    if !is_legacy && !label_text.is_empty() {
        out.push(',');
    }
    out.push_str(label_text);
    out.push('}');
}

/// Appends the text of a HELP line: on one line, and with its quotes escaped where `format` wants it.
pub fn write_help(out: &mut String, format: TextFormat, help: &str) {
    match format {
        TextFormat::Prometheus => write_escaped(out, help, |byte| matches!(byte, b'\\' | b'\n')),
        TextFormat::OpenMetrics => write_escaped(out, help, is_special),
    }
}

fn write_quoted(out: &mut String, text: &str) {
    out.push('"');
    write_escaped(out, text, is_special);
    out.push('"');
}

const fn is_special(byte: u8) -> bool {
    matches!(byte, b'\\' | b'"' | b'\n')
}

fn write_escaped(out: &mut String, text: &str, is_special: impl Fn(u8) -> bool) {
    let mut rest = text;
    while let Some(place) = rest.bytes().position(&is_special) {
        // What is special is ASCII, so that both sides of it are whole characters.
        let (plain, behind) = rest.split_at(place);
        out.push_str(plain);
        out.push_str(match behind.as_bytes()[0] {
            b'\n' => "\\n",
            b'"' => "\\\"",
            _ => "\\\\",
        });
        rest = &behind[1..];
    }
    out.push_str(rest);
}
