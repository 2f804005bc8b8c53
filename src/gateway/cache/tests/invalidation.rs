//! Requests that change something.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use tokio::sync::Notify;

use super::rig::{Rig, Upstream, answer, request};
use crate::gateway::Refusal;

const FRESH: &[(&str, &str)] = &[("cache-control", "max-age=60"), ("vary", "accept")];

async fn after_change(
    method: Method,
    changed: &'static str,
    change: fn() -> Result<crate::gateway::Answer, Refusal>,
) -> bool {
    let rig = Rig::new();
    let upstream = Upstream::new(move |call, request| match *request.method() {
        Method::GET => Ok(answer(200, FRESH, call.to_string())),
        _ => change(),
    });
    let get = || request(Method::GET, "/a?b", &[]);
    rig.ask(get(), &upstream).await.unwrap();
    let _ = rig.ask(request(method, changed, &[]), &upstream).await;
    rig.ask(get(), &upstream).await.unwrap().body == "0"
}

/// Scenario: requests of every method to the same and to other targets, with every kind of answer, between two requests for what is kept.
/// Guarantees: what is kept is gone after an unsafe request that did not fail, and after one of which nobody knows; answers make others be
/// forgotten only on the same host (RFC 9111, section 4.4).
#[tokio::test(start_paused = true)]
async fn changes_make_answers_invalid() {
    let ok = || Ok(answer(204, &[], ""));
    assert!(!after_change(Method::POST, "/a?b", ok).await);
    assert!(!after_change(Method::PUT, "/a?b", || Ok(answer(303, &[], ""))).await);
    assert!(!after_change(Method::DELETE, "/a?b", ok).await);
    assert!(after_change(Method::OPTIONS, "/a?b", ok).await);
    assert!(after_change(Method::POST, "/a", ok).await);
    assert!(after_change(Method::POST, "/a?b", || Ok(answer(400, &[], ""))).await);
    let too_long = || {
        Err(Refusal::TookTooLong {
            within: Duration::ZERO,
        })
    };
    assert!(!after_change(Method::POST, "/a?b", too_long).await);
    assert!(after_change(Method::POST, "/a?b", || Err(Refusal::NoRoute)).await);
    for (location, stays) in [
        ("/a?b", false),
        ("a?b", false),
        ("http://up.example:8080/a?b", false),
        ("http://up.example/a?b", true),
        ("http://evil.example:8080/a?b", true),
        ("/a?c", true),
        ("http://[", true),
    ] {
        for header in ["location", "content-location"] {
            let rig = Rig::new();
            let upstream = Upstream::new(move |call, request| match *request.method() {
                Method::GET => Ok(answer(200, FRESH, call.to_string())),
                _ => Ok(answer(201, &[(header, location)], "")),
            });
            let get = || request(Method::GET, "/a?b", &[]);
            rig.ask(get(), &upstream).await.unwrap();
            rig.ask(request(Method::POST, "/new", &[]), &upstream)
                .await
                .unwrap();
            let got = rig.ask(get(), &upstream).await.unwrap();
            assert_eq!(got.body == "0", stays, "{header}: {location}");
        }
    }
}

/// Scenario: a request is under way when the same target is changed. Guarantees: its answer goes to its caller and is not kept; a request that
/// comes after the change does not wait for it.
#[tokio::test(start_paused = true)]
async fn what_was_asked_for_before_a_change_is_not_kept() {
    let rig = Arc::new(Rig::new());
    let (go_on, gate) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (reached, wait) = (Arc::clone(&gate), Arc::clone(&go_on));
    let upstream = Upstream::later(move |call, request| {
        let (reached, wait) = (Arc::clone(&reached), Arc::clone(&wait));
        async move {
            if call == 0 {
                reached.notify_one();
                wait.notified().await;
            }
            let _ = request;
            Ok(answer(200, FRESH, call.to_string()))
        }
    });
    let (early_rig, early_upstream) = (Arc::clone(&rig), Arc::clone(&upstream));
    let early = tokio::spawn(async move { early_rig.get(&[], &early_upstream).await });
    gate.notified().await;
    rig.ask(request(Method::POST, "/", &[]), &upstream)
        .await
        .unwrap();
    assert_eq!(rig.get(&[], &upstream).await.body, "2", "does not wait");
    go_on.notify_one();
    assert_eq!(early.await.unwrap().body, "0");
    assert_eq!(
        rig.get(&[], &upstream).await.body,
        "2",
        "the early one did not replace it"
    );
}
