//! Exports: each goes its own way, tries again as it is asked to, and says what became of every item.

mod limits;
mod retry;

use std::time::Duration;

use crate::fixture::{
    Agent, Config, Reaction, Row, Signal, Sink, Transport, eventually, own_loopback, request,
    request_of,
};

/// Fails unless the export's account is exactly this.
fn assert_row(row: Row, received: u64, delivered: u64, refused: u64, dropped: u64) {
    let expected = Row {
        received,
        waiting: 0,
        delivered,
        refused,
        dropped,
    };
    assert_eq!(row, expected);
}

/// A journal of a few megabytes.
pub fn small_journal(config: Config) -> Config {
    config
        .set("receive.max_body", "256KiB")
        .set("receive.max_inflated", "256KiB")
        .set("journal.segment_bytes", "1MiB")
        .set("journal.max_bytes", "4MiB")
}

/// Scenario: one export hangs, one is dead, one is well. Guarantees: the third gets everything at once; the others'
/// items wait for them.
#[tokio::test]
async fn a_dead_export_delays_nobody_else() {
    let (well, hanging, dead) = (
        Sink::start().await,
        Sink::start().await,
        Sink::at(own_loopback(), None),
    );
    hanging.always(Reaction::Hang);
    let config = Config::new()
        .export("well", &well)
        .export("hanging", &hanging)
        .export("dead", &dead);
    let agent = Agent::start(config).await;
    let mut sender = agent.sender(Transport::Grpc);
    for number in 0..50 {
        sender
            .must_send(
                Signal::Logs,
                &request(Signal::Logs, number * 10..number * 10 + 10),
            )
            .await;
    }
    well.items_at_least(500).await;
    let settled = agent
        .ledger_where("the good export is done", |ledger| {
            ledger.export("well").waiting == 0
        })
        .await;
    assert_row(settled.export("well"), 500, 500, 0, 0);
    for name in ["hanging", "dead"] {
        assert_eq!(
            settled.export(name),
            Row {
                received: 500,
                waiting: 500,
                ..Row::default()
            },
            "{name}"
        );
    }
    dead.up().await;
    dead.items_at_least(500).await;
}

/// Scenario: an export for traces and one for metrics and logs. Guarantees: each gets its signals and no others, and
/// accounts for no others.
#[tokio::test]
async fn signals_go_where_they_are_sent() {
    let (traces, rest) = (Sink::start().await, Sink::start().await);
    let config = Config::new()
        .export("traces", &traces)
        .set("export.traces.signals", vec!["traces"])
        .export("rest", &rest)
        .set("export.rest.signals", vec!["metrics", "logs"]);
    let agent = Agent::start(config).await;
    let mut sender = agent.sender(Transport::Grpc);
    for signal in Signal::ALL {
        sender.must_send(signal, &request(signal, 0..4)).await;
    }
    rest.requests_at_least(2).await;
    let ledger = agent
        .ledger_where("all settled", |l| {
            l.export("traces").waiting + l.export("rest").waiting == 0
        })
        .await;
    let signals = |sink: &Sink| {
        sink.taken()
            .iter()
            .map(|request| request.signal)
            .collect::<Vec<_>>()
    };
    assert_eq!(signals(&traces), [Signal::Traces]);
    let mut others = signals(&rest);
    others.sort();
    assert_eq!(others, [Signal::Metrics, Signal::Logs]);
    assert_row(ledger.export("traces"), 4, 4, 0, 0);
    assert_row(ledger.export("rest"), 8, 8, 0, 0);
}

/// Scenario: every pair of what came in and what the export is to send, over both transports. Guarantees: what is sent
/// is compressed as configured, whatever came in.
#[tokio::test]
async fn exports_compress_as_configured() {
    for protocol in ["grpc", "http"] {
        for (wanted, expected) in [("none", "identity"), ("gzip", "gzip"), ("zstd", "zstd")] {
            let sink = Sink::start().await;
            let config = Config::to(&sink)
                .sink("protocol", protocol)
                .sink("compression", wanted);
            let agent = Agent::start(config).await;
            for (place, incoming) in (0..).zip(["identity", "gzip", "zstd"]) {
                let mut sender = agent.sender(Transport::Grpc).compressing(incoming);
                sender
                    .must_send(
                        Signal::Traces,
                        &request(Signal::Traces, place * 100..place * 100 + 100),
                    )
                    .await;
            }
            assert_row(agent.drained().await.export("sink"), 300, 300, 0, 0);
            assert_eq!(sink.items().len(), 300);
            for request in sink.taken() {
                assert_eq!(
                    request.encoding, expected,
                    "{protocol}, configured {wanted}"
                );
            }
        }
    }
}

/// Scenario: headers from the file, the environment and a secret file. Guarantees: each request carries them, and neither
/// the log nor check-config shows a value.
#[tokio::test]
async fn headers_are_sent_and_kept_secret() {
    for protocol in ["grpc", "http"] {
        let sink = Sink::start().await;
        let mut agent = Agent::installed(Config::new());
        let file = agent.write("token", "from-a-file\n");
        agent
            .restart_with(|_| {
                Config::to(&sink)
                    .sink("protocol", protocol)
                    .sink("headers.x-literal", "from-the-config")
                    .sink("headers.x-environment.env", "SINK_TOKEN")
                    .sink("headers.x-file.file", file.clone())
                    .set("telemetry.log", "debug")
                    .environment("SINK_TOKEN", "from-the-environment")
            })
            .await;
        agent
            .sender(Transport::Grpc)
            .must_send(Signal::Logs, &request(Signal::Logs, 0..1))
            .await;
        let requests = sink.requests_at_least(1).await;
        let value = |name: &str| requests[0].headers[name].to_str().unwrap().to_owned();
        assert_eq!(value("x-literal"), "from-the-config");
        assert_eq!(value("x-environment"), "from-the-environment");
        assert_eq!(value("x-file"), "from-a-file");
        agent.command(&["check-config"]).status().unwrap();
        let shown = agent.log() + &agent.metrics().await;
        for secret in ["from-the-config", "from-the-environment", "from-a-file"] {
            assert!(!shown.contains(secret), "{secret} was shown:\n{shown}");
        }
    }
}

/// Scenario: an export is stuck for longer than `stuck_after`, then its sink comes back. Guarantees: readiness fails with
/// the export's name as the reason, liveness does not, and readiness returns.
#[tokio::test]
async fn a_stuck_export_makes_the_agent_unready() {
    let sink = Sink::at(own_loopback(), None);
    let agent = Agent::start(Config::to(&sink).sink("stuck_after", "1s")).await;
    assert_eq!(agent.get("/health/ready").await.unwrap().status, 200);
    agent
        .sender(Transport::Grpc)
        .must_send(Signal::Logs, &request(Signal::Logs, 0..1))
        .await;
    let unready = eventually(
        "the agent is unready",
        Duration::from_secs(10),
        async || {
            agent
                .get("/health/ready")
                .await
                .filter(|reply| reply.status == 503)
        },
    )
    .await;
    assert!(
        unready.text().contains("sink"),
        "no reason: {}",
        unready.text()
    );
    assert_eq!(agent.get("/api/ready").await.unwrap().status, 503);
    assert_eq!(agent.get("/health/live").await.unwrap().status, 200);
    sink.up().await;
    eventually(
        "the agent is ready again",
        Duration::from_secs(10),
        async || {
            agent
                .get("/health/ready")
                .await
                .filter(|reply| reply.status == 200)
        },
    )
    .await;
}

/// Scenario: an export is removed from the configuration while it has items waiting, and another is added. Guarantees:
/// the first one's items do not hold the journal for ever, and the new one starts with what comes after it.
#[tokio::test]
async fn exports_may_come_and_go() {
    let (gone, stays, fresh) = (
        Sink::at(own_loopback(), None),
        Sink::start().await,
        Sink::start().await,
    );
    let mut agent = Agent::start(Config::new().export("gone", &gone).export("stays", &stays)).await;
    agent
        .sender(Transport::Grpc)
        .must_send(Signal::Logs, &request(Signal::Logs, 0..5))
        .await;
    stays.items_at_least(5).await;
    assert_eq!(agent.stop().await.code(), Some(0));
    agent
        .restart_with(|_| {
            Config::new()
                .export("stays", &stays)
                .export("fresh", &fresh)
        })
        .await;
    agent
        .sender(Transport::Grpc)
        .must_send(Signal::Logs, &request(Signal::Logs, 5..9))
        .await;
    stays.items_at_least(9).await;
    fresh.items_at_least(4).await;
    let ledger = agent
        .ledger_where("settled", |l| {
            l.export("stays").waiting + l.export("fresh").waiting == 0
        })
        .await;
    assert_row(ledger.export("fresh"), 4, 4, 0, 0);
    assert_eq!(
        stays.items().values().filter(|times| **times > 1).count(),
        0,
        "delivered before and after the restart"
    );
}

/// Scenario: two services send. Guarantees: the ledger tells them apart.
#[tokio::test]
async fn the_ledger_knows_services() {
    let sink = Sink::start().await;
    let agent = Agent::start(Config::to(&sink)).await;
    let mut sender = agent.sender(Transport::Http);
    for (service, numbers) in [("cart", 0..3), ("search", 3..10)] {
        sender
            .must_send(
                Signal::Traces,
                &request_of(service, Signal::Traces, numbers, 0),
            )
            .await;
    }
    let ledger = agent.drained().await;
    assert_row(ledger.service("sink", "cart"), 3, 3, 0, 0);
    assert_row(ledger.service("sink", "search"), 7, 7, 0, 0);
}
