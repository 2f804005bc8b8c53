//! Whether a server answers HTTP requests, and answers them as expected (RFC 9110).

mod answer;
mod content;
mod expectation;
mod http1;
mod http2;
mod metered;
mod question;
mod redirect;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod way;

use std::time::SystemTime;

use async_trait::async_trait;
use http::Version;
use http::response::Parts;
use opentelemetry::KeyValue;
use url::Url;

use self::answer::{Answer, Body, Step};
use self::expectation::Expectation;
use self::question::Question;
use self::redirect::{Hop, refused, shown};
use self::way::Way;
use super::Check;
use crate::config::{HttpVersion, ProbeSettings, ProbeUrl};
use crate::dial::Stream;
use crate::probe::certificate;
use crate::probe::excerpt::Excerpts;
use crate::probe::failure::{Failure, Reason};
use crate::probe::run::Run;
use crate::telemetry::names;

/// The most that is read of an answer's status line and headers.
const MAX_HEAD_BYTES: usize = 64 << 10;
const MAX_HEADERS: usize = 200;

const SHOWN_SERVER_CHARS: usize = 100;

/// Asks one URL.
#[derive(Debug)]
pub(super) struct HttpCheck {
    settings: ProbeSettings,
    version: HttpVersion,
    redirects: u32,
    max_body_bytes: usize,
    first: Hop,
    question: Question,
    expectation: Expectation,
    excerpts: Excerpts,
    way: Way,
}

impl HttpCheck {
    /// The check that `settings` ask for.
    ///
    /// # Errors
    ///
    /// Names the setting that cannot be used, or what of the TLS settings.
    pub(super) fn new(settings: &ProbeSettings) -> Result<HttpCheck, String> {
        let http = settings.http.clone().unwrap_or_default();
        let question = Question::of(settings, &http)?;
        let excerpts = Excerpts::without(&question::secrets(settings, &http));
        let check = HttpCheck {
            version: http.version,
            redirects: http.redirects,
            max_body_bytes: usize::try_from(http.max_body.0).unwrap_or(usize::MAX),
            first: question.first(url_of(&settings.url)?),
            expectation: Expectation::of(&http, excerpts.clone())?,
            way: Way::of(settings, http.version, http.redirects)?,
            settings: settings.clone(),
            question,
            excerpts,
        };
        check.ask_for_nothing()?;
        Ok(check)
    }

    /// Whether the request can be written at all, before the first run.
    fn ask_for_nothing(&self) -> Result<(), String> {
        for version in [Version::HTTP_11, Version::HTTP_2] {
            let request = self
                .question
                .request(&self.first, version, &Default::default());
            request.map_err(|failure| failure.message)?;
        }
        Ok(())
    }

    /// Follows redirects to an answer, whose head is as expected.
    async fn answer(&self, run: &Run) -> Result<(Parts, Body), Failure> {
        let mut asked = vec![self.first.clone()];
        loop {
            match self.ask(run, &asked).await? {
                Answer::Whole(head, body) => return Ok((head, body)),
                Answer::Redirect(hop) => asked.push(hop),
            }
            let followed = asked.len() as i64 - 1;
            run.attribute(KeyValue::new(names::HTTP_RESEND_COUNT, followed));
            run.fact("redirects", followed);
        }
    }

    /// Sends the last of `asked`.
    async fn ask(&self, run: &Run, asked: &[Hop]) -> Result<Answer, Failure> {
        let hop = asked.last().unwrap_or(&self.first);
        let stream = self.way.address(hop)?.open(run).await?;
        let version = self.spoken(&stream)?;
        let request = self.question.request(hop, version, run.trace())?;
        let decide = |head: &Parts| self.decide(run, asked, head);
        let max_bytes = self.max_body_bytes;
        match version {
            Version::HTTP_2 => http2::exchange(run, stream, request, max_bytes, decide).await,
            _ => http1::exchange(run, stream, request, max_bytes, decide).await,
        }
    }

    /// The version to speak on `stream`.
    fn spoken(&self, stream: &Stream) -> Result<Version, Failure> {
        let chosen = stream.protocol() == Some(b"h2");
        let plain = matches!(stream, Stream::Plain(_));
        match self.version {
            HttpVersion::Http2 if chosen || plain => Ok(Version::HTTP_2),
            HttpVersion::Http2 => Err(Failure::new(
                Reason::Protocol,
                "the server did not choose HTTP/2 in the TLS handshake: set http.version = \"auto\"",
            )),
            HttpVersion::Auto if chosen => Ok(Version::HTTP_2),
            HttpVersion::Auto | HttpVersion::Http1 => Ok(Version::HTTP_11),
        }
    }

    /// What to do with the answer to the last of `asked`, now that its head is there.
    fn decide(&self, run: &Run, asked: &[Hop], head: &Parts) -> Result<Step, Failure> {
        self.tell(run, head);
        let hop = asked.last().unwrap_or(&self.first);
        let follows = self.redirects > 0;
        if let Some(next) = follows.then(|| hop.next(head)).transpose()?.flatten() {
            return self.follow(asked, next).map(Step::Follow);
        }
        if asked.len() > 1 {
            run.fact("final_url", shown(&hop.url));
        }
        self.expectation.judge_head(head)?;
        Ok(Step::Read)
    }

    fn follow(&self, asked: &[Hop], next: Hop) -> Result<Hop, Failure> {
        let place = shown(&next.url);
        let again = |hop: &Hop| hop.url == next.url && hop.method == next.method;
        if asked.iter().any(again) {
            return Err(refused(format!(
                "the redirects go round in a circle, back to {place}"
            )));
        }
        if asked.len() > self.redirects as usize {
            let most = self.redirects;
            let message = format!(
                "there are more than {most} redirects, the next to {place} (http.redirects)"
            );
            return Err(refused(message));
        }
        Ok(next)
    }

    fn tell(&self, run: &Run, head: &Parts) {
        let version = match head.version {
            Version::HTTP_10 => "1.0",
            Version::HTTP_2 => "2",
            _ => "1.1",
        };
        let status = head.status.as_u16();
        run.attribute(KeyValue::new(names::HTTP_STATUS, i64::from(status)));
        run.attribute(KeyValue::new(names::PROTOCOL_VERSION, version));
        run.fact("status", status);
        run.fact("http_version", version);
        if let Some(server) = head.headers.get(http::header::SERVER) {
            let server = self
                .excerpts
                .of_bytes(server.as_bytes(), SHOWN_SERVER_CHARS);
            run.fact("server", server);
        }
    }
}

#[async_trait]
impl Check for HttpCheck {
    fn attributes(&self) -> Vec<KeyValue> {
        let url = &self.settings.url;
        vec![
            KeyValue::new(names::HTTP_METHOD, self.first.method.to_string()),
            KeyValue::new(names::URL_FULL, url.to_string()),
            KeyValue::new(names::URL_SCHEME, url.scheme().to_owned()),
            KeyValue::new(names::SERVER_ADDRESS, self.first.host()),
            KeyValue::new(names::SERVER_PORT, i64::from(self.first.port())),
        ]
    }

    async fn check(&self, run: &Run) -> Result<(), Failure> {
        let (head, body) = self.answer(run).await?;
        run.fact("size_bytes", body.bytes.len());
        if body.cut {
            run.fact("size_is_cut", true);
        }
        self.expectation.judge_body(head, body).await?;
        certificate::judge(run, &self.settings, SystemTime::now())
    }
}

/// The URL to ask for: without user and password, with its query.
fn url_of(url: &ProbeUrl) -> Result<Url, String> {
    let parsed = Url::parse(&url.to_string());
    let mut parsed = parsed.map_err(|error| format!("url cannot be asked for: {error}"))?;
    let target = url.request_target();
    parsed.set_query(target.split_once('?').map(|(_, query)| query));
    Ok(parsed)
}
