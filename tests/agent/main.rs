//! The agent's promises, kept by the real binary against real clients and a scripted destination.
//!
//! One test binary, so that it links once and its tests run side by side. Each module is one promise.
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails where it stands"
)]

mod bad_input;
mod clients;
mod config;
mod continuity;
mod crash;
mod deploy;
mod direct;
mod export;
mod fixture;
mod gateway;
mod healthcheck;
mod house;
mod overload;
mod own_telemetry;
mod probes;
mod scrape;
mod series;
mod service_manager;
mod shutdown;
mod stack;
mod store;
mod tls;
