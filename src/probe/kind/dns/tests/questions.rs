use super::*;

fn asked(url: &str) -> Result<(String, &'static str), String> {
    let url = ProbeUrl::parse(url).unwrap();
    let question = Question::of(&url)?;
    Ok((question.name(), question.kind()))
}

/// Scenario: URLs as RFC 4501 shows them and as people write them.
/// Guarantees: the name is absolute, the type is read in any case and behind either separator, and an address asks for
/// its name in the reverse zone.
#[test]
fn urls_are_read_as_rfc_4501_says() {
    let cases = [
        (
            "dns:www.example.org.?clAsS=IN;tYpE=A",
            "www.example.org.",
            "A",
        ),
        ("dns:www.example.org", "www.example.org.", "A"),
        (
            "dns://192.0.2.1/ftp.example.org?type=A",
            "ftp.example.org.",
            "A",
        ),
        (
            "dns://ns.example:5353/shop.example?class=IN&type=mx",
            "shop.example.",
            "MX",
        ),
        (
            "dns://ns.example/_sip._tcp.shop.example?type=SRV",
            "_sip._tcp.shop.example.",
            "SRV",
        ),
        (
            "dns://ns.example/192.0.2.7?type=PTR",
            "7.2.0.192.in-addr.arpa.",
            "PTR",
        ),
        (
            "dns://ns.example/7.2.0.192.in-addr.arpa?type=PTR",
            "7.2.0.192.in-addr.arpa.",
            "PTR",
        ),
    ];
    for (url, name, kind) in cases {
        assert_eq!(asked(url), Ok((name.to_owned(), kind)), "{url}");
    }
}

/// Scenario: URLs that ask for what there is not.
/// Guarantees: each is refused with what is wrong.
#[test]
fn what_cannot_be_asked_is_refused() {
    let long = format!("dns:{}.example", "x".repeat(64));
    let cases = [
        (
            "dns:shop.example?type=WKS",
            "url asks for the type \"WKS\"; known are A, AAAA, CNAME, MX, NS, TXT, SRV, SOA, PTR",
        ),
        (
            "dns:shop.example?class=CH",
            "url asks for a class other than IN",
        ),
        (
            "dns:shop.example?typ=A",
            "url asks for \"typ\"; write ?type=A",
        ),
        (
            "dns:shop..example",
            "url asks for \"shop..example\", which is no name",
        ),
        (&long, "url asks for \"xxx"),
    ];
    for (url, expected) in cases {
        let refused = ProbeUrl::parse(url).and_then(|url| Question::of(&url).map(drop));
        let refused = refused.unwrap_err();
        assert!(refused.starts_with(expected), "{url}: {refused}");
    }
}

/// Scenario: a pattern that is none.
/// Guarantees: it is refused before anything is asked.
#[test]
fn a_pattern_that_cannot_be_read_is_refused() {
    let mut settings = ProbeSettings::new(ProbeUrl::parse("dns:shop.example").unwrap());
    settings.dns = Some(DnsProbeSettings {
        expect: Some("(".to_owned()),
        ..DnsProbeSettings::default()
    });
    let refused = DnsCheck::new(&settings).unwrap_err();
    assert!(
        refused.starts_with("dns.expect is not a regular expression"),
        "{refused}"
    );
}
