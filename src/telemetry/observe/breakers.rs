//! Circuit breakers.

use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;

use super::super::names;
use super::Shared;
use crate::resilience::BreakerStatus;

type Breakers = Arc<Shared<Vec<BreakerStatus>>>;

/// `circuit_breaker.*`, apart from the transitions.
pub(in crate::telemetry) fn breakers(
    meter: &Meter,
    read: impl Fn() -> Vec<BreakerStatus> + Send + Sync + 'static,
) {
    let shared = Shared::new(read);
    state(meter, Arc::clone(&shared));
    calls(meter, Arc::clone(&shared));
    slow_calls(meter, Arc::clone(&shared));
    failure_rate(meter, shared);
}

fn of_service(breaker: &BreakerStatus) -> KeyValue {
    KeyValue::new(names::SERVICE, Arc::clone(&breaker.service))
}

fn state(meter: &Meter, breakers: Breakers) {
    meter
        .u64_observable_gauge(names::CIRCUIT_BREAKER_STATE)
        .with_description("State of a circuit breaker: 0 closed, 1 open, 2 half-open.")
        .with_callback(move |observer| {
            for breaker in breakers.fresh().iter() {
                observer.observe(breaker.state.gauge(), &[of_service(breaker)]);
            }
        })
        .build();
}

fn calls(meter: &Meter, breakers: Breakers) {
    meter
        .u64_observable_counter(names::CIRCUIT_BREAKER_CALLS)
        .with_unit("{call}")
        .with_description("Calls that a circuit breaker was asked for, by what became of them.")
        .with_callback(move |observer| {
            for breaker in breakers.same().iter() {
                let total = &breaker.total;
                for (outcome, count) in [
                    ("success", total.successes),
                    ("failure", total.failures),
                    ("ignored", total.ignored),
                    ("held_back", total.held_back),
                ] {
                    let outcome = KeyValue::new(names::OUTCOME, outcome);
                    observer.observe(count, &[of_service(breaker), outcome]);
                }
            }
        })
        .build();
}

fn slow_calls(meter: &Meter, breakers: Breakers) {
    meter
        .u64_observable_counter(names::CIRCUIT_BREAKER_SLOW_CALLS)
        .with_unit("{call}")
        .with_description("Calls that took longer than a circuit breaker's policy allows.")
        .with_callback(move |observer| {
            for breaker in breakers.same().iter() {
                observer.observe(breaker.total.slow, &[of_service(breaker)]);
            }
        })
        .build();
}

/// Nothing is shown where there were no calls: a rate of nothing is not zero.
fn failure_rate(meter: &Meter, breakers: Breakers) {
    meter
        .f64_observable_gauge(names::CIRCUIT_BREAKER_FAILURE_RATE)
        .with_unit("1")
        .with_description("The share of calls that failed lately, as a circuit breaker sees it.")
        .with_callback(move |observer| {
            for breaker in breakers.same().iter() {
                if let Some(rate) = breaker.failure_rate {
                    observer.observe(rate, &[of_service(breaker)]);
                }
            }
        })
        .build();
}
