//! Probes, against real servers that are stopped, frozen, filled and cut off.

mod mysql;
mod servers;
mod sqlite;
mod watched;

pub use watched::{RunSpan, Watched};
