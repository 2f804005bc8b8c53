//! The words of one verdict at every endpoint that tells it.

use http::StatusCode;
use serde_json::json;

use super::{Agent, Exposure, body, check, header};
use crate::serve::{Check, CheckStatus, Phase};

/// An agent in some situation, and the words of each endpoint for it.
struct Case {
    phase: Phase,
    is_stuck: bool,
    checks: Vec<Check>,
    /// `/health`, `/api/health`, `/health/performance`, the draft.
    words: [&'static str; 4],
}

fn case(checks: Vec<Check>, words: [&'static str; 4]) -> Case {
    Case {
        phase: Phase::Running,
        is_stuck: false,
        checks,
        words,
    }
}

const WELL: [&str; 4] = ["ok", "healthy", "healthy", "pass"];
const DEGRADED: [&str; 4] = ["degraded", "degraded", "degraded", "warn"];
const STARTING: [&str; 4] = ["starting", "starting", "unhealthy", "fail"];
const UNHEALTHY: [&str; 4] = ["unhealthy", "unhealthy", "unhealthy", "fail"];

fn cases() -> Vec<Case> {
    let it = |status| check("it", status);
    let optional = |status| Check {
        required: false,
        ..it(status)
    };
    let excused = |status| Check {
        excused: Some("maintenance".to_owned()),
        ..it(status)
    };
    let mut cases = vec![
        case(Vec::new(), WELL),
        case(vec![it(CheckStatus::Pass)], WELL),
        case(vec![it(CheckStatus::Warn)], DEGRADED),
        case(vec![it(CheckStatus::Starting)], STARTING),
        case(vec![it(CheckStatus::Fail)], UNHEALTHY),
        case(vec![optional(CheckStatus::Warn)], DEGRADED),
        case(vec![optional(CheckStatus::Fail)], DEGRADED),
        case(vec![optional(CheckStatus::Starting)], WELL),
        case(vec![excused(CheckStatus::Fail)], WELL),
        case(vec![excused(CheckStatus::Warn)], WELL),
        case(vec![excused(CheckStatus::Starting)], WELL),
        case(
            vec![
                it(CheckStatus::Pass),
                it(CheckStatus::Warn),
                it(CheckStatus::Starting),
            ],
            STARTING,
        ),
        case(
            vec![it(CheckStatus::Fail), it(CheckStatus::Starting)],
            UNHEALTHY,
        ),
    ];
    for (phase, is_stuck, words) in [
        (Phase::Starting, false, STARTING),
        (Phase::Running, true, UNHEALTHY),
        (Phase::Draining, false, UNHEALTHY),
    ] {
        let checks = vec![it(CheckStatus::Pass)];
        cases.push(Case {
            phase,
            is_stuck,
            checks,
            words,
        });
    }
    cases
}

/// Scenario: every situation, at every endpoint that judges it, for those who see details and those who do not.
/// Guarantees: the words that each document has; 503 while starting or unhealthy at all of them alike; nobody without a
/// token sees a detail.
#[tokio::test]
async fn one_verdict_in_the_words_of_each_document() {
    for exposure in [
        Exposure::Loopback,
        Exposure::Exposed,
        Exposure::ExposedWithToken,
    ] {
        for case in cases() {
            let agent = Agent::with(exposure, case.checks.clone());
            agent.enters(case.phase);
            if case.is_stuck {
                agent.stuck("export \"hidden\" is stuck");
            }
            let [short, full, performance, draft] = case.words;
            let health_json = [("accept", "application/health+json")];
            for (path, headers, word) in [
                ("/health", &[][..], short),
                ("/api/health", &[], full),
                ("/api/health?include=all", &[], full),
                ("/health/performance", &[], performance),
                (
                    "/health/performance?detailed=true&metrics=true",
                    &[],
                    performance,
                ),
                ("/health", &health_json, draft),
                ("/api/health", &health_json, draft),
                ("/health/ready", &health_json, draft),
            ] {
                let answer = agent.ask("GET", path, headers).await;
                let status = match short {
                    "ok" | "degraded" => StatusCode::OK,
                    _ => StatusCode::SERVICE_UNAVAILABLE,
                };
                let name = format!("{exposure:?} {path} {headers:?}: {:?}", case.checks);
                assert_eq!(
                    (answer.status(), &body(&answer)["status"]),
                    (status, &json!(word)),
                    "{name}"
                );
                let head = agent.ask("HEAD", path, headers).await;
                assert_eq!((head.status(), head.body().len()), (status, 0), "{name}");
                assert_eq!(
                    header(&head, "content-type"),
                    header(&answer, "content-type")
                );
                if exposure != Exposure::Loopback {
                    let text = String::from_utf8(answer.body().to_vec()).unwrap();
                    assert!(
                        !text.contains("hidden") && !text.contains("since"),
                        "{name}: {text}"
                    );
                }
            }
        }
    }
}

/// Scenario: reasons of every weight, in an order of their own.
/// Guarantees: the worst come first; each begins with the check's name and says what was found and since when.
#[tokio::test]
async fn the_worst_is_said_first() {
    let mut slow = check("a-slow", CheckStatus::Warn);
    slow.message = "took 2 s.".to_owned();
    slow.since = None;
    let mut optional = check("b-optional", CheckStatus::Fail);
    optional.required = false;
    optional.last_run = None;
    let silent = Check {
        message: String::new(),
        since: None,
        ..check("d-new", CheckStatus::Starting)
    };
    let agent = Agent::with(
        Exposure::Loopback,
        vec![slow, optional, check("c-db", CheckStatus::Fail), silent],
    );
    agent.stuck("export \"collector\" is stuck");
    let reasons = body(&agent.get("/api/health").await)["reasons"].clone();
    let reasons: Vec<String> = serde_json::from_value(reasons).unwrap();
    assert_eq!(reasons.len(), 5, "{reasons:?}");
    assert_eq!(reasons[0], "export \"collector\" is stuck");
    assert_eq!(
        reasons[1],
        "c-db: connection refused by hidden [refused, connect], since 2026-03-01 12:03:11"
    );
    assert_eq!(reasons[2], "d-new: starting");
    assert_eq!(reasons[3], "a-slow: took 2 s");
    assert_eq!(
        reasons[4],
        "b-optional: connection refused by hidden [refused, connect], since 2026-03-01 12:03:11"
    );
}

/// Scenario: an export that is stuck, before and after the check of it has looked, and one that only warns.
/// Guarantees: being stuck is said once; a warning is said besides.
#[tokio::test]
async fn a_stuck_export_is_said_once() {
    let export = |status| Check {
        groups: vec!["exports".to_owned()],
        required: false,
        ..check("export-sink", status)
    };
    for (status, count) in [
        (CheckStatus::Pass, 1),
        (CheckStatus::Warn, 2),
        (CheckStatus::Fail, 1),
    ] {
        let agent = Agent::with(Exposure::Loopback, vec![export(status)]);
        agent.stuck("export \"sink\" is stuck");
        let health = body(&agent.get("/api/health").await);
        assert_eq!(
            health["reasons"].as_array().unwrap().len(),
            count,
            "{health}"
        );
        assert_eq!(health["reasons"][0], "export \"sink\" is stuck");
    }
}
