//! What the body of an answer must hold.

use http::response::Parts;
use regex::Regex;
use serde_json::Value;
use serde_json_path::JsonPath;

use super::answer::{Body, described};
use crate::config::HttpProbeSettings;
use crate::probe::excerpt::Excerpts;

const SHOWN_VALUE_CHARS: usize = 60;

/// What a probe expects of a body.
#[derive(Debug)]
pub(super) struct Content {
    wanted: Vec<regex::bytes::Regex>,
    unwanted: Vec<regex::bytes::Regex>,
    json: Vec<(JsonPath, Regex)>,
    excerpts: Excerpts,
}

impl Content {
    /// What `http` says to expect. `excerpts` show what came instead.
    ///
    /// # Errors
    ///
    /// Names the setting that cannot be understood.
    pub(super) fn of(http: &HttpProbeSettings, excerpts: Excerpts) -> Result<Content, String> {
        let json = http.expect_json.iter().map(|(path, pattern)| {
            let parsed = JsonPath::parse(path);
            let parsed = parsed.map_err(|error| format!("http.expect_json: {path}: {error}"))?;
            let pattern = Regex::new(pattern);
            let pattern = pattern.map_err(|error| format!("http.expect_json.{path}: {error}"))?;
            Ok((parsed, pattern))
        });
        Ok(Content {
            wanted: patterns("http.expect_body", &http.expect_body)?,
            unwanted: patterns("http.refuse_body", &http.refuse_body)?,
            json: json.collect::<Result<_, String>>()?,
            excerpts,
        })
    }

    /// Whether every body is as expected.
    pub(super) fn is_anything(&self) -> bool {
        self.wanted.is_empty() && self.unwanted.is_empty() && self.json.is_empty()
    }

    /// What of `body` is not as expected, in a sentence each. No sentence shows the body itself, which may be anything, but the
    /// values that JSON paths find.
    pub(super) fn complaints(&self, head: &Parts, body: &Body) -> Vec<String> {
        let about = described(head, body);
        let missing = self.wanted.iter();
        let missing = missing.filter(|pattern| !pattern.is_match(&body.bytes));
        let missing = missing.map(|pattern| format!("the body does not match {pattern} {about}"));
        let present = self.unwanted.iter();
        let present = present.filter(|pattern| pattern.is_match(&body.bytes));
        let present =
            present.map(|pattern| format!("the body matches {pattern}, which it must not"));
        let mut complaints: Vec<String> = missing.chain(present).collect();
        complaints.extend(self.wrong_json(body, &about));
        complaints
    }

    fn wrong_json(&self, body: &Body, about: &str) -> Vec<String> {
        if self.json.is_empty() {
            return Vec::new();
        }
        let parsed = match serde_json::from_slice::<Value>(&body.bytes) {
            Ok(parsed) => parsed,
            Err(error) => return vec![format!("the body is not JSON: {error} {about}")],
        };
        let wrong = self.json.iter();
        let wrong = wrong.filter_map(|(path, pattern)| self.wrong_value(&parsed, path, pattern));
        wrong.collect()
    }

    fn wrong_value(&self, body: &Value, path: &JsonPath, pattern: &Regex) -> Option<String> {
        let found = path.query(body);
        if found.is_empty() {
            return Some(format!(
                "{path} finds nothing in the body, expected {pattern}"
            ));
        }
        let mut texts = found.iter().map(|value| text(value));
        let wrong = texts.find(|text| !pattern.is_match(text))?;
        let shown = self.excerpts.of(&wrong, SHOWN_VALUE_CHARS);
        Some(format!(
            "{path} is \"{shown}\", which does not match {pattern}"
        ))
    }
}

/// Texts without their quotes, everything else as JSON.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn patterns(key: &str, patterns: &[String]) -> Result<Vec<regex::bytes::Regex>, String> {
    let parsed = patterns.iter().map(|pattern| {
        let parsed = regex::bytes::Regex::new(pattern);
        parsed.map_err(|error| format!("{key}: {error}"))
    });
    parsed.collect()
}
