//! OTLP/JSON to protobuf bytes, and back for the few things that we say in JSON.
//!
//! OTLP specification, "JSON Protobuf Encoding".

use std::fmt;

use super::Signal;

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
/// # Errors
/// [`JsonError`] if the document is not JSON or not such a request.
pub fn json_to_protobuf(signal: Signal, json: &[u8]) -> Result<Vec<u8>, JsonError> {
    let _ = (signal, json);
    Err(JsonError {
        path: String::new(),
        offset: 0,
        reason: "not yet built".to_owned(),
    })
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
