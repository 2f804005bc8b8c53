//! The words of the draft "Health Check Response Format for HTTP APIs" (draft-inadarei-api-health-check-06).

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::Serialize;

use super::VERSION;
use super::verdict::{Overall, Situation, finding, weight};
use crate::serve::access::View;
use crate::serve::answer::{self, Answer, HEALTH_JSON, JSON, milliseconds, rfc3339};
use crate::serve::request::Request;
use crate::serve::{Check, CheckStatus, Face};

/// The answer as a whole (draft, section 3).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Draft<'a> {
    status: &'static str,
    version: &'static str,
    service_id: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    checks: BTreeMap<String, [Component<'a>; 1]>,
}

/// One check (draft, section 4).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Component<'a> {
    component_id: &'a str,
    component_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    observed_value: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    observed_unit: Option<&'static str>,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<String>,
}

/// Whether the caller prefers these words to plain JSON.
pub(super) fn is_wanted(request: &Request) -> bool {
    request.media_type(&[JSON, HEALTH_JSON]) == Some(HEALTH_JSON)
}

/// `situation` in these words.
pub(super) fn answer(face: &Face, situation: &Situation, view: View) -> Answer {
    of_overall(face, situation, situation.overall(), view)
}

/// `situation` in these words, where the endpoint judges it otherwise.
pub(super) fn of_overall(
    face: &Face,
    situation: &Situation,
    overall: Overall,
    view: View,
) -> Answer {
    let mut body = Draft {
        status: word(overall),
        version: VERSION,
        service_id: &face.service,
        notes: Vec::new(),
        output: None,
        checks: BTreeMap::new(),
    };
    if view.is_detailed() {
        let reasons = situation.reasons(Overall::Healthy, SystemTime::now());
        body.output = (!reasons.is_empty()).then(|| reasons.join("; "));
        body.notes = situation.checks.iter().filter_map(note).collect();
        let checks = situation.checks.iter();
        body.checks = checks
            .map(|check| (format!("{}:responseTime", check.name), [component(check)]))
            .collect();
    }
    answer::health_json(overall.status(), &body)
}

const fn word(overall: Overall) -> &'static str {
    match overall {
        Overall::Healthy => "pass",
        Overall::Degraded => "warn",
        // The draft has no word for a start, and wants "fail" with every status from 400 up.
        Overall::Starting | Overall::Unhealthy => "fail",
    }
}

fn note(check: &Check) -> Option<String> {
    let excused = check.excused.as_deref()?;
    Some(format!("{} is excused: {excused}", check.name))
}

fn component(check: &Check) -> Component<'_> {
    let run = check.last_run.as_ref();
    Component {
        component_id: &check.name,
        component_type: component_type(check),
        observed_value: run.map(|run| milliseconds(run.took)),
        observed_unit: run.map(|_| "ms"),
        status: component_status(check),
        time: run.map(|run| rfc3339(run.at)),
        // "This field SHOULD be omitted for `pass` state of a check."
        output: (check.status != CheckStatus::Pass).then(|| finding(check).to_owned()),
    }
}

/// What counts as nothing for the whole is at most something to look at.
fn component_status(check: &Check) -> &'static str {
    match check.status {
        CheckStatus::Pass => "pass",
        CheckStatus::Fail if check.excused.is_none() => "fail",
        CheckStatus::Starting => match weight(check) {
            Overall::Healthy => "warn",
            _ => "fail",
        },
        CheckStatus::Warn | CheckStatus::Fail => "warn",
    }
}

fn component_type(check: &Check) -> &'static str {
    let is_of = |group: &str| check.groups.iter().any(|one| one == group);
    match check.kind {
        _ if is_of("database") || is_of("cache") => "datastore",
        "disk" => "system",
        _ => "component",
    }
}
