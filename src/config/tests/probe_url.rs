use crate::config::{ProbeKind, ProbeUrl};

/// What must never be seen.
const CANARY: &str = "canary5f3a9c";

/// What a URL must be taken apart into: kind, TLS, host, port, user, password, path.
type Parts<'a> = (
    ProbeKind,
    bool,
    &'a str,
    Option<u16>,
    Option<&'a str>,
    Option<&'a str>,
    &'a str,
);

fn parse(text: &str) -> ProbeUrl {
    ProbeUrl::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn assert_parts(text: &str, expected: Parts<'_>) {
    let url = parse(text);
    let (host, user, path) = (url.host(), url.user(), url.path());
    let found = (
        url.kind(),
        url.is_tls(),
        host.as_str(),
        url.port(),
        user.as_deref(),
        url.password().map(|password| password.expose()),
        path.as_str(),
    );
    assert_eq!(found, expected, "{text}");
}

/// Scenario: URLs of every scheme, with and without what may be left out.
/// Guarantees: each is taken apart into what it says or implies, decoded.
#[test]
fn urls_are_taken_apart() {
    use ProbeKind::*;
    let cases: [(&str, Parts<'_>); 36] = [
        (
            "postgres://db",
            (Postgres, false, "db", Some(5432), None, None, ""),
        ),
        (
            "postgres://app@db/orders",
            (
                Postgres,
                false,
                "db",
                Some(5432),
                Some("app"),
                None,
                "orders",
            ),
        ),
        (
            "postgresql://app:pw@db:6000/orders",
            (
                Postgres,
                false,
                "db",
                Some(6000),
                Some("app"),
                Some("pw"),
                "orders",
            ),
        ),
        (
            "postgres://app:@db/orders",
            (
                Postgres,
                false,
                "db",
                Some(5432),
                Some("app"),
                None,
                "orders",
            ),
        ),
        (
            "POSTGRES://db/Orders",
            (Postgres, false, "db", Some(5432), None, None, "Orders"),
        ),
        (
            "postgres://a%40b:p%23%2F%3A%25@db/or%20ders",
            (
                Postgres,
                false,
                "db",
                Some(5432),
                Some("a@b"),
                Some("p#/:%"),
                "or ders",
            ),
        ),
        (
            "postgres://a:b@c@db/x",
            (
                Postgres,
                false,
                "db",
                Some(5432),
                Some("a"),
                Some("b@c"),
                "x",
            ),
        ),
        (
            "postgres://app:100%@db/x",
            (
                Postgres,
                false,
                "db",
                Some(5432),
                Some("app"),
                Some("100%"),
                "x",
            ),
        ),
        (
            "postgres://app@[::1]/x",
            (Postgres, false, "::1", Some(5432), Some("app"), None, "x"),
        ),
        (
            "mysql://app@[2001:db8::7]:3307/x",
            (
                Mysql,
                false,
                "2001:db8::7",
                Some(3307),
                Some("app"),
                None,
                "x",
            ),
        ),
        (
            "mariadb://db/x",
            (Mysql, false, "db", Some(3306), None, None, "x"),
        ),
        (
            "sqlite:data/orders.db",
            (Sqlite, false, "", None, None, None, "data/orders.db"),
        ),
        (
            "sqlite:orders.db",
            (Sqlite, false, "", None, None, None, "orders.db"),
        ),
        (
            "sqlite:/var/lib/orders.db",
            (Sqlite, false, "", None, None, None, "/var/lib/orders.db"),
        ),
        (
            "sqlite:///var/lib/orders.db",
            (Sqlite, false, "", None, None, None, "/var/lib/orders.db"),
        ),
        (
            "sqlite:a%20%23%3F.db",
            (Sqlite, false, "", None, None, None, "a #?.db"),
        ),
        (
            "redis://cache",
            (Redis, false, "cache", Some(6379), None, None, ""),
        ),
        (
            "redis://:pw@cache/3",
            (Redis, false, "cache", Some(6379), None, Some("pw"), "3"),
        ),
        (
            "rediss://u:pw@cache:6380/",
            (Redis, true, "cache", Some(6380), Some("u"), Some("pw"), ""),
        ),
        (
            "valkey://cache/0",
            (Redis, false, "cache", Some(6379), None, None, "0"),
        ),
        (
            "valkeys://cache",
            (Redis, true, "cache", Some(6379), None, None, ""),
        ),
        (
            "redis-sentinel://s1/main",
            (Sentinel, false, "s1", Some(26379), None, None, "main"),
        ),
        (
            "rediss-sentinel://s1:1/main",
            (Sentinel, true, "s1", Some(1), None, None, "main"),
        ),
        (
            "http://shop",
            (Http, false, "shop", Some(80), None, None, ""),
        ),
        (
            "http://shop:80/a%20b",
            (Http, false, "shop", Some(80), None, None, "a b"),
        ),
        (
            "https://u:pw@shop:8443/x?k=v",
            (Http, true, "shop", Some(8443), Some("u"), Some("pw"), "x"),
        ),
        (
            "https://[::1]",
            (Http, true, "::1", Some(443), None, None, ""),
        ),
        (
            "tcp://smtp:25",
            (Tcp, false, "smtp", Some(25), None, None, ""),
        ),
        (
            "tls://[::1]:993/",
            (Tcp, true, "::1", Some(993), None, None, ""),
        ),
        (
            "grpc://stock:50051",
            (Grpc, false, "stock", Some(50051), None, None, ""),
        ),
        (
            "grpcs://stock:443",
            (Grpc, true, "stock", Some(443), None, None, ""),
        ),
        (
            "dns:example.org?type=MX",
            (Dns, false, "", Some(53), None, None, "example.org"),
        ),
        (
            "dns://1.1.1.1/example.org",
            (Dns, false, "1.1.1.1", Some(53), None, None, "example.org"),
        ),
        (
            "dns://[::1]:5353/example.org",
            (Dns, false, "::1", Some(5353), None, None, "example.org"),
        ),
        (
            "dns:///example.org",
            (Dns, false, "", Some(53), None, None, "example.org"),
        ),
        (
            "disk:/var/lib",
            (Disk, false, "", None, None, None, "/var/lib"),
        ),
    ];
    for (text, parts) in cases {
        assert_parts(text, parts);
    }
}

/// Scenario: texts that are no URL of a probe, most of them with a password.
/// Guarantees: each is refused with what is wrong, and no message repeats the password.
#[test]
fn what_is_no_probe_is_refused() {
    let cases = [
        ("", "no scheme"),
        ("db", "no scheme"),
        ("canary5f3a9c", "no scheme"),
        ("localhost:5432/x", "scheme that no probe knows"),
        ("postgers://app:canary5f3a9c@db/x", "did you mean postgres?"),
        ("htps://canary5f3a9c", "did you mean https?"),
        (
            "mongodb://app:canary5f3a9c@db",
            "known are postgres, postgresql, mysql",
        ),
        ("postgres://app:canary5f3a9c@/x", "host"),
        ("postgres:///x", "no host"),
        ("postgres:app:canary5f3a9c", "no host"),
        ("http:shop", "no host"),
        ("http:/shop", "no host"),
        ("http:///shop", "no host"),
        ("http://", "host"),
        ("tcp:smtp:25", "no host"),
        ("tcp://smtp", "no port"),
        ("tls://smtp", "no port"),
        ("grpc://stock", "no port"),
        ("tcp://smtp:0", "port 0"),
        ("http://shop:0/", "port 0"),
        ("postgres://db:70000/x", "invalid port"),
        ("postgres://app:canary5f3a9c/1@db/x", "/ as %2F"),
        ("postgres://app:12/canary5f3a9c@db/x", "behind the host"),
        ("https://u:12/canary5f3a9c@shop/", "behind the host"),
        ("postgres://app:canary5f3a9c#1@db/x", "# as %23"),
        ("postgres://app:12#canary5f3a9c@db/x", "%23"),
        ("postgres://app:canary5f3a9c?1@db/x", "? as %3F"),
        ("https://shop/#canary5f3a9c", "%23"),
        ("postgres://app:canary5f3a9c x@db/x", "space"),
        ("postgres://app:canary5f3a9c@db/x\n", "control character"),
        ("http://sh\top/", "control character"),
        ("postgres://app:%ffcanary5f3a9c@db/x", "UTF-8"),
        ("postgres://app:canary5f3a9c%00@db/x", "UTF-8"),
        ("postgres://app@db/%ff", "UTF-8"),
        ("postgres://%2Frun%2Fpostgresql/x", "socket as an option"),
        ("http://300.1.1.1/", "IPv4"),
        ("redis://cache/orders", "number of a database"),
        ("redis://cache/-1", "number of a database"),
        ("redis-sentinel://s1", "group"),
        ("redis-sentinel://s1/", "group"),
        ("sqlite:", "names nothing"),
        ("sqlite::memory:", "memory"),
        ("sqlite://data/orders.db", "sqlite:path"),
        ("sqlite://orders.db", "sqlite:path"),
        ("disk:", "names nothing"),
        ("disk://var/lib", "disk:/path"),
        ("dns:", "names nothing"),
        ("dns:/", "names nothing"),
        ("dns://1.1.1.1", "names nothing"),
        ("tcp://u:canary5f3a9c@smtp:25", "does not use"),
        ("grpc://canary5f3a9c@stock:1", "does not use"),
        ("dns://u:canary5f3a9c@1.1.1.1/x", "does not use"),
        ("tcp://smtp:25/canary5f3a9c", "path"),
        ("grpcs://stock:443/canary5f3a9c", "path"),
    ];
    for (text, reason) in cases {
        let error = ProbeUrl::parse(text).expect_err(text);
        assert!(error.contains(reason), "{text}: {error}");
        assert!(!error.contains("canary"), "{text}: {error}");
    }
}

/// Scenario: URLs with a password, a user, a query and a path, printed in every way.
/// Guarantees: what is shown is scheme, host, port and path; the password stands in nothing but its secret.
#[test]
fn printing_shows_no_secret() {
    let cases = [
        (
            "postgres://app:canary5f3a9c@db:6000/orders?sslmode=require",
            "postgres://db:6000/orders",
        ),
        (
            "redis://canary5f3a9c:canary5f3a9c@[::1]/3",
            "redis://[::1]/3",
        ),
        (
            "https://u:canary5f3a9c@shop/health?key=canary5f3a9c",
            "https://shop/health",
        ),
        (
            "sqlite:data/orders.db?x=canary5f3a9c",
            "sqlite:data/orders.db",
        ),
        (
            "dns://1.1.1.1/example.org?type=canary5f3a9c",
            "dns://1.1.1.1/example.org",
        ),
        ("disk:/var/lib", "disk:/var/lib"),
    ];
    for (text, shown) in cases {
        let url = parse(text);
        assert_eq!(url.to_string(), shown);
        assert_eq!(format!("{url:?} {url:#?}"), format!("{shown} {shown}"));
    }
    let url = parse("postgres://app:canary5f3a9c@db/x");
    assert_eq!(url.password().unwrap().expose(), CANARY);
    assert!(!format!("{:?}", url.password()).contains(CANARY));
}

/// Scenario: the parts of a query and of an HTTP request.
/// Guarantees: options are decoded in their order; a request's target stays as it was written.
#[test]
fn queries_are_kept() {
    let url = parse("https://shop/a%20b?x=1&y=%26&x=2");
    let options = [("x", "1"), ("y", "&"), ("x", "2")];
    assert_eq!(
        url.options(),
        options.map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
    assert_eq!(url.request_target(), "/a%20b?x=1&y=%26&x=2");
    assert_eq!(parse("https://shop").request_target(), "/");
    assert_eq!(parse("https://shop").scheme(), "https");
}

/// Scenario: every URL of the tables above, cut off at every place and with every character replaced by one that means
/// something.
/// Guarantees: parsing never panics, and no message repeats the password.
#[test]
fn damaged_urls_never_panic_nor_tell() {
    let whole = "https://app:canary5f3a9c@[::1]:8443/x%20y?k=v#f";
    for at in 0..whole.len() {
        for letter in [
            "", ":", "/", "@", "#", "?", "%", "[", "]", "\\", "\u{0}", "ö",
        ] {
            let (before, after) = (&whole[..at], &whole[at + 1..]);
            for text in [
                format!("{before}{letter}{after}"),
                format!("{before}{letter}"),
            ] {
                let shown = match ProbeUrl::parse(&text) {
                    Ok(url) => format!("{url} {url:?}"),
                    Err(error) => error,
                };
                assert!(!shown.contains(CANARY), "{text}: {shown}");
            }
        }
    }
}
