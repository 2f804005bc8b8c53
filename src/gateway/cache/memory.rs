//! The first layer (L1): answers in the agent's own memory, of all routes together.

use std::sync::{Arc, Mutex, PoisonError};

use http::{HeaderMap, HeaderName};
use quick_cache::sync::Cache;
use quick_cache::{DefaultHashBuilder, Lifecycle, OptionsBuilder, Weighter};

use tokio::time::Instant;

use super::entry::Entry;
use super::key::{CacheKey, Vary};
use super::stats::LayerStats;
use crate::telemetry::CacheMemory;

/// Answers of one key that differ by headers of requests. One more takes the place of the oldest.
const MAX_VARIANTS: usize = 16;

/// What an answer takes on average, for a first guess at how many there will be.
const USUAL_ENTRY_BYTES: u64 = 16 << 10;

/// What a key takes that holds no answer.
const MARK_BYTES: usize = 192;

/// The share of a shard that one answer may take is at most a quarter, so that it does not sweep all others out.
const ENTRIES_A_SHARD: u64 = 4;

const MAX_SHARDS: u64 = 64;

/// What is kept under a key.
#[derive(Clone, Debug)]
pub(super) enum Slot {
    /// An answer.
    Entry(Arc<Entry>),
    /// Answers depend on headers of the request; each is kept under a key of its own.
    Variants(Arc<Variants>),
    /// Answers are not kept, as of late: until then requests do not wait for each other.
    Pass(Instant),
}

/// The variants of a key.
#[derive(Debug)]
pub(super) struct Variants {
    pub(super) vary: Vary,
    /// Those that were kept here, the oldest first.
    keys: Vec<CacheKey>,
}

/// Where an answer is to be kept.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) key: CacheKey,
    /// What stands under the key that leads there.
    pub(super) vary: Option<Vary>,
}

/// The layer.
pub(super) struct Memory {
    slots: Cache<CacheKey, Slot, Weight, DefaultHashBuilder, Counting>,
    /// Held while the variants of a key change.
    changing: Mutex<()>,
    stats: Arc<LayerStats>,
    limit_bytes: u64,
}

#[derive(Clone, Debug)]
struct Weight;

impl Weighter<CacheKey, Slot> for Weight {
    fn weight(&self, key: &CacheKey, slot: &Slot) -> u64 {
        let bytes = match slot {
            Slot::Entry(entry) => entry.weight(),
            Slot::Variants(variants) => {
                let keys = variants.keys.iter().map(|key| key.as_bytes().len() + 16);
                MARK_BYTES + key.as_bytes().len() + keys.sum::<usize>()
            }
            Slot::Pass(_) => MARK_BYTES + key.as_bytes().len(),
        };
        bytes as u64
    }
}

/// Counts what is given up.
#[derive(Clone, Debug)]
struct Counting {
    stats: Arc<LayerStats>,
}

impl Lifecycle<CacheKey, Slot> for Counting {
    type RequestState = ();

    fn on_evict(&self, (): &mut (), _key: CacheKey, slot: Slot) {
        if let Slot::Entry(_) = slot {
            self.stats.evicted();
        }
    }
}

impl Memory {
    /// Up to `limit_bytes` of answers, none of which is larger than `largest_bytes`.
    pub(super) fn new(limit_bytes: u64, largest_bytes: u64, stats: Arc<LayerStats>) -> Memory {
        let largest = largest_bytes.max(1).saturating_mul(ENTRIES_A_SHARD);
        let shards = (limit_bytes / largest).clamp(1, MAX_SHARDS);
        // Halved until it is no more than that: shards are a power of two.
        let shards = 1_usize << shards.ilog2();
        let entries = usize::try_from(limit_bytes / USUAL_ENTRY_BYTES).unwrap_or(usize::MAX);
        let counting = Counting {
            stats: Arc::clone(&stats),
        };
        let mut options = OptionsBuilder::new();
        options
            .shards(shards)
            .weight_capacity(limit_bytes)
            .estimated_items_capacity(entries.clamp(64, 1 << 20));
        let slots = match options.build() {
            Ok(options) => {
                Cache::with_options(options, Weight, DefaultHashBuilder::default(), counting)
            }
            // Only without a capacity.
            Err(_) => Cache::with(
                64,
                limit_bytes,
                Weight,
                DefaultHashBuilder::default(),
                counting,
            ),
        };
        Memory {
            slots,
            changing: Mutex::default(),
            stats,
            limit_bytes,
        }
    }

    /// What stands under `key`.
    pub(super) fn get(&self, key: &CacheKey) -> Option<Slot> {
        self.slots.get(key)
    }

    /// Keeps `entry` under its key.
    pub(super) fn keep(&self, entry: Arc<Entry>) {
        let bytes = entry.weight();
        self.stats.set(bytes, bytes);
        self.slots.insert(entry.key.clone(), Slot::Entry(entry));
    }

    /// Lets requests for `key` pass until then.
    pub(super) fn pass(&self, key: &CacheKey, until: Instant) {
        self.slots.insert(key.clone(), Slot::Pass(until));
    }

    /// Forgets what stands under `key`, its variants included.
    pub(super) fn remove(&self, key: &CacheKey) {
        let _changing = self.changing();
        if let Some((_, Slot::Variants(variants))) = self.slots.remove(key) {
            for variant in &variants.keys {
                self.slots.remove(variant);
            }
        }
    }

    /// Takes over on which headers the answers of `primary` depend, unless that is known already.
    pub(super) fn learn(&self, primary: &CacheKey, vary: Vary) -> Vary {
        let _changing = self.changing();
        if let Some(Slot::Variants(known)) = self.slots.peek(primary) {
            return known.vary.clone();
        }
        self.mark(primary, vary.clone(), Vec::new());
        vary
    }

    /// Where an answer of `primary` is to be kept that depends on the headers `names`, for a request with `headers`.
    pub(super) fn place(
        &self,
        primary: &CacheKey,
        names: &[HeaderName],
        headers: &HeaderMap,
    ) -> Place {
        let _changing = self.changing();
        let known = match self.slots.peek(primary) {
            Some(Slot::Variants(known)) => Some(known),
            _ => None,
        };
        if known.is_none() && names.is_empty() {
            return Place {
                key: primary.clone(),
                vary: None,
            };
        }
        let (vary, mut keys) = match known {
            None => (Vary::new(names.to_vec()), Vec::new()),
            Some(known) => match known.vary.with(names) {
                None => (known.vary.clone(), known.keys.clone()),
                Some(more) => {
                    self.forget(&known.keys);
                    (more, Vec::new())
                }
            },
        };
        let key = primary.variant(&vary, headers);
        keys.retain(|other| *other != key);
        keys.push(key.clone());
        let too_many = keys.len().saturating_sub(MAX_VARIANTS);
        self.forget(&keys[..too_many]);
        keys.drain(..too_many);
        self.mark(primary, vary.clone(), keys);
        Place {
            key,
            vary: Some(vary),
        }
    }

    /// What it takes of the agent's memory.
    pub(super) fn memory(&self) -> CacheMemory {
        CacheMemory {
            entries: self.slots.len() as u64,
            bytes: self.slots.weight(),
            limit_bytes: self.limit_bytes,
        }
    }

    fn mark(&self, primary: &CacheKey, vary: Vary, keys: Vec<CacheKey>) {
        let variants = Variants { vary, keys };
        self.slots
            .insert(primary.clone(), Slot::Variants(Arc::new(variants)));
    }

    fn forget(&self, keys: &[CacheKey]) {
        for key in keys {
            self.slots.remove(key);
        }
    }

    fn changing(&self) -> std::sync::MutexGuard<'_, ()> {
        // It guards no data that could be half written.
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
