//! `kill -9` at any moment loses nothing that was acknowledged.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use crate::export::small_journal;
use crate::fixture::{
    Agent, Config, Load, LoadPlan, LoadReport, Reaction, Signal, Sink, Transport, request,
};

const ROUNDS: u64 = 80;
const SENDERS: usize = 6;
const ITEMS: u64 = 20;
/// Of the export: requests in flight, and bytes in a merged one.
const CONCURRENCY: usize = 4;
const MERGED_BYTES: u64 = 16 << 10;

/// Scenario: eighty times, senders on both transports send all signals while the sink goes up and down, and the agent is
/// killed in the middle and started again. Guarantees: every item of every acknowledged request arrives; what arrives
/// twice is no more than what was in flight to the sink when the agent or the sink went away.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost() {
    let sink = Sink::start().await;
    sink.always(Reaction::AcceptAfter(Duration::from_millis(2)));
    // Small segments: many of the kills fall into a change of segments.
    let config = small_journal(Config::to(&sink))
        .set("journal.max_bytes", "256MiB")
        .sink("concurrency", CONCURRENCY)
        .sink("batch.max_bytes", MERGED_BYTES);
    let mut agent = Agent::start(config).await;
    let numbers = Arc::new(AtomicU64::new(0));
    let mut told = LoadReport::default();
    for round in 0..ROUNDS {
        told = told.plus(one_round(&mut agent, &sink, &numbers, round).await);
    }
    sink.up().await;
    agent.drained().await;
    let arrived = sink.items();
    let lost: Vec<_> = told
        .acknowledged
        .iter()
        .filter(|id| !arrived.contains_key(id))
        .collect();
    assert!(
        lost.is_empty(),
        "{} of {} acknowledged items were lost: {lost:?}",
        lost.len(),
        told.acknowledged.len()
    );
    assert!(
        told.acknowledged.len() as u64 > ROUNDS * ITEMS,
        "hardly anything was sent"
    );
    assert!(told.refusals.is_empty(), "refused: {:?}", told.refusals[0]);
    assert_few_duplicates(&sink);
    agent.assert_no_panic();
}

/// Load, the sink down and up, `kill -9` after 20 to 120 ms, and a new start.
async fn one_round(
    agent: &mut Agent,
    sink: &Sink,
    numbers: &Arc<AtomicU64>,
    round: u64,
) -> LoadReport {
    let plan = LoadPlan {
        senders: SENDERS,
        items: ITEMS,
        padding: 0,
        pause: Duration::from_millis(1),
    };
    let load = Load::start(agent, plan, numbers);
    let life = Duration::from_millis(20 + round * 37 % 100);
    match round % 4 {
        0 => tokio::time::sleep(life).await,
        1 => {
            sink.down().await;
            tokio::time::sleep(life).await;
        }
        2 => {
            tokio::time::sleep(life / 2).await;
            sink.up().await;
            tokio::time::sleep(life / 2).await;
        }
        _ => {
            sink.down().await;
            tokio::time::sleep(life / 2).await;
            sink.up().await;
            tokio::time::sleep(life / 2).await;
        }
    }
    agent.kill9();
    let report = load.finish().await;
    agent.restart().await;
    report
}

/// At most `CONCURRENCY` requests are in flight when the agent or the sink goes away.
fn assert_few_duplicates(sink: &Sink) {
    let again: usize = sink.items().values().map(|times| times - 1).sum();
    let largest = sink
        .taken()
        .iter()
        .map(|request| request.ids().len())
        .max()
        .unwrap();
    let interruptions = (ROUNDS + ROUNDS / 2) as usize;
    println!(
        "duplicates: {again} items in {interruptions} interruptions, {largest} in the largest request"
    );
    assert!(
        again <= interruptions * CONCURRENCY * largest,
        "{again} items arrived twice"
    );
}

/// Scenario: as the sink is down, requests are acknowledged, the agent is killed at once and the power of its memory with
/// it. Guarantees: the ledger of the next start knows them, and they arrive exactly once.
#[tokio::test]
async fn the_ledger_survives_a_crash() {
    let sink = Sink::start().await;
    let mut agent = Agent::start(Config::to(&sink)).await;
    agent
        .sender(Transport::Grpc)
        .must_send(Signal::Traces, &request(Signal::Traces, 0..10))
        .await;
    agent.drained().await;
    sink.down().await;
    agent
        .sender(Transport::Http)
        .must_send(Signal::Traces, &request(Signal::Traces, 10..25))
        .await;
    agent.kill9();
    agent.restart().await;
    let row = agent.ledger().await.row("sink", Signal::Traces);
    assert_eq!(row.waiting, 15, "{row:?}");
    sink.up().await;
    assert_eq!(agent.drained().await.export("sink").waiting, 0);
    let arrived = sink.items_at_least(25).await;
    assert_eq!(arrived.len(), 25);
    assert!((10..25).all(|id| arrived[&id] == 1), "{arrived:?}");
}

/// Scenario: each of the three ways to keep requests, a sink that is down, and an end of the process: an orderly one, and
/// `kill -9` for those that write. Guarantees: what was written arrives after the next start; what memory held is counted
/// as lost with the shutdown or gone, and nothing else.
#[tokio::test]
async fn each_sync_mode_keeps_what_it_promises() {
    for (sync, killed, kept) in [
        ("interval", true, true),
        ("interval", false, true),
        ("memory", false, false),
    ] {
        let sink = Sink::at(crate::fixture::own_loopback(), None);
        let config = Config::to(&sink)
            .set("journal.sync", sync)
            .set("shutdown.deadline", "1s")
            .set("shutdown.drain", "100ms");
        let mut agent = Agent::start(config).await;
        agent
            .sender(Transport::Grpc)
            .must_send(Signal::Logs, &request(Signal::Logs, 0..5))
            .await;
        match killed {
            true => agent.kill9(),
            false => drop(agent.stop().await),
        }
        agent.restart().await;
        let waiting = agent.ledger().await.export("sink").waiting;
        assert_eq!(
            waiting,
            if kept { 5 } else { 0 },
            "{sync}, killed: {killed}"
        );
        sink.up().await;
        agent
            .sender(Transport::Grpc)
            .must_send(Signal::Logs, &request(Signal::Logs, 5..8))
            .await;
        assert_eq!(agent.drained().await.export("sink").waiting, 0);
        assert_eq!(
            sink.items().len(),
            if kept { 8 } else { 3 },
            "{sync}, killed: {killed}"
        );
    }
}

/// Scenario: every segment on disk has its last bytes cut off, or a byte in the middle flipped, between two runs.
/// Guarantees: the agent starts and serves, and everything in front of the damage arrives.
#[tokio::test]
async fn a_damaged_journal_never_blocks_the_start() {
    for damage in [CUT, FLIP] {
        let sink = Sink::at(crate::fixture::own_loopback(), None);
        let mut agent = Agent::start(Config::to(&sink)).await;
        let mut sender = agent.sender(Transport::Grpc);
        for number in 0..20 {
            sender
                .must_send(
                    Signal::Logs,
                    &request(Signal::Logs, number * 10..number * 10 + 10),
                )
                .await;
        }
        agent.kill9();
        let damaged = damage_largest_file(&agent.data_directory(), damage);
        agent.restart().await;
        sink.up().await;
        agent
            .sender(Transport::Grpc)
            .must_send(Signal::Logs, &request(Signal::Logs, 900..901))
            .await;
        let arrived = sink.items_at_least(2).await;
        agent.drained().await;
        assert!(
            arrived.contains_key(&0),
            "the first request stood before the damage in {damaged}"
        );
        assert!(sink.items().contains_key(&900));
        agent.assert_no_panic();
    }
}

/// What is done to the bytes of a file.
type Damage = fn(&mut Vec<u8>);

/// Damages the file that holds the most data, that is, the segment in use.
fn damage_largest_file(directory: &std::path::Path, damage: Damage) -> String {
    let mut files = Vec::new();
    collect_files(directory, &mut files);
    let used = |path: &std::path::PathBuf| {
        let bytes = std::fs::read(path).unwrap();
        bytes
            .iter()
            .rposition(|byte| *byte != 0)
            .map_or(0, |last| last + 1)
    };
    let path = files
        .into_iter()
        .max_by_key(used)
        .expect("the journal has files");
    let mut bytes = std::fs::read(&path).unwrap();
    let whole = bytes.len();
    bytes.truncate(used(&path));
    damage(&mut bytes);
    bytes.resize(whole, 0);
    std::fs::write(&path, bytes).unwrap();
    path.display().to_string()
}

fn collect_files(directory: &std::path::Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap().is_dir() {
            true => collect_files(&entry.path(), files),
            false => files.push(entry.path()),
        }
    }
}

/// The end of the last record is missing, as after a power cut.
const CUT: Damage = |bytes| bytes.truncate(bytes.len() - 7);

/// One bit in the middle is wrong.
const FLIP: Damage = |bytes| {
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x40;
};
