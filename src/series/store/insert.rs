//! How series come into the store.

use super::limits::series_heap_bytes;
use super::place::index;
use super::{
    Content, FamilyId, Fault, Fingerprint, FingerprintKey, Lineage, Moment, NewSeries, PlaceId,
    Places, Series, SeriesId, Store,
};
use crate::series::naming::{is_legacy_label_name, unescape_label_text};

/// How many other spellings of attributes are remembered.
const MAX_ALIASES: usize = 65_536;

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
        self.quoted_names |= has_quoted_name(&new.labels);
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
        self.overflow += usize::from(series.is_overflow());
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
        let held = &self.series[known.0 as usize];
        if held.identity != new.identity && !add_up_alike(held, new) {
            return Err(Fault::LabelConflict);
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
