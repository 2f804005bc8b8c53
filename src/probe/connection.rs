//! A connection to what a probe checks, made in phases that the run shows.

use std::net::SocketAddr;

use opentelemetry::KeyValue;

use super::failure::{Failure, Phase};
use super::run::Run;
use crate::config::ProbeSettings;
use crate::dial::{self, ClientTls, Stream, TlsClient};
use crate::telemetry::names;

/// Where a probe connects to.
#[derive(Debug)]
pub(super) struct Address {
    host: String,
    port: u16,
    tls: Option<TlsClient>,
}

impl Address {
    /// The host and port of the URL, with TLS as configured where its scheme says so, offering the protocols `alpn`.
    ///
    /// # Errors
    ///
    /// Says what of the TLS settings could not be used.
    pub(super) fn of(settings: &ProbeSettings, alpn: &[&[u8]]) -> Result<Address, String> {
        let url = &settings.url;
        let tls = || settings.tls.clone().unwrap_or_default().into();
        let tls: Option<ClientTls> = url.is_tls().then(tls);
        // A URL that needs a port has one, or it would not have been taken.
        Address::new(&url.host(), url.port().unwrap_or(0), tls.as_ref(), alpn)
    }

    /// `host` and `port`, with TLS where `tls` is given.
    ///
    /// # Errors
    ///
    /// Says what of the TLS settings could not be used.
    pub(super) fn new(
        host: &str,
        port: u16,
        tls: Option<&ClientTls>,
        alpn: &[&[u8]],
    ) -> Result<Address, String> {
        let tls = tls.map(|tls| TlsClient::new(host, tls, alpn)).transpose();
        let tls = tls.map_err(|error| error.to_string())?;
        Ok(Address::with(host, port, tls))
    }

    /// `host` and `port`, with `tls` where it is given.
    pub(super) fn with(host: &str, port: u16, tls: Option<TlsClient>) -> Address {
        Address {
            host: host.to_owned(),
            port,
            tls,
        }
    }

    /// The host.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// The attributes of a span that connects there (semantic conventions, "server").
    pub(super) fn attributes(&self) -> [KeyValue; 2] {
        [
            KeyValue::new(names::SERVER_ADDRESS, self.host.clone()),
            KeyValue::new(names::SERVER_PORT, i64::from(self.port)),
        ]
    }

    /// Resolves, connects, and makes TLS where that is asked for.
    pub(super) async fn open(&self, run: &Run) -> Result<Stream, Failure> {
        let addresses = self.resolve(run).await?;
        let stream = run.phase(Phase::Connect, dial::connect(&addresses)).await?;
        if let Ok(peer) = stream.peer_addr() {
            run.attribute(KeyValue::new(names::PEER_ADDRESS, peer.ip().to_string()));
            run.attribute(KeyValue::new(names::PEER_PORT, i64::from(peer.port())));
        }
        let Some(tls) = &self.tls else {
            return Ok(Stream::Plain(stream));
        };
        let secured = run.phase(Phase::Tls, tls.secure(stream)).await;
        if let Some(ends) = tls.certificate_ends() {
            run.certificate_ends(ends);
        }
        let stream = secured?;
        if let Some(version) = stream.tls_version() {
            run.attribute(KeyValue::new(names::TLS_VERSION, version));
        }
        Ok(stream)
    }

    /// The addresses behind the name.
    pub(super) async fn resolve(&self, run: &Run) -> Result<Vec<SocketAddr>, Failure> {
        let resolved = run.phase(Phase::Resolve, dial::resolve(&self.host, self.port));
        Ok(resolved.await?)
    }
}
