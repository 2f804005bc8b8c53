//! How series come into the store.

use super::limits::series_heap_bytes;
use super::place::index;
use super::{
    Content, FamilyId, Fault, Fingerprint, FingerprintKey, Lineage, Moment, NewSeries, PlaceId,
    Places, Series, SeriesId, Store,
};
use crate::series::naming::{is_legacy_label_name, unescape_label_text};

/// How many other spellings of attributes are remembered.
pub(super) const MAX_ALIASES: usize = 65_536;

impl Store {
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
        let fingerprint = new.fingerprint;
        let id = self.put(new, written, (time_unix_nano, now.seconds()))?;
        self.enter_index(id, fingerprint);
        Ok(id)
    }

    /// Puts a series in, without a way to find it by its fingerprint.
    pub(super) fn put(
        &mut self,
        new: NewSeries,
        written: u64,
        times: (u64, u32),
    ) -> Result<SeriesId, Fault> {
        let family = self.families.get_mut(new.family.0 as usize);
        let Some(Content::Own(members)) = family.map(|family| &mut family.content) else {
            return Err(Fault::TypeConflict);
        };
        if self.series.len() == self.series.capacity() {
            // By a quarter, not double: the store is large and idle most of the time.
            self.series.reserve_exact((self.series.len() / 4).max(64));
        }
        let series = Series::new(new, times);
        self.heap_bytes += series_heap_bytes(&series);
        self.overflow += usize::from(series.is_overflow());
        self.quoted_names |= has_quoted_name(&series.labels);
        if let Some(place) = series.place {
            self.places.enter(place);
        }
        let id = SeriesId(index(self.series.insert(series)));
        members.push(id);
        self.newcomers.push(id);
        self.enter_written(id, written);
        Ok(id)
    }

    fn enter_index(&mut self, id: SeriesId, fingerprint: Fingerprint) {
        let series = &self.series;
        let by_fingerprint = |id: &SeriesId| series[id.0 as usize].fingerprint.short();
        self.index
            .insert_unique(fingerprint.short(), id, by_fingerprint);
    }

    fn enter_written(&mut self, id: SeriesId, written: u64) {
        let (series, key, places) = (&self.series, self.key, &self.places);
        let by_writing = |id: &SeriesId| {
            let one = &series[id.0 as usize];
            writing(key, one.family, &one.labels, places_text(places, one.place))
        };
        self.written.insert_unique(written, id, by_writing);
    }

    pub(super) fn written_hash(&self, new: &NewSeries) -> u64 {
        let place = places_text(&self.places, new.place);
        writing(self.key, new.family, &new.labels, place)
    }

    pub(super) fn written_alike(&self, hash: u64, new: &NewSeries) -> Option<SeriesId> {
        let alike = |id: &SeriesId| {
            let one = &self.series[id.0 as usize];
            one.family == new.family && one.labels == new.labels && one.place == new.place
        };
        self.written.find(hash, alike).copied()
    }

    fn same_or_conflict(&mut self, known: SeriesId, new: &NewSeries) -> Result<SeriesId, Fault> {
        let held = &mut self.series[known.0 as usize];
        if held.identity != new.identity && !add_up_alike(held, new) {
            return Err(Fault::LabelConflict);
        }
        if held.restored {
            held.restored = false;
            held.fingerprint = new.fingerprint;
            self.enter_index(known, new.fingerprint);
            return Ok(known);
        }
        if held.fingerprint == new.fingerprint {
            return Ok(known);
        }
        if self.aliases.len() >= MAX_ALIASES {
            self.aliases.clear();
        }
        self.aliases.insert(new.fingerprint, known);
        Ok(known)
    }
}

/// Whether the one is the store's overflow series and the other a sender's own, and both are added up.
fn add_up_alike(held: &Series, new: &NewSeries) -> bool {
    let is_overflow = held.is_overflow() || new.is_overflow();
    is_overflow && held.lineage == new.lineage && held.lineage != Lineage::Received
}

/// Whether some label's name stands in quotes. What only looks so, in a value, is read to be sure: one sender's
/// values must not make every scrape go the long way.
pub(super) fn has_quoted_name(labels: &str) -> bool {
    let is_quoted = labels.starts_with('"') || labels.contains("\",\"");
    is_quoted && unescape_label_text(labels).any(|(name, _)| !is_legacy_label_name(&name))
}

pub(super) fn places_text(places: &Places, place: Option<PlaceId>) -> &str {
    place.map_or("", |place| places.text(place))
}

pub(super) fn writing(key: FingerprintKey, family: FamilyId, labels: &str, place: &str) -> u64 {
    let labels = key.of(labels.as_bytes());
    labels
        .then(key.of(place.as_bytes()))
        .then_number(u64::from(family.0))
        .short()
}
