//! Probes, against real servers that are stopped, frozen, filled and cut off.

mod frozen;
mod greeter;
mod health;
mod postgres;
mod schedule;
mod servers;
mod http;
mod schedule;
mod servers;
mod tcp;
mod redis;
mod schedule;
mod servers;
mod watched;

pub use watched::{RunSpan, Watched};
