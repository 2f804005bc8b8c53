//! What `/metrics` shows: received metrics, and metrics derived from spans and logs.

pub mod derived;
pub mod naming;
pub mod percentiles;
pub mod store;
pub mod targets;
