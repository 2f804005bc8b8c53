//! Probes, against real servers that are stopped, frozen, filled and cut off.

mod postgres;
mod servers;
mod watched;

pub use watched::{RunSpan, Watched};
