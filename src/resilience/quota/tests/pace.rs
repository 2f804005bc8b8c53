use std::time::{Duration, Instant, SystemTime};

use http::StatusCode;
use proptest::prelude::*;

use super::super::{Quota, Turn};
use super::headers;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// An answer that tells of a limit of 100.
fn answer(quota: &Quota, remaining: u64, reset_s: u64, now: Instant) {
    let (remaining, reset_s) = (remaining.to_string(), reset_s.to_string());
    let told = headers(&[
        ("x-ratelimit-limit", "100"),
        ("x-ratelimit-remaining", &remaining),
        ("x-ratelimit-reset", &reset_s),
    ]);
    quota.learn(StatusCode::OK, &told, now, SystemTime::now());
}

/// An upstream's answer with only Retry-After.
fn refusal(quota: &Quota, status: StatusCode, seconds: &str, now: Instant) {
    let told = headers(&[("retry-after", seconds)]);
    quota.learn(status, &told, now, SystemTime::now());
}

/// The turns of so many calls at once, in milliseconds, each willing to wait for an hour.
fn turns(quota: &Quota, calls: usize, now: Instant) -> Vec<u128> {
    let turn = |_| match quota.turn(now, HOUR) {
        Turn::Now => 0,
        Turn::After(wait) => wait.as_millis(),
    };
    (0..calls).map(turn).collect()
}

/// Scenario: much is left, or nothing was said. Guarantees: every call goes at once.
#[test]
fn plenty_is_not_spread() {
    let (quota, now) = (Quota::new(), Instant::now());
    assert_eq!(turns(&quota, 1000, now), [0; 1000]);
    answer(&quota, 100, 60, now);
    assert_eq!(turns(&quota, 80, now), [0; 80]);
}

/// Scenario: ten of a hundred are left for ten seconds, and many callers ask at once. Guarantees: each has a turn of its own, a second apart; those for
/// whom there is none come after the end, one after the other.
#[test]
fn what_is_left_is_spread() {
    let (quota, now) = (Quota::new(), Instant::now());
    answer(&quota, 10, 10, now);
    let turns = turns(&quota, 13, now);
    assert_eq!(
        turns[..10],
        [0, 1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 9000]
    );
    assert_eq!(turns[10..], [10_000, 10_020, 10_040]);
    assert_eq!(quota.turn(now + 10 * SECOND, SECOND), Turn::Now);
}

/// Scenario: no answer comes while a hundred calls use up what is left. Guarantees: they are spread from the last fifth on, though nobody has said so.
#[test]
fn calls_count_before_they_are_answered() {
    let (quota, now) = (Quota::new(), Instant::now());
    answer(&quota, 40, 20, now);
    let turns = turns(&quota, 41, now);
    assert_eq!(turns[..21], [0; 21]);
    assert!(
        turns[21..].is_sorted_by(|one, next| one < next),
        "{turns:?}"
    );
    assert_eq!(turns[40], 20_000);
}

/// Scenario: a thousand callers who would not wait ask while two are left for an hour, then one who would. Guarantees: those take no turn: what is
/// left is there for the one.
#[test]
fn who_does_not_wait_takes_nothing() {
    let (quota, now) = (Quota::new(), Instant::now());
    answer(&quota, 2, 3600, now);
    assert_eq!(quota.turn(now, SECOND), Turn::Now);
    for _ in 0..1000 {
        assert_eq!(quota.turn(now, SECOND), Turn::After(HOUR / 2));
        quota.gone();
    }
    assert_eq!(turns(&quota, 2, now), [1_800_000, 3_600_000]);
}

/// Scenario: ten calls are under way when the answers of others come, in any order. Guarantees: what an answer leaves is never more than it says, nor less than if none of those
/// under way were counted.
#[test]
fn answers_out_of_order_do_not_confuse() {
    let (quota, now) = (Quota::new(), Instant::now());
    answer(&quota, 30, 60, now);
    assert_eq!(turns(&quota, 10, now), [0; 10]);
    answer(&quota, 29, 60, now);
    // Twenty of a hundred are left: the last that goes at once.
    assert_eq!(turns(&quota, 1, now), [0]);
    assert_ne!(turns(&quota, 1, now), [0]);
    answer(&quota, 25, 60, now);
    assert_ne!(turns(&quota, 1, now), [0]);
    // More is left than the calls under way could explain: somebody gave it back.
    answer(&quota, 60, 60, now);
    assert_eq!(turns(&quota, 1, now), [0]);
}

/// Scenario: a call that failed before it was sent, and the answer of the next. Guarantees: what it would have taken is there again.
#[test]
fn what_was_not_sent_is_there_again() {
    let (quota, now) = (Quota::new(), Instant::now());
    answer(&quota, 20, 60, now);
    assert_eq!(turns(&quota, 1, now), [0]);
    quota.gone();
    assert_ne!(turns(&quota, 1, now), [0]);
    answer(&quota, 20, 60, now);
    assert_eq!(turns(&quota, 1, now), [0]);
}

/// Scenario: none is left for an hour; then an answer says that there is plenty, or that the next window has begun. Guarantees: what is said later counts.
#[test]
fn what_is_said_later_counts() {
    let (quota, now) = (Quota::new(), Instant::now());
    for (remaining, reset_s) in [(100, 3600), (100, 60)] {
        answer(&quota, 0, 3600, now);
        assert_eq!(quota.turn(now, SECOND), Turn::After(HOUR));
        answer(&quota, remaining, reset_s, now);
        assert_eq!(quota.turn(now, SECOND), Turn::Now);
        quota.gone();
    }
}

/// Scenario: 429 and 503 with Retry-After, then less of it, then the time passes. Guarantees: everybody waits until the later end, one after the other,
/// and no longer. Other statuses pause nobody.
#[test]
fn a_pause_is_for_everybody() {
    for status in [
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::SERVICE_UNAVAILABLE,
    ] {
        let (quota, now) = (Quota::new(), Instant::now());
        refusal(&quota, StatusCode::BAD_GATEWAY, "9", now);
        assert_eq!(turns(&quota, 3, now), [0; 3]);
        refusal(&quota, status, "3", now);
        refusal(&quota, status, "1", now);
        refusal(&quota, status, "0", now);
        assert_eq!(quota.turn(now, 2 * SECOND), Turn::After(3 * SECOND));
        assert_eq!(turns(&quota, 3, now + SECOND), [2000, 2020, 2040]);
        assert_eq!(turns(&quota, 3, now + 3 * SECOND), [0; 3]);
    }
}

/// Scenario: an upstream says 429 and nothing else. Guarantees: nobody waits for it here; when to try again is the retry policy's matter.
#[test]
fn a_429_without_a_time_pauses_nobody() {
    let (quota, now) = (Quota::new(), Instant::now());
    let nothing = headers(&[]);
    quota.learn(
        StatusCode::TOO_MANY_REQUESTS,
        &nothing,
        now,
        SystemTime::now(),
    );
    assert_eq!(quota.turn(now, SECOND), Turn::Now);
}

/// Scenario: requests and tokens are limited; each call takes a thousand tokens, and five thousand are left of a hundred thousand. Guarantees: what calls take of
/// tokens is learned, and the tokens are spread over about five calls.
#[test]
fn tokens_are_spread_as_calls_take_them() {
    let (quota, now) = (Quota::new(), Instant::now());
    for tokens in (5..=100).rev() {
        let tokens = format!("{tokens}000");
        let told = headers(&[
            ("x-ratelimit-limit-requests", "10000"),
            ("x-ratelimit-remaining-requests", "9000"),
            ("x-ratelimit-reset-requests", "1s"),
            ("x-ratelimit-limit-tokens", "100000"),
            ("x-ratelimit-remaining-tokens", &tokens),
            ("x-ratelimit-reset-tokens", "1m0s"),
        ]);
        quota.learn(StatusCode::OK, &told, now, SystemTime::now());
    }
    let turns = turns(&quota, 6, now);
    assert_eq!(turns[0], 0);
    let apart = turns[1..].windows(2).map(|pair| pair[1] - pair[0]);
    assert!(
        apart.clone().all(|apart| (8_000..20_000).contains(&apart)),
        "{turns:?}"
    );
    assert_eq!(turns[5], 60_000);
}

/// Scenario: two limits, of which the one with more left ends later. Guarantees: the turn is the later of both.
#[test]
fn the_tighter_of_two_limits_counts() {
    let (quota, now) = (Quota::new(), Instant::now());
    let told = headers(&[
        (
            "ratelimit-policy",
            "\"burst\";q=10;w=2, \"hour\";q=1000;w=3600",
        ),
        ("ratelimit", "\"burst\";r=0;t=2, \"hour\";r=99;t=1000"),
    ]);
    quota.learn(StatusCode::OK, &told, now, SystemTime::now());
    assert_eq!(turns(&quota, 2, now), [2000, 2000 + 998_000 / 99]);
}

/// Scenario: an upstream that sends a new name with each answer. Guarantees: what is kept of it is bounded, and calls go on.
#[test]
fn names_without_end_are_not_kept() {
    let (quota, now) = (Quota::new(), Instant::now());
    for n in 0..1000 {
        let field = format!("\"limit {n}\";r=100;t=3600");
        quota.learn(
            StatusCode::OK,
            &headers(&[("ratelimit", &field)]),
            now,
            SystemTime::now(),
        );
    }
    assert!(format!("{quota:?}").matches("Window {").count() <= 8);
    assert_eq!(quota.turn(now, SECOND), Turn::Now);
}

/// One thing that happens to a quota.
#[derive(Clone, Debug)]
enum Step {
    Answer(u16, u64, u64),
    Refusal(String),
    Gone,
    Turns(u8),
    Passes(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (200..600u16, 0..200u64, any::<u64>()).prop_map(|(s, r, t)| Step::Answer(s, r, t)),
        (200..600u16, 0..30u64, 0..100u64).prop_map(|(s, r, t)| Step::Answer(s, r, t)),
        "[0-9]{0,30}".prop_map(Step::Refusal),
        Just(Step::Gone),
        (1..50u8).prop_map(Step::Turns),
        (0..100_000u64).prop_map(Step::Passes),
    ]
}

proptest! {
    /// Scenario: any answers, calls and passing of time. Guarantees: whatever was said, a call that asks waits no longer than an hour, or than the one that was ready to
    /// wait longest and a step; turns never come earlier than those before; and an hour later all is forgotten.
    #[test]
    fn no_wait_is_too_long(steps in prop::collection::vec(step(), 1..80)) {
        const PATIENCE: Duration = Duration::from_secs(2);
        let (quota, mut now) = (Quota::new(), Instant::now());
        for step in steps {
            match step {
                Step::Answer(status, remaining, reset) => {
                    let (remaining, reset) = (remaining.to_string(), reset.to_string());
                    let told = headers(&[
                        ("ratelimit-limit", "100"),
                        ("ratelimit-remaining", &remaining),
                        ("ratelimit-reset", &reset),
                    ]);
                    let status = StatusCode::from_u16(status).unwrap();
                    quota.learn(status, &told, now, SystemTime::now());
                }
                Step::Refusal(text) => refusal(&quota, StatusCode::TOO_MANY_REQUESTS, &text, now),
                Step::Gone => quota.gone(),
                Step::Turns(calls) => {
                    let mut last = Duration::ZERO;
                    for _ in 0..calls {
                        if let Turn::After(wait) = quota.turn(now, PATIENCE) {
                            prop_assert!(wait <= HOUR && wait >= last);
                            last = wait;
                        }
                    }
                }
                Step::Passes(milliseconds) => now += Duration::from_millis(milliseconds),
            }
        }
        prop_assert_eq!(quota.turn(now + HOUR, PATIENCE), Turn::Now);
    }

    /// Scenario: a limit that is kept exactly by an upstream with windows of ten seconds, and callers who ask without pause. Guarantees: the upstream never has to
    /// say 429.
    #[test]
    fn an_honest_upstream_never_refuses(limit in 1..60u64, gaps_ms in prop::collection::vec(1..400u64, 100..400)) {
        let (quota, begun) = (Quota::new(), Instant::now());
        let (mut now, mut used, mut window) = (begun, 0, 0);
        for gap_ms in gaps_ms {
            now += Duration::from_millis(gap_ms);
            match quota.turn(now, Duration::ZERO) {
                Turn::After(_) => quota.gone(),
                Turn::Now => {
                    let passed_s = now.duration_since(begun).as_secs();
                    if passed_s / 10 != window {
                        (window, used) = (passed_s / 10, 0);
                    }
                    used += 1;
                    prop_assert!(used <= limit, "call {used} of {limit} after {passed_s} s");
                    let (left, reset) = ((limit - used).to_string(), (10 - passed_s % 10).to_string());
                    let limit = limit.to_string();
                    let told = headers(&[
                        ("ratelimit-limit", &limit),
                        ("ratelimit-remaining", &left),
                        ("ratelimit-reset", &reset),
                    ]);
                    quota.learn(StatusCode::OK, &told, now, SystemTime::now());
                }
            }
        }
    }
}
