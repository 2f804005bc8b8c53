//! What each layer of the cache did. Requests only add to atomics; whoever asks puts the numbers together.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::distribution::Distribution;
use crate::telemetry::CacheReading;

/// The counts of one layer since the start.
#[derive(Debug, Default)]
pub(super) struct LayerStats {
    hits: AtomicU64,
    misses: AtomicU64,
    sets: AtomicU64,
    evictions: AtomicU64,
    errors: AtomicU64,
    gets: Distribution,
    /// Bytes of what was set, before and after compression.
    plain_bytes: AtomicU64,
    stored_bytes: AtomicU64,
    /// Whether the layer cannot be used now.
    is_down: AtomicBool,
}

impl LayerStats {
    /// Somebody looked, found something of use or not, and that took so long.
    pub(super) fn got(&self, is_hit: bool, took: Duration) {
        let counter = if is_hit { &self.hits } else { &self.misses };
        counter.fetch_add(1, Relaxed);
        self.gets.add(took);
    }

    /// Something of so many bytes was kept, which take so many there.
    pub(super) fn set(&self, plain_bytes: usize, stored_bytes: usize) {
        self.sets.fetch_add(1, Relaxed);
        self.plain_bytes.fetch_add(plain_bytes as u64, Relaxed);
        self.stored_bytes.fetch_add(stored_bytes as u64, Relaxed);
    }

    /// Something was given up to make room.
    pub(super) fn evicted(&self) {
        self.evictions.fetch_add(1, Relaxed);
    }

    /// Something could not be asked for or kept.
    pub(super) fn failed(&self) {
        self.errors.fetch_add(1, Relaxed);
    }

    /// Whether the layer can be used from here on.
    pub(super) fn is_up(&self, is_up: bool) {
        self.is_down.store(!is_up, Relaxed);
    }

    /// The numbers of the layer called `layer`.
    pub(super) fn read(&self, layer: &'static str) -> CacheReading {
        let (plain, stored) = (&self.plain_bytes, &self.stored_bytes);
        let (plain, stored) = (plain.load(Relaxed), stored.load(Relaxed));
        CacheReading {
            layer,
            hits: self.hits.load(Relaxed),
            misses: self.misses.load(Relaxed),
            sets: self.sets.load(Relaxed),
            evictions: self.evictions.load(Relaxed),
            errors: self.errors.load(Relaxed),
            is_up: !self.is_down.load(Relaxed),
            memory: None,
            compression_ratio: match stored {
                0 => 1.0,
                stored => plain as f64 / stored as f64,
            },
            latency: self.gets.read(),
        }
    }
}
