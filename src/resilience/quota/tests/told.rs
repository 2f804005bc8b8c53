use std::time::{Duration, SystemTime, UNIX_EPOCH};

use proptest::prelude::*;

use super::super::told::{LONGEST_RESET, MAX_LIMITS, Unit, told};
use super::headers;

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_700_000_000)
}

/// Name, limit, rest and reset in seconds of each limit that is told.
fn read(pairs: &[(&str, &str)]) -> Vec<(String, Option<u64>, u64, f64)> {
    let told = told(&headers(pairs), now()).into_iter();
    told.map(|told| {
        (
            told.name,
            told.limit,
            told.remaining,
            told.reset.as_secs_f64(),
        )
    })
    .collect()
}

fn one(
    name: &str,
    limit: Option<u64>,
    remaining: u64,
    reset_s: f64,
) -> Vec<(String, Option<u64>, u64, f64)> {
    vec![(name.to_owned(), limit, remaining, reset_s)]
}

/// Scenario: the examples of the draft and what its grammar allows: several lines, escapes, tokens, spaces, byte sequences, and other parameters.
/// Guarantees: each limit is read with its policy.
#[test]
fn structured_fields_are_read() {
    let policies = "\"burst\";q=100;w=60,\"daily\";q=1000;w=86400";
    let several = read(&[
        ("RateLimit-Policy", policies),
        ("RateLimit", "\"burst\";r=50;t=30"),
        ("RateLimit", "\"daily\";r=999;t=9000"),
    ]);
    let daily = one("daily", Some(1000), 999, 3600.0);
    assert_eq!(several, [one("burst", Some(100), 50, 30.0), daily].concat());
    for (policy, limit, expected) in [
        ("", "\"default\";r=50;t=30", one("default", None, 50, 30.0)),
        ("\"d\";q=9;w=10", "\"d\";r=5", one("d", Some(9), 5, 10.0)),
        ("d;q=9", "  d;  r=5;t=3  ", one("d", Some(9), 5, 3.0)),
        (
            "\"a,\\\"b\";q=7",
            "\"a,\\\"b\";r=5;t=3",
            one("a,\"b", Some(7), 5, 3.0),
        ),
        (
            "\"d\";q=7;x=\"a, b;q=1\"",
            "\"d\";r=1;t=3;pk=:QXBwLTk5OQ==:",
            one("d", Some(7), 1, 3.0),
        ),
        ("\"d\";w=0", "\"d\";r=1;t=0", one("d", None, 1, 0.0)),
        ("100;w=60", "\"d\";r=1;t=3", one("d", None, 1, 3.0)),
        ("garbage\"", "\"d\";r=1;t=3", one("d", None, 1, 3.0)),
        (
            "",
            "limit=100, remaining=50, reset=5",
            one("", Some(100), 50, 5.0),
        ),
        (
            "",
            "remaining=50, reset=5, other=\"x\"",
            one("", None, 50, 5.0),
        ),
    ] {
        let told = read(&[("ratelimit-policy", policy), ("ratelimit", limit)]);
        assert_eq!(told, expected, "{policy} {limit}");
    }
}

/// Scenario: policies that count other things than requests. Guarantees: bytes are known to be none; requests at the same time are left out, as time does not
/// bring them back.
#[test]
fn units_are_told_apart() {
    let unit = |unit: &str| {
        let policy = format!("\"d\";q=9;qu={unit}");
        let told = told(
            &headers(&[
                ("ratelimit-policy", &policy),
                ("ratelimit", "\"d\";r=1;t=3"),
            ]),
            now(),
        );
        told.first().map(|told| told.unit)
    };
    assert_eq!(unit("\"requests\""), Some(Unit::Requests));
    assert_eq!(unit("\"content-bytes\""), Some(Unit::Other));
    assert_eq!(unit("\"concurrent-requests\""), None);
}

/// Scenario: the three headers in all their spellings, with every form of a reset. Guarantees: each is read; a time since 1970 only where it may be one.
#[test]
fn families_are_read() {
    let resets = [
        ("40", 40.0),
        ("0.5", 0.5),
        ("1700000100", 100.0),
        ("1700000100.5", 100.5),
        ("1700000100123", 100.123),
        ("1699999999", 0.0),
        ("99999", 3600.0),
        ("9999999999999999999999999", 3600.0),
        ("1s", 1.0),
        ("6m0s", 360.0),
        ("120ms", 0.12),
        ("1m12.5s", 72.5),
        ("1d2h", 3600.0),
    ];
    for prefix in ["X-RateLimit-", "X-Rate-Limit-"] {
        let [limit, remaining, reset] =
            ["Limit", "Remaining", "Reset"].map(|what| format!("{prefix}{what}"));
        for (text, expected) in resets {
            let told = read(&[(&limit, "60"), (&remaining, "7"), (&reset, text)]);
            let [(name, Some(60), 7, reset_s)] = &told[..] else {
                panic!("{prefix} {text}: {told:?}");
            };
            assert_eq!(*name, prefix.to_lowercase());
            assert!((reset_s - expected).abs() < 1e-3, "{text}: {reset_s}");
        }
    }
    let draft_6 = [
        ("RateLimit-Limit", "100, 100;w=60"),
        ("RateLimit-Remaining", "50"),
        ("RateLimit-Reset", "1700000100"),
        ("RateLimit-Policy", "100;w=60"),
    ];
    assert_eq!(read(&draft_6), one("ratelimit-", Some(100), 50, 3600.0));
    let discord = [
        ("X-RateLimit-Remaining", "0"),
        ("X-RateLimit-Reset-After", "1.25"),
    ];
    assert_eq!(read(&discord), one("x-ratelimit-", None, 0, 1.25));
}

/// Scenario: OpenAI's headers. Guarantees: requests and tokens are two limits.
#[test]
fn requests_and_tokens_are_two_limits() {
    let told = told(
        &headers(&[
            ("x-ratelimit-limit-requests", "60"),
            ("x-ratelimit-limit-tokens", "150000"),
            ("x-ratelimit-remaining-requests", "59"),
            ("x-ratelimit-remaining-tokens", "149984"),
            ("x-ratelimit-reset-requests", "1s"),
            ("x-ratelimit-reset-tokens", "6m0s"),
        ]),
        now(),
    );
    let mut told: Vec<_> = told
        .iter()
        .map(|told| (told.unit, told.limit, told.remaining, told.reset.as_secs()))
        .collect();
    told.sort_by_key(|told| told.3);
    let expected = [
        (Unit::Requests, Some(60), 59, 1),
        (Unit::Other, Some(150_000), 149_984, 360),
    ];
    assert_eq!(told, expected);
}

/// Scenario: a header that comes twice. Guarantees: the fewer that are left and the later reset count.
#[test]
fn of_two_values_the_more_careful_counts() {
    let told = read(&[
        ("x-ratelimit-remaining", "5"),
        ("x-ratelimit-remaining", "3"),
        ("x-ratelimit-remaining", "9"),
        ("x-ratelimit-reset", "1"),
        ("x-ratelimit-reset", "8"),
    ]);
    assert_eq!(told, one("x-ratelimit-", None, 3, 8.0));
}

/// Scenario: headers that say nothing of limits, half of it, or nonsense. Guarantees: nothing is told.
#[test]
fn nonsense_says_nothing() {
    let long = format!("\"{}\";r=1;t=2", "a".repeat(1024));
    for pairs in [
        &[("content-type", "text/plain")][..],
        &[("x-ratelimit-remaining", "5")],
        &[("x-ratelimit-reset", "5")],
        &[("x-ratelimit-remaining", "-5"), ("x-ratelimit-reset", "1")],
        &[("x-ratelimit-remaining", ""), ("x-ratelimit-reset", "1")],
        &[("x-ratelimit-remaining", "5"), ("x-ratelimit-reset", "NaN")],
        &[("x-ratelimit-remaining", "5"), ("x-ratelimit-reset", "inf")],
        &[("x-ratelimit-remaining", "5"), ("x-ratelimit-reset", "1e3")],
        &[("x-ratelimit-remaining", "5"), ("x-ratelimit-reset", "-1s")],
        &[("x-ratelimit-remaining", "5"), ("x-ratelimit-reset", "s")],
        &[
            ("x-ratelimit-remaining", "5"),
            ("x-ratelimit-reset", "5 parsecs"),
        ],
        &[("x-ratelimit-remaining", "5"), ("x-ratelimit-reset", "")],
        &[("x-ratelimit-used", "5"), ("x-ratelimit-resource", "core")],
        &[("ratelimit-policy", "\"d\";q=5;w=1")],
        &[("ratelimit", "\"unterminated;r=1;t=2")],
        &[("ratelimit", "\"a\";r=x;t=2")],
        &[("ratelimit", "\"a\";r=-1;t=2")],
        &[("ratelimit", "\"a\";r=1.5;t=2")],
        &[("ratelimit", "\"a\";r=1")],
        &[("ratelimit", "(\"a\");r=1;t=2")],
        &[("ratelimit", "5;r=1;t=2")],
        &[("ratelimit", "limit=5, remaining=(1), reset=1")],
        &[("ratelimit", &long)],
    ] {
        assert_eq!(read(pairs), [], "{pairs:?}");
    }
}

/// Scenario: limits without end in one answer. Guarantees: only so many are looked at.
#[test]
fn limits_without_end_are_cut() {
    let field: Vec<_> = (0..50).map(|n| format!("\"{n}\";r=1;t=2")).collect();
    assert_eq!(read(&[("ratelimit", &field.join(","))]).len(), MAX_LIMITS);
    let names: Vec<_> = (0..200)
        .map(|n| format!("x-ratelimit-remaining-{n}"))
        .collect();
    let pairs: Vec<_> = names.iter().map(|name| (name.as_str(), "1")).collect();
    assert_eq!(read(&pairs), []);
}

proptest! {
    /// Scenario: any text in any of the headers. Guarantees: no panic, and no reset beyond the longest.
    #[test]
    fn no_reset_is_too_long(values in prop::array::uniform8(
        "[ -~]{0,60}|\"[a-c]\"(;[rtqw]=[0-9]{1,16}){0,4}|[0-9]{0,400}|([0-9]{1,30}(ms|s|m|h|d)){1,4}"
    )) {
        let names = [
            "ratelimit", "ratelimit-policy", "ratelimit-remaining", "ratelimit-reset", "x-ratelimit-remaining",
            "x-ratelimit-reset", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens",
        ];
        let pairs: Vec<_> = names.into_iter().zip(values.iter().map(String::as_str)).collect();
        for told in told(&headers(&pairs), now()) {
            prop_assert!(told.reset <= LONGEST_RESET);
        }
    }
}
