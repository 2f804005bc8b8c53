//! What an answer must be.

use std::sync::Arc;

use http::HeaderName;
use http::response::Parts;
use regex::Regex;
use tokio::task::spawn_blocking;

use super::answer::Body;
use super::content::Content;
use super::question::header_name;
use super::redirect;
use crate::config::{HttpProbeSettings, StatusRange};
use crate::probe::excerpt::Excerpts;
use crate::probe::failure::{Failure, Phase, Reason};

const SHOWN_VALUE_CHARS: usize = 100;

/// What a probe expects of an answer.
#[derive(Debug)]
pub(super) struct Expectation {
    statuses: Vec<StatusRange>,
    headers: Vec<(HeaderName, Regex)>,
    content: Arc<Content>,
    excerpts: Excerpts,
}

impl Expectation {
    /// What `http` says to expect. `excerpts` show what came instead.
    ///
    /// # Errors
    ///
    /// Names the setting that cannot be understood.
    pub(super) fn of(http: &HttpProbeSettings, excerpts: Excerpts) -> Result<Expectation, String> {
        let statuses = http.status.iter().map(|text| {
            let range = StatusRange::parse(text);
            range.map_err(|problem| format!("http.status: \"{text}\" {problem}"))
        });
        let statuses: Vec<_> = statuses.collect::<Result<_, _>>()?;
        if statuses.is_empty() {
            return Err("http.status names no status that is a success".to_owned());
        }
        let headers = http.expect_headers.iter().map(|(name, pattern)| {
            let header = header_name("http.expect_headers", name)?;
            let pattern = Regex::new(pattern);
            let pattern = pattern.map_err(|error| format!("http.expect_headers.{name}: {error}"));
            Ok((header, pattern?))
        });
        let headers = headers.collect::<Result<_, String>>()?;
        Ok(Expectation {
            statuses,
            headers,
            content: Arc::new(Content::of(http, excerpts.clone())?),
            excerpts,
        })
    }

    /// Judges the status and the headers.
    ///
    /// # Errors
    ///
    /// [`Reason::Status`], or [`Reason::Assertion`] with what of the headers is not as expected.
    pub(super) fn judge_head(&self, head: &Parts) -> Result<(), Failure> {
        let status = head.status.as_u16();
        if !self.statuses.iter().any(|range| range.contains(status)) {
            return Err(Failure::new(Reason::Status, self.wrong_status(head)));
        }
        let checked = self.headers.iter();
        let wrong = checked.filter_map(|(name, pattern)| self.wrong_header(head, name, pattern));
        complain(wrong.collect(), Phase::FirstByte)
    }

    /// Judges the body, away from what else this thread has to do.
    ///
    /// # Errors
    ///
    /// [`Reason::Assertion`] with what of it is not as expected.
    pub(super) async fn judge_body(&self, head: Parts, body: Body) -> Result<(), Failure> {
        if self.content.is_anything() {
            return Ok(());
        }
        let content = Arc::clone(&self.content);
        let judged = spawn_blocking(move || content.complaints(&head, &body)).await;
        let complaints = judged.map_err(|error| {
            Failure::new(
                Reason::Internal,
                format!("the body was not judged: {error}"),
            )
        })?;
        complain(complaints, Phase::Body)
    }

    fn wrong_status(&self, head: &Parts) -> String {
        let expected: Vec<_> = self.statuses.iter().map(ToString::to_string).collect();
        let location =
            redirect::location(&head.headers).filter(|_| redirect::redirects(head.status));
        let leads = location.map_or(String::new(), |location| {
            let plain = location.split(['?', '#']).next().unwrap_or_default();
            let place = self.excerpts.of(plain, SHOWN_VALUE_CHARS);
            format!(" to {place}, not followed (http.redirects)")
        });
        let status = head
            .status
            .to_string()
            .replace(" <unknown status code>", "");
        format!(
            "the status is {status}{leads}, expected {}",
            expected.join(" or ")
        )
    }

    fn wrong_header(&self, head: &Parts, name: &HeaderName, pattern: &Regex) -> Option<String> {
        let values = head.headers.get_all(name).iter();
        let values: Vec<_> = values
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
            .collect();
        if values.iter().any(|value| pattern.is_match(value)) {
            return None;
        }
        let Some(first) = values.first() else {
            return Some(format!(
                "there is no header {name}, expected one that matches {pattern}"
            ));
        };
        let shown = self.excerpts.of(first, SHOWN_VALUE_CHARS);
        Some(format!(
            "the header {name} is \"{shown}\", which does not match {pattern}"
        ))
    }
}

/// All that is wrong in one failure.
fn complain(complaints: Vec<String>, phase: Phase) -> Result<(), Failure> {
    if complaints.is_empty() {
        return Ok(());
    }
    Err(Failure {
        phase: Some(phase),
        ..Failure::new(Reason::Assertion, complaints.join("; "))
    })
}
