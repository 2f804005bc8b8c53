//! Checks against servers that do as a test tells them, in the same process.

mod expectations;
mod hostile;
mod redirects;
mod requests;

use std::net::SocketAddr;
use std::time::Duration;

use http::HeaderMap;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::HttpCheck;
use crate::config::{HttpProbeSettings, ProbeSettings, ProbeUrl};
use crate::probe::failure::{Failure, Phase, Reason};
use crate::probe::kind::Check;
use crate::probe::run::{Found, Run};

/// Longer than anything here takes that is not held up.
const LONG: Duration = Duration::from_secs(10);

/// A server that does `talk` with every connection.
async fn server<F>(talk: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut talks = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            talks.spawn(talk(stream));
        }
    });
    address
}

/// A server that answers every request with `answer`, and then closes.
async fn answering(answer: impl Into<Vec<u8>>) -> SocketAddr {
    let answer = answer.into();
    server(move |mut stream| {
        let answer = answer.clone();
        async move {
            head(&mut stream).await;
            stream.write_all(&answer).await.unwrap();
        }
    })
    .await
}

/// The head of a request.
async fn head(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => read.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(read).unwrap()
}

/// The settings of a probe of `url`, as `change` makes them.
fn settings(url: &str, change: impl FnOnce(&mut HttpProbeSettings)) -> ProbeSettings {
    let mut settings = ProbeSettings::new(ProbeUrl::parse(url).unwrap());
    let mut http = HttpProbeSettings::new();
    change(&mut http);
    settings.http = Some(http);
    settings
}

/// How a run ended.
#[derive(Debug)]
struct Ended {
    failure: Option<Failure>,
    found: Found,
    took: Duration,
}

/// Runs the check of `settings` as a runner does, for at most `limit`.
async fn run_within(settings: &ProbeSettings, limit: Duration) -> Ended {
    let check = HttpCheck::new(settings).unwrap();
    let run = Run::begin(limit, HeaderMap::new());
    let began = Instant::now();
    let failure = match timeout(limit, check.check(&run)).await {
        Ok(checked) => checked.err(),
        Err(_) => Some(Failure::timed_out(limit, run.last_phase())),
    };
    let phase = run.last_phase();
    Ended {
        failure: failure.map(|failure| Failure {
            phase: failure.phase.or(phase),
            ..failure
        }),
        found: run.take(),
        took: began.elapsed(),
    }
}

async fn run(settings: &ProbeSettings) -> Ended {
    run_within(settings, LONG).await
}

/// Runs a probe of the root of `server`.
async fn probe(server: SocketAddr, change: impl FnOnce(&mut HttpProbeSettings)) -> Ended {
    run(&settings(&format!("http://{server}/"), change)).await
}

impl Ended {
    fn passes(&self) {
        assert!(self.failure.is_none(), "{self:?}");
    }

    /// Fails for `reason` in `phase`, with a message that holds `text`.
    fn fails(&self, reason: Reason, phase: Phase, text: &str) {
        let failure = self.failure.as_ref();
        let failure = failure.unwrap_or_else(|| panic!("it passes: {self:?}"));
        let place = (failure.reason, failure.phase);
        assert_eq!(place, (reason, Some(phase)), "{self:?}");
        assert!(
            failure.message.contains(text),
            "{text}: {}",
            failure.message
        );
    }

    fn fact(&self, name: &str) -> Value {
        self.found.facts.get(name).cloned().unwrap_or_default()
    }
}
