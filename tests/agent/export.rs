//! Exports: each goes its own way, tries again as it is asked to, and says what became of every item.

use std::time::{Duration, Instant};

use crate::fixture::{Agent, Config, Reaction, Received, Row, Signal, Sink, Transport, eventually, own_loopback, request};

/// Fails unless the export's account is exactly this.
fn assert_row(row: Row, received: u64, delivered: u64, refused: u64, dropped: u64) {
    let expected = Row { received, waiting: 0, delivered, refused, dropped };
    assert_eq!(row, expected);
}

/// Scenario: one export hangs, one is dead, one is well. Guarantees: the third gets everything at once; the others'
/// items wait for them.
#[tokio::test]
async fn a_dead_export_delays_nobody_else() {
    let (well, hanging, dead) = (Sink::start().await, Sink::start().await, Sink::at(own_loopback(), None));
    hanging.always(Reaction::Hang);
    let config = Config::new().export("well", &well).export("hanging", &hanging).export("dead", &dead);
    let agent = Agent::start(config).await;
    let mut sender = agent.sender(Transport::Grpc);
    for number in 0..50 {
        sender.must_send(Signal::Logs, &request(Signal::Logs, number * 10..number * 10 + 10)).await;
    }
    well.items_at_least(500).await;
    let settled = agent.ledger_where("the good export is done", |ledger| ledger.export("well").waiting == 0).await;
    assert_row(settled.export("well"), 500, 500, 0, 0);
    for name in ["hanging", "dead"] {
        assert_eq!(settled.export(name), Row { received: 500, waiting: 500, ..Row::default() }, "{name}");
    }
    dead.up().await;
    dead.items_at_least(500).await;
}

/// Scenario: twenty requests are merged while the sink is down; it refuses whatever contains item 77 for good.
/// Guarantees: only the request with that item is lost to it, and is counted as refused.
#[tokio::test]
async fn a_poisoned_request_takes_no_others_with_it() {
    let sink = Sink::at(own_loopback(), None);
    let agent = Agent::start(Config::to(&sink)).await;
    let mut sender = agent.sender(Transport::Http);
    for number in 0..20 {
        sender.must_send(Signal::Traces, &request(Signal::Traces, number * 10..number * 10 + 10)).await;
    }
    sink.decide(|request| match request.ids().contains(&77) {
        true => Reaction::Refuse,
        false => Reaction::Accept,
    });
    sink.up().await;
    let ledger = agent.drained().await;
    assert_row(ledger.export("sink"), 200, 190, 10, 0);
    let arrived = sink.items();
    assert_eq!(arrived.len(), 190);
    assert!((70..80).all(|poisoned| !arrived.contains_key(&poisoned)));
    let merged = sink.requests().iter().any(|request| request.ids().len() > 10);
    assert!(merged, "nothing was merged, so nothing was isolated");
}

/// Scenario: the sink takes all but three items of a request of ten, over both transports. Guarantees: the three are
/// counted as refused and nothing is sent again.
#[tokio::test]
async fn partial_success_is_counted() {
    for protocol in ["grpc", "http"] {
        let sink = Sink::start().await;
        let agent = Agent::start(Config::to(&sink).sink("protocol", protocol)).await;
        sink.next([Reaction::AcceptAllBut(3)]);
        agent.sender(Transport::Grpc).must_send(Signal::Traces, &request(Signal::Traces, 0..10)).await;
        let ledger = agent.drained().await;
        assert_row(ledger.export("sink"), 10, 7, 3, 0);
        assert_eq!(sink.requests().len(), 1);
    }
}

/// Scenario: the sink claims to have rejected more items than it was sent. Guarantees: the account still adds up.
#[tokio::test]
async fn an_absurd_partial_success_does_not_bend_the_ledger() {
    let sink = Sink::start().await;
    let agent = Agent::start(Config::to(&sink)).await;
    sink.next([Reaction::AcceptAllBut(i64::MAX), Reaction::AcceptAllBut(-4)]);
    let mut sender = agent.sender(Transport::Grpc);
    for batch in 0..2 {
        sender.must_send(Signal::Logs, &request(Signal::Logs, batch * 10..batch * 10 + 10)).await;
        sink.requests_at_least(batch as usize + 1).await;
    }
    let ledger = agent.drained().await;
    assert_row(ledger.export("sink"), 20, 10, 10, 0);
}

/// Scenario: the sink asks for a second of peace, by RetryInfo over gRPC and by Retry-After over HTTP, where the agent's
/// own backoff is a few milliseconds. Guarantees: the agent comes back after that second, and then delivers.
#[tokio::test]
async fn retry_hints_are_honoured() {
    for protocol in ["grpc", "http"] {
        let sink = Sink::start().await;
        let agent = Agent::start(Config::to(&sink).sink("protocol", protocol)).await;
        sink.next([Reaction::TryLater(Some(Duration::from_secs(1)))]);
        agent.sender(Transport::Http).must_send(Signal::Metrics, &request(Signal::Metrics, 0..5)).await;
        sink.requests_at_least(1).await;
        let refused = Instant::now();
        sink.requests_at_least(2).await;
        let waited = refused.elapsed();
        assert!(waited > Duration::from_millis(950), "{protocol}: came back after {waited:?}");
        assert!(waited < Duration::from_secs(5), "{protocol}: came back after {waited:?}");
        assert_row(agent.drained().await.export("sink"), 5, 5, 0, 0);
    }
}

/// Scenario: the sink refuses four times without a hint, hangs once past the timeout, and drops the connection twice.
/// Guarantees: each is tried again until it is delivered.
#[tokio::test]
async fn what_may_succeed_is_tried_again() {
    for protocol in ["grpc", "http"] {
        let sink = Sink::start().await;
        let config = Config::to(&sink).sink("protocol", protocol).sink("timeout", "300ms");
        let agent = Agent::start(config.sink("breaker.failures", 100)).await;
        sink.next(vec![Reaction::TryLater(None); 4]);
        sink.next([Reaction::Hang, Reaction::Drop, Reaction::Drop]);
        agent.sender(Transport::Grpc).must_send(Signal::Logs, &request(Signal::Logs, 0..5)).await;
        assert_row(agent.drained().await.export("sink"), 5, 5, 0, 0);
        assert_eq!(sink.requests().len(), 8, "{protocol}");
        assert_eq!(sink.items().len(), 5);
    }
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
    let ledger = agent.ledger_where("all settled", |l| l.export("traces").waiting + l.export("rest").waiting == 0).await;
    let signals = |sink: &Sink| sink.taken().iter().map(|request| request.signal).collect::<Vec<_>>();
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
            let config = Config::to(&sink).sink("protocol", protocol).sink("compression", wanted);
            let agent = Agent::start(config).await;
            for (place, incoming) in (0..).zip(["identity", "gzip", "zstd"]) {
                let mut sender = agent.sender(Transport::Grpc).compressing(incoming);
                sender.must_send(Signal::Traces, &request(Signal::Traces, place * 100..place * 100 + 100)).await;
            }
            assert_row(agent.drained().await.export("sink"), 300, 300, 0, 0);
            assert_eq!(sink.items().len(), 300);
            for request in sink.taken() {
                assert_eq!(request.encoding, expected, "{protocol}, configured {wanted}");
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
        agent.sender(Transport::Grpc).must_send(Signal::Logs, &request(Signal::Logs, 0..1)).await;
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
    agent.sender(Transport::Grpc).must_send(Signal::Logs, &request(Signal::Logs, 0..1)).await;
    let unready = eventually("the agent is unready", Duration::from_secs(10), async || {
        agent.get("/health/ready").await.filter(|reply| reply.status == 503)
    })
    .await;
    assert!(unready.text().contains("sink"), "no reason: {}", unready.text());
    assert_eq!(agent.get("/api/ready").await.unwrap().status, 503);
    assert_eq!(agent.get("/health/live").await.unwrap().status, 200);
    sink.up().await;
    eventually("the agent is ready again", Duration::from_secs(10), async || {
        agent.get("/health/ready").await.filter(|reply| reply.status == 200)
    })
    .await;
}

/// Scenario: a sink stays down for longer than the export's `max_age`. Guarantees: what waited longer is dropped as
/// expired and never arrives; what comes later arrives.
#[tokio::test]
async fn what_is_too_old_is_dropped_and_counted() {
    let sink = Sink::at(own_loopback(), None);
    let agent = Agent::start(Config::to(&sink).sink("max_age", "1s")).await;
    let mut sender = agent.sender(Transport::Grpc);
    sender.must_send(Signal::Logs, &request(Signal::Logs, 0..7)).await;
    let ledger = agent.drained().await;
    assert_row(ledger.export("sink"), 7, 0, 0, 7);
    assert_eq!(ledger.dropped("sink", "expired"), 7);
    sink.up().await;
    sender.must_send(Signal::Logs, &request(Signal::Logs, 7..10)).await;
    assert_eq!(sink.items_at_least(3).await.len(), 3);
    assert_row(agent.drained().await.export("sink"), 10, 3, 0, 7);
}

/// A journal of a few megabytes.
pub fn small_journal(config: Config) -> Config {
    config
        .set("receive.max_body", "256KiB")
        .set("receive.max_inflated", "256KiB")
        .set("journal.segment_bytes", "1MiB")
        .set("journal.max_bytes", "4MiB")
}

/// Scenario: twice what the journal holds comes while the sink is down, with `drop_oldest`. Guarantees: nothing is
/// refused at the door, the oldest items are counted as evicted, and exactly the others arrive.
#[tokio::test]
async fn drop_oldest_gives_up_the_oldest() {
    let sink = Sink::at(own_loopback(), None);
    let agent = Agent::start(small_journal(Config::to(&sink)).set("journal.when_full", "drop_oldest")).await;
    let mut sender = agent.sender(Transport::Grpc);
    for batch in 0..80 {
        let message = crate::fixture::request_of("checkout", Signal::Logs, batch * 10..batch * 10 + 10, 10_000);
        sender.must_send(Signal::Logs, &message).await;
    }
    sink.up().await;
    let ledger = agent.drained().await;
    let (row, evicted) = (ledger.export("sink"), ledger.dropped("sink", "evicted"));
    assert!(evicted >= 400, "8 MB went into 4 MiB, but only {evicted} of 800 items were evicted");
    assert_row(row, 800, 800 - evicted, 0, evicted);
    let arrived = sink.items();
    assert_eq!(arrived.len() as u64, row.delivered);
    assert!((800 - row.delivered..800).all(|id| arrived.contains_key(&id)), "the newest are not those that arrived");
}

/// Scenario: the journal is full and refuses. Guarantees: the sender hears a retryable refusal with a hint, nothing that
/// was acknowledged is lost, and there is room again once the sink is back.
#[tokio::test]
async fn a_full_journal_refuses_with_a_hint() {
    let sink = Sink::at(own_loopback(), None);
    let agent = Agent::start(small_journal(Config::to(&sink))).await;
    let mut taken = 0;
    for transport in Transport::BOTH {
        let mut sender = agent.sender(transport);
        let refusal = loop {
            assert!(taken < 800, "8 MB went into a journal of 4 MiB");
            let message = crate::fixture::request_of("checkout", Signal::Logs, taken..taken + 10, 10_000);
            match sender.send(Signal::Logs, &message).await.unwrap() {
                answer if answer.is_success() => taken += 10,
                refusal => break refusal,
            }
        };
        assert!(refusal.is_retryable(), "{refusal:?}");
        assert!(refusal.retry_hint().is_some_and(|delay| delay <= Duration::from_secs(1)), "{refusal:?}");
    }
    assert_eq!(agent.ledger().await.turned_away_requests("full"), 2);
    sink.up().await;
    assert_row(agent.drained().await.export("sink"), taken, taken, 0, 0);
    assert_eq!(sink.items().len() as u64, taken);
    agent.sender(Transport::Http).must_send(Signal::Logs, &request(Signal::Logs, taken..taken + 1)).await;
}

/// Scenario: an export is removed from the configuration while it has items waiting, and another is added. Guarantees:
/// the first one's items do not hold the journal for ever, and the new one starts with what comes after it.
#[tokio::test]
async fn exports_may_come_and_go() {
    let (gone, stays, fresh) = (Sink::at(own_loopback(), None), Sink::start().await, Sink::start().await);
    let mut agent = Agent::start(Config::new().export("gone", &gone).export("stays", &stays)).await;
    agent.sender(Transport::Grpc).must_send(Signal::Logs, &request(Signal::Logs, 0..5)).await;
    stays.items_at_least(5).await;
    assert_eq!(agent.stop().await.code(), Some(0));
    agent.restart_with(|_| Config::new().export("stays", &stays).export("fresh", &fresh)).await;
    agent.sender(Transport::Grpc).must_send(Signal::Logs, &request(Signal::Logs, 5..9)).await;
    stays.items_at_least(9).await;
    fresh.items_at_least(4).await;
    let ledger = agent.ledger_where("settled", |l| l.export("stays").waiting + l.export("fresh").waiting == 0).await;
    assert_row(ledger.export("fresh"), 4, 4, 0, 0);
    assert_eq!(stays.items().values().filter(|times| **times > 1).count(), 0, "delivered before and after the restart");
}

/// Scenario: two services send. Guarantees: the ledger tells them apart.
#[tokio::test]
async fn the_ledger_knows_services() {
    let sink = Sink::start().await;
    let agent = Agent::start(Config::to(&sink)).await;
    let mut sender = agent.sender(Transport::Http);
    for (service, numbers) in [("cart", 0..3), ("search", 3..10)] {
        sender.must_send(Signal::Traces, &crate::fixture::request_of(service, Signal::Traces, numbers, 0)).await;
    }
    let ledger = agent.drained().await;
    assert_row(ledger.service("sink", "cart"), 3, 3, 0, 0);
    assert_row(ledger.service("sink", "search"), 7, 7, 0, 0);
}

/// Scenario: a thousand small requests wait. Guarantees: they go out in few large ones, none larger than
/// `batch.max_bytes`.
#[tokio::test]
async fn merged_requests_keep_to_their_size() {
    let sink = Sink::at(own_loopback(), None);
    let agent = Agent::start(Config::to(&sink).sink("batch.max_bytes", "16KiB")).await;
    let mut sender = agent.sender(Transport::Grpc);
    for number in 0..500 {
        sender.must_send(Signal::Logs, &request(Signal::Logs, number..number + 1)).await;
    }
    sink.up().await;
    sink.items_at_least(500).await;
    let taken: Vec<Received> = sink.taken();
    assert!(taken.len() < 50, "{} requests", taken.len());
    let largest = taken.iter().map(|request| request.message.len()).max().unwrap();
    assert!(largest <= 16 << 10, "{largest} bytes");
}
