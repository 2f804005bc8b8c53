//! The agent's own telemetry: the OpenTelemetry SDK lives here and nowhere else.
//!
//! Meters, spans and logs leave by two ways: `/metrics` reads a Prometheus registry, and OTLP goes
//! through the agent's own intake. Neither creates telemetry about itself.

mod active;
pub mod instruments;
pub mod names;
mod observe;
mod own_client;
pub mod process;
mod readings;
mod suppress;

pub use instruments::{ActiveGuard, ExportInstruments, HttpRoute, Instruments, RpcMethod};
pub use own_client::{OfferFuture, OwnIntake};
pub use readings::{
    BreakerState, ExportOutcome, ExportReading, ItemsReading, JournalReading, LedgerReading,
    TurnedAwayReading,
};
pub use suppress::{is_quiet, quietly};
