//! OTLP as bytes: what a batch is, how it is walked, validated, viewed and translated. No I/O.

mod ascii;
mod batch;
#[cfg(feature = "agent")]
mod compression;
mod digits;
mod encoding;
mod json;
mod response;
mod schema;
mod signal;
mod status;
#[cfg(all(test, feature = "agent"))]
mod tests;
pub mod view;
mod walk;
pub mod wire;

pub use batch::{Batch, Origin, ServiceItems};
#[cfg(feature = "agent")]
pub use compression::{
    DeflateError, InflateError, can_concatenate, default_level, deflate, inflate, inflate_into,
};
pub use encoding::Encoding;
pub use json::{JsonError, json_to_protobuf};
pub use response::{PartialSuccess, decode_response, encode_response, encode_response_json};
pub use signal::{Signal, SignalSet};
pub use status::{Code, Status};
pub use walk::{Tally, inspect};
pub use wire::WireError;
