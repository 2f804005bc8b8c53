//! The two messages of `grpc.health.v1`, framed as gRPC frames them.
//!
//! Each is one field (<https://github.com/grpc/grpc-proto/blob/master/grpc/health/v1/health.proto>), behind a prefix of
//! five bytes: whether the message is compressed, and its length
//! (<https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>, "Length-Prefixed-Message").

use bytes::Bytes;

use crate::otlp::wire::{self, Value};

/// `HealthCheckRequest.service`.
const SERVICE: u32 = 1;
/// `HealthCheckResponse.status`.
const STATUS: u32 = 1;

/// What a server says of a service: `HealthCheckResponse.ServingStatus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Health {
    /// It has not said anything yet.
    Unknown,
    /// It serves.
    Serving,
    /// It does not serve.
    NotServing,
    /// The server has no such service. Only `Watch` answers so.
    ServiceUnknown,
}

impl Health {
    /// The status as the protocol names it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Health::Unknown => "UNKNOWN",
            Health::Serving => "SERVING",
            Health::NotServing => "NOT_SERVING",
            Health::ServiceUnknown => "SERVICE_UNKNOWN",
        }
    }

    const fn from_number(number: u64) -> Option<Health> {
        match number {
            0 => Some(Health::Unknown),
            1 => Some(Health::Serving),
            2 => Some(Health::NotServing),
            3 => Some(Health::ServiceUnknown),
            _ => None,
        }
    }
}

/// The request that asks about `service`; empty asks about the server as a whole.
///
/// # Errors
///
/// The name is longer than a message can be.
pub(super) fn question(service: &str) -> Result<Bytes, String> {
    let mut message = Vec::new();
    if !service.is_empty() {
        wire::put_bytes_field(&mut message, SERVICE, service.as_bytes());
    }
    let length = u32::try_from(message.len()).map_err(|_| "grpc.service is too long")?;
    let mut framed = vec![0];
    framed.extend(length.to_be_bytes());
    framed.extend(message);
    Ok(framed.into())
}

/// What the answer says.
///
/// # Errors
///
/// What is wrong with it.
pub(super) fn answer(framed: &[u8]) -> Result<Health, String> {
    let (prefix, message) = framed
        .split_first_chunk::<5>()
        .ok_or("the answer holds no message")?;
    let [compressed, length @ ..] = *prefix;
    if compressed != 0 {
        return Err("the answer is compressed, which was not offered".to_owned());
    }
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length != message.len() {
        let (is, says) = (message.len(), length);
        return Err(format!(
            "the answer's message is {is} bytes long where its prefix says {says}"
        ));
    }
    status(message)
}

/// The last value counts, and none is 0, as for every field of proto3.
fn status(message: &[u8]) -> Result<Health, String> {
    let mut number = 0;
    for field in wire::fields(message) {
        match field.map_err(|fault| format!("the answer is no HealthCheckResponse: {fault}"))? {
            (STATUS, Value::Varint(value)) => number = value,
            (STATUS, _) => return Err("the answer's status is no number".to_owned()),
            _ => {}
        }
    }
    Health::from_number(number)
        .ok_or_else(|| format!("the answer's status is {number}, which means nothing"))
}
