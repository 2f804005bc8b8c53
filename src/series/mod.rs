//! What `/metrics` shows: received metrics, and metrics derived from spans and logs.

pub mod continuity;
mod handle;
pub mod naming;
mod state;
pub mod store;
pub mod targets;
mod worker;

pub use handle::{Handle, SeriesHandle};
pub use state::{SeriesCounts, SeriesOptions, SeriesState};
pub use worker::Work;
