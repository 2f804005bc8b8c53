//! One check as JSON.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::access::View;
use super::answer::{milliseconds, rfc3339};
use super::{Check, CheckStatus, LastRun};

/// A check as a caller may see it.
#[derive(Serialize)]
pub(super) struct Shown<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    status: CheckStatus,
    #[serde(flatten)]
    details: Option<Details<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Details<'a> {
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<&'a str>,
    kind: &'static str,
    target: &'a str,
    required: bool,
    groups: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    excused: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_run: Option<ShownRun>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_run: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate_ends: Option<String>,
    facts: &'a BTreeMap<&'static str, Value>,
}

#[derive(Serialize)]
struct ShownRun {
    at: String,
    /// Milliseconds.
    latency: f64,
    /// Milliseconds by phase.
    phases: BTreeMap<&'static str, f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phase: Option<&'static str>,
}

impl<'a> Shown<'a> {
    /// `check` where its name stands before it.
    pub(super) fn new(check: &'a Check, view: View) -> Shown<'a> {
        Shown {
            name: None,
            status: check.status,
            details: view.is_detailed().then(|| Details::of(check)),
        }
    }

    /// Each of `checks` under its name.
    pub(super) fn by_name(
        checks: impl IntoIterator<Item = &'a Check>,
        view: View,
    ) -> BTreeMap<&'a str, Shown<'a>> {
        let shown = |check: &'a Check| (check.name.as_str(), Shown::new(check, view));
        checks.into_iter().map(shown).collect()
    }

    /// All of `check`, its name included.
    pub(super) fn named(check: &'a Check) -> Shown<'a> {
        Shown {
            name: Some(&check.name),
            ..Shown::new(check, View::Details)
        }
    }
}

impl<'a> Details<'a> {
    fn of(check: &'a Check) -> Details<'a> {
        Details {
            message: &check.message,
            advice: check.advice.as_deref(),
            kind: check.kind,
            target: &check.target,
            required: check.required,
            groups: &check.groups,
            excused: check.excused.as_deref(),
            since: check.since.map(rfc3339),
            last_run: check.last_run.as_ref().map(ShownRun::of),
            next_run: check.next_run.map(rfc3339),
            certificate_ends: check.certificate_ends.map(rfc3339),
            facts: &check.facts,
        }
    }
}

impl ShownRun {
    fn of(run: &LastRun) -> ShownRun {
        let mut phases: BTreeMap<_, Duration> = BTreeMap::new();
        for (phase, took) in &run.phases {
            // A phase may come more than once, as when a redirect is followed.
            let sum = phases.entry(*phase).or_default();
            *sum = sum.saturating_add(*took);
        }
        ShownRun {
            at: rfc3339(run.at),
            latency: milliseconds(run.took),
            phases: phases
                .into_iter()
                .map(|(phase, took)| (phase, milliseconds(took)))
                .collect(),
            reason: run.failure.map(|(reason, _)| reason),
            phase: run.failure.and_then(|(_, phase)| phase),
        }
    }
}
