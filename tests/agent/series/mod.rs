//! What the agent shows of the telemetry it is sent, watched from outside: by a real Prometheus, by `promtool`, by
//! the official SDK, and by raw requests that no well-behaved sender would make.

mod client;
mod documents;
mod hostile;
mod limits;
mod linted;
mod negotiation;
mod otlp;
mod prometheus;
mod rates;
mod relay;
mod sdk;
mod senders;
pub mod shop;
mod shown;
mod spans;
