//! Checks what services depend on: databases, caches, third parties, and the agent's own exports and disk.
//!
//! A probe is one configured dependency. A run is one check of it, with phases, that ends in success or in a
//! [`Failure`] that says why. What a kind of check does stands in a file of its own under `kind`; when it runs, how
//! many runs make a state, and what is told of it, is the same for all.

mod advice;
mod board;
mod certificate;
mod connection;
mod excerpt;
mod failure;
mod http2;
mod kind;
mod lanes;
mod line;
mod maintenance;
mod meters;
mod metric;
mod probes;
mod run;
mod runner;
mod schedule;
mod spec;
mod standing;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

pub use board::{Board, Look, Status};
pub use failure::{Failure, Phase, Reason};
pub use kind::{AskExport, ExportHealth};
pub use maintenance::Windows;
pub use metric::{Metric, MetricKind, Reading};
pub use probes::{Prepared, ProbeError, ProbeErrors, Probes};
pub use run::{Found, Lap, Run};
pub use spec::{Spec, Thresholds};
pub use standing::{Change, Report, Standing, State};
