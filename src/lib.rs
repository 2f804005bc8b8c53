//! Lineside: the telemetry agent that stands beside your services.
//!
//! The rooms, in the order in which they may know of each other: a room imports only rooms above it.

pub mod otlp;

#[cfg(feature = "agent")]
pub mod agent;
#[cfg(feature = "agent")]
pub mod cli;
#[cfg(feature = "agent")]
pub mod config;
#[cfg(feature = "agent")]
pub mod export;
#[cfg(feature = "agent")]
pub mod intake;
#[cfg(feature = "agent")]
pub mod journal;
#[cfg(feature = "agent")]
pub mod ledger;
#[cfg(feature = "agent")]
pub mod listen;
#[cfg(feature = "agent")]
pub mod receive;
pub mod resilience;
#[cfg(feature = "agent")]
pub mod serve;
#[cfg(feature = "agent")]
pub mod shutdown;
pub mod telemetry;
