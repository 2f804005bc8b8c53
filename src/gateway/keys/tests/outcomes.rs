//! What becomes of a key, by how its request ended.

use std::time::Duration;

use http::StatusCode;

use super::rig::{Rig, Upstream, answer, charge};
use crate::config::{ServerErrors, UnknownOutcome};
use crate::gateway::attempt::EarlierMayHaveRun;
use crate::gateway::upstream::CallFailureKind;
use crate::gateway::{Answer, Refusal};

fn failure(may_have_run: bool) -> Result<Answer, Refusal> {
    Err(Refusal::Upstream {
        kind: CallFailureKind::Closed,
        may_have_run,
        message: "closed".to_owned(),
    })
}

/// Scenario: answers of every class, failures before and behind the sending, and refusals of the guards in between, with 5xx kept and
/// released. Guarantees: what was done is replayed, what was not may run again, and of what nobody knows a repeated request is told so; the
/// first caller gets what happened.
#[tokio::test]
async fn outcomes_decide_about_keys() {
    // The status that the first gets, the one that the second gets, and how often it ran.
    type Case = (fn() -> Result<Answer, Refusal>, bool, [u16; 2], usize);
    let cases: [Case; 12] = [
        (|| Ok(answer(200, "")), true, [200, 200], 1),
        (|| Ok(answer(404, "")), true, [404, 404], 1),
        (|| Ok(answer(409, "")), true, [409, 409], 1),
        (|| Ok(answer(500, "")), true, [500, 500], 1),
        (|| Ok(answer(500, "")), false, [500, 500], 2),
        (|| Ok(answer(429, "")), true, [429, 429], 2),
        (|| Ok(answer(503, "")), true, [503, 503], 2),
        (|| Ok(answer(401, "")), true, [401, 401], 2),
        (|| failure(false), true, [502, 502], 2),
        (|| failure(true), true, [502, 409], 1),
        (|| failure(true), false, [502, 409], 1),
        (
            || {
                let mut answer = answer(503, "");
                answer.extensions_mut().insert(EarlierMayHaveRun);
                Ok(answer)
            },
            true,
            [503, 409],
            1,
        ),
    ];
    for (number, (make, keeps, statuses, runs)) in cases.into_iter().enumerate() {
        let rig = Rig::with(|settings| {
            settings.server_errors = match keeps {
                true => ServerErrors::Keep,
                false => ServerErrors::Release,
            };
        })
        .await;
        let upstream = Upstream::giving(make);
        let first = rig.ask(charge("k", "a"), &upstream).await;
        let second = rig.ask(charge("k", "a"), &upstream).await;
        let found = ([first.status, second.status], upstream.requests());
        assert_eq!(found, (statuses, runs), "{number}: {second:?}");
        let is_unknown = statuses == [502, 409] || statuses == [503, 409];
        let says_so = second.body.is_err_and(|said| said.contains("is not known"));
        assert_eq!(says_so, is_unknown, "{number}");
    }
}

/// Scenario: a request whose outcome is unknown comes again, on a route whose upstream honours keys itself.
/// Guarantees: it runs again, and its answer is kept; another request with the key does not run.
#[tokio::test]
async fn unknown_outcomes_are_repeated_where_the_upstream_honours_keys() {
    let rig = Rig::with(|settings| settings.unknown = UnknownOutcome::Repeat).await;
    let broken = Upstream::giving(|| failure(true));
    assert_eq!(rig.ask(charge("k", "a"), &broken).await.status, 502);
    let upstream = Upstream::answering(200, "done");
    assert_eq!(rig.ask(charge("k", "b"), &upstream).await.status, 422);
    assert!(!rig.ask(charge("k", "a"), &upstream).await.is_replay());
    assert!(rig.ask(charge("k", "a"), &upstream).await.is_replay());
    assert_eq!(upstream.requests(), 1);
}

/// Scenario: a route's answers are kept for no time. Guarantees: a repeated request runs again.
#[tokio::test]
async fn what_has_ended_runs_again() {
    let rig = Rig::with(|settings| settings.keep_for = Duration::ZERO).await;
    let upstream = Upstream::answering(StatusCode::OK.as_u16(), "");
    for _ in 0..2 {
        assert_eq!(rig.ask(charge("k", "a"), &upstream).await.status, 200);
    }
    assert_eq!(upstream.requests(), 2);
}
