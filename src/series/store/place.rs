//! Places: the labels that all series of one sender and scope share, rendered once.

use slab::Slab;
use std::collections::HashMap;

use super::PlaceId;

/// The labels of a sender and an instrumentation scope.
#[derive(Debug)]
pub struct Place {
    /// `job="…",instance="…",otel_scope_name="…"`, without braces; may be empty.
    pub text: Box<str>,
    /// The number of the target it belongs to, as the caller gave it.
    owner: u32,
    /// How many series stand here.
    series: u32,
}

/// Every place that series stand at.
#[derive(Debug, Default)]
pub struct Places {
    places: Slab<Place>,
    by_text: HashMap<Box<str>, PlaceId>,
    /// Places where no series stands.
    empty: usize,
    bytes: usize,
}

impl Places {
    /// The place with these labels, made if there is none, and of `owner` from here on. It goes again when its
    /// last series goes.
    pub fn at(&mut self, text: &str, owner: u32) -> PlaceId {
        if let Some(id) = self.by_text.get(text) {
            if let Some(place) = self.places.get_mut(id.0 as usize) {
                place.owner = owner;
            }
            return *id;
        }
        let place = Place {
            text: text.into(),
            owner,
            series: 0,
        };
        self.empty += 1;
        self.bytes += place.bytes();
        let id = PlaceId(index(self.places.insert(place)));
        self.by_text.insert(text.into(), id);
        id
    }

    /// The place's labels; empty for one that is gone.
    pub fn text(&self, place: PlaceId) -> &str {
        self.places
            .get(place.0 as usize)
            .map_or("", |place| &place.text)
    }

    /// The owners of all places where series stand.
    pub fn owners(&self) -> impl Iterator<Item = u32> {
        let taken = self.places.iter().filter(|(_, place)| place.series > 0);
        taken.map(|(_, place)| place.owner)
    }

    /// Bytes that all places take, roughly.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many places no series stands at.
    pub(super) fn empty(&self) -> usize {
        self.empty
    }

    pub(super) fn enter(&mut self, place: PlaceId) {
        if let Some(place) = self.places.get_mut(place.0 as usize) {
            self.empty -= usize::from(place.series == 0);
            place.series += 1;
        }
    }

    pub(super) fn leave(&mut self, place: PlaceId) {
        if let Some(place) = self.places.get_mut(place.0 as usize) {
            place.series = place.series.saturating_sub(1);
            self.empty += usize::from(place.series == 0);
        }
    }

    /// Forgets places without series.
    pub(super) fn sweep(&mut self) {
        let (by_text, bytes) = (&mut self.by_text, &mut self.bytes);
        self.places.retain(|_, place| {
            if place.series == 0 {
                by_text.remove(&place.text);
                *bytes = bytes.saturating_sub(place.bytes());
            }
            place.series > 0
        });
        self.empty = 0;
    }
}

impl Place {
    fn bytes(&self) -> usize {
        size_of::<Place>() + 2 * self.text.len() + 48
    }
}

/// Slabs are limited far below 2³² entries by the limits on series.
pub(super) fn index(key: usize) -> u32 {
    u32::try_from(key).unwrap_or(u32::MAX)
}
