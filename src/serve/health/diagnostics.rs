//! `/health/diagnostics`: everything, for people as text and for programs as JSON. The question is always answered: 200,
//! however things stand.

use std::collections::BTreeMap;
use std::time::SystemTime;

use http::StatusCode;
use serde::Serialize;

use super::VERSION;
use super::items::{self, Items};
use super::selection::Selection;
use super::text::{self, Head};
use super::verdict::{Overall, Situation};
use crate::serve::Face;
use crate::serve::access::View;
use crate::serve::answer::{self, Answer, JSON, TEXT, timestamp, whole_milliseconds};
use crate::serve::fault::Refusal;
use crate::serve::request::Request;
use crate::serve::shown::Shown;
use crate::telemetry::{host_name, process};

#[derive(Serialize)]
struct Diagnostics<'a> {
    status: &'static str,
    timestamp: String,
    service: &'a str,
    version: &'static str,
    hostname: String,
    /// Milliseconds.
    uptime: u64,
    reasons: Vec<String>,
    checks: BTreeMap<&'a str, Shown<'a>>,
    /// Items by export.
    exports: BTreeMap<&'a str, Items>,
    /// Names that were asked for and that nothing has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unknown: &'a Vec<String>,
}

/// `/health/diagnostics`.
pub(in crate::serve) fn diagnostics(face: &Face, request: &Request) -> Result<Answer, Refusal> {
    face.access.to_details(request)?;
    let situation = Situation::now(face, &Selection::of(request)?);
    let (now, ledger) = (SystemTime::now(), (face.ledger)());
    let exports = items::by_export(&ledger);
    if !is_json_wanted(request) {
        let head = Head {
            service: &face.service,
            version: VERSION,
            host: &host_name().unwrap_or_default(),
            uptime: process::uptime(),
            now,
        };
        return Ok(answer::text(text::page(&head, &situation, &exports)));
    }
    let body = Diagnostics {
        status: situation.overall().word("healthy"),
        timestamp: timestamp(),
        service: &face.service,
        version: VERSION,
        hostname: host_name().unwrap_or_default(),
        uptime: whole_milliseconds(process::uptime()),
        reasons: situation.reasons(Overall::Healthy, now),
        checks: Shown::by_name(&situation.checks, View::Details),
        exports,
        unknown: &situation.unknown,
    };
    Ok(answer::json(StatusCode::OK, &body))
}

fn is_json_wanted(request: &Request) -> bool {
    match request.list("format").as_slice() {
        [format] => format == "json",
        _ => request.media_type(&[TEXT, JSON]) == Some(JSON),
    }
}
