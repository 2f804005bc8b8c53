//! The telemetry of the gateway: what each request through it costs nanoseconds for, and no more than it must.
//!
//! A request has a SERVER span and each attempt a CLIENT span below it (semantic conventions for HTTP). A span that is not
//! sampled is two ids; everything else about it is made only where it is recorded.

mod attempt;
mod connections;
mod durations;
mod route;
mod span;
#[cfg(test)]
mod tests;

pub use attempt::AttemptSpan;
pub use connections::ConnectionsReading;
pub use route::{RouteInstruments, RouteLabels};
pub use span::{GatewayRequest, GatewaySpan, GatewayTracer};

pub(super) use connections::observe as observe_connections;
pub(super) use route::AllRoutes;
