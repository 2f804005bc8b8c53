//! Who sees what, and who may have checks run.

use http::StatusCode;

use super::agent::TOKEN;
use super::{Agent, Exposure, body, check, header};
use crate::serve::CheckStatus;

/// The endpoints that answer everybody, with less for those who may not see details.
const FOR_ALL: [&str; 13] = [
    "/health",
    "/api/health",
    "/api/health?include=all",
    "/api/health?include=database,mongo",
    "/health/db",
    "/api/health/db?include=mongo",
    "/health/ready",
    "/api/ready?include=mongo",
    "/health/startup",
    "/api/startup",
    "/health/performance",
    "/health/performance?detailed=true&metrics=true",
    "/health/ready?exclude=all",
];
/// Those that are all details.
const FOR_SOME: [&str; 8] = [
    "/api/breakers",
    "/api/breakers/journal",
    "/api/breakers/nothing",
    "/health/diagnostics",
    "/health/diagnostics?format=json",
    "/api/probes",
    "/api/probes/it",
    "/api/probes/nothing",
];
/// Those that a token makes no difference to.
const UNTOUCHED: [&str; 7] = [
    "/metrics/circuit-breaker",
    "/",
    "/health/live",
    "/api/live",
    "/metrics",
    "/api/ledger",
    "/metrics/json",
];

fn agent(exposure: Exposure, status: CheckStatus) -> Agent {
    Agent::with(exposure, vec![check("it", status)])
}

fn bearer(token: &str) -> [(&'static str, String); 1] {
    [("authorization", format!("Bearer {token}"))]
}

async fn ask(
    agent: &Agent,
    method: &str,
    path: &str,
    headers: &[(&'static str, String)],
) -> http::Response<bytes::Bytes> {
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    agent.ask(method, path, &headers).await
}

/// Scenario: every endpoint in every state of a check, by callers who present the token, none, and something that is no
/// bearer token.
/// Guarantees: whoever may not see details sees no message, target, fact, host or reason, in plain words and in the
/// draft's; the status is that which others see.
#[tokio::test]
async fn details_are_for_those_with_the_token() {
    let host = crate::telemetry::host_name().unwrap();
    for status in [
        CheckStatus::Pass,
        CheckStatus::Warn,
        CheckStatus::Fail,
        CheckStatus::Starting,
    ] {
        let (open, exposed) = (
            agent(Exposure::ExposedWithToken, status),
            agent(Exposure::Exposed, status),
        );
        let local = agent(Exposure::Loopback, status);
        for path in FOR_ALL {
            let expected = local.get(path).await.status();
            for (stranger, authorization) in [
                (&open, None),
                (&exposed, None),
                (&open, Some("Basic czNjcmV0LXRva2Vu")),
                (&exposed, Some("Bearer meant-for-a-proxy")),
            ] {
                for accept in ["*/*", "application/health+json"] {
                    let mut headers = vec![("accept", accept)];
                    headers.extend(authorization.map(|value| ("authorization", value)));
                    let answer = stranger.ask("GET", path, &headers).await;
                    let text = String::from_utf8(answer.body().to_vec()).unwrap();
                    assert_eq!(answer.status(), expected, "{path}: {text}");
                    for detail in [
                        "hidden",
                        "hostname",
                        "reasons",
                        "output",
                        "\"it:",
                        "unknown\":[",
                        &host,
                    ] {
                        assert!(!text.contains(detail), "{path} shows {detail}: {text}");
                    }
                }
            }
            let answer = ask(&open, "GET", path, &bearer(TOKEN)).await;
            assert_eq!(answer.status(), expected, "{path}");
        }
        let detailed = ask(&open, "GET", "/api/health?include=it", &bearer(TOKEN)).await;
        assert_eq!(
            body(&detailed)["checks"]["it"]["target"],
            "hidden:5432/orders"
        );
        assert_eq!(body(&detailed)["system"]["hostname"], host);
        let plain = body(&open.get("/api/health?include=it").await);
        assert_eq!(
            plain["checks"]["it"],
            serde_json::json!({ "status": status.name() })
        );
    }
}

/// Scenario: what is all details, by callers with the token and without, and on loopback.
/// Guarantees: 401 that names the scheme, also for probes that there are not; with the token and on loopback it is
/// answered. HEAD is treated alike.
#[tokio::test]
async fn what_is_all_details_asks_for_the_token() {
    for path in FOR_SOME {
        for method in ["GET", "HEAD"] {
            for exposure in [Exposure::Exposed, Exposure::ExposedWithToken] {
                let answer = ask(&agent(exposure, CheckStatus::Pass), method, path, &[]).await;
                assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{path}");
                assert_eq!(header(&answer, "www-authenticate"), "Bearer");
            }
            let found = match path.ends_with("nothing") {
                true => StatusCode::NOT_FOUND,
                false => StatusCode::OK,
            };
            let local = agent(Exposure::Loopback, CheckStatus::Pass);
            assert_eq!(
                ask(&local, method, path, &[]).await.status(),
                found,
                "{path}"
            );
            let open = agent(Exposure::ExposedWithToken, CheckStatus::Pass);
            let answer = ask(&open, method, path, &bearer(TOKEN)).await;
            assert_eq!(answer.status(), found, "{path}");
        }
    }
    let exposed = agent(Exposure::Exposed, CheckStatus::Pass)
        .get("/api/probes")
        .await;
    let message = body(&exposed)["message"].to_string();
    assert!(message.contains("set api.token"), "{message}");
}

/// Scenario: wrong tokens: another, a part of it, more than it, none behind the scheme.
/// Guarantees: 401 wherever the token makes a difference, and never where it makes none; nothing is wrong on loopback.
#[tokio::test]
async fn a_wrong_token_is_told_so() {
    let open = agent(Exposure::ExposedWithToken, CheckStatus::Pass);
    let local = agent(Exposure::Loopback, CheckStatus::Pass);
    for token in ["other", "s3cret-toke", "s3cret-token2", "S3CRET-TOKEN", ""] {
        for path in FOR_ALL.iter().chain(&FOR_SOME) {
            let answer = ask(&open, "GET", path, &bearer(token)).await;
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{path} {token}");
            assert_eq!(
                header(&answer, "www-authenticate"),
                "Bearer error=\"invalid_token\""
            );
            assert!(!body(&answer).to_string().contains(TOKEN));
            let answer = ask(&local, "GET", path, &bearer(token)).await;
            assert_ne!(answer.status(), StatusCode::UNAUTHORIZED, "{path} {token}");
        }
        for path in UNTOUCHED {
            let answer = ask(&open, "GET", path, &bearer(token)).await;
            assert_eq!(answer.status(), StatusCode::OK, "{path} {token}");
        }
    }
    let scheme = [("authorization", format!("bEaReR  {TOKEN} "))];
    assert_eq!(
        ask(&open, "GET", "/api/probes", &scheme).await.status(),
        StatusCode::OK
    );
}

/// Scenario: a run asked for by everybody from everywhere.
/// Guarantees: 403 without a token to present, 401 without presenting it; nothing is run but for those who may.
#[tokio::test]
async fn runs_are_for_those_with_the_token() {
    let path = "/api/probes/it/run";
    for (exposure, headers, status) in [
        (Exposure::Loopback, vec![], StatusCode::OK),
        (Exposure::Loopback, bearer("other").to_vec(), StatusCode::OK),
        (Exposure::Exposed, vec![], StatusCode::FORBIDDEN),
        (
            Exposure::Exposed,
            bearer(TOKEN).to_vec(),
            StatusCode::FORBIDDEN,
        ),
        (Exposure::ExposedWithToken, vec![], StatusCode::UNAUTHORIZED),
        (
            Exposure::ExposedWithToken,
            bearer("other").to_vec(),
            StatusCode::UNAUTHORIZED,
        ),
        (
            Exposure::ExposedWithToken,
            bearer(TOKEN).to_vec(),
            StatusCode::OK,
        ),
    ] {
        let agent = agent(exposure, CheckStatus::Pass);
        let answer = ask(&agent, "POST", path, &headers).await;
        assert_eq!(answer.status(), status, "{exposure:?} {headers:?}");
        let ran = agent.ran.lock().unwrap().len();
        assert_eq!(
            ran == 1,
            status == StatusCode::OK,
            "{exposure:?} {headers:?}"
        );
        if status == StatusCode::FORBIDDEN {
            let message = body(&answer)["message"].to_string();
            assert!(message.contains("set api.token"), "{message}");
        }
    }
}

/// Scenario: pages in a browser that send a run: of the agent's own origin, of others, of one whose name leads to
/// 127.0.0.1, and of none.
/// Guarantees: none but the agent's own may, with the token or without.
#[tokio::test]
async fn pages_of_other_sites_run_nothing() {
    for (exposure, host, origin, is_taken) in [
        (
            Exposure::Loopback,
            "localhost:2271",
            "http://localhost:2271",
            true,
        ),
        (
            Exposure::Loopback,
            "127.0.0.1:2271",
            "http://127.0.0.1:2271",
            true,
        ),
        (Exposure::Loopback, "[::1]:2271", "http://[::1]:2271", true),
        (
            Exposure::Loopback,
            "LocalHost:2271",
            "http://localhost:2271",
            true,
        ),
        (
            Exposure::Loopback,
            "localhost:2271",
            "http://localhost:3000",
            false,
        ),
        (
            Exposure::Loopback,
            "localhost:2271",
            "http://evil.example",
            false,
        ),
        (Exposure::Loopback, "localhost:2271", "null", false),
        (Exposure::Loopback, "localhost:2271", "", false),
        (
            Exposure::Loopback,
            "rebound.example:2271",
            "http://rebound.example:2271",
            false,
        ),
        (Exposure::Loopback, "bad host", "http://bad host", false),
        (
            Exposure::ExposedWithToken,
            "agent.example",
            "https://agent.example",
            true,
        ),
        (
            Exposure::ExposedWithToken,
            "agent.example",
            "https://evil.example",
            false,
        ),
    ] {
        let agent = agent(exposure, CheckStatus::Pass);
        let mut headers = bearer(TOKEN).to_vec();
        headers.extend([("host", host.to_owned()), ("origin", origin.to_owned())]);
        let answer = ask(&agent, "POST", "/api/probes/it/run", &headers).await;
        let status = match is_taken {
            true => StatusCode::OK,
            false => StatusCode::FORBIDDEN,
        };
        assert_eq!(answer.status(), status, "{exposure:?} {host} {origin}");
        assert_eq!(agent.ran.lock().unwrap().is_empty(), !is_taken);
    }
}

/// Scenario: addresses that listeners may have. Guarantees: those of this machine alone are taken for loopback.
#[test]
fn loopback_is_told_from_the_rest() {
    let agent = |address: &str| crate::serve::Access::new(address.parse().unwrap(), None);
    for (address, is_exposed) in [
        ("127.0.0.1", false),
        ("127.9.8.7", false),
        ("::1", false),
        ("::ffff:127.0.0.1", false),
        ("0.0.0.0", true),
        ("::", true),
        ("10.0.0.1", true),
        ("::ffff:10.0.0.1", true),
    ] {
        let exposed = format!("is_exposed: {is_exposed}");
        let access = format!("{:?}", agent(address));
        assert!(access.contains(&exposed), "{address}: {access}");
    }
}
