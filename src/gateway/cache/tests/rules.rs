//! Which answers are kept.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::config::RouteCache;
use crate::gateway::cache::rules::{Came, Terms, kept_headers, terms};

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let name = HeaderName::try_from(*name).unwrap();
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

fn judged(
    status: u16,
    pairs: &[(&str, &str)],
    has_credentials: bool,
    settings: &RouteCache,
) -> Option<Terms> {
    let came = Came {
        has_credentials,
        status: StatusCode::from_u16(status).unwrap(),
        headers: &headers(pairs),
        at: now(),
        took: Duration::from_secs(1),
    };
    terms(&came, settings)
}

fn now() -> SystemTime {
    // Tue, 14 Nov 2023 22:13:20 GMT
    UNIX_EPOCH + Duration::from_secs(1_700_000_000)
}

/// For how many seconds an answer 200 counts as fresh.
fn lifetime(pairs: &[(&str, &str)]) -> Option<u64> {
    judged(200, pairs, false, &RouteCache::default()).map(|terms| terms.lifetime.as_secs())
}

const CC: &str = "cache-control";

/// Scenario: answers that say how long they are fresh, in every way. Guarantees: the time of RFC 9111, section 4.2.1, within the route's limit.
#[test]
fn answers_say_how_long() {
    for (pairs, seconds) in [
        (&[(CC, "max-age=60")][..], Some(60)),
        (&[(CC, "Max-Age=60")], Some(60)),
        (&[(CC, "max-age=\"60\"")], Some(60)),
        (&[(CC, "max-age=60, s-maxage=30")], Some(30)),
        (&[(CC, "max-age=60, proxy-revalidate")], Some(60)),
        (&[(CC, "max-age=99999999999999999999")], Some(24 * 3600 + 1)),
        (
            &[
                ("expires", "Tue, 14 Nov 2023 22:14:20 GMT"),
                ("date", "Tue, 14 Nov 2023 22:13:20 GMT"),
            ],
            Some(60),
        ),
        (&[("expires", "Tuesday, 14-Nov-23 22:14:20 GMT")], Some(60)),
        (&[("expires", "Tue Nov 14 22:14:20 2023")], Some(60)),
        (
            &[
                (CC, "max-age=5"),
                ("expires", "Tue, 14 Nov 2023 22:14:20 GMT"),
            ],
            Some(5),
        ),
        (&[("expires", "0"), ("etag", "\"a\"")], Some(0)),
        (&[(CC, "no-cache"), ("etag", "\"a\"")], Some(0)),
        (&[(CC, "max-age=60, no-cache"), ("etag", "\"a\"")], Some(0)),
    ] {
        assert_eq!(lifetime(pairs), seconds, "{pairs:?}");
    }
}

/// Scenario: answers that forbid it, that say nothing, that can be of no use, that are for one caller. Guarantees: none is kept, whatever the
/// case of the letters.
#[test]
fn what_must_not_be_kept_is_not() {
    let long = (CC, "public, max-age=60");
    for pairs in [
        &[][..],
        &[("etag", "\"a\"")],
        &[("last-modified", "Tue, 14 Nov 2000 22:13:20 GMT")],
        &[(CC, "public")],
        &[(CC, "immutable")],
        &[(CC, "max-age=0")],
        &[(CC, "no-cache")],
        &[("expires", "0")],
        &[(CC, "no-store, max-age=60")],
        &[(CC, "No-Store"), long],
        &[(CC, "PRIVATE, max-age=60")],
        &[(CC, "private=\"x\", max-age=60")],
        &[long, ("set-cookie", "a=b")],
        &[long, ("vary", "*")],
        &[long, ("vary", "accept"), ("vary", "a b")],
        &[long, ("content-range", "bytes 0-1/2")],
        &[long, (CC, "\u{80}")],
        &[
            ("pragma", "no-cache"),
            ("expires", "Tue, 14 Nov 2023 22:14:20 GMT"),
        ],
        &[(CC, "max-age=60"), ("age", "60")],
        &[(CC, "max-age=60"), ("age", "99999999999999999999")],
    ] {
        assert_eq!(lifetime(pairs), None, "{pairs:?}");
    }
}

/// Scenario: statuses with a time of their own and with none, on a route that keeps what says nothing for 10 s.
/// Guarantees: only final answers that are understood are kept; without a word only those of RFC 9110, section 15.1,
/// that are no caller's own doing.
#[test]
fn statuses_decide() {
    let settings = RouteCache {
        default_ttl: Some(Duration::from_secs(10)),
        ..RouteCache::default()
    };
    for (status, is_kept, is_kept_without_a_word) in [
        (200, true, true),
        (203, true, true),
        (204, true, true),
        (206, false, false),
        (301, true, true),
        (302, true, false),
        (304, false, false),
        (307, true, false),
        (401, false, false),
        (404, true, true),
        (405, true, false),
        (410, true, true),
        (414, true, false),
        (429, false, false),
        (500, false, false),
        (503, false, false),
    ] {
        let said = judged(status, &[(CC, "max-age=60")], false, &settings);
        assert_eq!(said.is_some(), is_kept, "{status}");
        let silent = judged(status, &[], false, &settings);
        assert_eq!(silent.is_some(), is_kept_without_a_word, "{status}");
        // From when it came, a second after it was asked for.
        let times = silent.map(|terms| (terms.lifetime.as_secs(), terms.initial_age.as_secs()));
        assert!(times.is_none_or(|times| times == (11, 1)), "{times:?}");
    }
}

/// Scenario: answers to requests that show who asks. Guarantees: kept only where they say that they are for others as well, whatever the route
/// says (RFC 9111, section 3.5).
#[test]
fn answers_to_somebody_are_kept_where_public() {
    let settings = RouteCache {
        default_ttl: Some(Duration::from_secs(10)),
        ..RouteCache::default()
    };
    for (said, is_kept) in [
        ("max-age=60", false),
        ("", false),
        ("public", true),
        ("max-age=60, public", true),
        ("s-maxage=60", true),
        ("max-age=60, must-revalidate", true),
    ] {
        let terms = judged(200, &[(CC, said)], true, &settings);
        assert_eq!(terms.is_some(), is_kept, "{said}");
        assert!(terms.is_none_or(|terms| terms.is_public));
    }
}

/// Scenario: headers that are for one connection, others that `Connection` names, and an answer without a date.
/// Guarantees: those are not kept, repeated ones are kept all, and there is a date.
#[test]
fn headers_of_a_connection_are_not_kept() {
    let came = headers(&[
        ("connection", "close, X-Hop"),
        ("x-hop", "1"),
        ("transfer-encoding", "chunked"),
        ("proxy-authenticate", "Basic"),
        ("age", "5"),
        ("link", "</a>"),
        ("link", "</b>"),
    ]);
    let kept = kept_headers(&came, now());
    let expected = headers(&[
        ("link", "</a>"),
        ("link", "</b>"),
        ("date", "Tue, 14 Nov 2023 22:13:20 GMT"),
    ]);
    assert_eq!(kept, expected);
}
