//! What the journal costs beside the least that the disk asks for.
//!
//! `cargo bench --bench journal [-- DIR]`. In one run: bare appends with one sync for as many
//! batches as the journal writes together, then the journal with as many senders. First an export
//! keeps up, so that files are written over; then there is none, so that a backlog grows, which is
//! read back from disk. Last comes memory mode.

use std::fs::OpenOptions;
use std::io::IoSlice;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use lineside::journal::{
    Cursor, DiskStorage, Journal, JournalOptions, Opened, Subscriber, SyncMode, WhenFull,
};
use lineside::ledger::{Fate, Ledger};
use lineside::otlp::{Batch, Encoding, Origin, ServiceItems, Signal, SignalSet};

const BATCH_BYTES: usize = 25_000;
const SENDERS: usize = 16;
const BATCHES: usize = 40_000;
const SEGMENT_BYTES: u64 = 64 << 20;
const BACKLOG_BYTES: u64 = 1 << 30;

fn main() -> std::io::Result<()> {
    let base = std::env::args().skip(1).find(|arg| !arg.starts_with("--"));
    let dir = Path::new(base.as_deref().unwrap_or("target")).join("bench-journal");
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir)?;
    for round in 1..=2 {
        println!("round {round}: {SENDERS} senders, batches of {BATCH_BYTES} bytes");
        bare(
            "bare append, written over",
            &dir.join("bare"),
            SEGMENT_BYTES,
            true,
        )?;
        bare(
            "bare append, reserved only",
            &dir.join("bare"),
            BACKLOG_BYTES,
            false,
        )?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        runtime.block_on(journal(&dir.join(format!("journal-{round}"))));
        runtime.block_on(memory(&dir));
    }
    std::fs::remove_dir_all(&dir)
}

/// Writes and syncs as the journal must at the very least: one write and one sync for 16 batches.
fn bare(what: &str, path: &Path, len: u64, written: bool) -> std::io::Result<()> {
    let file = OpenOptions::new()
        .create(true)
        .truncate(true)
        .read(true)
        .write(true)
        .open(path)?;
    rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, len)?;
    let zeros = vec![0; if written { 1 << 20 } else { 0 }];
    for at in 0..len >> 20 {
        rustix::io::pwrite(&file, &zeros, at << 20)?;
    }
    file.sync_all()?;
    let payload = vec![7u8; BATCH_BYTES + 120];
    let group = vec![IoSlice::new(&payload); SENDERS];
    let group_bytes = (payload.len() * SENDERS) as u64;
    let meter = Meter::start();
    let mut offset = 0;
    for _ in 0..BATCHES / SENDERS {
        if offset + group_bytes > len {
            offset = 0;
        }
        rustix::io::pwritev(&file, &group, offset)?;
        file.sync_data()?;
        offset += group_bytes;
    }
    meter.report(what, BATCHES);
    std::fs::remove_file(path)
}

async fn journal(dir: &Path) {
    let opened = open(dir, SyncMode::Always);
    let mut cursor = opened.cursors.into_iter().next().expect("one cursor");
    let journal = opened.journal;
    append_all(&journal, BATCHES / 4).await;
    settle(&mut cursor, BATCHES / 4).await;
    let before = journal.stats();
    let meter = Meter::start();
    let reader = tokio::spawn(async move {
        settle(&mut cursor, BATCHES).await;
        cursor
    });
    append_all(&journal, BATCHES).await;
    let cursor = reader.await.expect("no panic");
    meter.report("journal, an export keeps up", BATCHES);
    let stats = journal.stats();
    let commits = (stats.commits - before.commits) as f64;
    println!(
        "    {:.1} batches a commit, sync {:.0} µs on average",
        BATCHES as f64 / commits,
        (stats.syncs.sum_us - before.syncs.sum_us) as f64 / commits
    );
    let meter = Meter::start();
    append_all(&journal, BATCHES).await;
    meter.report("journal, a backlog grows", BATCHES);
    let (mut cursor, journal) = reopen(dir, cursor, journal).await;
    let meter = Meter::start();
    settle(&mut cursor, BATCHES).await;
    meter.report("read back from disk, settled one by one", BATCHES);
    journal.close().await;
}

async fn reopen(dir: &Path, cursor: Cursor, journal: Journal) -> (Cursor, Journal) {
    journal.close().await;
    drop((cursor, journal));
    let begun = Instant::now();
    let opened = open(dir, SyncMode::Always);
    let took_ms = begun.elapsed().as_secs_f64() * 1e3;
    println!(
        "  open with {} batches waiting: {took_ms:.1} ms",
        opened.recovery.records
    );
    let cursor = opened.cursors.into_iter().next().expect("one cursor");
    (cursor, opened.journal)
}

async fn memory(dir: &Path) {
    let opened = open(dir, SyncMode::Memory);
    let mut cursor = opened.cursors.into_iter().next().expect("one cursor");
    let (batch, settler) = (batch(), cursor.settler());
    let meter = Meter::start();
    for _ in 0..BATCHES {
        opened
            .journal
            .append(batch.clone())
            .await
            .expect("appended");
        let entry = cursor.next().await.expect("an entry");
        settler.settle(&entry, Fate::Delivered);
    }
    meter.report("memory mode: append, read, settle", BATCHES);
    let meter = Meter::start();
    for _ in 0..BATCHES {
        opened
            .journal
            .append(batch.clone())
            .await
            .expect("appended");
    }
    meter.report("memory mode: append only", BATCHES);
}

fn open(dir: &Path, sync: SyncMode) -> Opened {
    let options = JournalOptions {
        dir: dir.to_owned(),
        sync,
        segment_bytes: SEGMENT_BYTES,
        max_bytes: 4 << 30,
        max_age: None,
        when_full: WhenFull::Refuse,
        memory_bytes: if sync == SyncMode::Memory {
            2 << 30
        } else {
            16 << 20
        },
    };
    let account = Ledger::new(100).account("collector", SignalSet::ALL);
    let subscriber = Subscriber {
        name: "collector".to_owned(),
        signals: SignalSet::ALL,
        account,
    };
    Journal::open(options, Arc::new(DiskStorage), vec![subscriber]).expect("the journal opens")
}

fn batch() -> Batch {
    Batch {
        signal: Signal::Traces,
        origin: Origin::Outside,
        encoding: Encoding::Identity,
        items: 100,
        inflated_len: BATCH_BYTES as u32,
        received_unix_ms: 1_800_000_000_000,
        services: Arc::from([ServiceItems {
            service: Arc::from("shop"),
            items: 100,
        }]),
        bytes: Bytes::from(vec![7; BATCH_BYTES]),
    }
}

async fn append_all(journal: &Journal, batches: usize) {
    let senders: Vec<_> = (0..SENDERS)
        .map(|_| {
            let (journal, batch) = (journal.clone(), batch());
            tokio::spawn(async move {
                for _ in 0..batches / SENDERS {
                    journal.append(batch.clone()).await.expect("appended");
                }
            })
        })
        .collect();
    for sender in senders {
        sender.await.expect("no panic");
    }
}

async fn settle(cursor: &mut Cursor, batches: usize) {
    let settler = cursor.settler();
    for _ in 0..batches {
        let entry = cursor.next().await.expect("an entry");
        settler.settle(&entry, Fate::Delivered);
    }
}

struct Meter {
    begun: Instant,
    cpu: Duration,
}

impl Meter {
    fn start() -> Meter {
        Meter {
            begun: Instant::now(),
            cpu: cpu(),
        }
    }

    fn report(&self, what: &str, batches: usize) {
        let (took, cpu) = (
            self.begun.elapsed().as_secs_f64(),
            (cpu() - self.cpu).as_secs_f64(),
        );
        let bytes = (batches * BATCH_BYTES) as f64;
        println!(
            "  {what}: {:.0} MB/s, {:.2} µs CPU and {:.2} µs a batch",
            bytes / took / 1e6,
            cpu / batches as f64 * 1e6,
            took / batches as f64 * 1e6
        );
    }
}

/// CPU time of the process, all threads.
fn cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
