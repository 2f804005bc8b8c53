//! OTLP/JSON to protobuf bytes, and the little JSON that we answer.
//!
//! OTLP specification, "JSON Protobuf Encoding", on top of proto3's JSON mapping:
//!
//! * Trace and span ids are hexadecimal in either case; `bytesValue` is base64, standard or URL-safe,
//!   padded or not.
//! * Integers are numbers or strings, also `1e3` and `1.0`; doubles also `"NaN"` and `"Infinity"`.
//! * Enums are numbers or names. Names of fields are lowerCamelCase or as in the `.proto` source.
//! * Unknown fields are read past; `null` means absent, and in a list of messages an empty message.
//! * A key that stands twice is what two protobuf fields are: the last scalar wins, messages merge,
//!   lists grow. Two different members of a oneof are refused, for one of them would be lost.
//! * A `\ud83d` without its other half becomes U+FFFD, as in the OpenTelemetry Collector: JavaScript
//!   writes it for a string cut within an emoji, and one such string should not cost a request.

mod encode;
mod number;
mod reader;
mod scalar;

use std::fmt;

use super::Signal;
use super::schema;

/// What is wrong with an OTLP/JSON request, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonError {
    /// The value that is wrong, for example `resourceSpans[0].scopeSpans[1].spans[3].traceId`;
    /// empty for the document itself.
    pub path: String,
    /// The position in the document, in bytes.
    pub offset: usize,
    /// What is wrong there.
    pub reason: String,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let JsonError {
            path,
            offset,
            reason,
        } = self;
        match path.as_str() {
            "" => write!(f, "not valid OTLP/JSON: {reason} (byte {offset})"),
            path => write!(f, "not valid OTLP/JSON: {path}: {reason} (byte {offset})"),
        }
    }
}

impl std::error::Error for JsonError {}

/// Translates an OTLP/JSON export request into the protobuf bytes of the same message.
///
/// The result passes [`inspect`](super::inspect). Takes linear time. The result is mostly shorter than
/// the document, and at most four times as long: `1,` in a list of doubles takes eight bytes.
///
/// # Errors
/// [`JsonError`] if the document is not JSON or not such a request.
pub fn json_to_protobuf(signal: Signal, json: &[u8]) -> Result<Vec<u8>, JsonError> {
    encode::document(schema::request(signal), json).map_err(|error| *error)
}

/// A JSON string literal, quotes included.
pub(super) fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\x1f' => out.push_str(&format!("\\u{:04x}", u32::from(character))),
            _ => out.push(character),
        }
    }
    out.push('"');
    out
}
