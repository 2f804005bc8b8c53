//! Probes, against real servers that are stopped, frozen, filled and cut off.

mod config;
mod disk;
mod dns;
mod exports;
mod frozen;
mod greeter;
mod grpc;
mod health;
mod http;
mod mysql;
mod parrot;
mod postgres;
mod redis;
mod schedule;
mod secrets;
mod sentinel;
pub mod servers;
mod sqlite;
mod tcp;
mod watched;

pub use watched::Watched;
