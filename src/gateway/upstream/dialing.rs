//! New connections to the upstream.

use std::error::Error;
use std::net::{IpAddr, SocketAddr};

use http::Request;
use http::header::UPGRADE;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::failure::{CallFailure, CallFailureKind, Phase};
use super::reach::refusal;
use super::terms::Terms;
use crate::config::{Endpoint, HttpVersion, Reach, RouteSettings};
use crate::dial::{ClientTls, DialError, Stream, TlsClient, connect, resolve};

/// Protocols as TLS negotiates them (RFC 7301; RFC 9113, section 3.2).
const HTTP2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";

/// Which versions of HTTP a call can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    /// Those that the route allows.
    Any,
    /// Only HTTP/1.1, as it asks to switch protocols.
    Http1,
}

/// A connection, and which version it speaks.
#[derive(Debug)]
pub(super) enum Dialled {
    Http1(Stream),
    Http2(Stream),
}

/// Makes connections to one upstream.
#[derive(Debug)]
pub(super) struct Dialer {
    endpoint: Endpoint,
    reach: Reach,
    version: HttpVersion,
    tls: Option<Tls>,
}

/// TLS with what the route offers, and with HTTP/1.1 alone.
#[derive(Debug)]
struct Tls {
    any: TlsClient,
    http1: TlsClient,
}

impl Dialer {
    /// # Errors
    /// Names the file, or the name, that could not be used.
    pub(super) fn new(route: &RouteSettings) -> Result<Dialer, Box<dyn Error>> {
        let offered: &[&[u8]] = match route.version {
            HttpVersion::Auto => &[HTTP2, HTTP1],
            HttpVersion::Http1 => &[HTTP1],
            HttpVersion::Http2 => &[HTTP2],
        };
        let endpoint = route.upstream.clone();
        let tls = match endpoint.is_tls() {
            true => {
                let settings = ClientTls::from(route.tls.clone().unwrap_or_default());
                let any = TlsClient::resuming(endpoint.host(), &settings, offered)?;
                let http1 = any.offering(&[HTTP1]);
                Some(Tls { any, http1 })
            }
            false => None,
        };
        Ok(Dialer {
            endpoint,
            reach: route.reach,
            version: route.version,
            tls,
        })
    }

    /// Which versions `request` can use. Where HTTP/2 is all there is, it gets an answer that switches to nothing.
    pub(super) fn needs<B>(&self, request: &Request<B>) -> Needs {
        match self.may_speak_http1() && request.headers().contains_key(UPGRADE) {
            true => Needs::Http1,
            false => Needs::Any,
        }
    }

    /// Whether connections may speak HTTP/2.
    pub(super) fn may_speak_http2(&self) -> bool {
        match self.version {
            HttpVersion::Auto => self.tls.is_some(),
            HttpVersion::Http1 => false,
            HttpVersion::Http2 => true,
        }
    }

    /// Whether they may speak HTTP/1.1.
    pub(super) fn may_speak_http1(&self) -> bool {
        self.version != HttpVersion::Http2
    }

    /// Whether the upstream is spoken to in TLS.
    pub(super) fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// A connection to an address that the upstream's name leads to and the route may reach.
    ///
    /// # Errors
    /// Which step failed, and why. Nothing of a request was sent.
    pub(super) async fn dial(&self, terms: &Terms, needs: Needs) -> Result<Dialled, CallFailure> {
        let late = |phase| terms.timed_out(CallFailureKind::Timeout(phase), false);
        let stream = timeout(terms.timeout.connect, self.connect(terms))
            .await
            .map_err(|_| late(Phase::Connect))??;
        let Some(tls) = &self.tls else {
            let stream = Stream::Plain(stream);
            return Ok(match self.version {
                HttpVersion::Http2 => Dialled::Http2(stream),
                HttpVersion::Auto | HttpVersion::Http1 => Dialled::Http1(stream),
            });
        };
        let client = match needs {
            Needs::Any => &tls.any,
            Needs::Http1 => &tls.http1,
        };
        let secured = timeout(terms.timeout.tls, client.secure(stream))
            .await
            .map_err(|_| late(Phase::Tls))?;
        let stream = secured.map_err(|error| of_tls(terms, &error))?;
        self.speaks(terms, stream)
    }

    async fn connect(&self, terms: &Terms) -> Result<TcpStream, CallFailure> {
        let found = resolve(self.endpoint.host(), self.endpoint.port()).await;
        let found = found.map_err(|error| of_connect(terms, &error))?;
        let allowed = self.allowed(&found)?;
        let connected = connect(&allowed).await;
        connected.map_err(|error| of_connect(terms, &error))
    }

    /// Those of the addresses that may be connected to.
    fn allowed(&self, found: &[SocketAddr]) -> Result<Vec<SocketAddr>, CallFailure> {
        let host = self.endpoint.host();
        let is_named = host.parse::<IpAddr>().is_ok();
        let refused = |one: &SocketAddr| refusal(one.ip(), self.reach, is_named);
        let allowed: Vec<SocketAddr> = found
            .iter()
            .copied()
            .filter(|one| refused(one).is_none())
            .collect();
        if !allowed.is_empty() {
            return Ok(allowed);
        }
        let led: Vec<String> = found
            .iter()
            .filter_map(|one| Some(format!("{} ({})", one.ip(), refused(one)?)))
            .collect();
        let what = match self.reach {
            Reach::Public => {
                "with reach = \"public\" only addresses on the public internet are connected to"
            }
            Reach::Any => "such an address must stand in the URL itself",
        };
        let message = format!("the upstream {host} leads to {}: {what}", led.join(", "));
        Err(CallFailure::unsent(CallFailureKind::Forbidden, message))
    }

    fn speaks(&self, terms: &Terms, stream: Stream) -> Result<Dialled, CallFailure> {
        match (stream.protocol(), self.version) {
            (Some(HTTP2), _) => Ok(Dialled::Http2(stream)),
            (_, HttpVersion::Http2) => Err(terms.failure(
                CallFailureKind::Tls,
                false,
                "does not speak HTTP/2, which version = \"2\" asks for",
            )),
            _ => Ok(Dialled::Http1(stream)),
        }
    }
}

fn of_connect(terms: &Terms, error: &DialError) -> CallFailure {
    let kind = match error {
        DialError::Resolve { .. } => CallFailureKind::Resolve,
        _ => CallFailureKind::Connect,
    };
    terms.failure(kind, false, &format!("cannot be reached: {error}"))
}

fn of_tls(terms: &Terms, error: &DialError) -> CallFailure {
    let kind = match error {
        DialError::Certificate(_) => CallFailureKind::Certificate,
        _ => CallFailureKind::Tls,
    };
    terms.failure(kind, false, &format!("was not agreed with on TLS: {error}"))
}
