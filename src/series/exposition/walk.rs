//! The series of a block, one by one.

use super::Exposed;
use super::labels::Labels;
use super::plan::Block;
use super::rewrite::{FamilyLabels, Rewriting};
use super::shown::{Point, Shown};
use crate::series::naming::MetricKind;
use crate::series::store::{
    Content, Exemplar, Family, Reading, Series, SeriesId, Store, Value, View,
};

/// Hands each series that can be shown to `write`, which answers whether it could write it.
///
/// A series without a value at the moment is not shown, and is not missing either.
pub(super) fn each_series(
    store: &Store,
    block: &Block<'_>,
    rewriting: Rewriting,
    write: impl FnMut(&Shown<'_>) -> bool,
) -> Exposed {
    let is_merged = !block.own.is_empty() && block.store.is_some();
    let mut walk = Walk {
        kind: block.kind,
        labels: FamilyLabels::new(rewriting, is_merged),
        exposed: Exposed::default(),
        write,
    };
    for series in block.own {
        let labels = Labels {
            own: &series.labels,
            place: "",
        };
        let held = Held {
            id: None,
            value: &series.value,
            exemplar: None,
            start_unix_nano: 0,
        };
        walk.one(labels, held, Reading::Same, true);
    }
    if let Some(family) = block.store {
        walk.family(store, family);
    }
    walk.exposed
}

struct Walk<W> {
    kind: MetricKind,
    labels: FamilyLabels,
    exposed: Exposed,
    write: W,
}

/// What a series holds.
struct Held<'a> {
    id: Option<SeriesId>,
    value: &'a Value,
    exemplar: Option<&'a Exemplar>,
    start_unix_nano: u64,
}

impl<W: FnMut(&Shown<'_>) -> bool> Walk<W> {
    fn family(&mut self, store: &Store, family: &Family) {
        match &family.content {
            Content::Own(series) => {
                for id in series {
                    self.stored(store, *id, None, Reading::Same);
                }
            }
            Content::View(View {
                reading, members, ..
            }) => {
                for member in members {
                    self.stored(store, member.series, member.labels.as_deref(), *reading);
                }
            }
        }
    }

    fn stored(&mut self, store: &Store, id: SeriesId, labels: Option<&str>, reading: Reading) {
        let Some(series) = store.get(id) else { return };
        let labels = Labels {
            own: labels.unwrap_or(&series.labels),
            place: place_text(store, series),
        };
        let held = Held {
            id: Some(id),
            value: &series.value,
            exemplar: series.exemplar.as_deref(),
            start_unix_nano: series.start_unix_nano,
        };
        self.one(labels, held, reading, false);
    }

    #[inline]
    fn one(&mut self, labels: Labels<'_>, held: Held<'_>, reading: Reading, is_own: bool) {
        if matches!(held.value, Value::None) {
            return;
        }
        let is_written = match Point::of(self.kind, reading, held.value, held.exemplar) {
            Some(point) => self.labels.checked(labels, is_own).is_some_and(|labels| {
                let start_unix_nano = held.start_unix_nano;
                (self.write)(&Shown {
                    id: held.id,
                    labels,
                    start_unix_nano,
                    point,
                })
            }),
            None => false,
        };
        match is_written {
            true => self.exposed.series += 1,
            false => self.exposed.left_out += 1,
        }
    }
}

fn place_text<'a>(store: &'a Store, series: &Series) -> &'a str {
    series.place.map_or("", |place| store.places().text(place))
}
