//! Work that must leave no telemetry of its own, so that exporting telemetry creates none.

use std::future::Future;

use opentelemetry::Context;
use opentelemetry::context::FutureExt as _;

/// Runs `future` so that nothing within it becomes a span or an exported log record.
///
/// Metrics are still recorded: they are aggregated, so they cannot feed a loop.
pub fn quietly<F: Future>(future: F) -> impl Future<Output = F::Output> {
    future.with_context(Context::current().with_telemetry_suppressed())
}

/// Whether the current context leaves no spans and no exported log records.
pub fn is_quiet() -> bool {
    Context::is_current_telemetry_suppressed()
}
