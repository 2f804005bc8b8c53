//! The way out: from a name to addresses, to a TCP connection, to TLS on it. Each step by itself, so that whoever
//! takes them can say which one failed and how long each took.

mod certificate;
mod connect;
mod failure;
mod stream;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod tls;

pub use certificate::certificate_end;
pub use connect::{connect, resolve};
pub use failure::DialError;
pub use stream::Stream;
pub use tls::{ClientTls, TlsClient};
