//! What the journal costs beside the least that the disk asks for.
//!
//! `cargo bench --bench journal [-- DIR]`. In one run: bare appends to a preallocated file with one
//! sync for as many batches as the journal writes together, then the journal with as many senders;
//! then the journal read back from disk; then memory mode.

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

fn main() -> std::io::Result<()> {
    let base = std::env::args().skip(1).find(|arg| !arg.starts_with("--"));
    let dir = Path::new(base.as_deref().unwrap_or("target")).join("bench-journal");
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir)?;
    for round in 1..=2 {
        println!("round {round}: {SENDERS} senders, batches of {BATCH_BYTES} bytes");
        bare(&dir.join("bare"))?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        runtime.block_on(journal(&dir.join(format!("journal-{round}"))));
        runtime.block_on(memory(&dir));
    }
    std::fs::remove_dir_all(&dir)
}

/// Writes and syncs as the journal must at the very least: one write and one sync for 16 batches.
fn bare(path: &Path) -> std::io::Result<()> {
    let file = OpenOptions::new().create(true).truncate(true).read(true).write(true).open(path)?;
    let zeros = vec![0; 1 << 20];
    for at in 0..SEGMENT_BYTES >> 20 {
        rustix::io::pwrite(&file, &zeros, at << 20)?;
    }
    file.sync_all()?;
    let payload = vec![7u8; BATCH_BYTES + 120];
    let group = vec![IoSlice::new(&payload); SENDERS];
    let group_bytes = (payload.len() * SENDERS) as u64;
    let meter = Meter::start();
    let mut offset = 0;
    for _ in 0..BATCHES / SENDERS {
        if offset + group_bytes > SEGMENT_BYTES {
            offset = 0;
        }
        rustix::io::pwritev(&file, &group, offset)?;
        file.sync_data()?;
        offset += group_bytes;
    }
    meter.report("bare append, a sync for every 16", BATCHES);
    Ok(())
}

async fn journal(dir: &Path) {
    let opened = open(dir, SyncMode::Always);
    let mut cursor = opened.cursors.into_iter().next().expect("one cursor");
    let journal = opened.journal;
    append_all(&journal, BATCHES / 4).await;
    settle(&mut cursor, BATCHES / 4).await;
    let before = journal.stats();
    let meter = Meter::start();
    append_all(&journal, BATCHES).await;
    meter.report("journal, always", BATCHES);
    let stats = journal.stats();
    let commits = stats.commits - before.commits;
    println!("    {:.1} batches a commit, sync {:.0} µs on average, {} write errors",
        BATCHES as f64 / commits as f64,
        (stats.syncs.sum_us - before.syncs.sum_us) as f64 / commits as f64,
        stats.write_errors);
    let meter = Meter::start();
    settle(&mut cursor, BATCHES).await;
    meter.report("read back and settle, one by one", BATCHES);
    let meter = Meter::start();
    let reader = tokio::spawn(async move { settle(&mut cursor, BATCHES).await });
    append_all(&journal, BATCHES).await;
    reader.await.expect("no panic");
    meter.report("append, read and settle together", BATCHES);
    journal.close().await;
    let begun = Instant::now();
    drop(journal);
    let opened = open(dir, SyncMode::Always);
    println!("  open: {:.1} ms, {:?}", begun.elapsed().as_secs_f64() * 1e3, opened.recovery);
    opened.journal.close().await;
}

async fn memory(dir: &Path) {
    let opened = open(dir, SyncMode::Memory);
    let mut cursor = opened.cursors.into_iter().next().expect("one cursor");
    let (batch, settler) = (batch(), cursor.settler());
    let meter = Meter::start();
    for _ in 0..BATCHES {
        opened.journal.append(batch.clone()).await.expect("appended");
        let entry = cursor.next().await.expect("an entry");
        settler.settle(&entry, Fate::Delivered);
    }
    meter.report("memory mode: append, read, settle", BATCHES);
    let meter = Meter::start();
    for _ in 0..BATCHES {
        opened.journal.append(batch.clone()).await.expect("appended");
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
        memory_bytes: if sync == SyncMode::Memory { 2 << 30 } else { 16 << 20 },
    };
    let account = Ledger::new(100).account("collector", SignalSet::ALL);
    let subscriber = Subscriber { name: "collector".to_owned(), signals: SignalSet::ALL, account };
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
        services: Arc::from([ServiceItems { service: Arc::from("shop"), items: 100 }]),
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
        Meter { begun: Instant::now(), cpu: cpu() }
    }

    fn report(&self, what: &str, batches: usize) {
        let (took, cpu) = (self.begun.elapsed().as_secs_f64(), (cpu() - self.cpu).as_secs_f64());
        let bytes = (batches * BATCH_BYTES) as f64;
        println!("  {what}: {:.0} MB/s, {:.2} µs CPU and {:.2} µs a batch",
            bytes / took / 1e6, cpu / batches as f64 * 1e6, took / batches as f64 * 1e6);
    }
}

/// CPU time of the process, all threads.
fn cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
