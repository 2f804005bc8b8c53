//! Whether a name server answers a question, and whether the answer is as expected. URLs are those of RFC 4501.

mod answer;
mod exchange;
mod question;
mod server;

use async_trait::async_trait;
use opentelemetry::KeyValue;
use regex::Regex;

use self::answer::Answer;
use self::exchange::Exchange;
use self::question::Question;
use self::server::Server;
use super::Check;
use crate::config::ProbeSettings;
use crate::probe::failure::{Failure, Reason};
use crate::probe::metric::Metric;
use crate::probe::run::Run;
use crate::telemetry::names;

/// How many records the answer holds.
const ANSWERS: &str = "dns.answers";
/// For how long the answer holds.
const TTL: &str = "dns.ttl";

/// Asks one question.
#[derive(Debug)]
pub(super) struct DnsCheck {
    server: Server,
    question: Question,
    expected: Option<Expected>,
    tcp: bool,
}

/// What the records must be like.
#[derive(Debug)]
struct Expected {
    pattern: Regex,
    all: bool,
}

impl DnsCheck {
    /// The check that `settings` ask for.
    ///
    /// # Errors
    ///
    /// Says what of the URL cannot be asked, or that a pattern cannot be read.
    pub(super) fn new(settings: &ProbeSettings) -> Result<DnsCheck, String> {
        let asked = settings.dns.clone().unwrap_or_default();
        let pattern = asked.expect.map(|pattern| {
            Regex::new(&pattern)
                .map_err(|error| format!("dns.expect is not a regular expression: {error}"))
        });
        let all = asked.expect_all;
        Ok(DnsCheck {
            server: Server::of(&settings.url),
            question: Question::of(&settings.url)?,
            expected: pattern
                .transpose()?
                .map(|pattern| Expected { pattern, all }),
            tcp: asked.tcp,
        })
    }

    fn told(&self, run: &Run, answer: &Answer) {
        run.fact("rcode", answer.code());
        if let Some(texts) = &answer.texts {
            run.reading(ANSWERS, &[], texts.len() as f64);
            run.fact("answers", answer::shown(texts));
        }
        if let Some(ttl) = answer.ttl_s {
            run.reading(TTL, &[], f64::from(ttl));
            run.fact("ttl", ttl);
        }
    }

    fn judge(&self, answer: &Answer) -> Result<(), Failure> {
        let texts = answer.records(&self.question)?;
        let Some(Expected { pattern, all }) = &self.expected else {
            return Ok(());
        };
        let matching = texts.iter().filter(|text| pattern.is_match(text)).count();
        let is_met = if *all {
            matching == texts.len()
        } else {
            matching > 0
        };
        if is_met {
            return Ok(());
        }
        let (count, shown) = (texts.len(), answer::listed(texts));
        let message = match all {
            true => format!("{matching} of {count} answers match {pattern}, not all: {shown}"),
            false => format!("none of {count} answers matches {pattern}: {shown}"),
        };
        Err(Failure::new(Reason::Assertion, message))
    }
}

#[async_trait]
impl Check for DnsCheck {
    fn attributes(&self) -> Vec<KeyValue> {
        let mut attributes = self.server.attributes();
        let name = KeyValue::new(names::DNS_QUESTION, self.question.name());
        attributes.push(name);
        attributes
    }

    fn metrics(&self) -> Vec<Metric> {
        vec![
            Metric::gauge(
                ANSWERS,
                "{record}",
                "Records of the type asked for in the answer.",
            ),
            Metric::gauge(
                TTL,
                "s",
                "The least time to live of the records in the answer.",
            ),
        ]
    }

    async fn check(&self, run: &Run) -> Result<(), Failure> {
        let servers = self.server.resolve(run).await?;
        let exchange = Exchange::new(run, &self.question)?;
        let message = match self.tcp {
            true => exchange.tcp(&servers).await?,
            false => exchange.udp_or_tcp(&servers).await?,
        };
        let answer = Answer::read(&message, &self.question);
        self.told(run, &answer);
        self.judge(&answer)
    }
}

#[cfg(test)]
mod tests;
