//! What `/metrics` shows: received metrics, and metrics derived from spans and logs.

pub mod naming;
