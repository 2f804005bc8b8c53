//! `/api/probes`: the checks themselves, and running one now.

use std::sync::Arc;

use http::StatusCode;
use percent_encoding::percent_decode_str;
use serde::Serialize;

use super::answer::{self, Answer, timestamp};
use super::fault::{self, Refusal};
use super::health::Selection;
use super::request::Request;
use super::routes::guarded_later;
use super::shown::Shown;
use super::{Check, Face, Phase};

#[derive(Serialize)]
struct Probes<'a> {
    timestamp: String,
    probes: Vec<Shown<'a>>,
}

/// `/api/probes`.
pub(super) fn all(face: &Face, request: &Request) -> Result<Answer, Refusal> {
    face.access.to_details(request)?;
    let selection = Selection::of(request)?;
    let checks = (face.checks)();
    let chosen = checks.iter().filter(|check| selection.takes(check));
    let body = Probes {
        timestamp: timestamp(),
        probes: chosen.map(Shown::named).collect(),
    };
    Ok(answer::json(StatusCode::OK, &body))
}

/// `/api/probes/{name}`.
pub(super) fn one(face: &Face, request: &Request, parameter: &str) -> Result<Answer, Refusal> {
    face.access.to_details(request)?;
    let name = percent_decode_str(parameter).decode_utf8_lossy();
    let checks = (face.checks)();
    match checks.iter().find(|check| check.name == name) {
        Some(check) => Ok(answer::json(StatusCode::OK, &Shown::named(check))),
        None => Err(unknown(&checks, &name)),
    }
}

/// `POST /api/probes/{name}/run`. A check that fails has been run, so that its answer is 200 as well.
pub(super) async fn run(face: &Face, request: &Request, parameter: &str) -> Answer {
    if let Err(refusal) = face.access.to_run(request) {
        return fault::refused(refusal);
    }
    if (face.phase)() == Phase::Draining {
        return fault::refused(Refusal::Draining);
    }
    let name = percent_decode_str(parameter)
        .decode_utf8_lossy()
        .into_owned();
    let (run_check, checks) = (Arc::clone(&face.run_check), Arc::clone(&face.checks));
    let asked = guarded_later(async move {
        let ran = run_check(name.clone()).await;
        ran.ok_or_else(|| unknown(&checks(), &name))
    });
    match asked.await {
        Ok(Ok(check)) => answer::json(StatusCode::OK, &Shown::named(&check)),
        Ok(Err(refusal)) => fault::refused(refusal),
        Err(answer) => answer,
    }
}

fn unknown(checks: &[Check], name: &str) -> Refusal {
    Refusal::NoProbe {
        name: Selection::shortened(name),
        known: checks.iter().map(|check| check.name.clone()).collect(),
    }
}
