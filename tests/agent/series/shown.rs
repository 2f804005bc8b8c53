//! What a scrape shows, read line by line.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;

use crate::fixture::{Agent, Connection, Reply};

/// The `Accept` of a scraper that wants OpenMetrics.
pub const OPEN_METRICS: &str = "application/openmetrics-text;version=1.0.0";

/// A scrape in text form.
#[derive(Clone, Debug)]
pub struct Shown {
    pub text: String,
    pub samples: Vec<Sample>,
}

/// One line of it.
#[derive(Clone, Debug)]
pub struct Sample {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

impl Shown {
    /// Scrapes `agent` as text 0.0.4.
    pub async fn by(agent: &Agent) -> Shown {
        Shown::read(&ask(agent, Method::GET, "/metrics", &[]).await)
    }

    /// Scrapes `agent` with this `Accept`.
    pub async fn accepting(agent: &Agent, accept: &str) -> Shown {
        Shown::read(&ask(agent, Method::GET, "/metrics", &[("accept", accept)]).await)
    }

    /// Reads an answer; fails the test at the first line that is no sample.
    pub fn read(reply: &Reply) -> Shown {
        assert_eq!(reply.status, 200, "{}", reply.text());
        let text = reply.text();
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let samples = lines
            .map(|line| sample(line).unwrap_or_else(|| panic!("no sample: {line:?}")))
            .collect();
        Shown { text, samples }
    }

    /// The samples called `name` with all these labels.
    pub fn all(&self, name: &str, labels: &[(&str, &str)]) -> Vec<&Sample> {
        let has = |sample: &Sample, (label, value): &(&str, &str)| {
            sample.labels.get(*label).map_or("", String::as_str) == *value
        };
        let named = self.samples.iter().filter(|sample| sample.name == name);
        named
            .filter(|sample| labels.iter().all(|pair| has(sample, pair)))
            .collect()
    }

    /// The value of the one sample called `name` with all these labels.
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        match &self.all(name, labels)[..] {
            [] => None,
            [one] => Some(one.value),
            several => panic!("{name}{labels:?} is shown more than once: {several:?}"),
        }
    }

    /// The sum of the samples called `name` with all these labels.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.all(name, labels)
            .iter()
            .map(|sample| sample.value)
            .sum()
    }

    /// How many points were turned away for `reason`.
    pub fn faulty(&self, reason: &str) -> f64 {
        self.sum("lineside_series_points_faulty_total", &[("reason", reason)])
    }
}

/// Asks the agent's HTTP face with these headers.
pub async fn ask(agent: &Agent, method: Method, path: &str, headers: &[(&str, &str)]) -> Reply {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", agent.api().to_string());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(Bytes::new())).unwrap();
    let mut connection = Connection::open(agent.api(), false, None).await.unwrap();
    connection.send(request).await.unwrap()
}

/// `name{label="value",…} value`, with or without an exemplar behind it, or `{"name",…} value`.
fn sample(line: &str) -> Option<Sample> {
    let line = line.split(" # {").next()?;
    let (series, value) = line.rsplit_once(' ')?;
    let (name, labels) = match series.split_once('{') {
        Some((name, labels)) => (name, labels.strip_suffix('}')?),
        None => (series, ""),
    };
    let (quoted_name, labels) = read_labels(labels)?;
    let name = quoted_name.unwrap_or_else(|| name.to_owned());
    let value = value.parse().ok().filter(|_| !name.is_empty())?;
    Some(Sample {
        name,
        labels,
        value,
    })
}

/// The metric's name, where it stands among the labels, and the labels.
fn read_labels(text: &str) -> Option<(Option<String>, BTreeMap<String, String>)> {
    let (mut rest, mut name, mut labels) = (text, None, BTreeMap::new());
    while !rest.is_empty() {
        let (label, after) = match rest.starts_with('"') {
            true => quoted(rest)?,
            false => {
                let end = rest.find('=')?;
                (rest[..end].to_owned(), &rest[end..])
            }
        };
        rest = match after.strip_prefix('=') {
            Some(value) => {
                let (value, after) = quoted(value)?;
                assert!(
                    labels.insert(label, value).is_none(),
                    "a label stands twice: {text}"
                );
                after
            }
            None => {
                name = Some(label);
                after
            }
        };
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
    Some((name, labels))
}

/// What the quotes at the start of `text` hold, and what follows them.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut letters = text.strip_prefix('"')?.char_indices();
    let mut out = String::new();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((out, &text[at + 2..])),
            '\\' => match letters.next()?.1 {
                'n' => out.push('\n'),
                other => out.push(other),
            },
            other => out.push(other),
        }
    }
    None
}
