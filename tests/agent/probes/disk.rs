//! The room on file systems.

use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::Watched;
use crate::fixture::{Agent, Config, Sink, eventually};

const PATIENCE: Duration = Duration::from_secs(30);

/// Whatever is free, nothing is said of it.
const NEVER: [(&str, f64); 2] = [("disk.warn_free", 0.0), ("disk.fail_free", 0.0)];

async fn watch(path: &str, limits: [(&str, f64); 2]) -> Watched {
    let limits = limits.map(|(key, limit)| (key, json!(limit)));
    let url = [("url", json!(format!("disk:{path}")))];
    Watched::start(&[&url[..], &limits].concat()).await
}

/// Scenario: a directory is not there, is made, and is taken away again.
/// Guarantees: missing, then a success with size and room as facts and readings, then missing.
#[tokio::test]
async fn a_path_is_missing_until_it_is_there() {
    let files = TempDir::new().unwrap();
    let path = files.path().join("data");
    let watched = watch(&path.display().to_string(), NEVER).await;
    let check = watched.fails("missing", Some("look")).await;
    let message = check["message"].as_str().unwrap();
    assert!(message.starts_with("there is no such path"), "{message}");

    std::fs::create_dir(&path).unwrap();
    let check = watched.passes().await;
    let label = format!("path=\"{}\"", path.display());
    let size = watched.reading("lineside_disk_size_bytes", &label).await;
    let free = watched.reading("lineside_disk_free_bytes", &label).await;
    assert_eq!(check["facts"]["size_bytes"].as_f64().unwrap(), size);
    assert!(free > 0.0 && free <= size, "{free} of {size}");
    let span = watched.span().await;
    assert_eq!(span.phases, ["look"]);
    assert_eq!(span.attributes["file.path"], path.display().to_string());

    std::fs::remove_dir(&path).unwrap();
    watched.fails("missing", Some("look")).await;
}

/// Scenario: more room is asked for than any disk has, as a warning and as a failure.
/// Guarantees: a warning with the numbers in words, and a failure for want of space.
#[tokio::test]
async fn limits_that_cannot_be_met_are_told() {
    let watched = watch("/", [("disk.warn_free", 1.0), ("disk.fail_free", 0.0)]).await;
    let check = watched.warns("are free (").await;
    assert!(
        check["message"].as_str().unwrap().contains("make room"),
        "{check}"
    );
    let watched = watch("/", [("disk.warn_free", 1.0), ("disk.fail_free", 1.0)]).await;
    watched.fails("space", Some("look")).await;
}

async fn own(agent: &Agent) -> Value {
    let reply = agent.get("/api/health?include=disk").await.unwrap();
    reply.json()["checks"]["disk"].clone()
}

async fn own_is(agent: &Agent, status: &str) -> Value {
    let what = format!("the agent's own disk is {status}");
    eventually(&what, PATIENCE, async || {
        Some(own(agent).await).filter(|check| check["status"] == status)
    })
    .await
}

/// Scenario: an agent without any probe in its settings; then more room is asked for under its data than there is.
/// Guarantees: its disk has a probe by itself that passes, then fails for want of space.
#[tokio::test]
async fn the_agents_own_disk_is_watched() {
    let config = Config::new()
        .set("probes.own_every", "100ms")
        .set("probes.disk_warn_free", 0.0)
        .set("probes.disk_fail_free", "0");
    let mut agent = Agent::start(config).await;
    let check = own_is(&agent, "pass").await;
    assert_eq!(check["kind"], "disk");
    assert_eq!(
        agent.metric("lineside_probe_up", "probe=\"disk\"").await,
        1.0
    );
    agent
        .restart_with(|config| config.set("probes.disk_warn_free", 1.0))
        .await;
    own_is(&agent, "warn").await;
    agent
        .restart_with(|config| config.set("probes.disk_fail_free", "1TiB"))
        .await;
    let check = own_is(&agent, "fail").await;
    assert_eq!(check["lastRun"]["reason"], "space", "{check}");
    assert_eq!(
        agent.metric("lineside_probe_up", "probe=\"disk\"").await,
        0.0
    );
}

/// Scenario: an agent that keeps nothing on disk: its journal is in memory, and it has no series.
/// Guarantees: a disk that it does not use is not watched, while its export is.
#[tokio::test]
async fn a_disk_that_is_not_used_is_not_watched() {
    let sink = Sink::start().await;
    let config = Config::to(&sink)
        .set("probes.own_every", "100ms")
        .set("journal.sync", "memory")
        .set("series.enabled", false);
    let agent = Agent::start(config).await;
    eventually("the export's probe", PATIENCE, async || {
        let up = agent.metric("lineside_probe_up", "probe=\"export-sink\"");
        (up.await == 1.0).then_some(())
    })
    .await;
    let metrics = agent.metrics().await;
    assert!(!metrics.contains("probe=\"disk\""), "{metrics}");
}
