//! The second layer (L2): answers in a Redis or Valkey that several agents share. It is never waited for longer than `cache.timeout`, and
//! whatever goes wrong with it is no caller's concern.

mod codec;
mod line;
mod removals;
mod server;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod writer;

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use http::header::CONTENT_ENCODING;
use redis::Value;
use redis::aio::MultiplexedConnection;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

pub(super) use codec::Record;
use line::Line;
use removals::Removals;
use server::{Server, reading};
use writer::{Job, Writer};

use super::entry::Entry;
use super::key::{CacheKey, KeyDigest, Vary};
use super::stats::LayerStats;
use crate::config::{CacheSettings, ProbeUrl};

/// Writes that may wait.
const MAX_JOBS: usize = 4096;

/// Bytes of answers that may wait to be written.
const MAX_WAITING_BYTES: usize = 32 << 20;

/// What an answer takes beyond what the settings count: its key, lengths, times.
const HEAD_ROOM_BYTES: usize = 256 << 10;

/// The layer. Dropping it ends its connection.
pub(super) struct Shared {
    line: Arc<Line>,
    removals: Arc<Removals>,
    jobs: mpsc::Sender<Job>,
    waiting_bytes: Arc<AtomicUsize>,
    stats: Arc<LayerStats>,
    timeout: Duration,
    compress_from: usize,
    _end: DropGuard,
}

impl Shared {
    /// Begins to connect to the server at `url`. Call it in a runtime.
    ///
    /// # Errors
    /// Says what of the TLS settings could not be used.
    pub(super) fn start(
        url: &ProbeUrl,
        settings: &CacheSettings,
        stats: Arc<LayerStats>,
    ) -> Result<Shared, Box<dyn Error>> {
        let server = Server::new(url, settings)?;
        let line = Arc::new(Line::new(Arc::clone(&stats)));
        let (removals, waiting_bytes) = (Arc::<Removals>::default(), Arc::<AtomicUsize>::default());
        let (jobs, to_do) = mpsc::channel(MAX_JOBS);
        let writer = Writer::new(
            Arc::clone(&line),
            Arc::clone(&removals),
            Arc::clone(&stats),
            Arc::clone(&waiting_bytes),
        );
        let end = CancellationToken::new();
        let (kept, limit) = (Arc::clone(&line), settings.timeout);
        let keeping = async move { kept.keep_open(&server, limit).await };
        tokio::spawn(end.clone().run_until_cancelled_owned(keeping));
        tokio::spawn(end.clone().run_until_cancelled_owned(writer.work(to_do)));
        Ok(Shared {
            line,
            removals,
            jobs,
            waiting_bytes,
            stats,
            timeout: settings.timeout,
            compress_from: settings.compress_from.as_usize(),
            _end: end.drop_guard(),
        })
    }

    /// What stands under `key`, where its body is at most `max_body` and its head at most `max_head` bytes.
    ///
    /// # Errors
    /// The server could not be asked, or not in time.
    pub(super) async fn get(
        &self,
        key: &CacheKey,
        max_body: usize,
        max_head: usize,
    ) -> Result<Option<Record>, Unanswered> {
        let digest = key.digest();
        if self.removals.holds(&digest) {
            return Ok(None);
        }
        let limit = max_body
            .saturating_add(max_head)
            .saturating_add(key.as_bytes().len())
            .saturating_add(HEAD_ROOM_BYTES);
        let Some(connection) = self.line.connection() else {
            self.stats.failed();
            return Err(Unanswered);
        };
        let asked = timeout(self.timeout, read(connection, &digest, limit)).await;
        let bytes = match asked {
            Ok(Ok(bytes)) => bytes,
            Ok(Err(_)) => {
                self.stats.failed();
                return Err(Unanswered);
            }
            Err(_) => {
                self.stats.failed();
                self.line.timed_out();
                return Err(Unanswered);
            }
        };
        self.line.answered();
        Ok(self.decoded(&bytes, key, limit))
    }

    fn decoded(&self, bytes: &[u8], key: &CacheKey, limit: usize) -> Option<Record> {
        if bytes.is_empty() {
            return None;
        }
        let record = Record::decode(bytes, key, limit);
        if record.is_none() {
            self.stats.failed();
        }
        record.filter(|record| match record {
            Record::Entry(entry) => self.removals.believes(entry.at),
            Record::Vary(..) => true,
        })
    }

    /// Keeps `entry` in its own time.
    pub(super) fn keep(&self, entry: &Arc<Entry>) {
        let is_compressed =
            entry.body.len() >= self.compress_from && !entry.headers.contains_key(CONTENT_ENCODING);
        let ttl = entry.terms.useful_for();
        if !ttl.is_zero() {
            let record = Record::Entry(Arc::clone(entry));
            self.write(&entry.key, record, ttl, is_compressed, entry.weight());
        }
    }

    /// Keeps on which headers the answers of `key` depend.
    pub(super) fn keep_vary(&self, key: &CacheKey, vary: &Vary, ttl: Duration) {
        let record = Record::Vary(key.clone(), vary.clone());
        self.write(key, record, ttl, false, 0);
    }

    fn write(
        &self,
        key: &CacheKey,
        record: Record,
        ttl: Duration,
        is_compressed: bool,
        weight: usize,
    ) {
        let waiting = self.waiting_bytes.fetch_add(weight, Relaxed);
        let job = Job::Keep {
            digest: key.digest(),
            record,
            ttl,
            is_compressed,
            weight,
        };
        let has_room = waiting == 0 || waiting.saturating_add(weight) <= MAX_WAITING_BYTES;
        if !has_room || self.line.connection().is_none() || self.jobs.try_send(job).is_err() {
            self.waiting_bytes.fetch_sub(weight, Relaxed);
            self.stats.failed();
        }
    }

    /// Removes what stands under `key`. From here on it is not found, whether the server can be reached or not.
    pub(super) fn remove(&self, key: &CacheKey) {
        let (digest, now) = (key.digest(), SystemTime::now());
        if !self.removals.add(&digest, now) {
            return;
        }
        if self.jobs.try_send(Job::Remove(digest)).is_err() {
            self.removals.give_up(&digest, now);
        }
    }
}

/// The server could not be asked, or did not answer in time.
#[derive(Debug)]
pub(super) struct Unanswered;

/// The bytes under `digest`, at most so many and one more; none where there is nothing.
async fn read(
    mut connection: MultiplexedConnection,
    digest: &KeyDigest,
    limit: usize,
) -> Result<Vec<u8>, Unanswered> {
    match connection
        .send_packed_command(&reading(digest, limit))
        .await
    {
        Ok(Value::BulkString(bytes)) => Ok(bytes),
        Ok(Value::Nil) => Ok(Vec::new()),
        _ => Err(Unanswered),
    }
}
