//! Lineside: the telemetry agent that stands beside your services.
//!
//! The rooms, in the order in which they may know of each other: a room imports only rooms above it.

pub mod otlp;
#[cfg(feature = "agent")]
pub mod serve;
pub mod telemetry;
