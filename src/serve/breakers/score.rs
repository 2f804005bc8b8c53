//! How all breakers stand together, in the words of "monitoring-system".

use serde::Serialize;

use super::BreakerView;
use crate::resilience::BreakerState;

/// A larger share of failed calls is worth a look even before a breaker opens.
const HIGH_FAILURE_RATE: f64 = 0.5;
/// With less, it is no longer merely a part that does not work.
const UNHEALTHY_BELOW: u8 = 50;

/// A judgement of all breakers.
#[derive(Debug, Serialize)]
pub(super) struct Health {
    status: &'static str,
    /// From 0 to 100: the mean of all breakers.
    score: u8,
    issues: Vec<String>,
    recommendations: Vec<String>,
}

impl Health {
    pub(super) fn of(breakers: &[BreakerView]) -> Health {
        let score = mean(breakers);
        let issues: Vec<_> = breakers.iter().filter_map(issue).collect();
        Health {
            status: match (issues.is_empty(), score) {
                (true, _) => "healthy",
                (false, ..UNHEALTHY_BELOW) => "unhealthy",
                (false, _) => "degraded",
            },
            score,
            issues,
            recommendations: breakers.iter().filter_map(recommendation).collect(),
        }
    }
}

/// 0 while calls are held back, 50 while they are tried, else by the share that succeeds.
fn points(breaker: &BreakerView) -> f64 {
    match breaker.status.state {
        BreakerState::Open | BreakerState::ForcedOpen => 0.0,
        BreakerState::HalfOpen => 50.0,
        BreakerState::Closed | BreakerState::Disabled | BreakerState::MetricsOnly => {
            100.0 * (1.0 - failure_rate(breaker))
        }
    }
}

fn mean(breakers: &[BreakerView]) -> u8 {
    if breakers.is_empty() {
        return 100;
    }
    let sum: f64 = breakers.iter().map(points).sum();
    // From 0 to 100, so nothing is cut off.
    (sum / breakers.len() as f64).round() as u8
}

fn failure_rate(breaker: &BreakerView) -> f64 {
    breaker.status.failure_rate.unwrap_or(0.0).clamp(0.0, 1.0)
}

fn fails_much(breaker: &BreakerView) -> bool {
    failure_rate(breaker) > HIGH_FAILURE_RATE
}

fn issue(breaker: &BreakerView) -> Option<String> {
    let is_held_back = breaker.status.state.gauge() != BreakerState::Closed.gauge();
    (is_held_back || fails_much(breaker)).then(|| breaker.sentence())
}

fn recommendation(breaker: &BreakerView) -> Option<String> {
    let service = &breaker.status.service;
    let look = || format!("See in the traces of the calls to {service} why they fail.");
    breaker.advice().or_else(|| fails_much(breaker).then(look))
}
