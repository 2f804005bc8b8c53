//! Whether a port takes connections, in plain or with TLS, and says what is expected.

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use opentelemetry::KeyValue;
use regex::bytes::Regex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::Check;
use crate::config::{ProbeSettings, Secret};
use crate::dial::{DialError, Stream};
use crate::probe::certificate;
use crate::probe::connection::Address;
use crate::probe::excerpt::Excerpts;
use crate::probe::failure::{Failure, Phase, Reason};
use crate::probe::run::Run;

/// What is expected must stand within this.
const MAX_READ_BYTES: usize = 64 << 10;
/// Who says nothing for this long may have said what is expected, or waits for us.
const QUIET: Duration = Duration::from_millis(20);
const SHOWN_CHARS: usize = 100;

/// Connects to one port.
#[derive(Debug)]
pub(super) struct TcpCheck {
    settings: ProbeSettings,
    address: Address,
    send: Option<Secret>,
    expect: Option<Regex>,
    excerpts: Excerpts,
}

impl TcpCheck {
    /// The check that `settings` ask for.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the pattern, or what of the TLS settings could not be used.
    pub(super) fn new(settings: &ProbeSettings) -> Result<TcpCheck, String> {
        let tcp = settings.tcp.clone().unwrap_or_default();
        let expect = tcp.expect.as_deref().map(Regex::new).transpose();
        Ok(TcpCheck {
            settings: settings.clone(),
            address: Address::of(settings, &[])?,
            excerpts: Excerpts::without(&tcp.send),
            send: tcp.send,
            expect: expect.map_err(|error| format!("tcp.expect: {error}"))?,
        })
    }

    /// Says what is to be said, and waits for what is expected.
    async fn talk(&self, run: &Run, stream: &mut Stream) -> Result<(), Failure> {
        let mut heard = Heard::default();
        let Some(expect) = &self.expect else {
            return match &self.send {
                Some(send) => run.phase(Phase::FirstByte, say(stream, send)).await,
                None => Ok(()),
            };
        };
        let matched = match &self.send {
            Some(send) => {
                let asked = async {
                    say(stream, send).await?;
                    heard.begin(stream).await
                };
                run.phase(Phase::FirstByte, asked).await?;
                let rest = listen(run, stream, &mut heard, expect);
                run.phase(Phase::Body, rest).await?
            }
            // What comes unasked is a greeting.
            None => {
                let greeted = async {
                    heard.begin(stream).await?;
                    listen(run, stream, &mut heard, expect).await
                };
                run.phase(Phase::Handshake, greeted).await?
            }
        };
        self.judge(run, &heard, expect, matched)
    }

    fn judge(
        &self,
        run: &Run,
        heard: &Heard,
        expect: &Regex,
        matched: bool,
    ) -> Result<(), Failure> {
        let shown = self.excerpts.of_bytes(&heard.bytes, SHOWN_CHARS);
        if matched {
            run.fact("answer", shown);
            return Ok(());
        }
        let (read, end) = (heard.bytes.len(), heard.end());
        let message = format!("expected {expect}, but \"{shown}\" came ({read} bytes, {end})");
        Err(Failure::new(Reason::Assertion, message))
    }
}

#[async_trait]
impl Check for TcpCheck {
    fn attributes(&self) -> Vec<KeyValue> {
        self.address.attributes().to_vec()
    }

    async fn check(&self, run: &Run) -> Result<(), Failure> {
        let mut stream = self.address.open(run).await?;
        self.talk(run, &mut stream).await?;
        certificate::judge(run, &self.settings, SystemTime::now())
    }
}

async fn say(stream: &mut Stream, what: &Secret) -> Result<(), Failure> {
    let said = async {
        stream.write_all(what.expose().as_bytes()).await?;
        stream.flush().await
    };
    said.await.map_err(|error| DialError::from(error).into())
}

/// What a server has said so far.
#[derive(Debug, Default)]
struct Heard {
    bytes: Vec<u8>,
    closed: bool,
}

impl Heard {
    /// Waits for the first byte.
    async fn begin(&mut self, stream: &mut Stream) -> Result<(), Failure> {
        match self.next(stream).await? {
            true => Ok(()),
            false => {
                let message = "the server closed the connection without a word";
                Err(Failure::new(Reason::Closed, message))
            }
        }
    }

    /// Waits for more; `false` when there is none to come.
    async fn next(&mut self, stream: &mut Stream) -> Result<bool, Failure> {
        let room = MAX_READ_BYTES.saturating_sub(self.bytes.len());
        let mut limited = stream.take(room as u64);
        let read = limited.read_buf(&mut self.bytes).await;
        let read = read.map_err(DialError::from);
        self.closed = match read {
            Ok(0) => room > 0,
            // What came before still counts.
            Err(DialError::Closed) if !self.bytes.is_empty() => true,
            Err(error) => return Err(error.into()),
            Ok(_) => return Ok(true),
        };
        Ok(false)
    }

    /// Why nothing more came.
    fn end(&self) -> &'static str {
        match (self.closed, self.bytes.len() >= MAX_READ_BYTES) {
            (true, _) => "then the server closed the connection",
            (false, true) => "more is not read",
            (false, false) => "then nothing more",
        }
    }
}

/// Listens until `expect` matches, or until it is clear that it will not: the server closes, says too much, or nothing more
/// although most of the run's time has passed.
async fn listen(
    run: &Run,
    stream: &mut Stream,
    heard: &mut Heard,
    expect: &Regex,
) -> Result<bool, Failure> {
    // Short of the timeout, which could not tell what came.
    let patience = run.timeout().mul_f64(0.9);
    let mut looked_at = 0;
    loop {
        // A server that drips is not searched anew with every byte.
        let grown = heard.bytes.len().saturating_sub(looked_at) > looked_at / 8;
        let mut more = true;
        if !grown && let Ok(came) = timeout(QUIET, heard.next(stream)).await {
            more = came?;
        }
        if heard.bytes.len() > looked_at {
            looked_at = heard.bytes.len();
            if expect.is_match(&heard.bytes) {
                return Ok(true);
            }
        }
        if !more || run.elapsed() >= patience {
            return Ok(false);
        }
    }
}
