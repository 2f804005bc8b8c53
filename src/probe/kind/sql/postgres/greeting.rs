//! A look at who is there, before a library believes what it reads.

use std::io;

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

use crate::probe::kind::sql::Place;

/// The request for TLS (PostgreSQL manual, "Message Formats", SSLRequest): length and code. Every server answers it with
/// one byte.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// Whether the library asks for TLS first by itself, and so finds out who is there.
pub(super) fn is_asked_by_library(options: &PgConnectOptions) -> bool {
    !matches!(
        options.get_ssl_mode(),
        PgSslMode::Disable | PgSslMode::Allow
    )
}

/// Finds out whether a PostgreSQL server listens at `place`, on a connection of its own.
///
/// The library takes memory for a message by the length that the message names. What a web server says to a stranger,
/// read as a message, is one of 1.3 GiB.
pub(super) async fn greet(place: &Place) -> Result<(), sqlx::Error> {
    match place {
        Place::Tcp { host, port } => ask(TcpStream::connect((host.as_str(), *port)).await?).await,
        Place::Socket(path) => ask(UnixStream::connect(path).await?).await,
    }
}

async fn ask(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> Result<(), sqlx::Error> {
    stream.write_all(&SSL_REQUEST).await?;
    match stream.read_u8().await {
        // TLS, no TLS, or an error, as servers have that cannot start a process.
        Ok(b'S' | b'N' | b'E') => Ok(()),
        Ok(other) => Err(sqlx::Error::Protocol(format!(
            "the answer to a request for TLS is {other:#04x}, as no PostgreSQL gives it"
        ))),
        Err(error) => Err(io::Error::from(error.kind()).into()),
    }
}
