//! TLS towards destinations.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, InvalidDnsNameError, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};

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

impl ClientTls {
    pub(super) fn config(&self) -> Result<ClientConfig, Box<dyn std::error::Error>> {
        let builder = ClientConfig::builder().with_root_certificates(self.roots()?);
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
        let mut roots = RootCertStore::empty();
        match &self.ca_file {
            None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
            Some(path) => {
                let refused = |error| format!("cannot use {}: {error}", path.display());
                for certificate in CertificateDer::pem_file_iter(path).map_err(refused)? {
                    roots.add(certificate.map_err(refused)?)?;
                }
            }
        }
        Ok(Arc::new(roots))
    }

    pub(super) fn server_name(&self) -> Option<Result<ServerName<'static>, InvalidDnsNameError>> {
        self.server_name.clone().map(ServerName::try_from)
    }
}
