//! The gateway, between callers and upstreams that do anything at all.

mod breaker;
mod breaker_told;
mod cache;
mod faults;
pub mod fixture;
mod forwarding;
mod identity;
mod keys;
mod limits;
mod protocols;
mod retries;
mod routes;
mod secrets;
mod shutdown;
mod smuggling;
mod streaming;
mod targets;
mod websocket;
