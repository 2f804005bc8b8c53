//! `/health`: short, and quick with hundreds of checks. Reads no file and serializes no check.

use serde::Serialize;

use super::selection::Selection;
use super::verdict::Situation;
use super::{VERSION, draft};
use crate::serve::Face;
use crate::serve::answer::{self, Answer, timestamp, whole_milliseconds};
use crate::serve::fault::Refusal;
use crate::serve::request::Request;
use crate::telemetry::process;

#[derive(Serialize)]
struct Short<'a> {
    status: &'static str,
    timestamp: String,
    /// Milliseconds.
    uptime: u64,
    service: &'a str,
    version: &'static str,
}

/// `/health`.
pub(in crate::serve) fn short(face: &Face, request: &Request) -> Result<Answer, Refusal> {
    let view = face.access.view(request)?;
    let situation = Situation::now(face, &Selection::of(request)?);
    if draft::is_wanted(request) {
        return Ok(draft::answer(face, &situation, view));
    }
    let overall = situation.overall();
    let body = Short {
        status: overall.word("ok"),
        timestamp: timestamp(),
        uptime: whole_milliseconds(process::uptime()),
        service: &face.service,
        version: VERSION,
    };
    Ok(answer::json(overall.status(), &body))
}
