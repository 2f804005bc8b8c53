//! How requests reach their servers.

use super::redirect::{Hop, refused};
use crate::config::{HttpVersion, ProbeSettings};
use crate::dial::{ClientTls, TlsClient};
use crate::probe::connection::Address;
use crate::probe::failure::Failure;

/// TLS towards the server that the configuration names, and towards those that redirects lead to.
#[derive(Debug)]
pub(super) struct Way {
    own: Option<TlsClient>,
    /// It shows no certificate of ours.
    others: Option<TlsClient>,
}

impl Way {
    /// Prepares what `settings` may need; with `redirects` a plain URL may lead to TLS.
    ///
    /// # Errors
    ///
    /// Says what of the TLS settings could not be used.
    pub(super) fn of(
        settings: &ProbeSettings,
        version: HttpVersion,
        redirects: u32,
    ) -> Result<Way, String> {
        let (url, alpn) = (&settings.url, protocols(version));
        let tls = settings.tls.clone().map(ClientTls::from);
        let tls = tls.unwrap_or_default();
        let client = |tls: &ClientTls| {
            let client = TlsClient::new(&url.host(), tls, alpn);
            client.map_err(|error| error.to_string())
        };
        let follows = redirects > 0;
        let strangers = ClientTls {
            ca_file: tls.ca_file.clone(),
            ..ClientTls::default()
        };
        Ok(Way {
            own: (url.is_tls() || follows)
                .then(|| client(&tls))
                .transpose()?,
            others: follows.then(|| client(&strangers)).transpose()?,
        })
    }

    /// Where `hop` connects to.
    ///
    /// # Errors
    ///
    /// [`Reason::Status`](crate::probe::failure::Reason::Status) when no certificate can be for the host that a redirect names.
    pub(super) fn address(&self, hop: &Hop) -> Result<Address, Failure> {
        let host = hop.host();
        let tls = match (hop.is_tls(), hop.trusted) {
            (false, _) => None,
            (true, true) => self.own.clone(),
            (true, false) => {
                let others = self.others.as_ref();
                let named = others.map(|others| others.named(&host)).transpose();
                named.map_err(|_| {
                    refused("a redirect leads to a host that no certificate can name".to_owned())
                })?
            }
        };
        Ok(Address::with(&host, hop.port(), tls))
    }
}

/// The protocols to offer in the TLS handshake (RFC 7301), the one that is wanted most first.
fn protocols(version: HttpVersion) -> &'static [&'static [u8]] {
    match version {
        HttpVersion::Auto => &[b"h2", b"http/1.1"],
        HttpVersion::Http1 => &[b"http/1.1"],
        HttpVersion::Http2 => &[b"h2"],
    }
}
