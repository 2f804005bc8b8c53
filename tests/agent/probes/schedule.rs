//! When probes run, and when what they find counts.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::Watched;
use super::greeter::Greeter;
use crate::fixture::{Agent, Config, Gate, Mode, eventually, post};

const PATIENCE: Duration = Duration::from_secs(20);

fn often(config: Config, name: &str, gate: &Gate) -> Config {
    let key = |setting: &str| format!("probe.{name}.{setting}");
    config
        .set(&key("url"), format!("tcp://{}", gate.address()))
        .set(&key("tcp.expect"), "^220 ")
        .set(&key("every"), "300ms")
        .set(&key("timeout"), "300ms")
        .set(&key("failures"), 1)
        .set(&key("recoveries"), 1)
}

async fn gate() -> (Greeter, Gate) {
    let greeter = Greeter::start().await;
    let gate = Gate::before(greeter.address).await;
    (greeter, gate)
}

/// Waits for an answer of `path` with `status` whose text holds `text`.
async fn answers(agent: &Agent, path: &str, status: u16, text: &str) -> String {
    let what = format!("{path} answers {status} with {text:?}");
    eventually(&what, PATIENCE, async || {
        let reply = agent.get(path).await?;
        let body = reply.text();
        (reply.status == status && body.contains(text)).then_some(body)
    })
    .await
}

/// Scenario: a probe that runs every hour is run by hand, before and after its server closed. Guarantees: each answer shows
/// a run that began after it was asked for; one of an unknown name is 404 and names the known ones.
#[tokio::test]
async fn a_probe_is_run_by_hand() {
    let (_greeter, gate) = gate().await;
    let url = format!("tcp://{}", gate.address());
    let settings = [
        ("url", Value::from(url)),
        ("tcp.expect", "^220 ".into()),
        ("every", "1h".into()),
    ];
    let watched = Watched::start(&settings).await;
    watched.passes().await;
    gate.set(Mode::Refuse).await;
    let asked = SystemTime::now();
    let check = watched.run().await;
    assert_eq!(check["status"], "fail", "{check:#}");
    assert_eq!(check["lastRun"]["reason"], "refused");
    let at = humantime::parse_rfc3339(check["lastRun"]["at"].as_str().unwrap()).unwrap();
    assert!(at + Duration::from_millis(1) >= asked);
    gate.set(Mode::Pass).await;
    assert_eq!(watched.run().await["status"], "pass");
    let reply = post(watched.agent.api(), "/api/probes/that/run").await;
    let reply = reply.unwrap();
    assert_eq!(reply.status, 404);
    assert!(reply.text().contains("it"), "{}", reply.text());
}

/// Scenario: a required probe, one that is not required, and a server that closes. Guarantees: the agent is not ready for
/// the first's sake, and only degraded for the second's.
#[tokio::test]
async fn what_is_not_required_degrades() {
    let ((_one, needed), (_other, wanted)) = (gate().await, gate().await);
    let config = often(often(Config::new(), "needed", &needed), "wanted", &wanted);
    let agent = Agent::start(config.set("probe.wanted.required", false)).await;
    answers(&agent, "/health/ready", 200, "ready").await;
    wanted.set(Mode::Refuse).await;
    answers(&agent, "/api/health", 200, "\"degraded\"").await;
    answers(&agent, "/health/ready", 200, "ready").await;
    needed.set(Mode::Refuse).await;
    let body = answers(&agent, "/health/ready", 503, "needed").await;
    assert!(!body.contains("wanted"), "{body}");
    needed.set(Mode::Pass).await;
    answers(&agent, "/health/ready", 200, "ready").await;
}

/// Scenario: a parent and two children lose the same network. Guarantees: readiness names the parent alone, each child says
/// what it waits for, and a child that fails alone is named.
#[tokio::test]
async fn a_parent_speaks_for_its_children() {
    let ((_one, network), (_other, database)) = (gate().await, gate().await);
    let config = often(Config::new(), "vpn", &network);
    let config = often(often(config, "db-1", &network), "db-2", &database);
    let config = config
        .set("probe.db-1.parent", "vpn")
        .set("probe.db-2.parent", "vpn");
    let agent = Agent::start(config).await;
    answers(&agent, "/health/ready", 200, "ready").await;
    database.set(Mode::Refuse).await;
    answers(&agent, "/health/ready", 503, "db-2").await;
    network.set(Mode::Refuse).await;
    eventually("only the parent is named", PATIENCE, async || {
        let reply = agent.get("/health/ready").await?;
        let reasons = reply.json()["reasons"].to_string();
        (reasons.contains("vpn:") && !reasons.contains("db-1:") && !reasons.contains("db-2:"))
            .then_some(())
    })
    .await;
    answers(
        &agent,
        "/api/health?include=db-1",
        503,
        "vpn does not work either",
    )
    .await;
}

/// Scenario: a required dependency is down during its maintenance window. Guarantees: the agent stays ready, the check says
/// why that is, and the meters still show the failure.
#[tokio::test]
async fn maintenance_excuses() {
    let (_greeter, gate) = gate().await;
    let hour = Duration::from_secs(3600);
    let moment = |time: SystemTime| humantime::format_rfc3339_seconds(time).to_string();
    let config = often(Config::new(), "db", &gate)
        .set("maintenance.move.from", moment(SystemTime::now() - hour))
        .set("maintenance.move.to", moment(SystemTime::now() + hour))
        .set("maintenance.move.probes", vec!["db"]);
    gate.set(Mode::Refuse).await;
    let agent = Agent::start(config).await;
    answers(
        &agent,
        "/api/health?include=db",
        200,
        "in maintenance (move)",
    )
    .await;
    answers(&agent, "/health/ready", 200, "ready").await;
    eventually("the meters show it", PATIENCE, async || {
        let failed = agent
            .metric("lineside_probe_runs_total", "outcome=\"failure\"")
            .await;
        (failed >= 1.0).then_some(())
    })
    .await;
    assert!(!agent.log().contains("is down"), "{}", agent.log());
}

/// Scenario: an agent starts while a required dependency swallows every packet. Guarantees: it is starting, not failing,
/// until enough runs have failed; from then on it has started, and is not ready.
#[tokio::test]
async fn starting_is_not_failing() {
    let (_greeter, gate) = gate().await;
    gate.set(Mode::BlackHole).await;
    let config = often(Config::new(), "db", &gate)
        .set("probe.db.failures", 3)
        .set("probe.db.timeout", "1s");
    let agent = Agent::start(config).await;
    answers(&agent, "/health/startup", 503, "\"starting\"").await;
    answers(&agent, "/health/ready", 503, "\"starting\"").await;
    answers(&agent, "/health/ready", 503, "\"not ready\"").await;
    answers(&agent, "/health/startup", 200, "\"started\"").await;
    gate.set(Mode::Pass).await;
    answers(&agent, "/health/ready", 200, "\"ready\"").await;
}

/// Scenario: an agent with nothing configured, and one that is asked to stop while a check hangs. Guarantees: the first
/// watches its disk by itself and is ready; the second ends at once.
#[tokio::test]
async fn the_agent_looks_at_itself_and_ends_in_time() {
    // How full the disk of this machine is, is not the question.
    let config = Config::new().set("probes.disk_warn_free", 0.0);
    let mut agent = Agent::start(config).await;
    answers(&agent, "/api/health?include=disk", 200, "\"pass\"").await;
    assert_eq!(agent.metric("probe_success", "probe=\"disk\"").await, 1.0);
    let (_greeter, gate) = gate().await;
    gate.set(Mode::Mute).await;
    agent
        .restart_with(|config| often(config, "db", &gate).set("probe.db.timeout", "1m"))
        .await;
    let began = std::time::Instant::now();
    assert!(agent.stop().await.success());
    assert!(began.elapsed() < Duration::from_secs(5));
}
