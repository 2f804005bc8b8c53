//! Circuit breakers over HTTP.

use std::collections::HashSet;
use std::time::{Duration, Instant, SystemTime};

use http::StatusCode;
use serde_json::{Value, json};

use super::agent::TOKEN;
use super::{Agent, Exposure, body, check, header, is_timestamp, keys};
use crate::resilience::{Breaker, BreakerPolicy, BreakerState, CallResult, Reason, Transition};
use crate::serve::{BreakerView, Check, CheckStatus, tell_change};

const ORDERS: [(&str, &str); 5] = [
    ("open", "FORCED_OPEN"),
    ("close", "CLOSED"),
    ("disable", "DISABLED"),
    ("metrics-only", "METRICS_ONLY"),
    ("reset", "CLOSED"),
];

/// An agent with breakers of "journal", which nobody called, "openai", which works, and "stripe", which three failures opened.
fn agent(exposure: Exposure) -> Agent {
    let agent = Agent::with(exposure, Vec::new());
    let now = Instant::now();
    for (service, result) in [
        ("openai", CallResult::Success),
        ("stripe", CallResult::Failure),
    ] {
        let breaker = Breaker::new(service, BreakerPolicy::STRIPE);
        for _ in 0..3 {
            let began = now - Duration::from_millis(10);
            breaker.admit(began).unwrap().end(now, result);
        }
        agent.breakers.insert(breaker);
    }
    agent
}

fn services(answer: &Value) -> Vec<&str> {
    let circuits = answer["circuits"].as_array().unwrap();
    let services = circuits.iter().map(|one| one["service"].as_str().unwrap());
    services.collect()
}

/// Scenario: an agent of three breakers, one of them open.
/// Guarantees: exactly the documented members, and those of a breaker's status; the numbers are those of the calls.
#[tokio::test]
async fn circuits_are_shown_as_documented() {
    let agent = agent(Exposure::Loopback);
    let answer = agent.get("/metrics/circuit-breaker").await;
    assert_eq!(answer.status(), StatusCode::OK);
    let answer = body(&answer);
    assert_eq!(
        keys(&answer),
        HashSet::from(["timestamp", "health", "circuits"])
    );
    assert!(answer["timestamp"].as_u64().unwrap() > 1_700_000_000_000);
    assert_eq!(services(&answer), ["journal", "openai", "stripe"]);
    let stripe = &answer["circuits"][2];
    assert_eq!(
        keys(stripe),
        HashSet::from([
            "service",
            "metrics",
            "failureRate",
            "throughput",
            "state",
            "failures",
            "successes",
            "lastFailure"
        ])
    );
    assert_eq!(
        stripe["metrics"],
        json!({ "state": "OPEN", "failureRate": 1.0, "avgLatency": 10.0, "consecutiveFailures": 3 })
    );
    assert_eq!(
        (&stripe["state"], &stripe["failures"], &stripe["successes"]),
        (&json!("OPEN"), &json!(3), &json!(0))
    );
    assert!(is_timestamp(&stripe["lastFailure"]), "{stripe}");
    assert!(stripe["throughput"].as_f64().unwrap() > 0.0, "{stripe}");
    let journal = &answer["circuits"][0];
    assert_eq!(journal["lastFailure"], Value::Null);
    assert_eq!(journal["metrics"]["avgLatency"], 0.0);
}

/// Scenario: breakers that work, of which one is open, and which are open all.
/// Guarantees: the score is their mean, the status follows, and each that is not as it should be has a sentence and an advice.
#[tokio::test]
async fn circuits_have_a_score() {
    let agent = agent(Exposure::Loopback);
    let health = async |query: &str| {
        let answer = body(&agent.get(&format!("/metrics/circuit-breaker{query}")).await);
        answer["health"].clone()
    };
    assert_eq!(
        health("?service=journal,openai").await,
        json!({ "status": "healthy", "score": 100, "issues": [], "recommendations": [] })
    );
    let some = health("").await;
    assert_eq!(
        (&some["status"], &some["score"]),
        (&json!("degraded"), &json!(67))
    );
    let issues = some["issues"].as_array().unwrap();
    assert_eq!(issues.len(), 1);
    let issue = issues[0].as_str().unwrap();
    assert!(
        issue.starts_with("stripe has been held back for 0s; next try in "),
        "{issue}"
    );
    assert_eq!(some["recommendations"].as_array().unwrap().len(), 1);
    let all = health("?service=stripe").await;
    assert_eq!(
        (&all["status"], &all["score"]),
        (&json!("unhealthy"), &json!(0))
    );
}

/// Scenario: one service is asked for, two are, and one that there is not, by both paths.
/// Guarantees: those alone are shown; an unknown one is a 404 that names the known ones and guesses which was meant.
#[tokio::test]
async fn services_are_chosen_by_name() {
    let agent = agent(Exposure::Loopback);
    for (query, expected) in [
        ("service=stripe", &["stripe"][..]),
        ("service=stripe,openai", &["openai", "stripe"]),
        ("service=stripe&service=openai", &["openai", "stripe"]),
    ] {
        let path = format!("/metrics/circuit-breaker?{query}");
        let answer = body(&agent.get(&path).await);
        assert_eq!(services(&answer), expected, "{query}");
    }
    for path in [
        "/metrics/circuit-breaker?service=stripe,strpe",
        "/api/breakers/strpe",
    ] {
        let answer = agent.get(path).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
        let fault = body(&answer);
        assert_eq!(fault["services"], json!(["journal", "openai", "stripe"]));
        assert!(
            fault["message"].as_str().unwrap().contains(r#""stripe""#),
            "{fault}"
        );
    }
}

/// Scenario: all breakers and one of them, by the paths that show everything.
/// Guarantees: both show the same of it, with when it is tried again.
#[tokio::test]
async fn breakers_are_shown_whole() {
    let agent = agent(Exposure::Loopback);
    let all = body(&agent.get("/api/breakers").await);
    let one = body(&agent.get("/api/breakers/stripe").await);
    assert!(is_timestamp(&all["timestamp"]));
    assert_eq!(keys(&all["breakers"][2]), keys(&one));
    assert_eq!(
        (&one["service"], &one["guards"], &one["state"]),
        (&json!("stripe"), &json!("route"), &json!("OPEN"))
    );
    assert_eq!(
        one["calls"],
        json!({ "success": 0, "failure": 3, "ignored": 0, "heldBack": 0, "slow": 0 })
    );
    assert!(
        is_timestamp(&one["since"]) && is_timestamp(&one["nextTry"]),
        "{one}"
    );
    let openai = body(&agent.get("/api/breakers/openai").await);
    assert_eq!(openai["nextTry"], Value::Null);
}

/// Scenario: every order to a breaker, by somebody who presents the token on loopback.
/// Guarantees: it is obeyed, and the answer shows the state that follows.
#[tokio::test]
async fn breakers_are_set_by_those_with_the_token() {
    let agent = agent(Exposure::Loopback);
    let bearer = format!("Bearer {TOKEN}");
    for (order, state) in ORDERS {
        let path = format!("/api/breakers/stripe/{order}");
        let answer = agent
            .ask("POST", &path, &[("authorization", &bearer)])
            .await;
        assert_eq!(answer.status(), StatusCode::OK, "{order}");
        assert_eq!(body(&answer)["state"], state, "{order}");
        let stripe = agent.breakers.get("stripe").unwrap();
        assert_eq!(stripe.state().name(), state, "{order}");
    }
    let path = "/api/breakers/nothing/open";
    let answer = agent.ask("POST", path, &[("authorization", &bearer)]).await;
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    agent.enters(crate::serve::Phase::Draining);
    let path = "/api/breakers/stripe/open";
    let answer = agent.ask("POST", path, &[("authorization", &bearer)]).await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
}

/// Scenario: orders without the token, with another one, from a page of another site, and where no token is configured; on loopback
/// and elsewhere.
/// Guarantees: none is obeyed; the answer says that a token is needed, on loopback too, and challenges for it where there is one.
#[tokio::test]
async fn nobody_else_sets_breakers() {
    let right = format!("Bearer {TOKEN}");
    for (exposure, headers, status, words) in [
        (
            Exposure::Loopback,
            vec![],
            StatusCode::UNAUTHORIZED,
            "on loopback too",
        ),
        (
            Exposure::Loopback,
            vec![("authorization", "Bearer another")],
            StatusCode::UNAUTHORIZED,
            "not the one",
        ),
        (
            Exposure::Loopback,
            vec![
                ("authorization", &right),
                ("host", "localhost:2271"),
                ("origin", "https://evil.example"),
            ],
            StatusCode::FORBIDDEN,
            "another origin",
        ),
        (
            Exposure::LoopbackWithoutToken,
            vec![("authorization", &right)],
            StatusCode::FORBIDDEN,
            "set api.token",
        ),
        (
            Exposure::Exposed,
            vec![],
            StatusCode::FORBIDDEN,
            "set api.token",
        ),
        (
            Exposure::ExposedWithToken,
            vec![],
            StatusCode::UNAUTHORIZED,
            "api.token",
        ),
    ] {
        let agent = agent(exposure);
        for (order, _) in ORDERS {
            let path = format!("/api/breakers/openai/{order}");
            let answer = agent.ask("POST", &path, &headers).await;
            assert_eq!(answer.status(), status, "{exposure:?} {headers:?}");
            let challenge = header(&answer, "www-authenticate");
            assert_eq!(
                !challenge.is_empty(),
                status == StatusCode::UNAUTHORIZED,
                "{challenge}"
            );
            let message = body(&answer)["message"].to_string();
            assert!(message.contains(words), "{message}");
        }
        let openai = agent.breakers.get("openai").unwrap();
        assert_eq!(openai.status(Instant::now()).successes, 3, "it was reset");
        assert_eq!(openai.state(), BreakerState::Closed);
    }
}

fn opened() -> Transition {
    Transition {
        service: "stripe".into(),
        from: BreakerState::Closed,
        to: BreakerState::Open,
        reason: Reason::ConsecutiveFailures(3),
        open_for: Some(Duration::from_secs(30)),
        number: 1,
        at: SystemTime::now(),
    }
}

/// Scenario: somebody comes back to the events with the last id it saw, two more happen, and the agent ends.
/// Guarantees: it gets what it missed and what happens, each with its data; then a goodbye, and the answer ends. Who comes later is
/// told that the agent ends.
#[tokio::test]
async fn changes_are_told_as_they_happen() {
    let agent = agent(Exposure::Loopback);
    for _ in 0..2 {
        tell_change(&agent.feed, &opened());
    }
    let listening = agent.ask("GET", "/api/breakers/events", &[("last-event-id", "1")]);
    let happening = async {
        tokio::task::yield_now().await;
        tell_change(&agent.feed, &opened());
        agent.feed.end();
    };
    let (answer, ()) = tokio::join!(listening, happening);
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(header(&answer, "content-type"), "text/event-stream");
    assert_eq!(header(&answer, "cache-control"), "no-store");
    assert_eq!(header(&answer, "content-length"), "");
    let text = std::str::from_utf8(answer.body()).unwrap();
    let ids: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("id: "))
        .collect();
    assert_eq!(ids, ["2", "3"], "{text}");
    assert!(text.contains("\nevent: goodbye\ndata: {"), "{text}");
    let data = text
        .lines()
        .find_map(|line| line.strip_prefix("data: "))
        .unwrap();
    let data: Value = serde_json::from_str(data).unwrap();
    assert!(is_timestamp(&data["timestamp"]));
    for (key, value) in [
        ("service", json!("stripe")),
        ("from", json!("CLOSED")),
        ("to", json!("OPEN")),
        ("reason", json!("consecutive_failures")),
        ("message", json!("3 calls in a row failed")),
        ("openFor", json!(30_000)),
    ] {
        assert_eq!(data[key], value, "{key}");
    }
    let late = agent.get("/api/breakers/events").await;
    assert_eq!(late.status(), StatusCode::SERVICE_UNAVAILABLE);
}

/// Scenario: HEAD for the events, and GET by somebody who may not see details.
/// Guarantees: the first gets the head alone, at once; the second is refused.
#[tokio::test]
async fn events_are_details() {
    let agent = agent(Exposure::Loopback);
    let answer = agent.ask("HEAD", "/api/breakers/events", &[]).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(header(&answer, "content-type"), "text/event-stream");
    assert!(answer.body().is_empty());
    let exposed = self::agent(Exposure::ExposedWithToken);
    let answer = exposed.get("/api/breakers/events").await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
}

/// Scenario: the breaker of a route is open.
/// Guarantees: the agent is degraded and says so; it stays healthy for load balancers and ready for orchestrators; the group chooses
/// it.
#[tokio::test]
async fn an_open_breaker_makes_nobody_unready() {
    let agent = Agent::running();
    let open = Check {
        groups: vec!["circuit-breakers".to_owned()],
        required: false,
        kind: "breaker",
        message: "stripe has been held back for 12s: 3 calls in a row failed; next try in 18s"
            .to_owned(),
        since: None,
        ..check("breaker-stripe", CheckStatus::Warn)
    };
    agent.finds(vec![open]);
    let short = agent.get("/health?include=circuit-breakers").await;
    assert_eq!(
        (short.status(), &body(&short)["status"]),
        (StatusCode::OK, &json!("degraded"))
    );
    assert_eq!(agent.get("/health/ready").await.status(), StatusCode::OK);
    let performance = agent.get("/health/performance").await;
    assert_eq!(performance.status(), StatusCode::OK);
    let part = &body(&performance)["checks"]["circuitBreaker"];
    assert_eq!(
        part,
        &json!({ "status": "warn", "message":
            "0 of 1 pass; breaker-stripe: stripe has been held back for 12s: 3 calls in a row failed; next try in 18s" })
    );
}

/// Scenario: a breaker in each of its states, and one that opened by itself. Guarantees: each has its sentence.
#[test]
fn each_state_has_a_sentence() {
    let now = Instant::now();
    let sentence = |breaker: &Breaker, last_change| {
        let view = BreakerView {
            status: breaker.status(now + Duration::from_secs(12)),
            guards: "route",
            last_change,
        };
        view.sentence()
    };
    let breaker = Breaker::with_chance("stripe", BreakerPolicy::STRIPE, || 0.0);
    assert_eq!(sentence(&breaker, None), "calls to stripe pass");
    breaker.admit(now).unwrap().failure(now);
    assert_eq!(
        sentence(&breaker, None),
        "calls to stripe pass; 100 % failed lately"
    );
    for _ in 0..2 {
        breaker.admit(now).unwrap().failure(now);
    }
    assert_eq!(
        sentence(&breaker, Some(opened())),
        "stripe has been held back for 12s: 3 calls in a row failed; next try in 18s"
    );
    let trial = breaker.admit(now + Duration::from_secs(30)).unwrap();
    assert!(sentence(&breaker, None).starts_with("stripe is being tried again"));
    drop(trial);
    for (set, expected) in [
        (
            Breaker::force_open as fn(&Breaker, Instant),
            "stripe has been held back by hand for 12s",
        ),
        (Breaker::disable, "calls to stripe pass uncounted"),
        (
            Breaker::metrics_only,
            "calls to stripe pass, whatever becomes of them",
        ),
    ] {
        set(&breaker, now);
        assert_eq!(sentence(&breaker, None), expected);
    }
}
