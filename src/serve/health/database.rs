//! `/health/db`: every database, judged by itself whether it is required or not.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::draft;
use super::selection::Selection;
use super::verdict::{Overall, Situation};
use crate::serve::access::View;
use crate::serve::answer::{self, Answer, milliseconds, timestamp};
use crate::serve::fault::Refusal;
use crate::serve::request::Request;
use crate::serve::{Check, CheckStatus, Face};

/// The group of everything that speaks SQL.
pub(super) const DATABASE: &str = "database";

const HINT: &str =
    "to have one checked, add [probe.orders-db] with url = \"postgres://user@host/name\"";

#[derive(Serialize)]
struct Databases<'a> {
    status: &'static str,
    database: &'static str,
    timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'static str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    databases: BTreeMap<&'a str, Map<String, Value>>,
    /// Names that were asked for and that nothing has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unknown: Vec<String>,
}

/// `/health/db`.
pub(in crate::serve) fn databases(face: &Face, request: &Request) -> Result<Answer, Refusal> {
    let view = face.access.view(request)?;
    let mut situation = Situation::now(face, &Selection::of(request)?);
    situation.forget_agent();
    situation
        .checks
        .retain(|check| check.groups.iter().any(|group| group == DATABASE));
    let overall = overall(&situation.checks);
    if draft::is_wanted(request) {
        return Ok(draft::of_overall(face, &situation, overall, view));
    }
    let is_configured = !situation.checks.is_empty();
    let checks = situation.checks.iter();
    let body = Databases {
        status: match overall {
            // A warning is no connection lost.
            Overall::Healthy | Overall::Degraded => "ok",
            other => other.word("ok"),
        },
        database: match overall {
            _ if !is_configured => "not configured",
            Overall::Healthy | Overall::Degraded => "connected",
            Overall::Starting => "connecting",
            Overall::Unhealthy => "disconnected",
        },
        timestamp: timestamp(),
        hint: (!is_configured).then_some(HINT),
        databases: checks
            .map(|check| (check.name.as_str(), database(check, view)))
            .collect(),
        unknown: match view {
            View::Details => situation.unknown.clone(),
            View::Statuses => Vec::new(),
        },
    };
    Ok(answer::json(overall.status(), &body))
}

/// One that is down makes it unhealthy, and one that is not known yet makes it starting.
fn overall(checks: &[Check]) -> Overall {
    let counted = checks.iter().filter(|check| check.excused.is_none());
    let weights = counted.map(|check| match check.status {
        CheckStatus::Pass => Overall::Healthy,
        CheckStatus::Warn => Overall::Degraded,
        CheckStatus::Starting => Overall::Starting,
        CheckStatus::Fail => Overall::Unhealthy,
    });
    weights.max().unwrap_or(Overall::Healthy)
}

/// One database: what was found of it under the names that the documents have, times in milliseconds.
fn database(check: &Check, view: View) -> Map<String, Value> {
    let mut shown = Map::new();
    if view.is_detailed() {
        let facts = check.facts.iter();
        shown.extend(facts.map(|(name, value)| (documented(name), value.clone())));
        if let Some(run) = &check.last_run {
            shown.insert("latency".to_owned(), json!(milliseconds(run.took)));
        }
        if let Some(excused) = &check.excused {
            shown.insert("excused".to_owned(), json!(excused));
        }
        shown.insert("message".to_owned(), json!(check.message));
    }
    shown.insert("status".to_owned(), json!(check.status));
    shown
}

/// `server_time` as `serverTime`, `clock_skew_ms` as `clockSkew`.
fn documented(fact: &str) -> String {
    let mut words = fact.trim_end_matches("_ms").split('_');
    let mut name = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        name.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        name.push_str(letters.as_str());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: facts of every form. Guarantees: the names that the documents have.
    #[test]
    fn facts_get_documented_names() {
        for (fact, name) in [
            ("server_time", "serverTime"),
            ("clock_skew_ms", "clockSkew"),
            ("role", "role"),
            ("longest_transaction_ms", "longestTransaction"),
            ("", ""),
        ] {
            assert_eq!(documented(fact), name);
        }
    }
}
