//! `/health/ready`, `/health/startup`, `/health/live`: what orchestrators ask.

use std::time::SystemTime;

use http::StatusCode;
use serde::Serialize;

use super::draft;
use super::selection::Selection;
use super::verdict::{Overall, Situation};
use crate::serve::Face;
use crate::serve::answer::{self, Answer, timestamp};
use crate::serve::fault::Refusal;
use crate::serve::request::Request;

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Probe {
    status: &'static str,
    timestamp: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    waiting_for: Vec<String>,
    /// Names that were asked for and that nothing has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unknown: Vec<String>,
}

/// `/health/live`: the process answers, and that is all it says, whoever asks.
pub(in crate::serve) fn live() -> Answer {
    let body = Probe {
        status: "alive",
        timestamp: timestamp(),
        ..Probe::default()
    };
    answer::json(StatusCode::OK, &body)
}

impl Face {
    /// Why the agent is not ready, as `/health/ready` tells those who may see details; empty while it is.
    pub fn not_ready(&self) -> Vec<String> {
        let situation = Situation::now(self, &Selection::default());
        situation.reasons(Overall::Degraded, SystemTime::now())
    }
}

/// `/health/ready`: 200 while the agent can do its work and what is required works.
pub(in crate::serve) fn ready(face: &Face, request: &Request) -> Result<Answer, Refusal> {
    let view = face.access.view(request)?;
    let situation = Situation::now(face, &Selection::of(request)?);
    if draft::is_wanted(request) {
        return Ok(draft::answer(face, &situation, view));
    }
    let overall = situation.overall();
    let mut body = Probe {
        status: match overall {
            Overall::Healthy | Overall::Degraded => "ready",
            Overall::Starting => "starting",
            Overall::Unhealthy => "not ready",
        },
        timestamp: timestamp(),
        ..Probe::default()
    };
    if view.is_detailed() {
        body.reasons = situation.reasons(Overall::Degraded, SystemTime::now());
        body.unknown = situation.unknown;
    }
    Ok(answer::json(overall.status(), &body))
}

/// `/health/startup`: 200 once every required check has a result. What has failed by then is for the others to say: an
/// orchestrator would end and start the agent again because a database is down.
pub(in crate::serve) fn started(face: &Face, request: &Request) -> Result<Answer, Refusal> {
    let view = face.access.view(request)?;
    let situation = Situation::now(face, &Selection::of(request)?);
    let awaited = situation.awaited(SystemTime::now());
    let (status, word) = match awaited.is_empty() {
        true => (StatusCode::OK, "started"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "starting"),
    };
    let mut body = Probe {
        status: word,
        timestamp: timestamp(),
        ..Probe::default()
    };
    if view.is_detailed() {
        body.waiting_for = awaited;
        body.unknown = situation.unknown;
    }
    Ok(answer::json(status, &body))
}
