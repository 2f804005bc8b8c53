//! Addresses that a name may lead to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::*;
use crate::config::Reach;
use crate::gateway::upstream::reach::refusal;

fn refused(address: &str, reach: Reach) -> Option<&'static str> {
    refusal(address.parse().unwrap(), reach, false)
}

/// What the IANA registries say of one address in each block, its first and its last, and of their neighbours. `-`: it is public;
/// `+`: not public, but a host's; `!`: none that a name should lead to.
const TABLE: &[(char, &[&str])] = &[
    (
        '-',
        &[
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.0.9",
            "192.0.0.10",
            "192.0.1.0",
            "192.0.3.0",
            "192.31.196.1",
            "192.52.193.1",
            "192.88.98.255",
            "192.88.100.0",
            "192.167.255.255",
            "192.169.0.0",
            "192.175.48.1",
            "198.17.255.255",
            "198.20.0.0",
            "198.51.99.255",
            "198.51.101.0",
            "203.0.112.255",
            "203.0.114.0",
            "223.255.255.255",
            "2606:4700:4700::1111",
            "2a00:1450:4001::1",
            "2001:1::1",
            "2001:1::2",
            "2001:1::3",
            "2001:3::1",
            "2001:4:112::1",
            "2001:20::1",
            "2001:3f:ffff::1",
            "2001:200::1",
            "2001:db7:ffff::1",
            "2001:db9::1",
            "2620:4f:8000::1",
            "3ffe:ffff::1",
            "::ffff:8.8.8.8",
            "::8.8.8.8",
            "::ffff:0:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "2002:808:808::1",
        ],
    ),
    (
        '+',
        &[
            "10.0.0.0",
            "10.255.255.255",
            "100.64.0.0",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.255",
            "172.16.0.0",
            "172.31.255.255",
            "192.0.0.0",
            "192.0.0.8",
            "192.0.0.11",
            "192.0.0.170",
            "192.0.0.255",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.0",
            "192.168.255.255",
            "198.18.0.0",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.7",
            "240.0.0.1",
            "255.255.255.254",
            "::1",
            "64:ff9b:1::1",
            "100::1",
            "100:0:0:1::1",
            "2001:1::4",
            "2001:2::1",
            "2001:2:0:ffff::1",
            "2001:4:113::1",
            "2001:10::1",
            "2001:40::1",
            "2001:1ff:ffff::1",
            "2001:db8::1",
            "3fff::1",
            "3fff:fff:ffff::1",
            "4000::1",
            "5f00::1",
            "fc00::1",
            "fdff:ffff::1",
            "fec0::1",
            "::ffff:10.0.0.1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "::ffff:0:192.168.0.1",
            "64:ff9b::10.0.0.1",
            "2002:a00:1::1",
            "2002:7f00:1::",
            // Teredo of 192.168.0.1 behind a server that is public.
            "2001:0:808:808:0:0:3f57:fffe",
        ],
    ),
    (
        '!',
        &[
            "0.0.0.0",
            "0.255.255.255",
            "100.100.100.200",
            "168.63.129.16",
            "169.254.0.1",
            "169.254.169.254",
            "169.254.255.255",
            "224.0.0.1",
            "239.255.255.255",
            "255.255.255.255",
            "::",
            "fd00:ec2::254",
            "fd20:ce::254",
            "fd00:c1::a9fe:a9fe",
            "fe80::1",
            "febf:ffff::1",
            "ff02::1",
            "::ffff:0.0.0.0",
            "::ffff:169.254.169.254",
            "::ffff:255.255.255.255",
            "::169.254.169.254",
            "::ffff:0:169.254.169.254",
            "64:ff9b::169.254.169.254",
            "2002:a9fe:a9fe::1",
            "2001:0:808:808:0:0:5601:5601",
        ],
    ),
];

/// Scenario: addresses of every block and beside it. Guarantees: `public` allows what the registries call globally reachable; `any`
/// all but what no name should lead to; what stands in the URL itself is refused by `public` alone.
#[test]
fn addresses_are_what_the_registries_say() {
    for (kind, addresses) in TABLE {
        for address in *addresses {
            let public = refused(address, Reach::Public);
            let any = refused(address, Reach::Any);
            assert_eq!(public.is_none(), *kind == '-', "{address}: {public:?}");
            assert_eq!(any.is_some(), *kind == '!', "{address}: {any:?}");
            let named = |reach| refusal(address.parse().unwrap(), reach, true);
            assert_eq!(named(Reach::Any), None, "{address}");
            assert_eq!(named(Reach::Public), public, "{address}");
        }
    }
}

proptest! {
    /// Scenario: any IPv4 address, bare and in each form that IPv6 has for it. Guarantees: no form leads where the bare one may not;
    /// what `any` refuses, `public` does; what the standard library knows to be special is not public.
    #[test]
    fn no_form_of_an_address_leads_elsewhere(bits: u32) {
        let v4 = Ipv4Addr::from_bits(bits);
        let [a, b, c, d] = v4.octets();
        let pair = |high: u8, low: u8| u16::from(high) << 8 | u16::from(low);
        let (high, low) = (pair(a, b), pair(c, d));
        let forms = [
            Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, high, low),
            Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, high, low),
            Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
            Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
            Ipv6Addr::new(0x2001, 0, 0x808, 0x808, 0, 0, !high, !low),
        ];
        for reach in [Reach::Any, Reach::Public] {
            let bare = refusal(v4.into(), reach, false);
            for form in forms {
                prop_assert_eq!(refusal(form.into(), reach, false), bare, "{} in {}", v4, form);
            }
        }
        let special = v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_multicast()
            || v4.is_broadcast() || v4.is_documentation() || v4.is_unspecified();
        let public = refusal(v4.into(), Reach::Public, false);
        prop_assert!(!special || public.is_some(), "{}", v4);
        let any = refusal(v4.into(), Reach::Any, false);
        prop_assert!(any.is_none() || public.is_some(), "{}", v4);
    }

    /// Scenario: any IPv6 address. Guarantees: what `any` refuses, `public` does; what the standard library knows to be special, and
    /// what lies outside the block that is given out, is not public unless it stands for an IPv4 address.
    #[test]
    fn ipv6_is_public_only_where_it_is_given_out(bits: u128) {
        let v6 = Ipv6Addr::from_bits(bits);
        let public = refusal(v6.into(), Reach::Public, false);
        let special = v6.is_loopback() || v6.is_multicast() || v6.is_unspecified()
            || v6.is_unicast_link_local() || v6.is_unique_local();
        let given_out = v6.segments()[0] >> 13 == 1 || v6.to_ipv4().is_some();
        prop_assert!(!special || public.is_some(), "{}", v6);
        prop_assert!(given_out || public.is_some(), "{}", v6);
        let any = refusal(IpAddr::V6(v6), Reach::Any, false);
        prop_assert!(any.is_none() || public.is_some(), "{}", v6);
    }
}

/// Scenario: names and literals that lead inside, on routes that may reach the public internet only, and others. Guarantees: nothing
/// is connected to; the failure names what led where; nothing was sent.
#[tokio::test]
async fn nothing_is_connected_to_that_may_not_be() {
    let server = Server::answering("HTTP/1.1 204 No Content\r\n\r\n").await;
    let port = server.address.port();
    for (host, reach, leads) in [
        (
            "localhost",
            Reach::Public,
            "localhost leads to 127.0.0.1 (loopback)",
        ),
        (
            "127.0.0.1",
            Reach::Public,
            "127.0.0.1 leads to 127.0.0.1 (loopback)",
        ),
        // What the system's resolver makes of numbers is no literal.
        (
            "127.1",
            Reach::Public,
            "127.1 leads to 127.0.0.1 (loopback)",
        ),
        ("0", Reach::Any, "0 leads to 0.0.0.0 (unspecified)"),
        (
            "2852039166",
            Reach::Any,
            "2852039166 leads to 169.254.169.254 (link-local)",
        ),
    ] {
        let upstream = upstream(&format!("http://{host}:{port}"), |route| {
            route.reach = reach
        });
        let failed = failure(&upstream, get()).await;
        assert_eq!(failed.kind, CallFailureKind::Forbidden, "{failed}");
        assert!(!failed.may_have_arrived);
        assert!(failed.message().contains(leads), "{failed}");
    }
    assert_eq!(server.connections(), 0);
    let named = upstream(&format!("http://0.0.0.0:{port}"), |_| {});
    assert_eq!(call(&named, get()).await.status(), 204);
    let inner = upstream(&format!("http://localhost:{port}"), |_| {});
    assert_eq!(call(&inner, get()).await.status(), 204);
}
