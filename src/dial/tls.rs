//! TLS towards others.

use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::SystemTime;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, InvalidDnsNameError, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use x509_cert::der::Decode;

use super::{DialError, Stream};
use crate::config;

/// The public authorities, which all who trust them share.
static PUBLIC_ROOTS: LazyLock<Arc<RootCertStore>> = LazyLock::new(|| {
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    Arc::new(roots)
});

/// Whom to trust and who we are; the default trusts the public authorities and shows nothing.
#[derive(Clone, Debug, Default)]
pub struct ClientTls {
    /// A PEM file with the authorities to trust instead of the public ones.
    pub ca_file: Option<PathBuf>,
    /// Our certificate and key as PEM files, for mTLS.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// The name that the destination's certificate must carry, where it differs from the host.
    pub server_name: Option<String>,
}

impl From<config::ClientTls> for ClientTls {
    fn from(tls: config::ClientTls) -> ClientTls {
        ClientTls {
            ca_file: tls.ca_file,
            identity: tls.cert_file.zip(tls.key_file),
            server_name: tls.server_name,
        }
    }
}

impl ClientTls {
    /// What rustls needs to know of it.
    ///
    /// # Errors
    ///
    /// Names the file that could not be read or used.
    pub fn config(&self) -> Result<ClientConfig, Box<dyn std::error::Error>> {
        self.config_with(self.roots()?)
    }

    fn config_with(
        &self,
        roots: Arc<RootCertStore>,
    ) -> Result<ClientConfig, Box<dyn std::error::Error>> {
        let builder = ClientConfig::builder().with_root_certificates(roots);
        let Some((certificate, key)) = &self.identity else {
            return Ok(builder.with_no_client_auth());
        };
        let at = |path: &PathBuf| format!("cannot use {}", path.display());
        let chain = CertificateDer::pem_file_iter(certificate)
            .and_then(Iterator::collect)
            .map_err(|error| format!("{}: {error}", at(certificate)))?;
        let key_der =
            PrivateKeyDer::from_pem_file(key).map_err(|error| format!("{}: {error}", at(key)))?;
        Ok(builder.with_client_auth_cert(chain, key_der)?)
    }

    fn roots(&self) -> Result<Arc<RootCertStore>, Box<dyn std::error::Error>> {
        let Some(path) = &self.ca_file else {
            return Ok(Arc::clone(&PUBLIC_ROOTS));
        };
        let mut roots = RootCertStore::empty();
        let refused = |error| format!("cannot use {}: {error}", path.display());
        for certificate in CertificateDer::pem_file_iter(path).map_err(refused)? {
            roots.add(certificate.map_err(refused)?)?;
        }
        Ok(Arc::new(roots))
    }

    /// The name to expect, where it is not the host.
    pub fn server_name(&self) -> Option<Result<ServerName<'static>, InvalidDnsNameError>> {
        self.server_name.clone().map(ServerName::try_from)
    }
}

/// TLS towards one server. One that is made by [`TlsClient::new`] remembers until when the certificates of the last handshake are
/// valid, accepted or not.
#[derive(Clone, Debug)]
pub struct TlsClient {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    seen: Arc<Mutex<Option<SystemTime>>>,
}

impl TlsClient {
    /// Prepares TLS towards `host`, offering the protocols `alpn` (RFC 7301). Every handshake shows the certificate.
    ///
    /// # Errors
    ///
    /// Names the file, or the name, that could not be used.
    pub fn new(
        host: &str,
        tls: &ClientTls,
        alpn: &[&[u8]],
    ) -> Result<TlsClient, Box<dyn std::error::Error>> {
        let name = expected_name(host, tls)?;
        let seen = Arc::default();
        let provider = Arc::new(ring::default_provider());
        let roots = tls.roots()?;
        let inner =
            WebPkiServerVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider));
        let noting = Noting {
            inner: inner.build()?,
            provider,
            seen: Arc::clone(&seen),
        };
        let mut config = tls.config_with(roots)?;
        config
            .dangerous()
            .set_certificate_verifier(Arc::new(noting));
        // A session that is resumed shows no certificate.
        config.resumption = Resumption::disabled();
        config.alpn_protocols = offered(alpn);
        Ok(TlsClient {
            config: Arc::new(config),
            name,
            seen,
        })
    }

    /// The same for who makes many connections to one server: a session is resumed where the server lets it (RFC 8446, section
    /// 2.2), which spares both sides the certificate. Its end is not noted.
    ///
    /// # Errors
    ///
    /// Names the file, or the name, that could not be used.
    pub fn resuming(
        host: &str,
        tls: &ClientTls,
        alpn: &[&[u8]],
    ) -> Result<TlsClient, Box<dyn std::error::Error>> {
        let name = expected_name(host, tls)?;
        let mut config = tls.config()?;
        config.alpn_protocols = offered(alpn);
        Ok(TlsClient {
            config: Arc::new(config),
            name,
            seen: Arc::default(),
        })
    }

    /// The same offering other protocols. What is trusted and shown, and sessions, are shared.
    pub fn offering(&self, alpn: &[&[u8]]) -> TlsClient {
        let mut config = ClientConfig::clone(&self.config);
        config.alpn_protocols = offered(alpn);
        TlsClient {
            config: Arc::new(config),
            ..self.clone()
        }
    }

    /// The same towards `host`: what is trusted and shown stays.
    ///
    /// # Errors
    ///
    /// `host` is no name that a certificate can carry.
    pub fn named(&self, host: &str) -> Result<TlsClient, InvalidDnsNameError> {
        Ok(TlsClient {
            name: ServerName::try_from(host.to_owned())?,
            ..self.clone()
        })
    }

    /// Makes TLS on `stream`.
    ///
    /// # Errors
    ///
    /// [`DialError::Certificate`] when the server's was not accepted, [`DialError::Tls`] when there was no agreement.
    pub async fn secure(&self, stream: TcpStream) -> Result<Stream, DialError> {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let connector = TlsConnector::from(Arc::clone(&self.config));
        let handshake = connector.connect(self.name.clone(), stream).await;
        handshake
            .map(|stream| Stream::Tls(Box::new(stream)))
            .map_err(DialError::from)
    }

    /// When the first of the certificates shown in the last handshake ends; `None` when there was none.
    pub fn certificate_ends(&self) -> Option<SystemTime> {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The name that the server's certificate must carry.
fn expected_name(
    host: &str,
    tls: &ClientTls,
) -> Result<ServerName<'static>, Box<dyn std::error::Error>> {
    match tls.server_name() {
        Some(name) => Ok(name?),
        None => Ok(ServerName::try_from(host.to_owned())?),
    }
}

fn offered(alpn: &[&[u8]]) -> Vec<Vec<u8>> {
    alpn.iter().map(|name| name.to_vec()).collect()
}

/// Verifies as rustls does, and notes until when the certificates are valid before it judges them.
#[derive(Debug)]
struct Noting {
    inner: Arc<WebPkiServerVerifier>,
    provider: Arc<CryptoProvider>,
    seen: Arc<Mutex<Option<SystemTime>>>,
}

impl ServerCertVerifier for Noting {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let shown = std::iter::once(certificate).chain(intermediates);
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = shown.filter_map(ends).min();
        self.inner
            .verify_server_cert(certificate, intermediates, name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// When a certificate ends (RFC 5280, section 4.1.2.5).
fn ends(certificate: &CertificateDer<'_>) -> Option<SystemTime> {
    let certificate = x509_cert::Certificate::from_der(certificate).ok()?;
    let validity = certificate.tbs_certificate().validity();
    Some(validity.not_after.to_system_time())
}
