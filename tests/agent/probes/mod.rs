//! Probes, against real servers that are stopped, frozen, filled and cut off.

mod frozen;
mod greeter;
mod redis;
mod schedule;
mod sentinel;
mod servers;
mod watched;

pub use watched::{RunSpan, Watched};
