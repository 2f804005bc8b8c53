//! Why a connection could not be made.

use std::io;

use tokio_rustls::rustls;

use super::certificate;

/// Why a step towards a connection failed. No text names a secret.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The name has no address, or nobody could be asked.
    #[error("the name {host} was not found: {reason}")]
    Resolve {
        /// The name.
        host: String,
        /// What the resolver said.
        reason: String,
    },
    /// Nobody listens there (ECONNREFUSED).
    #[error("connection refused")]
    Refused,
    /// No way leads there.
    #[error("no route: {0}")]
    Unreachable(io::Error),
    /// The other side ended the connection.
    #[error("the server closed the connection")]
    Closed,
    /// Something else went wrong with the socket.
    #[error("{0}")]
    Io(io::Error),
    /// The server's certificate was not accepted; the text says why.
    #[error("{0}")]
    Certificate(String),
    /// TLS could not be agreed on.
    #[error("no TLS: {0}")]
    Tls(String),
}

impl From<io::Error> for DialError {
    fn from(error: io::Error) -> DialError {
        use io::ErrorKind::{
            BrokenPipe, ConnectionAborted, ConnectionRefused, ConnectionReset, HostUnreachable,
            NetworkDown, NetworkUnreachable, UnexpectedEof,
        };
        if let Some(tls) = tls_within(&error) {
            return tls.into();
        }
        match error.kind() {
            ConnectionRefused => DialError::Refused,
            HostUnreachable | NetworkUnreachable | NetworkDown => DialError::Unreachable(error),
            ConnectionReset | ConnectionAborted | BrokenPipe | UnexpectedEof => DialError::Closed,
            _ => DialError::Io(error),
        }
    }
}

/// For an error that is kept by another.
impl From<&io::Error> for DialError {
    fn from(error: &io::Error) -> DialError {
        match tls_within(error) {
            Some(tls) => tls.into(),
            None => io::Error::new(error.kind(), error.to_string()).into(),
        }
    }
}

fn tls_within(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// What went wrong in a TLS handshake, or after it: a server that asks for a certificate says so only then (RFC 8446,
/// section 4.4.2.4).
impl From<&rustls::Error> for DialError {
    fn from(error: &rustls::Error) -> DialError {
        match error {
            rustls::Error::InvalidCertificate(reason) => {
                DialError::Certificate(certificate::refusal(reason))
            }
            other => DialError::Tls(certificate::disagreement(other)),
        }
    }
}
