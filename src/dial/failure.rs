//! Why a connection could not be made.

use std::io;

use tokio_rustls::rustls;

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
    /// The server's certificate was not accepted.
    #[error("certificate not accepted: {0}")]
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
        match error.kind() {
            ConnectionRefused => DialError::Refused,
            HostUnreachable | NetworkUnreachable | NetworkDown => DialError::Unreachable(error),
            ConnectionReset | ConnectionAborted | BrokenPipe | UnexpectedEof => DialError::Closed,
            _ => DialError::Io(error),
        }
    }
}

impl DialError {
    /// What went wrong in a TLS handshake.
    pub fn of_handshake(error: io::Error) -> DialError {
        let inner = error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match inner {
            Some(rustls::Error::InvalidCertificate(reason)) => {
                DialError::Certificate(reason.to_string())
            }
            Some(other) => DialError::Tls(other.to_string()),
            None => error.into(),
        }
    }
}
