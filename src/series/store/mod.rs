//! The store: every series that `/metrics` shows, with its latest value.
//!
//! One thread owns it; nothing in it is shared but the counts of faults. It takes `now`, never asks the clock,
//! and does no I/O.

mod conflict;
mod family;
mod fault;
mod fingerprint;
mod place;
#[cfg(test)]
mod tests;
mod value;

use std::collections::HashMap;
use std::sync::Arc;

use hashbrown::HashTable;
use slab::Slab;

pub use conflict::{Conflict, ConflictKind, Conflicts};
pub use family::{Content, Family, FamilySpec, Member, NameTaken, Reading, View, base_name};
pub use fault::{Fault, FaultCounts};
pub use fingerprint::{Fingerprint, FingerprintKey};
pub use place::Places;
pub use value::{Bounds, Buckets, Exemplar, Exponential, Histogram, Summary, Value, float_text};

use family::Claims;
use place::index;

/// A family of the store. Valid until [`Store::epoch`] changes, for ever if it is pinned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FamilyId(u32);

/// A series of the store. Valid until [`Store::epoch`] changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SeriesId(u32);

/// A place of the store. Valid until [`Store::epoch`] changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PlaceId(u32);

/// How a series comes by its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lineage {
    /// The sender accumulates; the store shows the latest.
    Received,
    /// The sender sends deltas; the store accumulates.
    Converted,
    /// The store counts spans or log records.
    Derived,
}

/// One series.
#[derive(Debug)]
pub struct Series {
    /// What it is found by.
    pub fingerprint: Fingerprint,
    /// 64 bits over the attributes before translation: tells two that are translated alike from one sent in two spellings.
    pub identity: u64,
    /// Its own labels as `name="value",…`, without braces.
    pub labels: Box<str>,
    /// When the value began to accumulate, in nanoseconds since the Unix epoch; 0 when unknown.
    pub start_unix_nano: u64,
    /// The time of the latest point, in nanoseconds since the Unix epoch.
    pub time_unix_nano: u64,
    /// When the latest point arrived, in seconds since the Unix epoch.
    pub seen_s: u32,
    /// The family it stands in.
    pub family: FamilyId,
    /// The labels that follow its own; `None` where its own hold all there are.
    pub place: Option<PlaceId>,
    /// How it comes by its value.
    pub lineage: Lineage,
    /// Whether the value changed since it was last made durable.
    pub changed: bool,
    /// The latest value.
    pub value: Value,
    /// The latest exemplar of a counter; histograms keep theirs by bucket.
    pub exemplar: Option<Box<Exemplar>>,
}

/// What a series begins as.
#[derive(Debug)]
pub struct NewSeries {
    /// What it is found by.
    pub fingerprint: Fingerprint,
    /// 64 bits over the attributes before translation.
    pub identity: u64,
    /// Its own labels as `name="value",…`, without braces, sorted by name.
    pub labels: Box<str>,
    /// The family it stands in.
    pub family: FamilyId,
    /// The labels that follow its own; `None` where its own hold all there are.
    pub place: Option<PlaceId>,
    /// How it comes by its value.
    pub lineage: Lineage,
    /// When the value began to accumulate, in nanoseconds since the Unix epoch; 0 when unknown.
    pub start_unix_nano: u64,
    /// Its first value.
    pub value: Value,
}

/// A moment, as the batch or the question brought it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// Milliseconds since the Unix epoch.
    pub unix_ms: u64,
}

impl Moment {
    /// Whole seconds since the Unix epoch; enough until the year 2106.
    pub fn seconds(self) -> u32 {
        u32::try_from(self.unix_ms / 1000).unwrap_or(u32::MAX)
    }

    /// Nanoseconds since the Unix epoch.
    pub fn unix_nano(self) -> u64 {
        self.unix_ms.saturating_mul(1_000_000)
    }
}

/// What the store may hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Series in all.
    pub series: usize,
    /// Series of one metric.
    pub series_per_metric: usize,
    /// Bytes of one series' own labels.
    pub label_bytes: usize,
    /// Bytes of memory, roughly.
    pub memory_bytes: usize,
}

/// After how many seconds without a point a series goes.
#[derive(Clone, Copy, Debug)]
pub struct Expiry {
    /// Received gauges and summaries.
    pub gauges_s: u32,
    /// Received counters and histograms.
    pub counters_s: u32,
    /// Counters and histograms derived or converted here.
    pub derived_s: u32,
}

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
    conflicts: Conflicts,
    faults: Arc<FaultCounts>,
    /// Bytes of labels and values, without the tables.
    heap_bytes: usize,
    epoch: u64,
}

/// How many other spellings of attributes are remembered.
const MAX_ALIASES: usize = 65_536;

/// Bytes that the tables take for each series, with what they keep free.
const TABLE_BYTES: usize = 32;

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
            conflicts: Conflicts::default(),
            faults: Arc::default(),
            heap_bytes: 0,
            epoch: 0,
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

    /// How often each fault has happened.
    pub fn faults(&self) -> &Arc<FaultCounts> {
        &self.faults
    }

    /// Counts a fault over `points`.
    pub fn count_fault(&self, fault: Fault, points: u64) {
        self.faults.add(fault, points);
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
        self.places.at(text, owner)
    }

    /// The family that `spec` names, made if there is none.
    ///
    /// # Errors
    /// When another family holds the name, or one of another type has it.
    pub fn family(&mut self, spec: &FamilySpec<'_>) -> Result<FamilyId, NameTaken> {
        match self.claims.holder(spec.name, spec.kind) {
            Some(taken) if self.yields(taken.holder) => {
                self.remove_view(taken.holder);
                self.family(spec)
            }
            Some(taken) => self.same_family(spec, taken),
            None => Ok(self.add_family(spec, Content::Own(Vec::new()))),
        }
    }

    fn yields(&self, holder: FamilyId) -> bool {
        let family = self.get_family(holder);
        family.is_some_and(|family| matches!(&family.content, Content::View(view) if view.yields))
    }

    fn same_family(&self, spec: &FamilySpec<'_>, taken: NameTaken) -> Result<FamilyId, NameTaken> {
        let family = &self.families[taken.holder.0 as usize];
        let own = matches!(family.content, Content::Own(_));
        if own && *family.name == *spec.name && family.kind == spec.kind {
            Ok(taken.holder)
        } else {
            Err(taken)
        }
    }

    /// A family that stays when it has no series.
    ///
    /// # Errors
    /// As [`Store::family`].
    pub fn pinned_family(&mut self, spec: &FamilySpec<'_>) -> Result<FamilyId, NameTaken> {
        let id = self.family(spec)?;
        self.families[id.0 as usize].pinned = true;
        Ok(id)
    }

    /// A family that shows series of other families; pinned. One that `yields` goes when a received
    /// metric needs its name.
    ///
    /// # Errors
    /// When another family holds the name.
    pub fn view(
        &mut self,
        spec: &FamilySpec<'_>,
        reading: Reading,
        yields: bool,
    ) -> Result<FamilyId, NameTaken> {
        if let Some(taken) = self.claims.holder(spec.name, spec.kind) {
            return Err(taken);
        }
        let id = self.add_family(
            spec,
            Content::View(View {
                reading,
                yields,
                members: Vec::new(),
            }),
        );
        self.families[id.0 as usize].pinned = true;
        Ok(id)
    }

    fn add_family(&mut self, spec: &FamilySpec<'_>, content: Content) -> FamilyId {
        let family = Family {
            name: spec.name.into(),
            kind: spec.kind,
            unit: spec.unit.into(),
            help: spec.help.into(),
            content,
            pinned: false,
        };
        self.heap_bytes += family_bytes(&family);
        let id = FamilyId(index(self.families.insert(family)));
        self.claims.take(spec.name, spec.kind, id);
        id
    }

    /// Takes a view out of the store, so that another family may have its name.
    fn remove_view(&mut self, id: FamilyId) {
        if let Some(family) = self.families.try_remove(id.0 as usize) {
            self.heap_bytes = self.heap_bytes.saturating_sub(family_bytes(&family));
            self.claims.give_back(&family.name, family.kind);
            self.epoch += 1;
        }
    }

    /// Shows `series` in a view, under its own labels or others.
    pub fn show(&mut self, view: FamilyId, series: SeriesId, labels: Option<Box<str>>) {
        let Some(family) = self.families.get_mut(view.0 as usize) else {
            return;
        };
        if let Content::View(view) = &mut family.content {
            self.heap_bytes += member_bytes(labels.as_deref());
            view.members.push(Member { series, labels });
        }
    }

    /// The family; `None` when it is gone.
    pub fn get_family(&self, id: FamilyId) -> Option<&Family> {
        self.families.get(id.0 as usize)
    }

    /// Every family, also empty ones.
    pub fn families(&self) -> impl Iterator<Item = (FamilyId, &Family)> {
        let families = self.families.iter();
        families.map(|(key, family)| (FamilyId(index(key)), family))
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

    /// Bytes of memory in use, roughly.
    pub fn memory_bytes(&self) -> usize {
        self.series.len() * (size_of::<Series>() + TABLE_BYTES) + self.heap_bytes
    }

    /// Says that the heap bytes of some value went from `before` to `after`.
    pub fn note_heap(&mut self, before: usize, after: usize) {
        self.heap_bytes = (self.heap_bytes + after).saturating_sub(before);
    }

    /// Puts a series in.
    ///
    /// # Errors
    /// The limit that forbids it, or [`Fault::LabelConflict`] where another series is written alike.
    /// A series with the same attributes in another spelling is no error: that one is the answer.
    pub fn insert(
        &mut self,
        new: NewSeries,
        time_unix_nano: u64,
        now: Moment,
    ) -> Result<SeriesId, Fault> {
        let written = self.written_hash(&new);
        if let Some(known) = self.written_alike(written, &new) {
            return self.same_or_conflict(known, &new);
        }
        self.check_limits(&new)?;
        let family = &mut self.families[new.family.0 as usize];
        let Content::Own(members) = &mut family.content else {
            return Err(Fault::TypeConflict);
        };
        if self.series.len() == self.series.capacity() {
            // By a quarter, not double: the store is large and idle most of the time.
            self.series.reserve_exact((self.series.len() / 4).max(64));
        }
        let (fingerprint, place) = (new.fingerprint, new.place);
        let series = Series {
            fingerprint,
            identity: new.identity,
            labels: new.labels,
            start_unix_nano: new.start_unix_nano,
            time_unix_nano,
            seen_s: now.seconds(),
            family: new.family,
            place,
            lineage: new.lineage,
            changed: true,
            value: new.value,
            exemplar: None,
        };
        self.heap_bytes += series_heap_bytes(&series);
        let id = SeriesId(index(self.series.insert(series)));
        members.push(id);
        if let Some(place) = place {
            self.places.enter(place);
        }
        self.enter_tables(id, fingerprint, written);
        Ok(id)
    }

    fn enter_tables(&mut self, id: SeriesId, fingerprint: Fingerprint, written: u64) {
        let (series, key, places) = (&self.series, self.key, &self.places);
        let by_fingerprint = |id: &SeriesId| series[id.0 as usize].fingerprint.short();
        self.index
            .insert_unique(fingerprint.short(), id, by_fingerprint);
        let by_writing = |id: &SeriesId| {
            let one = &series[id.0 as usize];
            writing(key, one.family, &one.labels, places_text(places, one.place))
        };
        self.written.insert_unique(written, id, by_writing);
    }

    fn written_hash(&self, new: &NewSeries) -> u64 {
        let place = places_text(&self.places, new.place);
        writing(self.key, new.family, &new.labels, place)
    }

    fn written_alike(&self, hash: u64, new: &NewSeries) -> Option<SeriesId> {
        let alike = |id: &SeriesId| {
            let one = &self.series[id.0 as usize];
            one.family == new.family && one.labels == new.labels && one.place == new.place
        };
        self.written.find(hash, alike).copied()
    }

    fn same_or_conflict(&mut self, known: SeriesId, new: &NewSeries) -> Result<SeriesId, Fault> {
        if self.series[known.0 as usize].identity != new.identity {
            return Err(Fault::LabelConflict);
        }
        if self.aliases.len() >= MAX_ALIASES {
            self.aliases.clear();
        }
        self.aliases.insert(new.fingerprint, known);
        Ok(known)
    }

    fn check_limits(&self, new: &NewSeries) -> Result<(), Fault> {
        let family = self.families.get(new.family.0 as usize);
        let in_family = family.ok_or(Fault::TypeConflict)?.len();
        if new.labels.len() > self.limits.label_bytes {
            Err(Fault::LabelsTooLong)
        } else if in_family >= self.limits.series_per_metric {
            Err(Fault::MetricLimit)
        } else if self.series.len() >= self.limits.series {
            Err(Fault::SeriesLimit)
        } else if self.memory_bytes() + new.labels.len() + new.value.heap_bytes()
            > self.limits.memory_bytes
        {
            Err(Fault::MemoryLimit)
        } else {
            Ok(())
        }
    }

    /// Takes out every series that has ended by `now_s`, and families without series.
    ///
    /// Answers with the series that went.
    pub fn sweep(&mut self, now: Moment, expiry: &Expiry) -> Vec<SeriesId> {
        let families = &self.families;
        let ended = self.series.iter().filter(|(_, series)| {
            let kind = families
                .get(series.family.0 as usize)
                .map(|family| family.kind);
            now.seconds().saturating_sub(series.seen_s) > expiry.seconds(series.lineage, kind)
        });
        let ended: Vec<_> = ended.map(|(key, _)| SeriesId(index(key))).collect();
        self.remove(&ended);
        ended
    }

    /// Takes series out, and families and places that then are empty.
    pub fn remove(&mut self, ended: &[SeriesId]) {
        for id in ended {
            self.remove_one(*id);
        }
        if !ended.is_empty() {
            self.epoch += 1;
            self.aliases.clear();
            self.drop_members();
            self.places.sweep();
        }
        self.drop_empty_families();
    }

    fn remove_one(&mut self, id: SeriesId) {
        let Some(one) = self.series.get(id.0 as usize) else {
            return;
        };
        let place = places_text(&self.places, one.place);
        let hash = writing(self.key, one.family, &one.labels, place);
        if let Ok(entry) = self.written.find_entry(hash, |other| *other == id) {
            entry.remove();
        }
        let short = one.fingerprint.short();
        if let Ok(entry) = self.index.find_entry(short, |other| *other == id) {
            entry.remove();
        }
        if let Some(place) = one.place {
            self.places.leave(place);
        }
        let heap = series_heap_bytes(one);
        self.heap_bytes = self.heap_bytes.saturating_sub(heap);
        self.series.remove(id.0 as usize);
    }

    /// Takes series that are gone out of their families.
    fn drop_members(&mut self) {
        let (series, heap_bytes) = (&self.series, &mut self.heap_bytes);
        for (key, family) in &mut self.families {
            match &mut family.content {
                Content::Own(members) => members.retain(|id| {
                    let one = series.get(id.0 as usize);
                    one.is_some_and(|one| one.family.0 == index(key))
                }),
                Content::View(view) => view.members.retain(|member| {
                    let stays = series.contains(member.series.0 as usize);
                    if !stays {
                        *heap_bytes =
                            heap_bytes.saturating_sub(member_bytes(member.labels.as_deref()));
                    }
                    stays
                }),
            }
        }
    }

    fn drop_empty_families(&mut self) {
        let (claims, epoch, heap_bytes) = (&mut self.claims, &mut self.epoch, &mut self.heap_bytes);
        self.families.retain(|_, family| {
            let stays = family.pinned || !family.is_empty();
            if !stays {
                claims.give_back(&family.name, family.kind);
                *heap_bytes = heap_bytes.saturating_sub(family_bytes(family));
                *epoch += 1;
            }
            stays
        });
    }
}

impl Expiry {
    fn seconds(&self, lineage: Lineage, kind: Option<crate::series::naming::MetricKind>) -> u32 {
        use crate::series::naming::MetricKind;
        match (lineage, kind) {
            (Lineage::Derived | Lineage::Converted, _) => self.derived_s,
            (Lineage::Received, Some(MetricKind::Counter | MetricKind::Histogram)) => {
                self.counters_s
            }
            (Lineage::Received, _) => self.gauges_s,
        }
    }
}

fn places_text(places: &Places, place: Option<PlaceId>) -> &str {
    place.map_or("", |place| places.text(place))
}

fn writing(key: FingerprintKey, family: FamilyId, labels: &str, place: &str) -> u64 {
    let labels = key.of(labels.as_bytes());
    labels
        .then(key.of(place.as_bytes()))
        .then_number(u64::from(family.0))
        .short()
}

fn series_heap_bytes(series: &Series) -> usize {
    let exemplar = series
        .exemplar
        .as_ref()
        .map_or(0, |_| size_of::<Exemplar>());
    series.labels.len() + series.value.heap_bytes() + exemplar
}

fn member_bytes(labels: Option<&str>) -> usize {
    size_of::<Member>() + labels.map_or(0, str::len)
}

fn family_bytes(family: &Family) -> usize {
    // Claims keep each sample name once more.
    size_of::<Family>() + 6 * family.name.len() + family.unit.len() + family.help.len() + 64
}
