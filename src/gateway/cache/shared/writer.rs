//! Writes to the shared server, one after the other and on no request's path.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use redis::{Cmd, RedisError};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::{info, warn};

use super::codec::{Record, Written};
use super::line::Line;
use super::removals::Removals;
use super::server::{name, words};
use crate::gateway::cache::key::KeyDigest;
use crate::gateway::cache::stats::LayerStats;

/// How long the server may take to write.
const WRITE_WITHIN: Duration = Duration::from_secs(5);

/// Larger ones are written down on a thread of their own: that takes a millisecond a MiB.
const LARGE_BYTES: usize = 256 << 10;

/// What is to be done, in the order in which it was asked for.
pub(super) enum Job {
    /// Keeps `record` for so long.
    Keep {
        digest: KeyDigest,
        record: Record,
        ttl: Duration,
        is_compressed: bool,
        weight: usize,
    },
    /// Removes what stands there.
    Remove(KeyDigest),
}

/// Works on what is to be done.
pub(super) struct Writer {
    pub(super) line: Arc<Line>,
    pub(super) removals: Arc<Removals>,
    pub(super) stats: Arc<LayerStats>,
    /// Bytes that wait to be written.
    pub(super) waiting_bytes: Arc<AtomicUsize>,
    /// Removals that could not be made.
    owed: HashSet<KeyDigest>,
    /// The server's code, while it refuses to write.
    refusal: Option<String>,
}

impl Writer {
    /// Nothing is owed yet.
    pub(super) fn new(
        line: Arc<Line>,
        removals: Arc<Removals>,
        stats: Arc<LayerStats>,
        waiting_bytes: Arc<AtomicUsize>,
    ) -> Writer {
        Writer {
            line,
            removals,
            stats,
            waiting_bytes,
            owed: HashSet::new(),
            refusal: None,
        }
    }

    /// Does what comes, until nobody can ask for anything any more.
    pub(super) async fn work(mut self, mut jobs: mpsc::Receiver<Job>) {
        let line = Arc::clone(&self.line);
        loop {
            tokio::select! {
                () = line.opened.notified() => self.make_good().await,
                job = jobs.recv() => match job {
                    Some(job) => self.act(job).await,
                    None => return,
                },
            }
        }
    }

    async fn act(&mut self, job: Job) {
        match job {
            Job::Remove(digest) => {
                if !self.owed.insert(digest) {
                    self.removals.done(&digest);
                }
                self.make_good().await;
            }
            Job::Keep {
                digest,
                record,
                ttl,
                is_compressed,
                weight,
            } => {
                self.keep(digest, record, ttl, is_compressed).await;
                self.waiting_bytes.fetch_sub(weight, Relaxed);
            }
        }
    }

    /// Makes the removals that are owed.
    async fn make_good(&mut self) {
        while let Some(digest) = self.owed.iter().next().copied() {
            let mut command = redis::cmd("DEL");
            command.arg(name(&digest));
            match self.ask(&command).await {
                Done::Yes => self.removals.done(&digest),
                Done::Refused => self.removals.give_up(&digest, SystemTime::now()),
                // It is tried again when there is a connection.
                Done::Lost => return,
            }
            self.owed.remove(&digest);
        }
    }

    async fn keep(
        &mut self,
        digest: KeyDigest,
        record: Record,
        ttl: Duration,
        is_compressed: bool,
    ) {
        if !self.owed.is_empty() {
            self.make_good().await;
        }
        // The removal would take it along.
        if self.owed.contains(&digest) {
            self.stats.failed();
            return;
        }
        let Some(written) = write_down(record, is_compressed).await else {
            self.stats.failed();
            return;
        };
        let mut command = redis::cmd("SET");
        let milliseconds = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).max(1);
        command
            .arg(name(&digest))
            .arg(&written.bytes)
            .arg("PX")
            .arg(milliseconds);
        if let Done::Yes = self.ask(&command).await {
            self.stats.set(written.plain_bytes, written.bytes.len());
        }
    }

    async fn ask(&mut self, command: &Cmd) -> Done {
        let Some(mut connection) = self.line.connection() else {
            self.stats.failed();
            return Done::Lost;
        };
        match timeout(WRITE_WITHIN, connection.send_packed_command(command)).await {
            Ok(Ok(redis::Value::ServerError(error))) => self.refused(&error.into()),
            Ok(Ok(_)) => self.done(),
            Ok(Err(error)) if error.code().is_some() => self.refused(&error),
            Ok(Err(_)) => self.lost(),
            Err(_) => {
                self.line.timed_out();
                self.lost()
            }
        }
    }

    fn done(&mut self) -> Done {
        self.line.answered();
        if self.refusal.take().is_some() {
            info!("the shared cache takes answers again");
        }
        Done::Yes
    }

    fn lost(&self) -> Done {
        self.stats.failed();
        Done::Lost
    }

    /// A server that is full or a replica says so each time; it is logged once.
    fn refused(&mut self, error: &RedisError) -> Done {
        self.stats.failed();
        let reason = words(error);
        if self.refusal.as_ref() != Some(&reason) {
            warn!(%reason, "the shared cache takes no answers");
            self.refusal = Some(reason);
        }
        Done::Refused
    }
}

/// How a write ended.
enum Done {
    Yes,
    /// The server does not want it.
    Refused,
    /// Nobody knows.
    Lost,
}

async fn write_down(record: Record, is_compressed: bool) -> Option<Written> {
    let is_large = matches!(&record, Record::Entry(entry) if entry.body.len() > LARGE_BYTES);
    if !is_large {
        return record.encode(is_compressed);
    }
    let written = tokio::task::spawn_blocking(move || record.encode(is_compressed));
    written.await.ok().flatten()
}
