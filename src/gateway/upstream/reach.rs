//! To which addresses an upstream's name may lead.
//!
//! A name is under the control of whoever answers for it. One that leads to the metadata service of a cloud, or to a machine of
//! the inner network, would make the gateway fetch for strangers what only this machine may read (CWE-918, server-side request
//! forgery). The address that is checked is the one that is connected to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::config::Reach;

/// What an address is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    /// Routed on the public internet.
    Public,
    /// For a host, but not routed publicly.
    Inner(&'static str),
    /// For no host that a name should lead to.
    Never(&'static str),
}

/// Why `address` is not connected to, in a word or two; `None`: it may be. With [`Reach::Any`], one that the configuration names
/// itself may always be.
pub(super) fn refusal(address: IpAddr, reach: Reach, is_named: bool) -> Option<&'static str> {
    match (use_of(address), reach) {
        (Use::Public, _) | (Use::Inner(_), Reach::Any) => None,
        (Use::Never(_), Reach::Any) if is_named => None,
        (Use::Inner(what) | Use::Never(what), _) => Some(what),
    }
}

fn use_of(address: IpAddr) -> Use {
    match address {
        IpAddr::V4(address) => use_of_v4(address),
        IpAddr::V6(address) => use_of_v6(address),
    }
}

/// Blocks of IPv4 with a special use: the IANA IPv4 Special-Purpose Address Registry (RFC 6890), and what clouds made of single
/// addresses. The first that fits counts.
const SPECIAL_V4: &[(Ipv4Addr, u32, Use)] = {
    use Use::{Inner, Never, Public};
    &[
        // Metadata of Alibaba Cloud, within the shared space; the host agent of Azure, within the public one.
        (
            Ipv4Addr::new(100, 100, 100, 200),
            32,
            Never("a metadata service"),
        ),
        (
            Ipv4Addr::new(168, 63, 129, 16),
            32,
            Never("a metadata service"),
        ),
        // RFC 1122, section 3.2.1.3. The whole block, as systems take 0.0.0.0 for this machine.
        (Ipv4Addr::new(0, 0, 0, 0), 8, Never("unspecified")),
        // RFC 1918.
        (Ipv4Addr::new(10, 0, 0, 0), 8, Inner("private")),
        (Ipv4Addr::new(172, 16, 0, 0), 12, Inner("private")),
        (Ipv4Addr::new(192, 168, 0, 0), 16, Inner("private")),
        // RFC 6598.
        (
            Ipv4Addr::new(100, 64, 0, 0),
            10,
            Inner("shared by a provider"),
        ),
        // RFC 1122, section 3.2.1.3.
        (Ipv4Addr::new(127, 0, 0, 0), 8, Inner("loopback")),
        // RFC 3927. 169.254.169.254 is where clouds keep credentials.
        (Ipv4Addr::new(169, 254, 0, 0), 16, Never("link-local")),
        // RFC 7723 and RFC 8155: the two of 192.0.0.0/24 that are reachable.
        (Ipv4Addr::new(192, 0, 0, 9), 32, Public),
        (Ipv4Addr::new(192, 0, 0, 10), 32, Public),
        // RFC 6890, section 2.1.
        (
            Ipv4Addr::new(192, 0, 0, 0),
            24,
            Inner("reserved for protocols"),
        ),
        // RFC 5737.
        (Ipv4Addr::new(192, 0, 2, 0), 24, Inner("for documentation")),
        (
            Ipv4Addr::new(198, 51, 100, 0),
            24,
            Inner("for documentation"),
        ),
        (
            Ipv4Addr::new(203, 0, 113, 0),
            24,
            Inner("for documentation"),
        ),
        // RFC 7526: 6to4 relays, given up.
        (Ipv4Addr::new(192, 88, 99, 0), 24, Inner("of 6to4 relays")),
        // RFC 2544.
        (Ipv4Addr::new(198, 18, 0, 0), 15, Inner("for benchmarks")),
        // RFC 5771.
        (Ipv4Addr::new(224, 0, 0, 0), 4, Never("multicast")),
        // RFC 8190 and RFC 919.
        (Ipv4Addr::new(255, 255, 255, 255), 32, Never("broadcast")),
        // RFC 1112, section 4.
        (Ipv4Addr::new(240, 0, 0, 0), 4, Inner("reserved")),
    ]
};

/// Blocks of IPv6 with a special use: the IANA IPv6 Special-Purpose Address Registry (RFC 6890). The first that fits counts; what
/// lies outside 2000::/3 and is not here is not assigned to anybody (RFC 4291, section 2.4).
const SPECIAL_V6: &[(Ipv6Addr, u32, Use)] = {
    use Use::{Inner, Never, Public};
    &[
        // Metadata of Amazon, Google and Oracle, within the unique local space.
        (
            v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254]),
            128,
            Never("a metadata service"),
        ),
        (
            v6([0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254]),
            128,
            Never("a metadata service"),
        ),
        (
            v6([0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe]),
            128,
            Never("a metadata service"),
        ),
        // RFC 4291, sections 2.5.2, 2.5.3, 2.5.6 and 2.7.
        (v6([0, 0, 0, 0, 0, 0, 0, 0]), 128, Never("unspecified")),
        (v6([0, 0, 0, 0, 0, 0, 0, 1]), 128, Inner("loopback")),
        (v6([0xfe80, 0, 0, 0, 0, 0, 0, 0]), 10, Never("link-local")),
        (v6([0xff00, 0, 0, 0, 0, 0, 0, 0]), 8, Never("multicast")),
        // RFC 3879: site-local, given up.
        (v6([0xfec0, 0, 0, 0, 0, 0, 0, 0]), 10, Inner("private")),
        // RFC 4193.
        (v6([0xfc00, 0, 0, 0, 0, 0, 0, 0]), 7, Inner("private")),
        // RFC 8215: translation within one network.
        (
            v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0]),
            48,
            Inner("of a local translator"),
        ),
        // RFC 6666 and RFC 9780.
        (
            v6([0x100, 0, 0, 0, 0, 0, 0, 0]),
            64,
            Inner("for discarding"),
        ),
        (
            v6([0x100, 0, 0, 1, 0, 0, 0, 0]),
            64,
            Inner("for discarding"),
        ),
        // RFC 5180, section 8.
        (
            v6([0x2001, 2, 0, 0, 0, 0, 0, 0]),
            48,
            Inner("for benchmarks"),
        ),
        // RFC 7723, RFC 8155, RFC 9665, RFC 7450, RFC 7535, RFC 7343 and RFC 9374: those of 2001::/23 that are reachable.
        (v6([0x2001, 1, 0, 0, 0, 0, 0, 1]), 128, Public),
        (v6([0x2001, 1, 0, 0, 0, 0, 0, 2]), 128, Public),
        (v6([0x2001, 1, 0, 0, 0, 0, 0, 3]), 128, Public),
        (v6([0x2001, 3, 0, 0, 0, 0, 0, 0]), 32, Public),
        (v6([0x2001, 4, 0x112, 0, 0, 0, 0, 0]), 48, Public),
        (v6([0x2001, 0x20, 0, 0, 0, 0, 0, 0]), 28, Public),
        (v6([0x2001, 0x30, 0, 0, 0, 0, 0, 0]), 28, Public),
        // RFC 2928.
        (
            v6([0x2001, 0, 0, 0, 0, 0, 0, 0]),
            23,
            Inner("reserved for protocols"),
        ),
        // RFC 3849 and RFC 9637.
        (
            v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0]),
            32,
            Inner("for documentation"),
        ),
        (
            v6([0x3fff, 0, 0, 0, 0, 0, 0, 0]),
            20,
            Inner("for documentation"),
        ),
        // RFC 4291, section 2.4.
        (v6([0x2000, 0, 0, 0, 0, 0, 0, 0]), 3, Public),
    ]
};

const fn v6(segments: [u16; 8]) -> Ipv6Addr {
    let [a, b, c, d, e, f, g, h] = segments;
    Ipv6Addr::new(a, b, c, d, e, f, g, h)
}

fn use_of_v4(address: Ipv4Addr) -> Use {
    let bits = address.to_bits();
    let block = SPECIAL_V4
        .iter()
        .find(|(block, length, _)| (bits ^ block.to_bits()) >> (32 - length) == 0);
    block.map_or(Use::Public, |(_, _, its_use)| *its_use)
}

fn use_of_v6(address: Ipv6Addr) -> Use {
    if let Some(inner) = within(address) {
        return use_of_v4(inner);
    }
    let bits = address.to_bits();
    let block = SPECIAL_V6
        .iter()
        .find(|(block, length, _)| (bits ^ block.to_bits()) >> (128 - length) == 0);
    block.map_or(Use::Inner("not assigned"), |(_, _, its_use)| *its_use)
}

/// The IPv4 address that an IPv6 address leads to.
fn within(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let v4 = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match [a, b, c, d, e, f] {
        // Mapped (RFC 4291, section 2.5.5.2), translated (RFC 2765, section 2.1) and by NAT64 (RFC 6052, section 2.1).
        [0, 0, 0, 0, 0, 0xffff] | [0, 0, 0, 0, 0xffff, 0] | [0x64, 0xff9b, 0, 0, 0, 0] => {
            Some(v4(g, h))
        }
        // Compatible (RFC 4291, section 2.5.5.1), but for :: and ::1.
        [0, 0, 0, 0, 0, 0] if (g, h) != (0, 0) && (g, h) != (0, 1) => Some(v4(g, h)),
        // 6to4 (RFC 3056, section 2).
        [0x2002, ..] => Some(v4(b, c)),
        // Teredo (RFC 4380, section 4): the client's address, inverted.
        [0x2001, 0, ..] => Some(v4(!g, !h)),
        _ => None,
    }
}
