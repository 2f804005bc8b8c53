//! Checks what services depend on: databases, caches, third parties, and the agent's own exports and disk.
//!
//! A probe is one configured dependency. A run is one check of it, with phases, that ends in success or in a
//! [`Failure`] that says why. What a kind of check does stands in a file of its own under `kind`; when it runs, how
//! many runs make a state, and what is told of it, is the same for all.

mod certificate;
mod connection;
mod failure;
mod kind;
mod metric;
mod run;

pub use failure::{Failure, Phase, Reason};
pub use metric::{Metric, MetricKind, Reading};
pub use run::{Lap, Run};
