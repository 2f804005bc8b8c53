//! What `/metrics` shows: received metrics, and metrics derived from spans and logs.

pub mod exposition;
pub mod naming;
pub mod store;
pub mod targets;
