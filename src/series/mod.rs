//! What `/metrics` shows: received metrics, and metrics derived from spans and logs.

pub mod classic;
pub mod continuity;
pub mod derived;
pub mod exposition;
mod handle;
pub mod naming;
pub mod percentiles;
pub mod received;
mod state;
pub mod store;
pub mod targets;
mod worker;

pub use handle::{Handle, SeriesHandle};
pub use state::{SeriesCounts, SeriesError, SeriesOptions, SeriesState};
pub use worker::Work;
