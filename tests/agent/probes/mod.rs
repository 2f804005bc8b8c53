//! Probes, against real servers that are stopped, frozen, filled and cut off.

mod config;
mod frozen;
mod greeter;
mod schedule;
mod watched;

pub use watched::{RunSpan, Watched};
