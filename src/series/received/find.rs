//! From a point to its series.

use hashbrown::HashTable;

use crate::otlp::view::{Attributes, text};
use crate::series::store::{
    ConflictKey, ConflictKind, FamilyId, Fault, Fingerprint, Lineage, NewSeries, SeriesId, Value,
};

use super::labels::{Labels, attribute_pair, identity, labels};
use super::metric::Stream;
use super::taking::Taking;

/// How many label sets that have no series of their own are remembered.
const MAX_REFUSALS: usize = 65_536;

/// Characters of attributes that a conflict repeats.
const SHOWN_CHARS: usize = 200;

/// A point's series.
#[derive(Clone, Copy, Debug)]
pub(super) enum Found {
    /// Its own.
    Own(SeriesId),
    /// That which takes up what the limits leave no series for.
    Overflow(SeriesId),
}

/// What became of a label set that has no series of its own.
#[derive(Clone, Copy, Debug)]
struct Refusal {
    fingerprint: Fingerprint,
    fault: Fault,
    conflict: Option<ConflictKey>,
    overflow: Option<SeriesId>,
}

/// Label sets that have no series of their own, so that they are not translated again and again.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    known: HashTable<Refusal>,
}

impl Refusals {
    /// Forgets all of them, because there is room or series went.
    pub(super) fn clear(&mut self) {
        self.known.clear();
    }

    fn find(&self, fingerprint: Fingerprint) -> Option<Refusal> {
        let same = |refusal: &Refusal| refusal.fingerprint == fingerprint;
        self.known.find(fingerprint.short(), same).copied()
    }

    fn remember(&mut self, refusal: Refusal) {
        if self.known.len() >= MAX_REFUSALS {
            self.known.clear();
        }
        let hash = |refusal: &Refusal| refusal.fingerprint.short();
        self.known.insert_unique(hash(&refusal), refusal, hash);
    }
}

/// The points of one metric of one sender and scope.
#[derive(Clone, Copy, Debug)]
pub(super) struct Points<'a> {
    pub(super) stream: Stream<'a>,
    pub(super) family: FamilyId,
    /// Sender, scope and metric: what all fingerprints of its series begin with.
    pub(super) base: Fingerprint,
}

impl<O: FnMut(SeriesId, f64, u64)> Taking<'_, O> {
    /// The series of a point, made if there is none. `empty` is what it holds before its first value.
    #[inline]
    pub(super) fn find(
        &mut self,
        points: &Points<'_>,
        fingerprint: Fingerprint,
        attributes: Attributes<'_>,
        empty: impl Fn() -> Value,
    ) -> Option<Found> {
        match self.store.find(fingerprint) {
            Some(id) => Some(Found::Own(id)),
            None => self.find_or_make(points, fingerprint, attributes, empty),
        }
    }

    #[inline(never)]
    fn find_or_make(
        &mut self,
        points: &Points<'_>,
        fingerprint: Fingerprint,
        attributes: Attributes<'_>,
        empty: impl Fn() -> Value,
    ) -> Option<Found> {
        let refusal = match self.state.refusals.find(fingerprint) {
            Some(known) => {
                if let Some(conflict) = known.conflict {
                    let now_s = self.now.seconds();
                    self.store.conflicts().note_again(conflict, 1, now_s);
                }
                known
            }
            None => match self.make(points, fingerprint, attributes.clone(), empty()) {
                Ok(id) => return Some(Found::Own(id)),
                Err(fault) => self.refuse(points, fingerprint, attributes, fault, empty),
            },
        };
        self.store.count_fault(refusal.fault, 1);
        refusal.overflow.map(Found::Overflow)
    }

    fn make(
        &mut self,
        points: &Points<'_>,
        fingerprint: Fingerprint,
        attributes: Attributes<'_>,
        value: Value,
    ) -> Result<SeriesId, Fault> {
        let stream = &points.stream;
        let place = self.store.places().text(self.place);
        let Labels {
            text,
            hold_the_place,
        } = labels(
            self.state.options.strategy,
            stream.kind,
            attributes.clone(),
            place,
        );
        let series = NewSeries {
            fingerprint,
            identity: identity(&[stream.name, stream.unit, self.hidden_scope], attributes),
            labels: text,
            family: points.family,
            place: Some(self.place).filter(|_| !hold_the_place),
            lineage: stream.lineage,
            start_unix_nano: 0,
            value,
        };
        self.store.insert(series, 0, self.now)
    }

    fn refuse(
        &mut self,
        points: &Points<'_>,
        fingerprint: Fingerprint,
        attributes: Attributes<'_>,
        fault: Fault,
        empty: impl Fn() -> Value,
    ) -> Refusal {
        let refusal = Refusal {
            fingerprint,
            fault,
            conflict: self.note_refusal(points, attributes, fault),
            overflow: self.overflow(points, fault, empty),
        };
        self.state.refusals.remember(refusal);
        refusal
    }

    /// The series that deltas beyond the limits are added up in.
    fn overflow(
        &mut self,
        points: &Points<'_>,
        fault: Fault,
        empty: impl Fn() -> Value,
    ) -> Option<SeriesId> {
        let is_limit = matches!(
            fault,
            Fault::SeriesLimit | Fault::MetricLimit | Fault::MemoryLimit
        );
        if !is_limit || points.stream.lineage != Lineage::Converted {
            return None;
        }
        let (key, place, start) = (self.store.key(), Some(self.place), self.now.unix_nano());
        let series = NewSeries::overflow(
            key,
            points.family,
            place,
            Lineage::Converted,
            start,
            empty(),
        );
        self.store.insert(series, 0, self.now).ok()
    }

    fn note_refusal(
        &mut self,
        points: &Points<'_>,
        attributes: Attributes<'_>,
        fault: Fault,
    ) -> Option<ConflictKey> {
        let name = self.store.get_family(points.family)?.name.clone();
        let (kind, kept, refused, advice) = match fault {
            Fault::LabelConflict => (
                ConflictKind::Labels,
                "the series that came first with these labels",
                shown(points.stream.name, attributes),
                "rename an attribute or the metric",
            ),
            Fault::SeriesLimit | Fault::MetricLimit | Fault::MemoryLimit => (
                ConflictKind::Limit,
                "the series that came first",
                format!("further series ({})", fault.name()),
                "send fewer label sets or raise the limit",
            ),
            _ => return None,
        };
        let conflicts = self.store.conflicts();
        if conflicts.note(kind, &name, (kept, &refused), 1, self.now.seconds()) {
            tracing::warn!(
                metric = &*name,
                "shown: {kept}; not shown: {refused}; {advice}"
            );
        }
        Some(self.store.conflicts().key(kind, &name, &refused))
    }
}

/// A stream's name and attributes as its sender spells them, cut off where they are long.
fn shown(name: &[u8], attributes: Attributes<'_>) -> String {
    let mut shown = text(name).into_owned();
    for attribute in attributes {
        let (key, value) = attribute_pair(attribute);
        shown.push_str(&format!(" {key}={value:?}"));
        if shown.len() > 4 * SHOWN_CHARS {
            break;
        }
    }
    match shown.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &shown[..end]),
        None => shown,
    }
}
