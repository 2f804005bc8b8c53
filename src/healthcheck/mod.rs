//! `lineside healthcheck`: asks a running agent how it is, so that an image needs no HTTP client of its own.

mod tls;
mod verdict;

use std::error::Error;
use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::time::timeout;

use crate::config::{ApiSettings, Endpoint};
use crate::export::reason;
use verdict::Answer;
pub use verdict::Verdict;

/// Answers of probes are small; a longer one is not read to its end.
const MAX_ANSWER_BYTES: usize = 64 << 10;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// Whether the agent should get requests: it is not starting or stopping, no export is stuck, and no required
    /// check fails.
    Ready,
    /// Whether the agent has started: every required check has a result, whatever it is.
    Startup,
    /// Whether the agent answers at all.
    Live,
}

impl Probe {
    /// Where the HTTP face answers it.
    pub const fn path(self) -> &'static str {
        match self {
            Probe::Ready => "/health/ready",
            Probe::Startup => "/health/startup",
            Probe::Live => "/health/live",
        }
    }

    /// What the agent is where it answers 200.
    const fn word(self) -> &'static str {
        match self {
            Probe::Ready => "ready",
            Probe::Startup => "started",
            Probe::Live => "alive",
        }
    }
}

type HttpClient = Client<HttpsConnector<HttpConnector>, Empty<Bytes>>;

/// A probe, and whom it asks.
#[derive(Clone, Debug)]
pub struct Question {
    probe: Probe,
    /// Tried in their order until one answers.
    urls: Vec<String>,
    client: HttpClient,
    timeout: Duration,
}

/// Why nobody can be asked.
#[derive(Debug, thiserror::Error)]
pub enum QuestionError {
    /// The port is known to the running agent alone.
    #[error(
        "api.listen is {0}, which takes any free port; the agent's log names the port that it took: ask there with --url"
    )]
    AnyPort(SocketAddr),
    /// TLS material could not be read or used.
    #[error("cannot ask over TLS: {0}")]
    Tls(String),
}

impl QuestionError {
    fn tls(error: impl Display) -> QuestionError {
        QuestionError::Tls(error.to_string())
    }
}

impl Question {
    /// Asks the agent that runs on this machine with these settings.
    ///
    /// # Errors
    /// When `api.listen` leaves the port open, or a client certificate is asked for and ours can't be used.
    pub fn to_configured(
        api: &ApiSettings,
        probe: Probe,
        timeout: Duration,
    ) -> Result<Question, QuestionError> {
        if api.listen.port() == 0 {
            return Err(QuestionError::AnyPort(api.listen));
        }
        let scheme = if api.tls.is_some() { "https" } else { "http" };
        let urls = reachable(api.listen)
            .into_iter()
            .map(|address| format!("{scheme}://{address}{}", probe.path()))
            .collect();
        let tls = tls::to_this_machine(api.tls.as_ref()).map_err(QuestionError::tls)?;
        Ok(Question {
            probe,
            urls,
            client: client(tls),
            timeout,
        })
    }

    /// Asks at `endpoint`; the probe's path is appended to its own.
    ///
    /// # Errors
    /// When TLS can't be set up.
    pub fn to_endpoint(
        endpoint: &Endpoint,
        probe: Probe,
        timeout: Duration,
    ) -> Result<Question, QuestionError> {
        let tls = match endpoint.is_loopback() {
            true => tls::to_this_machine(None),
            false => tls::to_others(),
        };
        Ok(Question {
            probe,
            urls: vec![format!("{endpoint}{}", probe.path())],
            client: client(tls.map_err(QuestionError::tls)?),
            timeout,
        })
    }

    /// Asks, and judges what comes back. All of it takes `timeout` at most.
    pub async fn ask(&self) -> Verdict {
        let asked = timeout(self.timeout, self.first_answer()).await;
        asked.unwrap_or_else(|_| {
            let url = self.urls.first().map_or("", String::as_str);
            Verdict::silent(url, &format!("nothing within {:?}", self.timeout))
        })
    }

    async fn first_answer(&self) -> Verdict {
        let mut silent = None;
        for url in &self.urls {
            match self.answer(url).await {
                Ok(answer) => return Verdict::of(self.probe.word(), url, &answer),
                Err(error) => {
                    silent.get_or_insert_with(|| Verdict::silent(url, &reason(&*error)));
                }
            }
        }
        silent.unwrap_or_else(|| Verdict::silent("nowhere", "there is no address to ask at"))
    }

    async fn answer(&self, url: &str) -> Result<Answer, Box<dyn Error + Send + Sync>> {
        let request = Request::get(url).body(Empty::new())?;
        let (head, body) = self.client.request(request).await?.into_parts();
        // A body that is too long or breaks off says nothing; the status stands without it.
        let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await;
        Ok(Answer {
            status: head.status,
            body: body.map(|body| body.to_bytes()).unwrap_or_default(),
        })
    }
}

/// Where a listener on `listen` is reached from its own machine. `[::]` takes IPv4 as well, and many a container has
/// no `::1`.
fn reachable(listen: SocketAddr) -> Vec<SocketAddr> {
    let hosts = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => vec![Ipv4Addr::LOCALHOST.into()],
        IpAddr::V6(ip) if ip.is_unspecified() => {
            vec![Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()]
        }
        ip => vec![ip],
    };
    let with_port = |host: IpAddr| SocketAddr::new(host, listen.port());
    hosts.into_iter().map(with_port).collect()
}

fn client(tls: rustls::ClientConfig) -> HttpClient {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    let https = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp);
    Client::builder(TokioExecutor::new()).build(https)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api(listen: &str) -> ApiSettings {
        ApiSettings {
            listen: listen.parse().unwrap(),
            ..ApiSettings::default()
        }
    }

    /// Scenario: listeners on one address, on all of IPv4, and on all of IPv6.
    /// Guarantees: each is asked where this machine reaches it; all of IPv6 first over IPv6, then over IPv4.
    #[test]
    fn it_asks_where_the_agent_listens() {
        let cases: [(&str, &[&str]); 4] = [
            ("127.0.0.3:2271", &["http://127.0.0.3:2271/health/ready"]),
            ("10.0.0.7:80", &["http://10.0.0.7:80/health/ready"]),
            ("0.0.0.0:2271", &["http://127.0.0.1:2271/health/ready"]),
            (
                "[::]:2271",
                &[
                    "http://[::1]:2271/health/ready",
                    "http://127.0.0.1:2271/health/ready",
                ],
            ),
        ];
        for (listen, urls) in cases {
            let question =
                Question::to_configured(&api(listen), Probe::Ready, Duration::from_secs(1));
            assert_eq!(question.unwrap().urls, urls, "{listen}");
        }
    }

    /// Scenario: a listener on any free port. Guarantees: nobody is asked, and the error says what to do.
    #[test]
    fn any_free_port_cannot_be_asked() {
        let refused =
            Question::to_configured(&api("127.0.0.1:0"), Probe::Live, Duration::from_secs(1));
        let error = refused.unwrap_err().to_string();
        assert!(error.contains("--url"), "{error}");
    }

    /// Scenario: URLs with and without a path, for both probes. Guarantees: the probe's path is appended.
    #[test]
    fn a_url_is_a_base() {
        for (url, probe, asked) in [
            ("http://h:1", Probe::Live, "http://h:1/health/live"),
            (
                "https://h/lineside/",
                Probe::Ready,
                "https://h/lineside/health/ready",
            ),
        ] {
            let endpoint = Endpoint::parse(url).unwrap();
            let question = Question::to_endpoint(&endpoint, probe, Duration::from_secs(1));
            assert_eq!(question.unwrap().urls, [asked]);
        }
    }
}
