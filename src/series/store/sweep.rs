//! How series leave the store: by age, or because another part says so.

use super::insert::{places_text, writing};
use super::limits::{family_bytes, member_bytes, series_heap_bytes};
use super::place::index;
use super::{Content, Lineage, Moment, SeriesId, Store, View};
use crate::series::naming::MetricKind;

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

impl Store {
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
        self.overflow -= usize::from(one.is_overflow());
        if one.durable_id != 0 {
            self.ended.push(one.durable_id);
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
                Content::View(View {
                    members, written, ..
                }) => members.retain(|member| {
                    let stays = series.contains(member.series.0 as usize);
                    if !stays {
                        written.remove(&member.written);
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
    fn seconds(&self, lineage: Lineage, kind: Option<MetricKind>) -> u32 {
        match (lineage, kind) {
            (Lineage::Derived | Lineage::Converted, _) => self.derived_s,
            (Lineage::Received, Some(MetricKind::Counter | MetricKind::Histogram)) => {
                self.counters_s
            }
            (Lineage::Received, _) => self.gauges_s,
        }
    }
}
