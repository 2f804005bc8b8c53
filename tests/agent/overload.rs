//! Five times what the export takes: overload costs throughput, never memory, and everybody hears why.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use crate::export::small_journal;
use crate::fixture::{Agent, Config, Load, LoadPlan, LoadReport, Reaction, Sink};

const MIB: u64 = 1 << 20;
const IN_FLIGHT: u64 = 4 * MIB;
const JOURNAL_MEMORY: u64 = 2 * MIB;
const ITEMS: u64 = 20;
const PADDING: usize = 1000;
/// The sink takes one request of at most this size every 40 ms: about 1.6 MB/s.
const MERGED_BYTES: u64 = 64 << 10;

/// Scenario: for some seconds, senders on both transports offer at least five times what the sink takes, until the
/// journal is full and far beyond. Guarantees: memory stays within the configured budgets and a margin, every refusal is
/// retryable and says when to come back, and in the end the ledger agrees to the item with what senders were told and
/// with what arrived.
#[tokio::test(flavor = "multi_thread")]
async fn overload_costs_throughput_and_never_memory() {
    let sink = Sink::start().await;
    sink.always(Reaction::AcceptAfter(Duration::from_millis(40)));
    let agent = Agent::start(limited(&sink)).await;
    let idle = agent.rss_bytes();
    let plan = LoadPlan {
        senders: 12,
        items: ITEMS,
        padding: PADDING,
        pause: Duration::from_millis(2),
    };
    let load = Load::start(&agent, plan, &Arc::new(AtomicU64::new(0)));
    let peak = peak_rss(&agent, Duration::from_secs(8)).await;
    let delivered_under_load = sink.items().len() as u64;
    let told = load.finish().await;
    assert_overloaded(&told, delivered_under_load);
    let allowed = idle + IN_FLIGHT + JOURNAL_MEMORY + 48 * MIB;
    assert!(
        peak < allowed,
        "{} MiB at the peak, {} MiB idle",
        peak / MIB,
        idle / MIB
    );
    assert_hints(&told);
    sink.always(Reaction::Accept);
    assert_exact(&agent, &sink, &told).await;
}

fn limited(sink: &Sink) -> Config {
    small_journal(Config::to(sink))
        .set("journal.max_bytes", "8MiB")
        .set("journal.memory_bytes", JOURNAL_MEMORY)
        .set("receive.in_flight_bytes", IN_FLIGHT)
        .sink("concurrency", 1)
        .sink("batch.max_bytes", MERGED_BYTES)
}

async fn peak_rss(agent: &Agent, during: Duration) -> u64 {
    let begun = Instant::now();
    let mut peak = 0;
    while begun.elapsed() < during {
        peak = peak.max(agent.rss_bytes());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    peak
}

fn assert_overloaded(told: &LoadReport, delivered: u64) {
    let offered = told.acknowledged.len() as u64 + told.refusals.len() as u64 * ITEMS;
    assert!(
        offered >= 5 * delivered,
        "offered {offered} items of which {delivered} went out: no overload"
    );
    assert_eq!(told.unanswered_items, 0, "requests got no answer");
}

fn assert_hints(told: &LoadReport) {
    assert!(!told.refusals.is_empty(), "nothing was refused");
    for refusal in &told.refusals {
        assert!(refusal.is_retryable(), "{refusal:?}");
        assert!(refusal.retry_hint().is_some(), "{refusal:?}");
    }
}

async fn assert_exact(agent: &Agent, sink: &Sink, told: &LoadReport) {
    let ledger = agent.drained().await;
    let row = ledger.export("sink");
    assert_eq!(
        row.received,
        told.acknowledged.len() as u64,
        "received is not what senders were told"
    );
    assert_eq!(row.delivered, row.received);
    let arrived = sink.items();
    assert_eq!(arrived.len() as u64, row.delivered);
    assert!(told.acknowledged.iter().all(|id| arrived.contains_key(id)));
    assert_eq!(ledger.turned_away(), told.refusals.len() as u64);
    agent.assert_no_panic();
}
