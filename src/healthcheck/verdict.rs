//! What an answer to a probe means, in one line.

use std::fmt;

use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;

/// The longest line that is made of an answer.
const MAX_LINE_CHARS: usize = 1000;

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
}

/// What a probe's body says. Reasons are left out for those who may not see them.
#[derive(Deserialize)]
struct Said {
    status: String,
    #[serde(default, alias = "waitingFor")]
    reasons: Vec<String>,
}

impl Said {
    fn why(&self) -> String {
        match self.reasons.is_empty() {
            true => format!(
                "{:?}; the reasons are shown to those who present api.token",
                self.status
            ),
            false => self.reasons.join("; "),
        }
    }
}

/// How the agent is. Displayed as one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it is as was asked.
    pub is_well: bool,
    line: String,
}

impl Verdict {
    /// `word` is what the agent is where the status is 200.
    pub(super) fn of(word: &str, url: &str, answer: &Answer) -> Verdict {
        let status = answer.status;
        if status == StatusCode::OK {
            return Verdict::new(true, &format!("✓ {word} ({url})"));
        }
        match serde_json::from_slice::<Said>(&answer.body) {
            Ok(said) if status == StatusCode::SERVICE_UNAVAILABLE => {
                let why = said.why();
                Verdict::new(false, &format!("✗ not {word}: {why} ({url})"))
            }
            _ => Verdict::new(
                false,
                &format!(
                    "✗ {status} from {url}: no answer of an agent; check the address with api.listen"
                ),
            ),
        }
    }

    pub(super) fn silent(url: &str, reason: &str) -> Verdict {
        let line = format!("✗ no answer from {url}: {reason}; check that the agent runs there");
        Verdict::new(false, &line)
    }

    /// Who answers may be a stranger: nothing of it may begin a line or command the terminal.
    fn new(is_well: bool, line: &str) -> Verdict {
        let printable = |letter: char| if letter.is_control() { ' ' } else { letter };
        Verdict {
            is_well,
            line: line.chars().map(printable).take(MAX_LINE_CHARS).collect(),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "http://a:1/health/ready";

    fn judged(status: u16, body: &str) -> Verdict {
        let answer = Answer {
            status: StatusCode::from_u16(status).unwrap(),
            body: Bytes::copy_from_slice(body.as_bytes()),
        };
        Verdict::of("ready", URL, &answer)
    }

    /// Scenario: every kind of answer. Guarantees: 200 alone is well; a 503 of an agent shows its reasons, anything else
    /// its status.
    #[test]
    fn answers_become_one_line() {
        for (status, body, is_well, line) in [
            (
                200,
                r#"{"status":"ready"}"#,
                true,
                "✓ ready (http://a:1/health/ready)",
            ),
            (200, "", true, "✓ ready (http://a:1/health/ready)"),
            (
                503,
                r#"{"status":"not ready","reasons":["one","two"]}"#,
                false,
                "✗ not ready: one; two (http://a:1/health/ready)",
            ),
            (
                503,
                r#"{"status":"starting","waitingFor":["one"]}"#,
                false,
                "✗ not ready: one (http://a:1/health/ready)",
            ),
            (
                503,
                r#"{"status":"not ready"}"#,
                false,
                "✗ not ready: \"not ready\"; the reasons are shown to those who present api.token (http://a:1/health/ready)",
            ),
            (
                503,
                r#"{"reasons":["one"]}"#,
                false,
                "✗ 503 Service Unavailable from http://a:1/health/ready: no answer of an agent; check the address with api.listen",
            ),
            (
                503,
                "<html>",
                false,
                "✗ 503 Service Unavailable from http://a:1/health/ready: no answer of an agent; check the address with api.listen",
            ),
            (
                404,
                r#"{"reasons":["one"]}"#,
                false,
                "✗ 404 Not Found from http://a:1/health/ready: no answer of an agent; check the address with api.listen",
            ),
            (
                204,
                "",
                false,
                "✗ 204 No Content from http://a:1/health/ready: no answer of an agent; check the address with api.listen",
            ),
        ] {
            let verdict = judged(status, body);
            assert_eq!(
                (verdict.is_well, verdict.to_string().as_str()),
                (is_well, line)
            );
        }
    }

    /// Scenario: reasons with line breaks and escape sequences, and a very long one.
    /// Guarantees: one line of bounded length without control characters.
    #[test]
    fn a_stranger_commands_no_terminal() {
        let long = "x".repeat(5000);
        let verdict = judged(
            503,
            &format!(r#"{{"status":"","reasons":["a\nb\u001b[2J","{long}"]}}"#),
        );
        let line = verdict.to_string();
        assert!(line.starts_with("✗ not ready: a b [2J; xxx"), "{line}");
        assert!(!line.contains(char::is_control));
        assert_eq!(line.chars().count(), MAX_LINE_CHARS);
    }
}
