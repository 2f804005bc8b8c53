//! Rates stay right through restarts: of the agent, orderly or not, and of a sender.

use bytes::Bytes;

use super::otlp::{SpanKind, Temporality, counter, metrics, now, point, service, span, spans};
use super::prometheus::Prometheus;
use crate::fixture::{Agent, Config, Sender, Signal, Transport};

const SPANS: &str = r#"traces_span_metrics_calls_total{service_name="rated"}"#;
const DELTA: &str = r#"jobs_done_total{job="rated"}"#;
const CUMULATIVE: &str = r#"orders_placed_total{job="rated"}"#;

/// A process that counts the same things in three ways.
struct Process {
    started: u64,
    last_export: u64,
    total: f64,
}

impl Process {
    fn start() -> Process {
        let started = now();
        Process {
            started,
            last_export: started,
            total: 0.0,
        }
    }

    /// Sends `number` more of everything, and fails the test unless the agent has it safe.
    async fn count(&mut self, to: &mut Sender, number: u32) {
        let time = now();
        self.total += f64::from(number);
        let message = self.measured(time, f64::from(number));
        self.last_export = time;
        to.must_send(Signal::Metrics, &message).await;
        let calls = (0..number).map(|_| span(SpanKind::Server, "GET /orders", 7));
        let message = spans(service("rated"), calls.collect());
        to.must_send(Signal::Traces, &message).await;
    }

    fn measured(&self, time: u64, number: f64) -> Bytes {
        let delta = point(self.last_export, time, number);
        let cumulative = point(self.started, time, self.total);
        let both = vec![
            counter("jobs.done", Temporality::Delta, vec![delta]),
            counter("orders.placed", Temporality::Cumulative, vec![cumulative]),
        ];
        metrics(service("rated"), both)
    }
}

/// What Prometheus saw of one counter: how much it grew in all, in its largest step, and how often it fell.
#[derive(Debug)]
struct Growth {
    total: f64,
    largest: f64,
    falls: usize,
}

async fn growth(prometheus: &Prometheus, series: &str) -> Growth {
    let found = prometheus.query(&format!("{series}[10m]")).await;
    assert_eq!(found.len(), 1, "{series} is one series: {found:?}");
    let values: Vec<f64> = found[0].samples.iter().map(|(_, value)| *value).collect();
    let steps = values.windows(2).map(|pair| match pair[1] < pair[0] {
        true => (pair[1], 1),
        false => (pair[1] - pair[0], 0),
    });
    let none = Growth {
        total: values[0],
        largest: 0.0,
        falls: 0,
    };
    let grown = steps.fold(none, |sum, (step, fall)| Growth {
        total: sum.total + step,
        largest: sum.largest.max(step),
        falls: sum.falls + fall,
    });
    let resets = prometheus.value(&format!("resets({series}[10m])")).await;
    assert_eq!(resets, Some(grown.falls as f64), "{series}");
    grown
}

/// The rig of these tests: what has been sent is in Prometheus before the trouble begins.
struct Rig {
    agent: Agent,
    prometheus: Prometheus,
    process: Process,
}

impl Rig {
    async fn start() -> Rig {
        let agent = Agent::start(Config::new()).await;
        let prometheus = Prometheus::scraping(&agent).await;
        let mut rig = Rig {
            agent,
            prometheus,
            process: Process::start(),
        };
        rig.count(1000).await;
        for series in [SPANS, DELTA, CUMULATIVE] {
            rig.prometheus.reaches(series, 1000.0).await;
        }
        rig
    }

    async fn count(&mut self, number: u32) {
        let mut sender = self.agent.sender(Transport::Grpc);
        self.process.count(&mut sender, number).await;
    }
}

/// Scenario: the agent is stopped and started again while it is scraped, with counts before and after. Guarantees: counters
/// made of spans and deltas are shown again as they stood before anything more is sent, no counter falls, and the whole
/// increase is what was sent.
#[tokio::test]
async fn an_orderly_restart_takes_nothing_back() {
    let mut rig = Rig::start().await;
    // Not scraped before the end, or scraped: either way it must stay.
    rig.count(50).await;
    assert!(rig.agent.stop().await.success());
    rig.agent.restart().await;
    for series in [SPANS, DELTA] {
        rig.prometheus.reaches(series, 1050.0).await;
    }
    rig.count(20).await;
    for series in [SPANS, DELTA, CUMULATIVE] {
        rig.prometheus.reaches(series, 1070.0).await;
        let grown = growth(&rig.prometheus, series).await;
        assert_eq!(
            (grown.total, grown.falls),
            (1070.0, 0),
            "{series}: {grown:?}"
        );
        assert!(grown.largest <= 70.0, "{series}: {grown:?}");
    }
    rig.prometheus.assert_took_everything();
}

/// Scenario: the agent is killed with SIGKILL right after counts that may not have been scraped. Guarantees: no counter
/// falls below what was scraped, and the whole increase is what was sent, but at most for those last counts.
#[tokio::test]
async fn a_killed_agent_takes_back_nothing_that_was_scraped() {
    let mut rig = Rig::start().await;
    rig.count(50).await;
    rig.agent.kill9();
    rig.agent.restart().await;
    rig.count(20).await;
    rig.prometheus.reaches(CUMULATIVE, 1070.0).await;
    for series in [SPANS, DELTA] {
        let total = rig
            .prometheus
            .value_where(series, |total| total >= 1020.0)
            .await;
        assert!([1020.0, 1070.0].contains(&total), "{series} = {total}");
    }
    for series in [SPANS, DELTA, CUMULATIVE] {
        let grown = growth(&rig.prometheus, series).await;
        assert_eq!(grown.falls, 0, "{series}: {grown:?}");
        assert!(
            (1020.0..=1070.0).contains(&grown.total),
            "{series}: {grown:?}"
        );
        assert!(grown.largest <= 70.0, "{series}: {grown:?}");
    }
    rig.prometheus.assert_took_everything();
}

/// Scenario: a sender ends and starts again, and counts from zero. Guarantees: its cumulative counter falls once, as
/// Prometheus expects of a restart, those made of its spans and deltas go on, and the whole increase is what was sent.
#[tokio::test]
async fn a_restarted_sender_is_counted_on() {
    let mut rig = Rig::start().await;
    rig.process = Process::start();
    rig.count(40).await;
    for (series, shown) in [(SPANS, 1040.0), (DELTA, 1040.0), (CUMULATIVE, 40.0)] {
        rig.prometheus.reaches(series, shown).await;
    }
    rig.count(5).await;
    for (series, shown, falls) in [
        (SPANS, 1045.0, 0),
        (DELTA, 1045.0, 0),
        (CUMULATIVE, 45.0, 1),
    ] {
        rig.prometheus.reaches(series, shown).await;
        let grown = growth(&rig.prometheus, series).await;
        assert_eq!(
            (grown.total, grown.falls),
            (1045.0, falls),
            "{series}: {grown:?}"
        );
        assert!(grown.largest <= 45.0, "{series}: {grown:?}");
    }
    rig.prometheus.assert_took_everything();
}
