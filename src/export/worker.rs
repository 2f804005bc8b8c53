//! The worker of one export: gathers what its cursor reads and keeps deliveries going.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::task::{JoinError, JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::error;

use super::ExportPolicy;
use super::client::Client;
use super::delivery::Courier;
use super::parcel::{Gathering, Parcel};
use super::payload;
use super::report::Report;
use crate::journal::{Cursor, Entry};
use crate::otlp::Signal;
use crate::resilience::Breaker;
use crate::telemetry::{ExportInstruments, quietly};

/// How far, in full rounds of deliveries, reading may run ahead of the oldest one.
const WINDOW_PARCELS: usize = 8;

/// A running export.
#[derive(Debug)]
pub struct ExportHandle {
    /// What it is doing; outlives the task.
    pub status: ExportStatus,
    /// Ends once the journal is closed and everything it handed out is settled or given up.
    pub task: JoinHandle<()>,
}

/// What an export is doing. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ExportStatus {
    name: Arc<str>,
    courier: Arc<Courier>,
    in_flight: Arc<AtomicUsize>,
}

impl ExportStatus {
    /// The name from the configuration.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Requests under way, those that wait for another attempt included.
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Its breaker, whose service is the export's name.
    pub fn breaker(&self) -> &Breaker {
        &self.courier.breaker
    }

    /// How long ago the oldest batch that still waits was received; `None` while nothing waits.
    pub fn oldest_waiting_age(&self, now: SystemTime) -> Option<Duration> {
        let received_unix_ms = self.courier.settler.oldest_waiting_unix_ms()?;
        let received = UNIX_EPOCH + Duration::from_millis(received_unix_ms);
        Some(now.duration_since(received).unwrap_or_default())
    }

    /// Why the last attempt failed; `None` once one succeeds.
    pub fn last_error(&self) -> Option<String> {
        self.courier.report.last_error()
    }
}

/// Starts an export that reads `cursor` and sends to `client`.
///
/// `closing` tells it to send at once what is there and, where the journal keeps it, to leave what
/// fails for the next start.
pub fn spawn(
    name: &str,
    cursor: Cursor,
    client: Client,
    policy: ExportPolicy,
    instruments: ExportInstruments,
    closing: CancellationToken,
) -> ExportHandle {
    let courier = Arc::new(Courier {
        client,
        breaker: Breaker::new(name, policy.breaker),
        settler: cursor.settler(),
        report: Report::new(name.to_owned(), instruments),
        closing,
        policy,
    });
    let in_flight = Arc::new(AtomicUsize::new(0));
    let status = ExportStatus {
        name: name.into(),
        courier: Arc::clone(&courier),
        in_flight: Arc::clone(&in_flight),
    };
    let worker = Worker {
        courier,
        cursor,
        gatherings: Signal::ALL.map(Gathering::new),
        deliveries: JoinSet::new(),
        begun: BTreeSet::new(),
        read: 0,
        in_flight,
    };
    ExportHandle {
        status,
        task: tokio::spawn(worker.run()),
    }
}

struct Worker {
    courier: Arc<Courier>,
    cursor: Cursor,
    gatherings: [Gathering; 3],
    deliveries: JoinSet<u64>,
    /// The first position of each delivery under way.
    begun: BTreeSet<u64>,
    /// The position of the entry read last.
    read: u64,
    in_flight: Arc<AtomicUsize>,
}

impl Worker {
    async fn run(mut self) {
        let closing = self.courier.closing.clone();
        loop {
            let due = self.due();
            let has_room = self.has_room();
            tokio::select! {
                biased;
                Some(ended) = self.deliveries.join_next(), if !self.deliveries.is_empty() => {
                    self.ended(ended);
                }
                () = sleep_until(due.unwrap_or_else(Instant::now)), if has_room && due.is_some() => {
                    self.send_due();
                }
                entry = self.cursor.next(), if has_room => match entry {
                    Some(entry) => self.gather(entry),
                    None => break,
                },
                // Asked last: while there is more to read, requests go out full.
                () = closing.cancelled(), if has_room && due.is_some() => self.send_gathered(),
            }
        }
        self.send_gathered();
        while self.deliveries.join_next().await.is_some() {}
    }

    /// A restart sends again whatever lies behind the first batch that is not settled, so reading
    /// never runs far ahead of a delivery that keeps failing.
    fn has_room(&self) -> bool {
        let policy = &self.courier.policy;
        let window = (WINDOW_PARCELS * policy.concurrency * policy.max_batch_bytes) as u64;
        let ahead = self.begun.first().map_or(0, |first| self.read - first);
        self.deliveries.len() < policy.concurrency && ahead < window
    }

    fn ended(&mut self, delivery: Result<u64, JoinError>) {
        match delivery {
            Ok(position) => drop(self.begun.remove(&position)),
            // Its batches stay unsettled, so the journal keeps them for the next start.
            Err(error) => error!(%error, "a delivery died; this is a bug"),
        }
    }

    fn gather(&mut self, entry: Entry) {
        self.read = entry.position;
        let policy = &self.courier.policy;
        let keeps_up = entry.batch.age(SystemTime::now()) <= policy.max_delay;
        if keeps_up && payload::best_alone(&entry.batch, policy.compression) {
            return self.send(Parcel::single(entry));
        }
        let max_bytes = self.courier.policy.max_batch_bytes;
        let gathering = &mut self.gatherings[entry.batch.signal.index()];
        let full = gathering.add(entry, Instant::now(), max_bytes);
        let also_full = if gathering.is_full(max_bytes) {
            gathering.take()
        } else {
            None
        };
        for parcel in full.into_iter().chain(also_full) {
            self.send(parcel);
        }
    }

    fn due(&self) -> Option<Instant> {
        let max_delay = self.courier.policy.max_delay;
        self.gatherings
            .iter()
            .filter_map(|gathering| gathering.due(max_delay))
            .min()
    }

    fn send_due(&mut self) {
        let (now, max_delay) = (Instant::now(), self.courier.policy.max_delay);
        for index in 0..self.gatherings.len() {
            if self.gatherings[index]
                .due(max_delay)
                .is_some_and(|due| due <= now)
                && let Some(parcel) = self.gatherings[index].take()
            {
                self.send(parcel);
            }
        }
    }

    fn send_gathered(&mut self) {
        for index in 0..self.gatherings.len() {
            if let Some(parcel) = self.gatherings[index].take() {
                self.send(parcel);
            }
        }
    }

    fn send(&mut self, parcel: Parcel) {
        let (courier, in_flight) = (Arc::clone(&self.courier), Arc::clone(&self.in_flight));
        let position = parcel
            .entries
            .first()
            .map_or(self.read, |entry| entry.position);
        self.begun.insert(position);
        in_flight.fetch_add(1, Ordering::Relaxed);
        self.deliveries.spawn(async move {
            if parcel.is_own() {
                quietly(courier.deliver(parcel)).await;
            } else {
                courier.deliver(parcel).await;
            }
            in_flight.fetch_sub(1, Ordering::Relaxed);
            position
        });
    }
}
