//! Queries: what they ask, and the metrics that they become.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::key::KeyPath;
use crate::config::probe_kind::ProbeKind;
use crate::config::problem::Problems;
use crate::config::settings::{ProbeSettings, QuerySettings, Settings};
use crate::config::validate::names;
use crate::config::validate::read_only_sql::{self, Dialect};

/// The longest name and unit of an instrument (OpenTelemetry specification, "Instrument name syntax" and "Instrument
/// unit").
const MAX_METRIC: usize = 255;
const MAX_UNIT: usize = 63;

/// A description stands in every scrape.
const MAX_ABOUT: usize = 500;

/// Each query is asked in every run, one after the other.
const MAX_QUERIES: usize = 50;

/// How the names of the agent's own metrics begin, those of probes among them, as Prometheus shows them.
const OURS: [&str; 5] = ["db_server_", "dns_", "lineside_", "probe_", "redis_"];

/// Where a metric was named first, and how.
struct Measured<'a> {
    key: KeyPath,
    probe: &'a str,
    name: String,
    query: &'a QuerySettings,
}

pub(super) fn check(settings: &Settings, problems: &mut Problems) {
    let mut measured = BTreeMap::new();
    for (name, probe) in &settings.probe {
        let above = KeyPath::from("probe").child(name).child("query");
        names::check(&above, "query", probe.query.keys(), problems);
        if probe.query.len() > MAX_QUERIES {
            let problem = format!("there are {} queries", probe.query.len());
            problems.error(&above, problem, format!("Name {MAX_QUERIES} at most"));
        }
        for (query_name, query) in &probe.query {
            let key = above.child(query_name);
            sql(&key.child("sql"), probe, query, problems);
            texts(&key, query, problems);
            values(&key.child("values"), query, problems);
            for metric in metrics(&key, query_name, query, problems) {
                let found = Measured {
                    key: key.clone(),
                    probe: name,
                    name: metric,
                    query,
                };
                agree(found, &mut measured, problems);
            }
        }
    }
}

fn sql(key: &KeyPath, probe: &ProbeSettings, query: &QuerySettings, problems: &mut Problems) {
    let dialect = match probe.url.kind() {
        ProbeKind::Postgres => Dialect::Postgres,
        ProbeKind::Mysql => Dialect::Mysql,
        ProbeKind::Sqlite => Dialect::Sqlite,
        _ => return,
    };
    if let Err(reason) = read_only_sql::check(&query.sql, dialect) {
        let fix = "Write one statement that only reads, as SELECT count(*) AS value FROM jobs";
        problems.error(key, format!("the statement {reason}"), fix);
    }
}

fn texts(key: &KeyPath, query: &QuerySettings, problems: &mut Problems) {
    if query.unit.len() > MAX_UNIT || !query.unit.chars().all(|letter| letter.is_ascii_graphic()) {
        problems.error(
            &key.child("unit"),
            format!("a unit has at most {MAX_UNIT} visible ASCII characters"),
            "Write it in UCUM, as \"s\", \"By\" or \"{job}\"",
        );
    }
    if query.about.len() > MAX_ABOUT || query.about.contains(char::is_control) {
        problems.error(
            &key.child("about"),
            format!("the text is longer than {MAX_ABOUT} bytes, or has control characters"),
            "Write one line",
        );
    }
}

fn values(key: &KeyPath, query: &QuerySettings, problems: &mut Problems) {
    if query.values.is_empty() {
        problems.error(
            key,
            "the list is empty, so nothing would be measured",
            "Name the columns that hold numbers",
        );
    }
    for (at, column) in query.values.iter().enumerate() {
        if column.is_empty() || query.values[..at].contains(column) {
            let problem = format!(
                "\"{}\" is empty or named more than once",
                column.escape_debug()
            );
            problems.error(key, problem, "Name each column once");
        }
    }
}

/// The metrics that `query` becomes, where they have names.
fn metrics(
    key: &KeyPath,
    name: &str,
    query: &QuerySettings,
    problems: &mut Problems,
) -> BTreeSet<String> {
    let base = query.metric.as_deref().unwrap_or(name);
    let key = match query.metric {
        Some(_) => key.child("metric"),
        None => key.clone(),
    };
    let folded = folded(base);
    if let Some(ours) = OURS.iter().find(|ours| folded.starts_with(**ours)) {
        let problem = format!(
            "\"{}\" begins as the agent's own metrics do ({ours}…)",
            base.escape_debug()
        );
        problems.error(
            &key,
            problem,
            "Set metric to another name, as \"queue.size\"",
        );
        return BTreeSet::new();
    }
    let named: BTreeSet<String> = match query.values.as_slice() {
        [_] => BTreeSet::from([base.to_owned()]),
        columns => columns
            .iter()
            .map(|column| format!("{base}.{column}"))
            .collect(),
    };
    if let Some(wrong) = named.iter().find(|name| !is_metric(name)) {
        let problem = format!("\"{}\" is not the name of a metric", wrong.escape_debug());
        let fix = "Write a letter, then letters, digits and _ . - /, 255 in all; or name the columns so with AS";
        problems.error(&key, problem, fix);
        return BTreeSet::new();
    }
    named
}

/// OpenTelemetry specification, "Instrument name syntax".
fn is_metric(name: &str) -> bool {
    let part = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-/".contains(&byte);
    let begins = name
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphabetic());
    begins && name.len() <= MAX_METRIC && name.bytes().all(part)
}

/// The name as Prometheus shows it, without case, in which instruments do not differ.
fn folded(name: &str) -> String {
    name.to_lowercase()
        .replace(|letter: char| !letter.is_ascii_alphanumeric(), "_")
}

/// Two queries may measure one metric for two probes, if they mean the same by it.
fn agree<'a>(
    found: Measured<'a>,
    measured: &mut BTreeMap<String, Measured<'a>>,
    problems: &mut Problems,
) {
    let folded = folded(&found.name);
    let Some(first) = measured.get(&folded) else {
        measured.insert(folded, found);
        return;
    };
    let differs = match () {
        () if first.probe == found.probe => "the same probe",
        () if first.name != found.name => "another spelling",
        () if first.query.unit != found.query.unit => "another unit",
        () if first.query.about != found.query.about => "another about",
        () => return,
    };
    let problem = format!("{} measures {} too, with {differs}", first.key, first.name);
    problems.error(
        &found.key,
        problem,
        "Set another metric, or make both the same",
    );
}
