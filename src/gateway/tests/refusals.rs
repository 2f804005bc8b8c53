//! What callers are told.

use std::time::Duration;

use http::HeaderValue;
use http_body_util::BodyExt;

use crate::gateway::caller_body::CallerFault;
use crate::gateway::path::BadPath;
use crate::gateway::refusal::{Limit, Refusal};
use crate::gateway::target::BadTarget;
use crate::gateway::{CallFailureKind, Phase};

fn upstream(kind: CallFailureKind) -> Refusal {
    Refusal::Upstream {
        kind,
        may_have_run: true,
        message: "the upstream a:1 is told of here".to_owned(),
    }
}

/// Scenario: every refusal.
/// Guarantees: status, guard and Retry-After are those of the documents, and the answer is problem details that agree with them.
#[tokio::test]
async fn every_refusal_says_what_to_do() {
    use CallFailureKind as K;
    let soon = Duration::from_millis(1500);
    let limited = |limit| Refusal::Limited {
        limit,
        retry_after: soon,
    };
    let cases = [
        (
            Refusal::ShuttingDown { retry_after: soon },
            503,
            "shutdown",
            Some("2"),
        ),
        (BadTarget::NoHost.into(), 400, "target", None),
        (
            BadTarget::from(BadPath::DotSegment).into(),
            400,
            "target",
            None,
        ),
        (Refusal::NoRoute, 404, "route", None),
        (Refusal::NotServed, 421, "route", None),
        (
            Refusal::Method {
                allow: HeaderValue::from_static("GET"),
            },
            405,
            "method",
            None,
        ),
        (Refusal::HeadTooLarge { max_bytes: 9 }, 431, "head", None),
        (
            Refusal::Body(CallerFault::TooLarge { max_bytes: 9 }),
            413,
            "body",
            None,
        ),
        (
            Refusal::Body(CallerFault::Stalled { within: soon }),
            408,
            "body",
            None,
        ),
        (Refusal::Body(CallerFault::Broken), 400, "body", None),
        (Refusal::Loop, 508, "target", None),
        (limited(Limit::Route), 429, "limit", Some("2")),
        (limited(Limit::Caller), 429, "limit", Some("2")),
        (limited(Limit::Quota), 429, "quota", Some("2")),
        (Refusal::Busy { places: 9 }, 503, "bulkhead", Some("1")),
        (
            Refusal::BreakerOpen { retry_after: soon },
            503,
            "breaker",
            Some("2"),
        ),
        (Refusal::TookTooLong { within: soon }, 504, "upstream", None),
        (upstream(K::Resolve), 502, "upstream", None),
        (upstream(K::Forbidden), 502, "upstream", None),
        (upstream(K::Connect), 502, "upstream", None),
        (upstream(K::Certificate), 502, "upstream", None),
        (upstream(K::Tls), 502, "upstream", None),
        (upstream(K::Timeout(Phase::Connect)), 504, "upstream", None),
        (
            upstream(K::Timeout(Phase::FirstByte)),
            504,
            "upstream",
            None,
        ),
        (upstream(K::CallerStalled), 408, "body", None),
        (upstream(K::CallerBody), 400, "body", None),
        (upstream(K::Closed), 502, "upstream", None),
        (upstream(K::Protocol), 502, "upstream", None),
        (upstream(K::HeadTooLarge), 502, "upstream", None),
        (Refusal::NotCached, 504, "cache", None),
    ];
    for (refusal, status, guard, retry_after) in cases {
        let (head, body) = refusal.answer(Some("shop")).into_parts();
        assert_eq!(head.status, status, "{refusal:?}");
        assert_eq!(head.headers["content-type"], "application/problem+json");
        let waits = head
            .headers
            .get("retry-after")
            .map(|value| value.to_str().unwrap());
        assert_eq!(waits, retry_after, "{refusal:?}");
        let body = body.collect().await.unwrap().to_bytes();
        let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(problem["type"], "about:blank");
        assert_eq!(
            (&problem["status"], &problem["guard"]),
            (&status.into(), &guard.into())
        );
        assert_eq!(problem["route"], "shop");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.len() > 20 && !detail.contains("  "), "{detail}");
        let phrase = head.status.canonical_reason().unwrap();
        assert_eq!(problem["title"], phrase);
        let reason = problem["reason"].as_str().unwrap();
        assert!(
            reason
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'_')),
            "{reason}"
        );
    }
}

/// Scenario: refusals after which somebody wants to know whether the upstream may have acted.
/// Guarantees: only those of attempts that were sent say so.
#[test]
fn what_may_have_run_is_known() {
    let soon = Duration::from_secs(1);
    assert!(upstream(CallFailureKind::Closed).may_have_run());
    assert!(Refusal::TookTooLong { within: soon }.may_have_run());
    assert!(!Refusal::BreakerOpen { retry_after: soon }.may_have_run());
    assert!(!Refusal::Body(CallerFault::TooLarge { max_bytes: 1 }).may_have_run());
}

/// Scenario: a method that a route does not take.
/// Guarantees: the answer says which it takes (RFC 9110, section 15.5.6).
#[test]
fn methods_are_named() {
    let allow = HeaderValue::from_static("GET, HEAD");
    let answer = Refusal::Method {
        allow: allow.clone(),
    }
    .answer(None);
    assert_eq!(answer.headers()["allow"], allow);
}
