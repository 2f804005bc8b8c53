//! `google.rpc.Status`: why a request failed, in gRPC's words.
//!
//! OTLP/HTTP answers errors with a `Status` body; gRPC carries one in `grpc-status-details-bin`.
//! Its `details` may hold a `google.rpc.RetryInfo`, which says when to come again.

use std::time::Duration;

use super::wire::{self, Fault, Value, WireError};
use super::{digits, json};

const STATUS: &str = "google.rpc.Status";
const RETRY_INFO: &str = "type.googleapis.com/google.rpc.RetryInfo";

/// A gRPC status code (grpc/doc/statuscodes.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Code {
    /// Success.
    Ok = 0,
    /// The caller gave up.
    Cancelled = 1,
    /// An error that no other code names.
    Unknown = 2,
    /// The request is malformed.
    InvalidArgument = 3,
    /// The deadline passed.
    DeadlineExceeded = 4,
    /// The entity does not exist.
    NotFound = 5,
    /// The entity exists already.
    AlreadyExists = 6,
    /// The caller may not do this.
    PermissionDenied = 7,
    /// A quota or a size limit is reached.
    ResourceExhausted = 8,
    /// The system is not in the state that the request needs.
    FailedPrecondition = 9,
    /// A conflict with another request.
    Aborted = 10,
    /// Past the valid range.
    OutOfRange = 11,
    /// The method is not implemented.
    Unimplemented = 12,
    /// An invariant of the server is broken.
    Internal = 13,
    /// The service can't be reached at present.
    Unavailable = 14,
    /// Data is lost or corrupt.
    DataLoss = 15,
    /// The caller did not say who it is, or not credibly.
    Unauthenticated = 16,
}

impl Code {
    /// Every code, at the index of its number.
    pub const ALL: [Code; 17] = [
        Code::Ok,
        Code::Cancelled,
        Code::Unknown,
        Code::InvalidArgument,
        Code::DeadlineExceeded,
        Code::NotFound,
        Code::AlreadyExists,
        Code::PermissionDenied,
        Code::ResourceExhausted,
        Code::FailedPrecondition,
        Code::Aborted,
        Code::OutOfRange,
        Code::Unimplemented,
        Code::Internal,
        Code::Unavailable,
        Code::DataLoss,
        Code::Unauthenticated,
    ];

    /// The code's number.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The code of a number; numbers that gRPC does not define read as [`Code::Unknown`].
    pub fn from_number(number: i64) -> Code {
        let index = usize::try_from(number).unwrap_or(usize::MAX);
        Code::ALL.get(index).copied().unwrap_or(Code::Unknown)
    }

    /// The code's name as gRPC writes it, for example `RESOURCE_EXHAUSTED`.
    pub const fn name(self) -> &'static str {
        match self {
            Code::Ok => "OK",
            Code::Cancelled => "CANCELLED",
            Code::Unknown => "UNKNOWN",
            Code::InvalidArgument => "INVALID_ARGUMENT",
            Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
            Code::NotFound => "NOT_FOUND",
            Code::AlreadyExists => "ALREADY_EXISTS",
            Code::PermissionDenied => "PERMISSION_DENIED",
            Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
            Code::FailedPrecondition => "FAILED_PRECONDITION",
            Code::Aborted => "ABORTED",
            Code::OutOfRange => "OUT_OF_RANGE",
            Code::Unimplemented => "UNIMPLEMENTED",
            Code::Internal => "INTERNAL",
            Code::Unavailable => "UNAVAILABLE",
            Code::DataLoss => "DATA_LOSS",
            Code::Unauthenticated => "UNAUTHENTICATED",
        }
    }
}

/// A `google.rpc.Status`, with the one detail that OTLP uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The kind of failure.
    pub code: Code,
    /// What happened, for people.
    pub message: String,
    /// How long to wait before a retry; `None` where the details hold no `RetryInfo`.
    ///
    /// A `RetryInfo` without a delay reads as zero: retry when you like.
    pub retry_delay: Option<Duration>,
}

impl Status {
    /// A status without retry information.
    pub fn new(code: Code, message: impl Into<String>) -> Status {
        Status {
            code,
            message: message.into(),
            retry_delay: None,
        }
    }

    /// The same status with a `RetryInfo`.
    #[must_use]
    pub fn with_retry_delay(mut self, delay: impl Into<Option<Duration>>) -> Status {
        self.retry_delay = delay.into();
        self
    }

    /// The protobuf bytes, for an OTLP/HTTP error body or `grpc-status-details-bin`.
    pub fn to_protobuf(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.message.len() + 80);
        if self.code != Code::Ok {
            wire::put_varint_field(&mut out, 1, u64::from(self.code.number()));
        }
        if !self.message.is_empty() {
            wire::put_bytes_field(&mut out, 2, self.message.as_bytes());
        }
        if let Some(delay) = self.retry_delay {
            wire::put_bytes_field(&mut out, 3, &any(&retry_info(delay)));
        }
        out
    }

    /// The proto3 JSON form, for an OTLP/HTTP error body.
    pub fn to_json(&self) -> String {
        let (code, message) = (self.code.number(), json::quote(&self.message));
        let details = self.retry_delay.map(|delay| {
            let delay = json_duration(delay);
            format!(r#","details":[{{"@type":"{RETRY_INFO}","retryDelay":"{delay}"}}]"#)
        });
        let details = details.unwrap_or_default();
        format!(r#"{{"code":{code},"message":{message}{details}}}"#)
    }

    /// The value of a `grpc-status-details-bin` header (gRPC over HTTP/2, "Binary-Header").
    pub fn to_header(&self) -> String {
        digits::encode_base64(&self.to_protobuf())
    }

    /// Decodes the value of a `grpc-status-details-bin` header, padded or not.
    ///
    /// # Errors
    /// [`WireError`] if the value is not base64 or not a `google.rpc.Status`.
    pub fn from_header(value: &str) -> Result<Status, WireError> {
        let bytes = digits::decode_base64(value).map_err(|_| WireError {
            offset: 0,
            message: STATUS,
            fault: Fault::NotBase64,
        })?;
        Status::from_protobuf(&bytes)
    }

    /// Decodes a status out of an error body.
    ///
    /// Details of other types are read past.
    ///
    /// # Errors
    /// [`WireError`] if the bytes are not a `google.rpc.Status`.
    pub fn from_protobuf(bytes: &[u8]) -> Result<Status, WireError> {
        let mut status = Status::new(Code::Ok, "");
        let mut rest = bytes;
        loop {
            let offset = bytes.len() - rest.len();
            let at = |fault| WireError {
                offset,
                message: STATUS,
                fault,
            };
            match wire::next_field(&mut rest).map_err(at)? {
                None => return Ok(status),
                Some((number, value)) => status.set(number, value).map_err(at)?,
            }
        }
    }

    fn set(&mut self, number: u32, value: Value<'_>) -> Result<(), Fault> {
        match (number, value) {
            // An int32: the low 32 bits of the varint.
            (1, Value::Varint(code)) => self.code = Code::from_number(i64::from(code as i32)),
            (2, Value::Len(text)) => {
                let text = std::str::from_utf8(text).map_err(|_| Fault::InvalidUtf8)?;
                text.clone_into(&mut self.message);
            }
            (3, Value::Len(detail)) => {
                if let Some(delay) = retry_delay(detail)? {
                    self.retry_delay = Some(delay);
                }
            }
            (1..=3, _) => return Err(Fault::WrongWireType),
            _ => {}
        }
        Ok(())
    }
}

/// Packs a `RetryInfo` into a `google.protobuf.Any`.
fn any(retry_info: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(RETRY_INFO.len() + retry_info.len() + 4);
    wire::put_bytes_field(&mut out, 1, RETRY_INFO.as_bytes());
    wire::put_bytes_field(&mut out, 2, retry_info);
    out
}

fn retry_info(delay: Duration) -> Vec<u8> {
    let mut duration = Vec::with_capacity(16);
    if delay.as_secs() != 0 {
        wire::put_varint_field(&mut duration, 1, delay.as_secs());
    }
    if delay.subsec_nanos() != 0 {
        wire::put_varint_field(&mut duration, 2, u64::from(delay.subsec_nanos()));
    }
    let mut out = Vec::with_capacity(duration.len() + 2);
    wire::put_bytes_field(&mut out, 1, &duration);
    out
}

/// The delay that an `Any` holds, if it holds a `RetryInfo`.
fn retry_delay(any: &[u8]) -> Result<Option<Duration>, Fault> {
    let (mut type_url, mut value): (&[u8], &[u8]) = (&[], &[]);
    for field in wire::fields(any) {
        match field? {
            (1, Value::Len(bytes)) => type_url = bytes,
            (2, Value::Len(bytes)) => value = bytes,
            _ => {}
        }
    }
    // Only the part behind the last slash names the type (google/protobuf/any.proto).
    let name = type_url.rsplit(|byte| *byte == b'/').next();
    if name != Some(b"google.rpc.RetryInfo".as_slice()) {
        return Ok(None);
    }
    let mut delay = Duration::ZERO;
    for field in wire::fields(value) {
        if let (1, Value::Len(bytes)) = field? {
            delay = duration(bytes)?;
        }
    }
    Ok(Some(delay))
}

/// Reads a `google.protobuf.Duration`; a negative one is no wait at all.
fn duration(bytes: &[u8]) -> Result<Duration, Fault> {
    let (mut seconds, mut nanos) = (0_i64, 0_i32);
    for field in wire::fields(bytes) {
        match field? {
            (1, Value::Varint(value)) => seconds = value as i64,
            (2, Value::Varint(value)) => nanos = value as i32,
            _ => {}
        }
    }
    let nanos = u32::try_from(nanos).unwrap_or(0).min(999_999_999);
    Ok(u64::try_from(seconds).map_or(Duration::ZERO, |seconds| Duration::new(seconds, nanos)))
}

/// `1.5s`, as proto3 JSON writes a duration: 0, 3, 6 or 9 fraction digits.
fn json_duration(delay: Duration) -> String {
    let (seconds, nanos) = (delay.as_secs(), delay.subsec_nanos());
    match nanos {
        0 => format!("{seconds}s"),
        _ if nanos % 1_000_000 == 0 => format!("{seconds}.{:03}s", nanos / 1_000_000),
        _ if nanos % 1_000 == 0 => format!("{seconds}.{:06}s", nanos / 1_000),
        _ => format!("{seconds}.{nanos:09}s"),
    }
}
