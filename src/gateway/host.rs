//! The host that a request asks for: read once, strictly, into one form.
//!
//! What two readers could take for different hosts is refused: parts that only look like addresses, percent-encoding, user
//! names. The rest has one spelling: lower case, no trailing dot, addresses as RFC 5952 writes them.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The longest name that DNS can hold (RFC 1035, section 3.1), in text.
const MAX_NAME_BYTES: usize = 253;

/// A host and the port that was named with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Authority<'a> {
    pub(super) host: Host<'a>,
    pub(super) port: Option<u16>,
}

/// A host in its one spelling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Host<'a> {
    /// A name, in lower case, without a trailing dot.
    Name(Cow<'a, str>),
    /// An address. An IPv4 address that is mapped into IPv6 is the IPv4 address.
    Address(IpAddr),
}

/// Why a text is no host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadHost {
    /// Nothing, or a character that no host name has.
    Name,
    /// Something that looks like an address and is none.
    Address,
    /// A port that is none.
    Port,
    /// A user name or password stands before the host.
    Userinfo,
}

impl fmt::Display for BadHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BadHost::Name => "the host that the request names is not a host name",
            BadHost::Address => {
                "the host that the request names looks like an address, but is none"
            }
            BadHost::Port => "the port that the request names is not between 1 and 65535",
            BadHost::Userinfo => {
                "the request names a user in front of the host; credentials belong in a header"
            }
        })
    }
}

impl<'a> Authority<'a> {
    /// Reads `host`, `host:port` or `[address]:port` (RFC 3986, section 3.2).
    pub(super) fn read(text: &'a str) -> Result<Authority<'a>, BadHost> {
        if text.contains('@') {
            return Err(BadHost::Userinfo);
        }
        if let Some(bracketed) = text.strip_prefix('[') {
            let (address, port) = bracketed.split_once(']').ok_or(BadHost::Address)?;
            let address: Ipv6Addr = address.parse().map_err(|_| BadHost::Address)?;
            return Ok(Authority {
                host: Host::Address(IpAddr::V6(address).to_canonical()),
                port: read_port(port)?,
            });
        }
        let (host, port) = match text.find(':') {
            Some(colon) => text.split_at(colon),
            None => (text, ""),
        };
        Ok(Authority {
            host: Host::read(host)?,
            port: read_port(port)?,
        })
    }
}

/// Reads `:port`. A colon without a port names none (RFC 3986, section 3.2.3).
fn read_port(text: &str) -> Result<Option<u16>, BadHost> {
    let digits = match text.strip_prefix(':') {
        None if text.is_empty() => return Ok(None),
        None => return Err(BadHost::Port),
        Some("") => return Ok(None),
        Some(digits) => digits,
    };
    let all_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    let port = digits.parse().ok().filter(|port| all_digits && *port > 0);
    port.map(Some).ok_or(BadHost::Port)
}

impl<'a> Host<'a> {
    /// Reads a name or an IPv4 address, without a port.
    fn read(text: &'a str) -> Result<Host<'a>, BadHost> {
        let name = text.strip_suffix('.').unwrap_or(text);
        if name.is_empty() || name.len() > MAX_NAME_BYTES {
            return Err(BadHost::Name);
        }
        let is_name = |label: &str| !label.is_empty() && label.bytes().all(in_names);
        if !name.split('.').all(is_name) {
            return Err(BadHost::Name);
        }
        // A name whose last part is a number is taken for an address by many readers (WHATWG URL, "ends in a number").
        if name.rsplit('.').next().is_some_and(is_number) {
            let address: Ipv4Addr = name.parse().map_err(|_| BadHost::Address)?;
            return Ok(Host::Address(IpAddr::V4(address)));
        }
        let is_lower = !name.bytes().any(|byte| byte.is_ascii_uppercase());
        Ok(Host::Name(match is_lower {
            true => Cow::Borrowed(name),
            false => Cow::Owned(name.to_ascii_lowercase()),
        }))
    }
}

/// Letters, digits and hyphens, and the underscore that names in private networks have.
fn in_names(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

fn is_number(label: &str) -> bool {
    let hexadecimal = label.strip_prefix("0x").or(label.strip_prefix("0X"));
    match hexadecimal {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => label.bytes().all(|byte| byte.is_ascii_digit()),
    }
}

impl fmt::Display for Host<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Name(name) => f.write_str(name),
            Host::Address(IpAddr::V4(address)) => address.fmt(f),
            Host::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

impl fmt::Display for Authority<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.host),
            None => self.host.fmt(f),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Scenario: every way to write a host.
    /// Guarantees: one spelling each.
    #[test]
    fn hosts_have_one_spelling() {
        let cases = [
            ("stripe.internal", "stripe.internal"),
            ("Stripe.INTERNAL", "stripe.internal"),
            ("stripe.internal.", "stripe.internal"),
            ("stripe.internal:2272", "stripe.internal:2272"),
            ("STRIPE.internal.:0443", "stripe.internal:443"),
            ("stripe.internal:", "stripe.internal"),
            ("my_service-1", "my_service-1"),
            ("127.0.0.1:80", "127.0.0.1:80"),
            ("127.0.0.1.", "127.0.0.1"),
            ("[::1]", "[::1]"),
            ("[0:0:0:0:0:0:0:1]:8080", "[::1]:8080"),
            ("[2001:DB8::A]", "[2001:db8::a]"),
            ("[::ffff:127.0.0.1]:80", "127.0.0.1:80"),
            ("[::FFFF:7f00:1]", "127.0.0.1"),
            ("1.example", "1.example"),
            ("0x.example", "0x.example"),
        ];
        for (text, shown) in cases {
            assert_eq!(Authority::read(text).unwrap().to_string(), shown, "{text}");
        }
    }

    /// Scenario: what is no host, or one host to some readers and another to others.
    /// Guarantees: refused, with the reason.
    #[test]
    fn doubtful_hosts_are_refused() {
        let cases = [
            ("", BadHost::Name),
            (".", BadHost::Name),
            ("..", BadHost::Name),
            ("a..b", BadHost::Name),
            ("a..", BadHost::Name),
            (".a", BadHost::Name),
            (":80", BadHost::Name),
            ("a b", BadHost::Name),
            ("a%2eb", BadHost::Name),
            ("a\\b", BadHost::Name),
            ("a/b", BadHost::Name),
            ("a,b", BadHost::Name),
            ("a\tb", BadHost::Name),
            ("ä.example", BadHost::Name),
            ("a#b", BadHost::Name),
            ("127.1", BadHost::Address),
            ("2130706433", BadHost::Address),
            ("0x7f000001", BadHost::Address),
            ("0x7f.1", BadHost::Address),
            ("0177.0.0.1", BadHost::Address),
            ("127.0.0.01", BadHost::Address),
            ("1.2.3.4.5", BadHost::Address),
            ("256.1.1.1", BadHost::Address),
            ("a.1", BadHost::Address),
            ("a.0x", BadHost::Address),
            ("[::1", BadHost::Address),
            ("[]", BadHost::Address),
            ("[::1%25eth0]", BadHost::Address),
            ("[fe80::1%eth0]", BadHost::Address),
            ("[127.0.0.1]", BadHost::Address),
            ("[stripe.internal]", BadHost::Address),
            ("::1", BadHost::Name),
            ("a::1", BadHost::Port),
            ("a:0", BadHost::Port),
            ("a:65536", BadHost::Port),
            ("a:80:80", BadHost::Port),
            ("a:+80", BadHost::Port),
            ("a:8o", BadHost::Port),
            ("[::1]80", BadHost::Port),
            ("[::1]x", BadHost::Port),
            ("me@a", BadHost::Userinfo),
            ("me:secret@a:80", BadHost::Userinfo),
            ("a@[::1]", BadHost::Userinfo),
        ];
        for (text, why) in cases {
            assert_eq!(Authority::read(text), Err(why), "{text}");
        }
        let long = "a".repeat(MAX_NAME_BYTES + 1);
        assert_eq!(Authority::read(&long), Err(BadHost::Name));
    }

    proptest! {
        /// Scenario: any text.
        /// Guarantees: what is read is read the same from its one spelling, which holds nothing that could end a header or
        /// begin a path.
        #[test]
        fn the_one_spelling_is_stable(text in "[a-zA-Z0-9.:@%\\[\\]_ /-]{0,24}") {
            if let Ok(read) = Authority::read(&text) {
                let shown = read.to_string();
                prop_assert_eq!(Authority::read(&shown).unwrap(), read);
                prop_assert!(!shown.contains(['/', '@', ' ', '%', '\r', '\n']));
                prop_assert!(!shown.bytes().any(|byte| byte.is_ascii_uppercase()));
            }
        }
    }
}
