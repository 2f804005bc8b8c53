//! Health, readiness and liveness.
//!
//! The reference documents use two pairs of words, and both are kept where they were promised:
//! `/health` says `ok` or `unhealthy` with `uptime` in milliseconds ("production-features"),
//! `/api/health` says `healthy` or `unhealthy` with `uptime` in seconds beside `uptimeHuman`
//! ("quick-reference", "infrastructure"). Both answer 503 exactly when `/health/ready` does.

use std::collections::BTreeMap;
use std::time::Duration;

use http::StatusCode;
use http::header::ACCEPT;
use serde::Serialize;

use super::Face;
use super::answer::{self, Answer, timestamp};
use super::routes::Request;
use super::system::{Cpu, Memory, System};
use crate::telemetry::process;

/// The media type of the draft "Health Check Response Format for HTTP APIs".
const HEALTH_JSON: &str = "application/health+json";

const VERSION: &str = env!("CARGO_PKG_VERSION");

#[derive(Serialize)]
struct Short<'a> {
    status: &'static str,
    timestamp: String,
    /// Milliseconds.
    uptime: u64,
    service: &'a str,
    version: &'static str,
}

/// `/health`. Reads no file and asks no dependency beyond what the agent already knows.
pub(super) fn short(face: &Face, request: &Request) -> Answer {
    let reasons = face.reasons();
    if wants_health_json(request) {
        return draft(face, &reasons);
    }
    let body = Short {
        status: if reasons.is_empty() {
            "ok"
        } else {
            "unhealthy"
        },
        timestamp: timestamp(),
        uptime: milliseconds(process::uptime()),
        service: &face.service,
        version: VERSION,
    };
    answer::json(status(&reasons), &body)
}

/// The draft's names for the same facts.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Draft<'a> {
    status: &'static str,
    version: &'static str,
    service_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<String>,
}

fn draft(face: &Face, reasons: &[String]) -> Answer {
    let body = Draft {
        status: if reasons.is_empty() { "pass" } else { "fail" },
        version: VERSION,
        service_id: &face.service,
        output: (!reasons.is_empty()).then(|| reasons.join("; ")),
    };
    let mut answer = answer::json(status(reasons), &body);
    let media_type = http::HeaderValue::from_static(HEALTH_JSON);
    answer
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, media_type);
    answer
}

fn wants_health_json(request: &Request) -> bool {
    let accepted = request.headers.get_all(ACCEPT).iter();
    accepted
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.contains(HEALTH_JSON))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Full<'a> {
    status: &'static str,
    timestamp: String,
    service: &'a str,
    version: &'static str,
    /// Seconds.
    uptime: u64,
    uptime_human: String,
    memory: Memory,
    cpu: Cpu,
    system: System,
    features: &'a [String],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    checks: BTreeMap<String, CheckAnswer>,
}

#[derive(Serialize)]
struct CheckAnswer {
    status: &'static str,
    message: String,
}

/// `/api/health`.
pub(super) fn full(face: &Face, request: &Request) -> Answer {
    let reasons = face.reasons();
    let uptime_s = process::uptime().as_secs();
    let body = Full {
        status: if reasons.is_empty() {
            "healthy"
        } else {
            "unhealthy"
        },
        timestamp: timestamp(),
        service: &face.service,
        version: VERSION,
        uptime: uptime_s,
        uptime_human: humantime::format_duration(Duration::from_secs(uptime_s)).to_string(),
        memory: Memory::now(),
        cpu: Cpu::now(),
        system: System::now(),
        features: &face.features,
        checks: checks(face, &request.list("include")),
        reasons,
    };
    answer::json(status(&body.reasons), &body)
}

/// Sections that `/api/health` always holds, so that asking for one by name is no mistake.
const SECTIONS: [&str; 3] = ["cpu", "memory", "system"];

fn checks(face: &Face, names: &[String]) -> BTreeMap<String, CheckAnswer> {
    let asked = names
        .iter()
        .filter(|name| !SECTIONS.contains(&name.as_str()));
    asked
        .map(|name| (name.clone(), check(face, name)))
        .collect()
}

/// The check of this name. An unknown name is said to be unknown; it does not fail the answer,
/// because a probe made for a larger set-up must not take down a smaller one.
fn check(face: &Face, name: &str) -> CheckAnswer {
    let checks = (face.checks)();
    if let Some(check) = checks.iter().find(|check| check.name == name) {
        return CheckAnswer {
            status: check.status.name(),
            message: check.message.clone(),
        };
    }
    let known: Vec<_> = checks.iter().map(|check| check.name.as_str()).collect();
    CheckAnswer {
        status: "unknown",
        message: format!("no check has this name; known are: {}", known.join(", ")),
    }
}

#[derive(Serialize)]
struct Probe {
    status: &'static str,
    timestamp: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<String>,
}

/// `/health/live`: the process answers, and that is all it says.
pub(super) fn live() -> Answer {
    let body = Probe {
        status: "alive",
        timestamp: timestamp(),
        reasons: Vec::new(),
    };
    answer::json(StatusCode::OK, &body)
}

/// `/health/ready`.
pub(super) fn ready(face: &Face) -> Answer {
    let reasons = face.reasons();
    let word = if reasons.is_empty() {
        "ready"
    } else {
        "not ready"
    };
    let status = status(&reasons);
    answer::json(
        status,
        &Probe {
            status: word,
            timestamp: timestamp(),
            reasons,
        },
    )
}

fn status(reasons: &[String]) -> StatusCode {
    if reasons.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
