//! Probes, against real servers that are stopped, frozen, filled and cut off.

mod redis;
mod servers;
mod watched;

pub use watched::{RunSpan, Watched};
