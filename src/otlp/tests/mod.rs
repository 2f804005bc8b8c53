//! The room's tests: rules one by one in tables, then against prost and at random.

// A failed unwrap is a failed test.
#![allow(clippy::unwrap_used)]

mod compression;
mod fuzz;
mod json;
mod json_documents;
mod json_full;
mod mutate;
mod oracle;
mod render;
mod response;
mod sample;
mod status;
mod view;
mod walk;
mod wire;
