//! The way out: from a name to addresses, to a TCP connection, to TLS on it. Each step by itself, so that whoever
//! takes them can say which one failed and how long each took.

mod certificate;
mod connect;
mod failure;
mod resolve;
mod stream;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod tls;

pub use certificate::certificate_end;
pub use connect::connect;
pub use failure::DialError;
pub use resolve::resolve;
pub use stream::Stream;
pub use tls::{ClientTls, TlsClient};

use http::HeaderValue;

/// Who asks, in every request of ours (RFC 9110, section 10.1.5; OTLP exporter specification, "User Agent").
pub const USER_AGENT: HeaderValue =
    HeaderValue::from_static(concat!("lineside/", env!("CARGO_PKG_VERSION")));
