//! What `/metrics` shows: received metrics, and metrics derived from spans and logs.

pub mod classic;
pub mod derived;
pub mod exposition;
pub mod naming;
pub mod percentiles;
pub mod received;
pub mod store;
pub mod targets;
