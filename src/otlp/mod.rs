//! OTLP as bytes: what a batch is, how it is walked, validated and translated. No I/O.

mod batch;
mod encoding;
mod signal;

pub use batch::{Batch, Origin, ServiceItems};
pub use encoding::Encoding;
pub use signal::{Signal, SignalSet};
