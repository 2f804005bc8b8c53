use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use http::StatusCode;

use super::super::{Quotas, Turn};
use super::headers;

const SECOND: Duration = Duration::from_secs(1);

/// Scenario: more callers than are known apart, one of whom has a call out. Guarantees: the one without makes room, the one with the call does not, and each caller
/// finds its own again.
#[test]
fn idle_callers_make_room() {
    let (quotas, now) = (Quotas::new(2), Instant::now());
    let (busy, idle) = (quotas.of("busy", now), quotas.of("idle", now));
    assert!(Arc::ptr_eq(&busy, &quotas.of("busy", now)));
    assert!(!Arc::ptr_eq(&busy, &idle));
    let third = quotas.of("third", now);
    assert!(Arc::ptr_eq(&third, &quotas.of("fourth", now)));
    assert_eq!(busy.turn(now, SECOND), Turn::Now);
    let address = Arc::as_ptr(&busy);
    drop((busy, idle));
    assert!(
        Arc::ptr_eq(&third, &quotas.of("third", now)),
        "looked through again at once"
    );
    let later = now + SECOND;
    assert!(!Arc::ptr_eq(&third, &quotas.of("third", later)));
    assert_eq!(Arc::as_ptr(&quotas.of("busy", later)), address);
}

/// Scenario: a caller who is to wait for a minute goes away, and others come. Guarantees: what is known of it is kept for the minute, and no longer.
#[test]
fn what_is_known_is_kept_as_long_as_it_counts() {
    let (quotas, now) = (Quotas::new(1), Instant::now());
    let answer = headers(&[("retry-after", "60")]);
    quotas.of("paused", now).learn(
        StatusCode::TOO_MANY_REQUESTS,
        &answer,
        now,
        SystemTime::now(),
    );
    let before = now + 59 * SECOND;
    drop(quotas.of("other", before));
    let paused = quotas.of("paused", before).turn(before, Duration::ZERO);
    assert_eq!(paused, Turn::After(SECOND));
    quotas.of("paused", before).gone();
    let after = now + 60 * SECOND;
    let other = quotas.of("other", after);
    assert!(Arc::ptr_eq(&other, &quotas.of("other", after)));
    assert!(!Arc::ptr_eq(&other, &quotas.of("paused", after)));
}
