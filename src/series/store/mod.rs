//! The store: every series that `/metrics` shows, with its latest value.
//!
//! One thread owns it; nothing in it is shared but the counts of faults. It takes `now`, never asks the clock,
//! and does no I/O.

mod conflict;
mod durable;
mod families;
mod family;
mod fault;
mod fingerprint;
mod insert;
mod limits;
mod moment;
mod place;
mod series;
mod sweep;
#[cfg(test)]
mod tests;
mod value;

use std::collections::HashMap;
use std::sync::Arc;

use hashbrown::HashTable;
use slab::Slab;

pub use conflict::{Conflict, ConflictKey, ConflictKind, Conflicts};
pub use durable::NOBODY;
pub use family::{Content, Family, FamilySpec, Member, NameTaken, Reading, View, base_name};
pub use fault::{Fault, FaultCounts};
pub use fingerprint::{Fingerprint, FingerprintKey};
pub use limits::Limits;
pub use moment::Moment;
pub use place::Places;
pub use series::{FamilyId, Lineage, NewSeries, PlaceId, Series, SeriesId};
pub use sweep::Expiry;
pub use value::{
    Bounds, Buckets, Exemplar, Exponential, Histogram, Summary, Value, exponential_bound,
    float_text, not_finite_text,
};

use family::Claims;
use insert::has_quoted_name;
use place::index;

/// How many places without series wait for their first one.
const MAX_EMPTY_PLACES: usize = 4096;

/// Every series, by family.
#[derive(Debug)]
pub struct Store {
    limits: Limits,
    key: FingerprintKey,
    families: Slab<Family>,
    claims: Claims,
    series: Slab<Series>,
    /// Series by fingerprint.
    index: HashTable<SeriesId>,
    /// Fingerprints of the same attributes in another spelling.
    aliases: HashMap<Fingerprint, SeriesId>,
    /// Series by family, labels and place: no two may be written alike.
    written: HashTable<SeriesId>,
    places: Places,
    /// Series put in since they were last asked for.
    newcomers: Vec<SeriesId>,
    conflicts: Conflicts,
    faults: Arc<FaultCounts>,
    /// How many of the series are overflow series.
    overflow: usize,
    /// Numbers of series that are gone and whose end is not yet durable.
    ended: Vec<u32>,
    /// Bytes of labels and values, without the tables.
    heap_bytes: usize,
    epoch: u64,
    /// Whether names have come in that stand in quotes.
    quoted_names: bool,
}

impl Store {
    /// An empty store.
    pub fn new(limits: Limits) -> Store {
        Store {
            limits,
            key: FingerprintKey::random(),
            families: Slab::new(),
            claims: Claims::default(),
            series: Slab::new(),
            index: HashTable::new(),
            aliases: HashMap::new(),
            written: HashTable::new(),
            places: Places::default(),
            newcomers: Vec::new(),
            conflicts: Conflicts::default(),
            faults: Arc::default(),
            overflow: 0,
            ended: Vec::new(),
            heap_bytes: 0,
            epoch: 0,
            quoted_names: false,
        }
    }

    /// The key that fingerprints of this store are made with.
    pub fn key(&self) -> FingerprintKey {
        self.key
    }

    /// Changes whenever series or families go: ids from before may then name others.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Whether some name may be none that every Prometheus reads, so that it stands in quotes. Stays true once it is.
    pub fn has_quoted_names(&self) -> bool {
        self.quoted_names
    }

    /// How often each fault has happened.
    pub fn faults(&self) -> &Arc<FaultCounts> {
        &self.faults
    }

    /// Counts a fault over `points`.
    pub fn count_fault(&self, fault: Fault, points: u64) {
        self.faults.add(fault, points);
    }

    /// The series put in since the last call, in order. Ask before the epoch changes.
    pub fn take_newcomers(&mut self) -> Vec<SeriesId> {
        std::mem::take(&mut self.newcomers)
    }

    /// The contradictions seen.
    pub fn conflicts(&mut self) -> &mut Conflicts {
        &mut self.conflicts
    }

    /// The places that series stand at.
    pub fn places(&self) -> &Places {
        &self.places
    }

    /// The place with these labels, made if there is none, and of `owner` from here on.
    pub fn place(&mut self, text: &str, owner: u32) -> PlaceId {
        let max_empty = MAX_EMPTY_PLACES / if self.has_room(0) { 1 } else { 64 };
        if self.places.empty() >= max_empty {
            self.places.sweep();
            self.epoch += 1;
        }
        self.quoted_names |= has_quoted_name(text);
        self.places.at(text, owner)
    }

    /// The series with this fingerprint.
    #[inline]
    pub fn find(&self, fingerprint: Fingerprint) -> Option<SeriesId> {
        let series = &self.series;
        let same = |id: &SeriesId| series[id.0 as usize].fingerprint == fingerprint;
        let found = self.index.find(fingerprint.short(), same).copied();
        if found.is_none() && !self.aliases.is_empty() {
            return self.aliases.get(&fingerprint).copied();
        }
        found
    }

    /// The series; `None` when it is gone.
    #[inline]
    pub fn get(&self, id: SeriesId) -> Option<&Series> {
        self.series.get(id.0 as usize)
    }

    /// The series, to change it. Say with [`Store::note_heap`] when its value grows or shrinks.
    #[inline]
    pub fn get_mut(&mut self, id: SeriesId) -> Option<&mut Series> {
        self.series.get_mut(id.0 as usize)
    }

    /// Every series.
    pub fn iter(&self) -> impl Iterator<Item = (SeriesId, &Series)> {
        let series = self.series.iter();
        series.map(|(key, series)| (SeriesId(index(key)), series))
    }

    /// Series in all.
    pub fn len(&self) -> usize {
        self.series.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }
}
