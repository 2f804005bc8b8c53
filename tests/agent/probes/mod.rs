//! Probes, against real servers that are stopped, frozen, filled and cut off.

mod config;
mod frozen;
mod greeter;
mod health;
mod http;
mod parrot;
mod postgres;
mod redis;
mod schedule;
mod secrets;
mod servers;
mod tcp;
mod watched;

pub use watched::{RunSpan, Watched};
