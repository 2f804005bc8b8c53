//! Breakers as JSON.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::BreakerView;
use super::score::Health;
use crate::resilience::{BreakerStatus, CallCounts, Transition};
use crate::serve::answer::{milliseconds, rfc3339, whole_milliseconds};

/// `/metrics/circuit-breaker`.
#[derive(Serialize)]
pub(super) struct Circuits<'a> {
    /// Milliseconds since 1970.
    timestamp: u64,
    health: Health,
    circuits: Vec<Circuit<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Circuit<'a> {
    service: &'a str,
    metrics: Metrics,
    /// From 0 to 1.
    failure_rate: f64,
    /// Calls a second.
    throughput: f64,
    #[serde(flatten)]
    status: Status,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metrics {
    state: &'static str,
    /// From 0 to 1.
    failure_rate: f64,
    /// Milliseconds.
    avg_latency: f64,
    consecutive_failures: u32,
}

/// The members that "quick-reference" promises of a breaker's status.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    state: &'static str,
    failures: u64,
    successes: u64,
    last_failure: Option<String>,
}

/// `/api/breakers`.
#[derive(Serialize)]
pub(super) struct Listed<'a> {
    pub(super) timestamp: String,
    pub(super) breakers: Vec<Full<'a>>,
}

/// All that is known of a breaker.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Full<'a> {
    service: &'a str,
    guards: &'static str,
    #[serde(flatten)]
    status: Status,
    message: String,
    since: String,
    /// When it is tried again, while it is open.
    next_try: Option<String>,
    consecutive_failures: u32,
    held_back: u64,
    /// From 0 to 1.
    failure_rate: f64,
    /// From 0 to 1.
    slow_rate: f64,
    /// Milliseconds.
    avg_latency: f64,
    /// Calls a second.
    throughput: f64,
    calls: Calls,
    last_change: Option<Change<'a>>,
}

/// Calls since the agent started.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Calls {
    success: u64,
    failure: u64,
    ignored: u64,
    held_back: u64,
    slow: u64,
}

/// A change of state.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Change<'a> {
    timestamp: String,
    service: &'a str,
    from: &'static str,
    to: &'static str,
    reason: &'static str,
    message: String,
    /// Milliseconds for which calls are held back, where it opened by itself.
    open_for: Option<u64>,
    /// Counts the changes of this breaker.
    number: u64,
}

impl<'a> Circuits<'a> {
    pub(super) fn of(breakers: &'a [BreakerView]) -> Circuits<'a> {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
        Circuits {
            timestamp: whole_milliseconds(since_epoch.unwrap_or_default()),
            health: Health::of(breakers),
            circuits: breakers
                .iter()
                .map(|one| Circuit::of(&one.status))
                .collect(),
        }
    }
}

impl<'a> Circuit<'a> {
    fn of(breaker: &'a BreakerStatus) -> Circuit<'a> {
        let failure_rate = rounded(breaker.failure_rate.unwrap_or(0.0));
        Circuit {
            service: &breaker.service,
            metrics: Metrics {
                state: breaker.state.name(),
                failure_rate,
                avg_latency: latency_ms(breaker),
                consecutive_failures: breaker.consecutive_failures,
            },
            failure_rate,
            throughput: rounded(breaker.throughput_per_s),
            status: Status::of(breaker),
        }
    }
}

impl Status {
    fn of(breaker: &BreakerStatus) -> Status {
        Status {
            state: breaker.state.name(),
            failures: breaker.failures,
            successes: breaker.successes,
            last_failure: breaker.last_failure.map(rfc3339),
        }
    }
}

impl<'a> Full<'a> {
    pub(super) fn of(view: &'a BreakerView) -> Full<'a> {
        let (breaker, now) = (&view.status, SystemTime::now());
        let after = |time: Duration| now.checked_add(time).map(rfc3339);
        Full {
            service: &breaker.service,
            guards: view.guards,
            status: Status::of(breaker),
            message: view.sentence(),
            since: rfc3339(now.checked_sub(breaker.in_state_for).unwrap_or(now)),
            next_try: breaker.open_for.and_then(after),
            consecutive_failures: breaker.consecutive_failures,
            held_back: breaker.held_back,
            failure_rate: rounded(breaker.failure_rate.unwrap_or(0.0)),
            slow_rate: rounded(breaker.slow_rate.unwrap_or(0.0)),
            avg_latency: latency_ms(breaker),
            throughput: rounded(breaker.throughput_per_s),
            calls: Calls::of(&breaker.total),
            last_change: view.last_change.as_ref().map(Change::of),
        }
    }
}

impl Calls {
    fn of(total: &CallCounts) -> Calls {
        Calls {
            success: total.successes,
            failure: total.failures,
            ignored: total.ignored,
            held_back: total.held_back,
            slow: total.slow,
        }
    }
}

impl<'a> Change<'a> {
    pub(super) fn of(change: &'a Transition) -> Change<'a> {
        Change {
            timestamp: rfc3339(change.at),
            service: &change.service,
            from: change.from.name(),
            to: change.to.name(),
            reason: change.reason.name(),
            message: change.reason.to_string(),
            open_for: change.open_for.map(whole_milliseconds),
            number: change.number,
        }
    }
}

fn latency_ms(breaker: &BreakerStatus) -> f64 {
    milliseconds(breaker.average_latency.unwrap_or_default())
}

/// To four digits behind the point.
fn rounded(number: f64) -> f64 {
    (number * 10_000.0).round() / 10_000.0
}
