//! What is told when a breaker changes its state.

use std::sync::Arc;

use opentelemetry::metrics::{Counter, Meter};
use opentelemetry::trace::TraceContextExt as _;
use opentelemetry::{Context, KeyValue};
use tracing::{info, warn};

use super::names;
use crate::resilience::{BreakerState, Transition};

/// `circuit_breaker.transitions`.
pub(super) fn transitions(meter: &Meter) -> Counter<u64> {
    meter
        .u64_counter(names::CIRCUIT_BREAKER_TRANSITIONS)
        .with_unit("{transition}")
        .with_description("Changes of a circuit breaker's state.")
        .build()
}

/// Counts `change` and adds it to the current span.
pub(super) fn changed(transitions: &Counter<u64>, change: &Transition) {
    let service = KeyValue::new(names::SERVICE, Arc::clone(&change.service));
    let to = KeyValue::new(names::TO, change.to.word());
    let reason = KeyValue::new(names::REASON, change.reason.name());
    Context::map_current(|context| {
        let from = KeyValue::new(names::FROM, change.from.word());
        let attributes = vec![service.clone(), from, to.clone(), reason.clone()];
        let span = context.span();
        span.add_event(names::CIRCUIT_BREAKER_TRANSITION, attributes);
    });
    transitions.add(1, &[service, to, reason]);
}

/// Writes `change` to the log.
pub(super) fn log(change: &Transition) {
    let (service, reason) = (&*change.service, change.reason.name());
    let (from, to) = (change.from.word(), change.to.word());
    match change.to {
        BreakerState::Open | BreakerState::ForcedOpen => {
            warn!(service, from, to, reason, "{change}");
        }
        _ => info!(service, from, to, reason, "{change}"),
    }
}
