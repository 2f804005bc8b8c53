//! `/api/health`: the agent and its machine, and the checks that are asked for.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::group::Group;
use super::selection::Selection;
use super::verdict::{Overall, Situation};
use super::{VERSION, draft};
use crate::serve::access::View;
use crate::serve::answer::{self, Answer, timestamp};
use crate::serve::fault::Refusal;
use crate::serve::request::Request;
use crate::serve::shown::Shown;
use crate::serve::system::{Cpu, Memory, System};
use crate::serve::{Check, CheckStatus, Face};
use crate::telemetry::process;

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
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<Memory>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu: Option<Cpu>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system: Option<System>,
    features: &'a [String],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    checks: BTreeMap<String, Entry<'a>>,
}

/// What stands under a name that was asked for.
#[derive(Serialize)]
#[serde(untagged)]
enum Entry<'a> {
    Check(Box<Shown<'a>>),
    Group(ShownGroup<'a>),
    Unknown {
        status: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
}

#[derive(Serialize)]
struct ShownGroup<'a> {
    status: CheckStatus,
    message: String,
    checks: BTreeMap<&'a str, Shown<'a>>,
}

/// `/api/health`. All that is not excluded is judged; `include` says what is shown of it.
pub(in crate::serve) fn full(face: &Face, request: &Request) -> Result<Answer, Refusal> {
    let view = face.access.view(request)?;
    let selection = Selection::of(request)?;
    let situation = Situation::now(face, &selection.without_include());
    if draft::is_wanted(request) {
        return Ok(draft::answer(face, &situation, view));
    }
    let overall = situation.overall();
    let uptime_s = process::uptime().as_secs();
    let shows = |name| selection.takes_section(name);
    let body = Full {
        status: overall.word("healthy"),
        timestamp: timestamp(),
        service: &face.service,
        version: VERSION,
        uptime: uptime_s,
        uptime_human: humantime::format_duration(Duration::from_secs(uptime_s)).to_string(),
        memory: shows("memory").then(Memory::now),
        cpu: shows("cpu").then(Cpu::now),
        system: shows("system").then(|| System::now(view.is_detailed())),
        features: &face.features,
        reasons: match view {
            View::Details => situation.reasons(Overall::Healthy, SystemTime::now()),
            View::Statuses => Vec::new(),
        },
        checks: asked(&situation.checks, &selection, view),
    };
    Ok(answer::json(overall.status(), &body))
}

fn asked<'a>(
    checks: &'a [Check],
    selection: &Selection,
    view: View,
) -> BTreeMap<String, Entry<'a>> {
    let mut entries = BTreeMap::new();
    for name in selection.included() {
        if name == "all" {
            entries.extend(checks.iter().map(|check| {
                let shown = Entry::Check(Box::new(Shown::new(check, view)));
                (check.name.clone(), shown)
            }));
        } else {
            entries.insert(Selection::shortened(name), entry(checks, name, view));
        }
    }
    entries
}

/// The check of this name, or else the group. An unknown name is said to be unknown; it does not fail the answer,
/// because a probe made for a larger set-up must not take down a smaller one.
fn entry<'a>(checks: &'a [Check], name: &str, view: View) -> Entry<'a> {
    if let Some(check) = checks.iter().find(|check| check.name == name) {
        return Entry::Check(Box::new(Shown::new(check, view)));
    }
    let group = Group::of(checks, &[name]);
    if group.checks.is_empty() {
        return unknown(checks, view);
    }
    Entry::Group(ShownGroup {
        status: group.status(),
        message: group.message(),
        checks: Shown::by_name(group.checks, view),
    })
}

fn unknown<'a>(checks: &[Check], view: View) -> Entry<'a> {
    let names = || {
        let names: Vec<_> = checks.iter().map(|check| check.name.as_str()).collect();
        format!(
            "no check and no group has this name; known checks are: {}",
            names.join(", ")
        )
    };
    Entry::Unknown {
        status: "unknown",
        message: view.is_detailed().then(names),
    }
}
