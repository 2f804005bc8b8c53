//! How much the store may hold, and how much it holds.

use super::family::{Family, Member};
use super::{Exemplar, Fault, NewSeries, Series, Store};

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

/// Bytes that the tables take for each series, with what they keep free.
const TABLE_BYTES: usize = 32;

impl Store {
    /// Bytes of memory in use, roughly.
    pub fn memory_bytes(&self) -> usize {
        self.series.len() * (size_of::<Series>() + TABLE_BYTES) + self.heap_bytes
    }

    /// Says that the heap bytes of some value went from `before` to `after`.
    pub fn note_heap(&mut self, before: usize, after: usize) {
        self.heap_bytes = (self.heap_bytes + after).saturating_sub(before);
    }

    pub(super) fn check_limits(&self, new: &NewSeries) -> Result<(), Fault> {
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
}

pub(super) fn series_heap_bytes(series: &Series) -> usize {
    let exemplar = series
        .exemplar
        .as_ref()
        .map_or(0, |_| size_of::<Exemplar>());
    series.labels.len() + series.value.heap_bytes() + exemplar
}

pub(super) fn member_bytes(labels: Option<&str>) -> usize {
    size_of::<Member>() + labels.map_or(0, str::len)
}

pub(super) fn family_bytes(family: &Family) -> usize {
    // Claims keep each sample name once more.
    size_of::<Family>() + 6 * family.name.len() + family.unit.len() + family.help.len() + 64
}
