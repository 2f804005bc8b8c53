//! What `/metrics` shows: received metrics, and metrics derived from spans and logs.

pub mod continuity;
pub mod naming;
pub mod store;
pub mod targets;
