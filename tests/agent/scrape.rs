//! A real Prometheus scrapes the running agent.

use std::io::Write;
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::fixture::{
    Agent, Config, Sender, Signal, Sink, Transport, debian_tool, eventually, get, request,
};

/// Prometheus in a directory of the agent's; it ends with the test.
struct Prometheus {
    child: Child,
    address: std::net::SocketAddr,
}

impl Prometheus {
    fn scraping(agent: &Agent) -> Prometheus {
        let address = std::net::SocketAddr::new(agent.api().ip(), 9494);
        let target = agent.api();
        let file = agent.write(
            "prometheus.yml",
            &format!(
                "global: {{scrape_interval: 250ms, scrape_timeout: 250ms}}\n\
                 scrape_configs:\n  - job_name: lineside\n    static_configs: [{{targets: [\"{target}\"]}}]\n"
            ),
        );
        let log = std::fs::File::create(agent.path("prometheus.log")).unwrap();
        let child = debian_tool("prometheus", "prometheus")
            .arg(format!("--config.file={file}"))
            .arg(format!(
                "--storage.tsdb.path={}",
                agent.path("tsdb").display()
            ))
            .arg(format!("--web.listen-address={address}"))
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Prometheus { child, address }
    }

    /// The value of an instant query with one result; `None` while there is none.
    async fn value(&self, query: &str) -> Option<f64> {
        let encoded: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let reply = get(self.address, &format!("/api/v1/query?query={encoded}"))
            .await
            .ok()?;
        let answer: Value = serde_json::from_slice(&reply.body).ok()?;
        let result = answer["data"]["result"].as_array()?.first()?.clone();
        result["value"][1].as_str()?.parse().ok()
    }

    async fn reaches(&self, query: &str, expected: f64) {
        let what = format!("{query} = {expected} in Prometheus");
        eventually(&what, Duration::from_secs(30), async || {
            self.value(query).await.filter(|value| *value == expected)
        })
        .await;
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn send_a_little(sender: &mut Sender) {
    for signal in Signal::ALL {
        sender.must_send(signal, &request(signal, 0..10)).await;
    }
}

/// Scenario: Prometheus scrapes an agent that forwards. Guarantees: it is up, and queries return the ledger's numbers.
#[tokio::test]
async fn prometheus_reads_the_ledger() {
    let sink = Sink::start().await;
    let agent = Agent::start(Config::to(&sink)).await;
    let prometheus = Prometheus::scraping(&agent);
    send_a_little(&mut agent.sender(Transport::Grpc)).await;
    send_a_little(&mut agent.sender(Transport::Http)).await;
    prometheus.reaches("up", 1.0).await;
    for (query, expected) in [
        ("sum(lineside_items_received_total)", 60.0),
        ("sum(lineside_items_delivered_total)", 60.0),
        (
            r#"sum(lineside_items_received_total{lineside_export="sink",lineside_signal="logs"})"#,
            20.0,
        ),
        ("sum(lineside_items_waiting)", 0.0),
    ] {
        prometheus.reaches(query, expected).await;
    }
    assert!(
        prometheus
            .value("process_memory_usage_bytes")
            .await
            .is_some_and(|bytes| bytes > 1e6)
    );
}

/// Scenario: `promtool check metrics` reads what an agent under all signals exposes. Guarantees: it has nothing to say.
#[tokio::test]
async fn promtool_finds_nothing() {
    let sink = Sink::start().await;
    let agent = Agent::start(Config::to(&sink)).await;
    send_a_little(&mut agent.sender(Transport::Grpc)).await;
    agent
        .sender(Transport::Http)
        .send(Signal::Logs, &"rubbish".into())
        .await
        .unwrap();
    agent.drained().await;
    for path in ["/metrics", "/api/metrics"] {
        let metrics = agent.get(path).await.unwrap();
        assert!(
            metrics
                .header("content-type")
                .unwrap()
                .starts_with("text/plain; version=0.0.4"),
            "{metrics:?}"
        );
        let mut promtool = debian_tool("promtool", "prometheus")
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        promtool
            .stdin
            .take()
            .unwrap()
            .write_all(&metrics.body)
            .unwrap();
        let output = promtool.wait_with_output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        assert!(
            output.status.success() && said.is_empty(),
            "{}",
            String::from_utf8_lossy(&said)
        );
    }
}

/// Scenario: the agent's HTTP face is asked for each of its pages. Guarantees: status, content type and the promised fields.
#[tokio::test]
async fn the_http_face_answers() {
    let sink = Sink::start().await;
    let agent = Agent::start(Config::to(&sink)).await;
    for path in [
        "/health",
        "/api/health",
        "/health/live",
        "/api/live",
        "/health/ready",
        "/api/ready",
        "/api/ledger",
        "/",
    ] {
        let reply = agent.get(path).await.unwrap();
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        assert!(
            reply.header("content-type").unwrap().contains("json"),
            "{path}"
        );
        assert!(
            reply
                .header("x-request-id")
                .is_some_and(|id| !id.is_empty()),
            "{path} has no X-Request-ID"
        );
        reply.json();
    }
    let health = agent.get("/health").await.unwrap().json();
    for field in ["status", "timestamp", "uptime", "service", "version"] {
        assert!(!health[field].is_null(), "/health has no {field}: {health}");
    }
    assert_eq!(
        agent.get("/health/live").await.unwrap().json()["status"],
        "alive"
    );
    assert_eq!(
        agent.get("/health/ready").await.unwrap().json()["status"],
        "ready"
    );
    let home = agent.get("/").await.unwrap().json();
    assert_eq!(
        (home["name"].as_str(), home["version"].as_str()),
        (Some("lineside"), Some(env!("CARGO_PKG_VERSION")))
    );
    assert_eq!(agent.get("/nothing-here").await.unwrap().status, 404);
}
