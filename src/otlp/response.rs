//! The answers to export requests: `Export{Trace,Metrics,Logs}ServiceResponse`.
//!
//! The three messages have the same shape: `partial_success = 1 { rejected = 1, error_message = 2 }`.

use super::wire::{self, Fault, Value, WireError};
use super::{Signal, json};

/// What a destination refused of a request that it otherwise accepted.
///
/// OTLP specification, "Partial Success": `rejected` of 0 with a message is a warning about a
/// request that was accepted in full.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartialSuccess {
    /// How many spans, data points or log records were refused.
    pub rejected: i64,
    /// Why, for people; may be empty.
    pub message: String,
}

impl PartialSuccess {
    /// The protobuf bytes of a response that carries this.
    pub fn to_protobuf(&self) -> Vec<u8> {
        let mut inner = Vec::with_capacity(self.message.len() + 16);
        if self.rejected != 0 {
            wire::put_varint_field(&mut inner, 1, self.rejected as u64);
        }
        if !self.message.is_empty() {
            wire::put_bytes_field(&mut inner, 2, self.message.as_bytes());
        }
        let mut out = Vec::with_capacity(inner.len() + 4);
        wire::put_bytes_field(&mut out, 1, &inner);
        out
    }

    fn merge(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        for field in wire::fields(bytes) {
            match field? {
                (1, Value::Varint(rejected)) => self.rejected = rejected as i64,
                (2, Value::Len(text)) => self.message = utf8(text)?,
                (1 | 2, _) => return Err(Fault::WrongWireType),
                _ => {}
            }
        }
        Ok(())
    }
}

fn utf8(bytes: &[u8]) -> Result<String, Fault> {
    let text = std::str::from_utf8(bytes).map_err(|_| Fault::InvalidUtf8)?;
    Ok(text.to_owned())
}

/// Encodes the response to a request as protobuf: no bytes at all for full success.
pub fn encode_response(partial: Option<&PartialSuccess>) -> Vec<u8> {
    partial.map(PartialSuccess::to_protobuf).unwrap_or_default()
}

/// Encodes the response to a request as OTLP/JSON: `{}` for full success.
pub fn encode_response_json(signal: Signal, partial: Option<&PartialSuccess>) -> String {
    let Some(PartialSuccess { rejected, message }) = partial else {
        return "{}".to_owned();
    };
    let (name, message) = (rejected_name(signal), json::quote(message));
    format!(r#"{{"partialSuccess":{{"{name}":"{rejected}","errorMessage":{message}}}}}"#)
}

const fn rejected_name(signal: Signal) -> &'static str {
    match signal {
        Signal::Traces => "rejectedSpans",
        Signal::Metrics => "rejectedDataPoints",
        Signal::Logs => "rejectedLogRecords",
    }
}

/// Decodes a destination's protobuf response: `None` is full success.
///
/// # Errors
/// [`WireError`] if the bytes are not a response; its offset is the position of the field.
pub fn decode_response(bytes: &[u8]) -> Result<Option<PartialSuccess>, WireError> {
    let mut rest = bytes;
    let mut partial = None;
    loop {
        let offset = bytes.len() - rest.len();
        let at = |fault| WireError {
            offset,
            message: "export response",
            fault,
        };
        match wire::next_field(&mut rest).map_err(at)? {
            None => return Ok(partial.filter(|found| *found != PartialSuccess::default())),
            Some((1, Value::Len(inner))) => {
                partial.get_or_insert_default().merge(inner).map_err(at)?;
            }
            Some((1, _)) => return Err(at(Fault::WrongWireType)),
            Some(_) => {}
        }
    }
}
