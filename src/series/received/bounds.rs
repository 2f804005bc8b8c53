//! The bounds of histograms, each set of them held once.

use std::sync::Arc;

use hashbrown::HashTable;
use xxhash_rust::xxh3::Xxh3Default;

use crate::series::store::{Bounds, Fault, Store};

/// The bounds of all received histograms.
#[derive(Debug, Default)]
pub(super) struct BoundsPool {
    held: HashTable<Arc<Bounds>>,
    /// At this many it is looked whether some are not in use.
    look_at: usize,
}

impl BoundsPool {
    /// The bounds with these values.
    ///
    /// # Errors
    /// [`Fault::BadBuckets`] for values that are not ascending and finite, [`Fault::MemoryLimit`] where there is no
    /// room for more.
    pub(super) fn get(&mut self, store: &mut Store, values: &[f64]) -> Result<Arc<Bounds>, Fault> {
        let hash = hash(values);
        if let Some(bounds) = self.held.find(hash, |bounds| bounds.values() == values) {
            return Ok(Arc::clone(bounds));
        }
        let bounds = Arc::new(Bounds::new(values).ok_or(Fault::BadBuckets)?);
        if self.held.len() >= self.look_at {
            self.sweep(store);
        }
        if !store.has_room(bounds.bytes()) {
            return Err(Fault::MemoryLimit);
        }
        store.note_heap(0, bounds.bytes());
        let hashed = |bounds: &Arc<Bounds>| self::hash(bounds.values());
        self.held.insert_unique(hash, Arc::clone(&bounds), hashed);
        Ok(bounds)
    }

    /// Lets go of bounds that no histogram has.
    pub(super) fn sweep(&mut self, store: &mut Store) {
        self.held.retain(|bounds| {
            let in_use = Arc::strong_count(bounds) > 1;
            if !in_use {
                store.note_heap(bounds.bytes(), 0);
            }
            in_use
        });
        self.look_at = 2 * self.held.len() + 64;
    }
}

fn hash(values: &[f64]) -> u64 {
    let mut hasher = Xxh3Default::new();
    for value in values {
        // -0.0 and 0.0 are equal, so that they must hash alike.
        hasher.update(&(value + 0.0).to_le_bytes());
    }
    hasher.digest()
}
