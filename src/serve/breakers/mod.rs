//! Circuit breakers: how they stand, setting them by hand, and their changes as they happen.

mod score;
mod shown;

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, StatusCode};
use percent_encoding::percent_decode_str;

use super::answer::{self, Answer, timestamp};
use super::fault::Refusal;
use super::feed::{Feed, NoPlace};
use super::health::Selection;
use super::request::Request;
use super::{Face, Phase};
use crate::resilience::{BreakerState, BreakerStatus, Transition};
use shown::{Change, Circuits, Full, Listed};

/// A breaker as the face is told of it.
#[derive(Clone, Debug)]
pub struct BreakerView {
    /// How it stands.
    pub status: BreakerStatus,
    /// What it guards: `route` or `export`.
    pub guards: &'static str,
    /// How it came to its state; `None` while it is in its first.
    pub last_change: Option<Transition>,
}

/// What somebody wants a breaker to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerOrder {
    /// Hold every call back.
    Open,
    /// Begin anew, with nothing counted.
    Reset,
    /// Let every call pass, and count none.
    Disable,
    /// Let every call pass, and count it.
    MetricsOnly,
}

/// Passes an order on to the breaker of that service and tells how it stands then; `None` where there is none.
pub type OrderBreaker = Arc<dyn Fn(&str, BreakerOrder) -> Option<BreakerView> + Send + Sync>;

impl BreakerView {
    /// How it stands, in a sentence that begins with the service.
    pub fn sentence(&self) -> String {
        let (service, status) = (&self.status.service, &self.status);
        let since = lasting(status.in_state_for);
        match status.state {
            BreakerState::Open => format!(
                "{service} has been held back for {since}{}; {}",
                self.because(),
                next_try(status.open_for)
            ),
            BreakerState::HalfOpen => {
                format!("{service} is being tried again; one failure and it is held back anew")
            }
            BreakerState::ForcedOpen => format!("{service} has been held back by hand for {since}"),
            BreakerState::Disabled => format!("calls to {service} pass uncounted"),
            BreakerState::MetricsOnly => {
                format!("calls to {service} pass, whatever becomes of them")
            }
            BreakerState::Closed => match status.failure_rate {
                Some(rate) if rate > 0.0 => {
                    format!(
                        "calls to {service} pass; {:.0} % failed lately",
                        rate * 100.0
                    )
                }
                _ => format!("calls to {service} pass"),
            },
        }
    }

    /// What to do about it, where something is to be done.
    pub fn advice(&self) -> Option<String> {
        let service = &self.status.service;
        match self.status.state {
            BreakerState::Open | BreakerState::HalfOpen => Some(format!(
                "Nothing, if it is known that {service} fails: it is tried again by itself. Else see in the traces of its calls why they fail."
            )),
            BreakerState::ForcedOpen => Some(format!(
                "Once {service} may be called again: POST /api/breakers/{service}/close."
            )),
            _ => None,
        }
    }

    fn because(&self) -> String {
        // Between the two looks it may have changed again.
        let is_this = |change: &&Transition| change.to == self.status.state;
        let change = self.last_change.as_ref().filter(is_this);
        change.map_or_else(String::new, |change| format!(": {}", change.reason))
    }
}

fn next_try(open_for: Option<Duration>) -> String {
    match open_for.filter(|left| !left.is_zero()) {
        Some(left) => format!("next try in {}", lasting(left.max(Duration::from_secs(1)))),
        None => "the next call is tried".to_owned(),
    }
}

/// Whole seconds, in words.
fn lasting(time: Duration) -> impl std::fmt::Display {
    humantime::format_duration(Duration::from_secs(time.as_secs()))
}

/// Tells `feed` of a change.
pub fn tell_change(feed: &Feed, change: &Transition) {
    feed.tell("transition", &Change::of(change));
}

/// `/metrics/circuit-breaker`, in the shape that "monitoring-system" has.
pub(super) fn circuits(face: &Face, request: &Request) -> Result<Answer, Refusal> {
    let mut breakers = (face.breakers)();
    let asked = request.list("service");
    if let Some(unknown) = asked.iter().find(|name| !is_there(&breakers, name)) {
        return Err(no_breaker(&breakers, unknown));
    }
    if !asked.is_empty() {
        breakers.retain(|one| asked.iter().any(|name| **name == *one.status.service));
    }
    Ok(answer::json(StatusCode::OK, &Circuits::of(&breakers)))
}

/// `/api/breakers`.
pub(super) fn all(face: &Face, request: &Request) -> Result<Answer, Refusal> {
    face.access.to_details(request)?;
    let breakers = (face.breakers)();
    let body = Listed {
        timestamp: timestamp(),
        breakers: breakers.iter().map(Full::of).collect(),
    };
    Ok(answer::json(StatusCode::OK, &body))
}

/// `/api/breakers/{name}`.
pub(super) fn one(face: &Face, request: &Request, parameter: &str) -> Result<Answer, Refusal> {
    face.access.to_details(request)?;
    let name = percent_decode_str(parameter).decode_utf8_lossy();
    let breakers = (face.breakers)();
    match breakers.iter().find(|one| *one.status.service == *name) {
        Some(breaker) => Ok(answer::json(StatusCode::OK, &Full::of(breaker))),
        None => Err(no_breaker(&breakers, &name)),
    }
}

/// `POST /api/breakers/{name}/open`, `…/close`, `…/disable`, `…/metrics-only` and `…/reset`.
pub(super) fn order(
    face: &Face,
    request: &Request,
    parameter: &str,
    order: BreakerOrder,
) -> Result<Answer, Refusal> {
    face.access.to_control(request)?;
    if (face.phase)() == Phase::Draining {
        return Err(Refusal::Draining);
    }
    let name = percent_decode_str(parameter).decode_utf8_lossy();
    match (face.order_breaker)(&name, order) {
        Some(breaker) => Ok(answer::json(StatusCode::OK, &Full::of(&breaker))),
        None => Err(no_breaker(&(face.breakers)(), &name)),
    }
}

/// `/api/breakers/events`.
pub(super) fn events(face: &Face, request: &Request) -> Result<Answer, Refusal> {
    const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
    face.access.to_details(request)?;
    let last_seen = request.header(LAST_EVENT_ID);
    let last_seen = last_seen.and_then(|id| id.trim().parse().ok());
    match face.breaker_events.listen(last_seen) {
        Ok(events) => Ok(answer::events(events)),
        Err(NoPlace::Full { limit }) => Err(Refusal::TooManyListeners { limit }),
        Err(NoPlace::Ended) => Err(Refusal::Draining),
    }
}

fn is_there(breakers: &[BreakerView], name: &str) -> bool {
    breakers.iter().any(|one| *one.status.service == *name)
}

fn no_breaker(breakers: &[BreakerView], name: &str) -> Refusal {
    let known = breakers.iter().map(|one| one.status.service.to_string());
    Refusal::NoBreaker {
        name: Selection::shortened(name),
        known: known.collect(),
    }
}
