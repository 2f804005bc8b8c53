//! The health endpoints of the real binary, while what it checks comes and goes.

use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};

use crate::fixture::{
    Agent, Config, Connection, Gate, Mode, Reply, eventually, own_loopback, post,
};

const PATIENCE: Duration = Duration::from_secs(30);

/// Somebody who takes connections, and a gate before them.
async fn server() -> (TcpListener, Gate) {
    let server = TcpListener::bind((own_loopback(), 7000)).unwrap();
    let gate = Gate::before(server.local_addr().unwrap()).await;
    (server, gate)
}

/// A probe called "it" of whoever listens at `address`, which one run decides.
fn config(address: SocketAddr, every: &str) -> Config {
    Config::new()
        .set("probe.it.url", format!("tcp://{address}"))
        .set("probe.it.every", every)
        .set("probe.it.confirm_every", "100ms")
        .set("probe.it.timeout", "300ms")
        .set("probe.it.failures", 1)
        .set("probe.it.recoveries", 1)
        .set("probe.it.groups", vec!["checkout"])
}

async fn get(agent: &Agent, path: &str) -> Reply {
    agent.get(path).await.expect("an answer")
}

/// Waits until `path` answers `status`; the answer's JSON.
async fn answered(agent: &Agent, path: &str, status: u16) -> Value {
    eventually(&format!("{path} answers {status}"), PATIENCE, async || {
        let reply = get(agent, path).await;
        (reply.status == status).then(|| reply.json())
    })
    .await
}

async fn statuses<const N: usize>(agent: &Agent, paths: [&str; N]) -> [u16; N] {
    let mut statuses = [0; N];
    for (path, status) in paths.iter().zip(&mut statuses) {
        *status = get(agent, path).await.status.as_u16();
    }
    statuses
}

/// Scenario: a required dependency that works, is taken away and comes back.
/// Guarantees: health and readiness follow with the reason; the start stays over, life and databases do not care, whoever
/// asks without this dependency is told that all is well; diagnostics say what to do.
#[tokio::test]
async fn endpoints_follow_a_dependency() {
    let (_server, gate) = server().await;
    let agent = Agent::start(config(gate.address(), "200ms")).await;
    let all = [
        "/health",
        "/api/health",
        "/health/ready",
        "/health/performance",
        "/health/startup",
        "/health/live",
        "/health/db",
        "/api/ready?exclude=it",
        "/health?include=exports",
        "/api/health?include=it",
    ];
    answered(&agent, "/health/ready", 200).await;
    assert_eq!(statuses(&agent, all).await, [200; 10]);
    gate.set(Mode::Refuse).await;
    let not_ready = answered(&agent, "/health/ready", 503).await;
    let down = [503, 503, 503, 503, 200, 200, 200, 200, 200, 503];
    assert_eq!(statuses(&agent, all).await, down);
    let reason = not_ready["reasons"][0].as_str().unwrap();
    assert!(
        reason.starts_with("it: ") && reason.contains("[refused, connect]"),
        "{reason}"
    );
    assert!(reason.contains(", since "), "{reason}");
    let group = get(&agent, "/api/health?include=checkout").await.json();
    assert_eq!(group["checks"]["checkout"]["message"], "0 of 1 pass");
    let page = get(&agent, "/health/diagnostics").await;
    let text = page.text();
    assert_eq!(page.status, 200);
    assert!(
        text.contains("✗ it ") && text.contains("    → Nothing listens at "),
        "{text}"
    );
    gate.set(Mode::Pass).await;
    answered(&agent, "/health/ready", 200).await;
    assert_eq!(statuses(&agent, all).await, [200; 10]);
    agent.assert_no_panic();
}

/// Scenario: a required dependency that swallows every packet when the agent starts.
/// Guarantees: the start is waited for, by its name; when the check has failed often enough the agent has started, and is
/// not ready.
#[tokio::test]
async fn the_start_ends_with_the_first_result() {
    let (_server, gate) = server().await;
    gate.set(Mode::BlackHole).await;
    let config = config(gate.address(), "200ms")
        .set("probe.it.timeout", "1s")
        .set("probe.it.failures", 3);
    let agent = Agent::start(config).await;
    let starting = get(&agent, "/health/startup").await;
    assert_eq!(starting.status, 503, "{}", starting.text());
    assert_eq!(starting.json()["status"], "starting");
    let awaited = starting.json()["waitingFor"][0].to_string();
    assert!(awaited.starts_with("\"it: "), "{awaited}");
    for (path, word) in [("/health", "starting"), ("/health/ready", "starting")] {
        let reply = get(&agent, path).await;
        assert_eq!(
            (reply.status.as_u16(), &reply.json()["status"]),
            (503, &json!(word))
        );
    }
    let started = answered(&agent, "/health/startup", 200).await;
    assert_eq!(started["status"], "started");
    let ready = get(&agent, "/health/ready").await;
    assert_eq!(
        (ready.status.as_u16(), &ready.json()["status"]),
        (503, &json!("not ready"))
    );
    assert_eq!(get(&agent, "/health/live").await.status, 200);
}

/// Scenario: a check that is due in an hour, run by hand before and after its dependency goes.
/// Guarantees: each run is answered with what it found, 200 in both cases, and health says the same from there on.
#[tokio::test]
async fn a_run_by_hand_counts() {
    let (_server, gate) = server().await;
    let agent = Agent::start(config(gate.address(), "1h")).await;
    answered(&agent, "/health/ready", 200).await;
    let run = async || {
        let reply = post(agent.api(), "/api/probes/it/run").await.unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()
    };
    assert_eq!(run().await["status"], "pass");
    gate.set(Mode::Refuse).await;
    assert_eq!(get(&agent, "/health").await.status, 200);
    let failed = run().await;
    assert_eq!(
        (
            &failed["name"],
            &failed["status"],
            &failed["lastRun"]["reason"]
        ),
        (&json!("it"), &json!("fail"), &json!("refused"))
    );
    assert_eq!(get(&agent, "/health").await.status, 503);
    let shown = get(&agent, "/api/probes/it").await.json();
    assert_eq!(shown["lastRun"]["at"], failed["lastRun"]["at"]);
    let unknown = post(agent.api(), "/api/probes/itt/run").await.unwrap();
    assert_eq!(unknown.status, 404);
    let listed = unknown.json()["probes"].to_string();
    assert!(listed.contains("\"it\""), "{listed}");
    let reading = get(&agent, "/api/probes/it/run").await;
    assert_eq!(
        (reading.status.as_u16(), reading.header("allow")),
        (405, Some("POST"))
    );
}

/// An agent on every address of this machine, and where it is asked.
async fn exposed(config: Config) -> (Agent, SocketAddr) {
    let free = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let mut agent = Agent::installed(config.set("api.listen", format!("0.0.0.0:{port}")));
    agent.launch();
    let address = ([127, 0, 0, 1], port).into();
    eventually("the agent serves", PATIENCE, async || {
        let reply = ask(address, "GET", "/health/startup", &[]).await?;
        (reply.status == 200).then_some(())
    })
    .await;
    (agent, address)
}

async fn ask(
    whom: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> Option<Reply> {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", whom.to_string());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut connection = Connection::open(whom, false, None).await.ok()?;
    let request = request.body(Full::<Bytes>::default()).unwrap();
    connection.send(request).await.ok()
}

/// Scenario: an agent on every address, with a token and without, whose dependency is down.
/// Guarantees: strangers learn the status and nothing else; the token shows the rest and runs checks; without one nobody
/// does. The token stands in no answer and in no line of the log.
#[tokio::test]
async fn strangers_see_statuses_alone() {
    let (_server, gate) = server().await;
    gate.set(Mode::Refuse).await;
    let target = gate.address().to_string();
    let token = [("authorization", "Bearer a-t0ken")];
    for is_configured in [true, false] {
        let mut config = config(gate.address(), "200ms");
        if is_configured {
            config = config.set("api.token", "a-t0ken");
        }
        let (agent, address) = exposed(config).await;
        let asked = async |method, path, headers: &[(&str, &str)]| {
            let reply = ask(address, method, path, headers)
                .await
                .expect("an answer");
            assert!(!reply.text().contains("a-t0ken"));
            reply
        };
        for path in [
            "/health",
            "/health/ready",
            "/api/health?include=all",
            "/health/performance?detailed=true",
        ] {
            let text = asked("GET", path, &[]).await;
            assert_eq!(text.status, 503, "{path}");
            let text = text.text();
            assert!(
                !text.contains("refused") && !text.contains(&target),
                "{path}: {text}"
            );
        }
        for path in ["/health/diagnostics", "/api/probes", "/api/probes/it"] {
            let reply = asked("GET", path, &[]).await;
            assert_eq!(reply.status, 401, "{path}");
            assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
            let reply = asked("GET", path, &token).await;
            assert_eq!(reply.status == 200, is_configured, "{path}");
            assert_eq!(reply.text().contains(&target), is_configured, "{path}");
        }
        let run = "/api/probes/it/run";
        let (nobody, holder) = if is_configured {
            (401, 200)
        } else {
            (403, 403)
        };
        assert_eq!(asked("POST", run, &[]).await.status, nobody);
        assert_eq!(asked("POST", run, &token).await.status, holder);
        let page = [token[0], ("origin", "https://evil.example")];
        assert_eq!(asked("POST", run, &page).await.status, 403);
        let wrong = asked("GET", "/health", &[("authorization", "Bearer other")]).await;
        assert_eq!(wrong.status, if is_configured { 401 } else { 503 });
        assert_eq!(
            asked("GET", "/health/live", &[("authorization", "Bearer other")])
                .await
                .status,
            200
        );
        assert!(!agent.log().contains("a-t0ken"), "{}", agent.log());
    }
}

/// Scenario: 200 probes, half of which fail all the time, and health asked a few hundred times on one connection, in an
/// unoptimized build on a busy machine.
/// Guarantees: the fastest tenth of the answers takes less than 3 ms; the promised millisecond is for release builds.
#[tokio::test]
async fn health_is_quick_with_many_probes() {
    let (_server, gate) = server().await;
    let mut config = Config::new();
    for number in 0..200 {
        let port = if number % 2 == 0 { 7000 } else { 7001 };
        let address = SocketAddr::new(gate.address().ip(), port);
        config = config
            .set(&format!("probe.p{number}.url"), format!("tcp://{address}"))
            .set(&format!("probe.p{number}.failures"), 1);
    }
    let agent = Agent::start(config).await;
    answered(&agent, "/health/startup", 200).await;
    let mut connection = Connection::open(agent.api(), false, None).await.unwrap();
    for path in ["/health", "/health/live"] {
        let mut took = Vec::new();
        for _ in 0..300 {
            let request = Request::get(path).header("host", "agent");
            let request = request.body(Full::<Bytes>::default()).unwrap();
            let asked = Instant::now();
            connection.send(request).await.unwrap();
            took.push(asked.elapsed());
        }
        took.sort();
        println!("{path}: {:?}, median {:?}", took[30], took[150]);
        assert!(
            took[30] < Duration::from_millis(3),
            "{path}: {:?}",
            took[30]
        );
    }
}
