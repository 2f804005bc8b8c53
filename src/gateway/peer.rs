//! Who is at the other end of a connection.

use std::net::{IpAddr, SocketAddr};

use http::HeaderValue;

/// The caller's end of a connection, as its requests need it.
#[derive(Debug)]
pub(super) struct Peer {
    /// An IPv4 address that is mapped into IPv6 is the IPv4 address.
    pub(super) address: IpAddr,
    /// The address as X-Forwarded-For has it.
    pub(super) forwarded_for: HeaderValue,
    /// `http` or `https`.
    pub(super) scheme: &'static str,
}

impl Peer {
    /// The peer at `address`, which came over TLS or not.
    pub(super) fn new(address: SocketAddr, is_tls: bool) -> Peer {
        let address = address.ip().to_canonical();
        let forwarded_for = HeaderValue::try_from(address.to_string());
        Peer {
            address,
            // An address is ASCII, so this only falls back if that ever changes.
            forwarded_for: forwarded_for.unwrap_or_else(|_| HeaderValue::from_static("unknown")),
            scheme: if is_tls { "https" } else { "http" },
        }
    }

    /// The scheme as X-Forwarded-Proto has it.
    pub(super) fn scheme_value(&self) -> HeaderValue {
        HeaderValue::from_static(self.scheme)
    }
}
