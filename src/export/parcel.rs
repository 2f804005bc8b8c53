//! What goes out as one request: batches of one signal, still apart.

use std::time::Duration;

use tokio::time::Instant;

use super::payload;
use crate::journal::Entry;
use crate::otlp::{Origin, Signal};

/// Batches of one signal that leave as one request.
#[derive(Clone, Debug)]
pub(super) struct Parcel {
    pub(super) signal: Signal,
    pub(super) entries: Vec<Entry>,
}

impl Parcel {
    pub(super) fn single(entry: Entry) -> Parcel {
        Parcel {
            signal: entry.batch.signal,
            entries: vec![entry],
        }
    }

    pub(super) fn items(&self) -> u64 {
        self.entries
            .iter()
            .map(|entry| u64::from(entry.batch.items))
            .sum()
    }

    /// Whether nothing in it came from outside: then sending it must create no telemetry.
    pub(super) fn is_own(&self) -> bool {
        self.entries
            .iter()
            .all(|entry| entry.batch.origin == Origin::Own)
    }

    /// Takes out the batches that were received before `deadline_unix_ms`.
    pub(super) fn take_older_than(&mut self, deadline_unix_ms: u64) -> Vec<Entry> {
        let is_old = |entry: &mut Entry| entry.batch.received_unix_ms < deadline_unix_ms;
        self.entries.extract_if(.., is_old).collect()
    }

    /// Takes out the batches whose bytes do not inflate.
    pub(super) fn take_unreadable(&mut self) -> Vec<Entry> {
        self.entries
            .extract_if(.., |entry| !payload::is_readable(&entry.batch))
            .collect()
    }

    /// Its batches as requests of their own.
    pub(super) fn split(self) -> impl Iterator<Item = Parcel> {
        self.entries.into_iter().map(Parcel::single)
    }
}

/// Batches of one signal that wait to become a parcel.
#[derive(Debug)]
pub(super) struct Gathering {
    signal: Signal,
    entries: Vec<Entry>,
    bytes: usize,
    since: Option<Instant>,
}

impl Gathering {
    pub(super) fn new(signal: Signal) -> Gathering {
        Gathering {
            signal,
            entries: Vec::new(),
            bytes: 0,
            since: None,
        }
    }

    /// Adds `entry`; where that would go beyond `max_bytes`, what was gathered leaves first.
    pub(super) fn add(&mut self, entry: Entry, now: Instant, max_bytes: usize) -> Option<Parcel> {
        let length = entry.batch.inflated_len as usize;
        let full = if self.bytes + length > max_bytes {
            self.take()
        } else {
            None
        };
        self.bytes += length;
        self.entries.push(entry);
        self.since.get_or_insert(now);
        full
    }

    /// When the oldest batch has waited long enough; `None` while nothing waits.
    pub(super) fn due(&self, max_delay: Duration) -> Option<Instant> {
        self.since.map(|since| since + max_delay)
    }

    pub(super) fn is_full(&self, max_bytes: usize) -> bool {
        self.bytes >= max_bytes
    }

    /// What was gathered, `None` for nothing.
    pub(super) fn take(&mut self) -> Option<Parcel> {
        self.since = None;
        self.bytes = 0;
        let entries = std::mem::take(&mut self.entries);
        (!entries.is_empty()).then_some(Parcel {
            signal: self.signal,
            entries,
        })
    }
}
