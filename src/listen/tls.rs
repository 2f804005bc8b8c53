//! TLS for listeners: certificates from files, replaced while running.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::{info, warn};

/// A listener's certificate, key and, for mTLS, the authority its clients must be signed by.
#[derive(Clone, Debug)]
pub struct ServerTls {
    files: Arc<Files>,
    current: Arc<RwLock<Arc<ServerConfig>>>,
}

#[derive(Debug)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
    client_ca: Option<PathBuf>,
}

/// Why TLS material could not be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file could not be read or holds no PEM of the right kind.
    #[error("cannot read {what} from {path}: {error}; it must be a readable PEM file")]
    File {
        /// The certificate, the key or the authority.
        what: &'static str,
        /// The file named in the configuration.
        path: PathBuf,
        /// What reading it said.
        error: rustls::pki_types::pem::Error,
    },
    /// The files were read but do not fit together.
    #[error("cannot use certificate {path}: {error}")]
    Unusable {
        /// The certificate file.
        path: PathBuf,
        /// What rustls said.
        error: String,
    },
}

impl ServerTls {
    /// Loads the files. With `client_ca`, clients must present a certificate signed by it (mTLS).
    pub fn load(
        certificate: PathBuf,
        key: PathBuf,
        client_ca: Option<PathBuf>,
    ) -> Result<ServerTls, TlsError> {
        let files = Files {
            certificate,
            key,
            client_ca,
        };
        let config = files.config()?;
        Ok(ServerTls {
            files: Arc::new(files),
            current: Arc::new(RwLock::new(Arc::new(config))),
        })
    }

    pub(super) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let config = Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner));
        TlsAcceptor::from(config).accept(stream).await
    }

    /// Looks at the files every `every` and takes up what changed; a broken pair keeps the old one.
    pub async fn reload_for_ever(self, every: Duration) {
        let mut seen = self.files.modified();
        loop {
            tokio::time::sleep(every).await;
            let now = self.files.modified();
            if now != seen {
                seen = now;
                self.reload();
            }
        }
    }

    fn reload(&self) {
        let path = self.files.certificate.display();
        match self.files.config() {
            Ok(config) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
                info!(%path, "certificate replaced");
            }
            Err(error) => {
                warn!(%path, %error, "certificate changed but can't be used: keeping the old one")
            }
        }
    }
}

impl Files {
    fn modified(&self) -> Vec<Option<SystemTime>> {
        [
            Some(&self.certificate),
            Some(&self.key),
            self.client_ca.as_ref(),
        ]
        .into_iter()
        .flatten()
        .map(|path| {
            std::fs::metadata(path)
                .and_then(|data| data.modified())
                .ok()
        })
        .collect()
    }

    fn config(&self) -> Result<ServerConfig, TlsError> {
        let certificates = certificates("the certificate", &self.certificate)?;
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|error| TlsError::File {
            what: "the private key",
            path: self.key.clone(),
            error,
        })?;
        let unusable = |error: String| TlsError::Unusable {
            path: self.certificate.clone(),
            error,
        };
        let builder = match &self.client_ca {
            None => ServerConfig::builder().with_no_client_auth(),
            Some(path) => {
                let mut roots = RootCertStore::empty();
                roots.add_parsable_certificates(self::certificates("the client authority", path)?);
                let verifier = WebPkiClientVerifier::builder(Arc::new(roots))
                    .build()
                    .map_err(|error| unusable(error.to_string()))?;
                ServerConfig::builder().with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder
            .with_single_cert(certificates, key)
            .map_err(|error| unusable(error.to_string()))?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }
}

fn certificates(what: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| TlsError::File {
            what,
            path: path.to_owned(),
            error,
        })
}
