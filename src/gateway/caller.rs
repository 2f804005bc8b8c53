//! Who sends a request, as far as it can be told.

use std::net::{IpAddr, Ipv6Addr};

use http::{HeaderMap, HeaderName, HeaderValue};

use super::peer::Peer;

/// What tells a caller from others: the first header of those that the route names, else the address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Caller {
    /// The value of that header: a credential, as a rule.
    Header(HeaderName, HeaderValue),
    /// The address that it calls from.
    Address(IpAddr),
}

impl Caller {
    /// The caller of a request with `headers` that came from `peer`; `names` are those of the route.
    pub(super) fn of(names: &[HeaderName], headers: &HeaderMap, peer: &Peer) -> Caller {
        let told = |name: &HeaderName| Some((name.clone(), headers.get(name)?.clone()));
        match names.iter().find_map(told) {
            Some((name, value)) => Caller::Header(name, value),
            None => Caller::Address(peer.address),
        }
    }

    /// The caller as bytes that no other has. They may hold a credential.
    pub(super) fn identity(&self) -> Vec<u8> {
        match self {
            Caller::Header(name, value) => {
                [name.as_str().as_bytes(), b": ", value.as_bytes()].concat()
            }
            Caller::Address(address) => address.to_string().into_bytes(),
        }
    }

    /// The same for limits. One who has an IPv6 network has all addresses in it, so the network counts.
    pub(super) fn for_limits(&self) -> Caller {
        match self {
            Caller::Address(IpAddr::V6(address)) => {
                let network = address.to_bits() & (u128::MAX << 64);
                Caller::Address(IpAddr::V6(Ipv6Addr::from_bits(network)))
            }
            other => other.clone(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use http::header::AUTHORIZATION;

    use super::*;

    const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

    fn caller(address: &str, pairs: &[(HeaderName, &'static str)]) -> Caller {
        let peer = Peer::new(format!("{address}:1").parse().unwrap(), false);
        let pairs = pairs.iter().cloned();
        let headers = pairs.map(|(name, value)| (name, HeaderValue::from_static(value)));
        Caller::of(&[AUTHORIZATION, X_API_KEY], &headers.collect(), &peer)
    }

    /// Scenario: callers with both headers, the second, and none.
    /// Guarantees: the first header that is there counts, and the address only without any. The same value in another header is
    /// another caller.
    #[test]
    fn callers_are_told_apart() {
        let (token, key) = ((AUTHORIZATION, "a"), (X_API_KEY, "b"));
        let one = caller("192.0.2.1", &[token.clone(), key.clone()]);
        assert_eq!(one, caller("192.0.2.2", &[token]));
        assert_ne!(one, caller("192.0.2.1", &[key]));
        assert_ne!(caller("192.0.2.1", &[(X_API_KEY, "a")]), one);
        assert_ne!(caller("192.0.2.1", &[]), caller("192.0.2.2", &[]));
        assert_eq!(caller("[::ffff:192.0.2.1]", &[]), caller("192.0.2.1", &[]));
        assert_eq!(one.identity(), b"authorization: a");
        assert_eq!(caller("192.0.2.1", &[]).identity(), b"192.0.2.1");
    }

    /// Scenario: two addresses of one IPv6 network, one of another, and an IPv4 address.
    /// Guarantees: for limits a network is one caller, and an IPv4 address is one by itself.
    #[test]
    fn a_network_is_one_caller_for_limits() {
        let for_limits = |address| caller(address, &[]).for_limits();
        assert_eq!(
            for_limits("[2001:db8::1]"),
            for_limits("[2001:db8::2:3:4:5]")
        );
        assert_ne!(for_limits("[2001:db8::1]"), for_limits("[2001:db8:0:1::1]"));
        assert_ne!(for_limits("192.0.2.1"), for_limits("192.0.2.2"));
    }
}
