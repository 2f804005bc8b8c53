use governor::clock::FakeRelativeClock;
use http::HeaderMap;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn allowed<C: Clock>(limit: &RateLimit<C>) -> usize {
    (0..1000).take_while(|_| limit.check().is_allowed()).count()
}

/// Scenario: ten in a second, asked for without pause, then after half a second. Guarantees: a burst at once, then what the time has
/// brought; a refusal says when to come back.
#[test]
fn a_burst_and_then_the_rate() {
    let clock = FakeRelativeClock::default();
    let limit = RateLimit::on("route", Rate::new(10, SECOND), clock.clone());
    assert_eq!(allowed(&limit), 10);
    let refused = limit.check();
    assert_eq!(refused.retry_after, Some(SECOND / 10));
    assert_eq!((refused.remaining, refused.reset), (0, SECOND / 10));
    clock.advance(SECOND / 2);
    assert_eq!(allowed(&limit), 5);
    clock.advance(10 * SECOND);
    assert_eq!(allowed(&limit), 10);
}

/// Scenario: a burst smaller than the rate. Guarantees: no more come at once; what remains and when there is more of it is told.
#[test]
fn the_burst_has_its_own_size() {
    let clock = FakeRelativeClock::default();
    let rate = Rate {
        burst: 2,
        ..Rate::new(60, 60 * SECOND)
    };
    let limit = RateLimit::on("route", rate, clock.clone());
    let first = limit.check();
    assert_eq!((first.remaining, first.reset), (1, SECOND));
    assert_eq!(allowed(&limit), 1);
    assert_eq!(limit.check().retry_after, Some(SECOND));
}

/// Scenario: two callers, one of whom asks too often. Guarantees: the other is not disturbed.
#[test]
fn callers_are_counted_apart() {
    let clock = FakeRelativeClock::default();
    let limit = CallerLimits::on("caller", Rate::new(3, SECOND), 100, clock);
    let asked = |caller: &str| limit.check(caller).is_allowed();
    assert_eq!(
        [asked("a"), asked("a"), asked("a"), asked("a")],
        [true, true, true, false]
    );
    assert!(asked("b"));
}

/// Scenario: far more callers than are counted apart, then time passes. Guarantees: the table does not grow beyond its size, those beyond share
/// one count, and places are free again once bursts are whole.
#[test]
fn the_table_is_bounded() {
    let clock = FakeRelativeClock::default();
    let limit = CallerLimits::on("caller", Rate::new(1, SECOND), 64, clock.clone());
    let passed = |from: u32| {
        (from..from + 10_000)
            .filter(|n| limit.check(n).is_allowed())
            .count()
    };
    assert_eq!(passed(0), 64 + 1);
    assert_eq!(passed(0), 0);
    clock.advance(2 * SECOND);
    assert_eq!(passed(20_000), 64 + 1);
}

/// Scenario: no places at all. Guarantees: everybody shares one count.
#[test]
fn without_places_all_share_a_count() {
    let limit = CallerLimits::on(
        "caller",
        Rate::new(3, SECOND),
        0,
        FakeRelativeClock::default(),
    );
    let passed = (0..100).filter(|n| limit.check(n).is_allowed()).count();
    assert_eq!(passed, 3);
}

/// Scenario: a limit for all and one for each caller. Guarantees: the one that leaves fewer requests is told, and the policy of both, in place of
/// what the upstream said.
#[test]
fn both_policies_are_told() {
    let clock = FakeRelativeClock::default();
    let (rate, own_rate) = (Rate::new(7, 60 * SECOND), Rate::new(5, 60 * SECOND));
    let policy = Policy::of(&[("route", rate), ("caller", own_rate)]);
    let all = RateLimit::on("route", rate, clock.clone());
    let own = CallerLimits::on("caller", own_rate, 10, clock.clone());
    let told = |caller: &str| {
        let mut headers = HeaderMap::new();
        headers.insert("ratelimit", "\"of the upstream\";r=1".parse().unwrap());
        let tightest = all.check().tighter(own.check(caller));
        policy.write(&tightest, &mut headers);
        ["ratelimit", "ratelimit-policy"].map(|name| headers[name].to_str().unwrap().to_owned())
    };
    let expected = [
        ("a", "\"caller\";r=4;t=12"),
        ("a", "\"caller\";r=3;t=12"),
        ("a", "\"caller\";r=2;t=12"),
        ("b", "\"route\";r=3;t=9"),
        ("a", "\"caller\";r=1;t=12"),
        ("a", "\"caller\";r=0;t=12"),
        ("b", "\"route\";r=0;t=9"),
        ("a", "\"caller\";r=0;t=12"),
    ];
    for (caller, left) in expected {
        let policies = "\"route\";q=7;w=60, \"caller\";q=5;w=60";
        assert_eq!(told(caller), [left, policies]);
    }
}

/// Scenario: rates of less than a second, of nothing, and of the greatest numbers and times. Guarantees: each makes a limit that lets a request pass,
/// and a policy in whole seconds.
#[test]
fn every_rate_makes_a_limit() {
    let clock = FakeRelativeClock::default();
    let policy = |rate: Rate| {
        let limit = RateLimit::on("route", rate, clock.clone());
        let allowance = limit.check();
        assert!(allowance.is_allowed());
        (0..3).for_each(|_| _ = limit.check());
        allowance.headers()[1].1.to_str().unwrap().to_owned()
    };
    clock.advance(3600 * SECOND);
    let rate = |requests, per, burst| Rate {
        requests,
        per,
        burst,
    };
    let cases = [
        (rate(10, SECOND / 10, 10), "\"route\";q=100;w=1"),
        (rate(0, SECOND, 0), "\"route\";q=0;w=1"),
        (rate(7, Duration::ZERO, 1), "\"route\";q=7000000000;w=1"),
        (rate(1, 86_400 * SECOND, u32::MAX), "\"route\";q=1;w=86400"),
        (
            rate(u32::MAX, SECOND / 1000, u32::MAX),
            "\"route\";q=4294967295000;w=1",
        ),
        (
            rate(1, Duration::MAX, u32::MAX),
            "\"route\";q=1;w=999999999999999",
        ),
    ];
    for (rate, expected) in cases {
        assert_eq!(policy(rate), expected, "{rate:?}");
    }
}

/// Scenario: a rate that a Rust service checks by itself. Guarantees: the headers are the structured fields of the draft.
#[test]
fn one_limit_tells_by_itself() {
    let limit = RateLimit::on(
        "default",
        Rate::new(100, 60 * SECOND),
        FakeRelativeClock::default(),
    );
    let told = limit.check().headers();
    let told = told.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
    let expected = [
        "ratelimit: \"default\";r=99;t=1",
        "ratelimit-policy: \"default\";q=100;w=60",
    ];
    assert_eq!(told, expected);
}
