//! How much the store may hold, and how much it holds.

use super::family::{Family, Member};
use super::{Fault, Lineage, NewSeries, Series, SeriesId, Store};

/// What the store may hold.
///
/// Overflow series ([`NewSeries::overflow`]) come on top of `series` and `series_per_metric`, a
/// sixteenth of `series` at most; a sixteenth of `memory_bytes` is kept for them.
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

/// Bytes that an alias takes in its table.
const ALIAS_BYTES: usize = 48;

/// Bytes that the allocator takes for itself with each allocation, roughly.
const ALLOCATION_BYTES: usize = 16;

impl Limits {
    const fn overflow_series(&self) -> usize {
        self.series / 16 + 16
    }

    /// What overflow series may fill; the rest is for names and places, which come before their series.
    const fn overflow_memory_bytes(&self) -> usize {
        self.memory_bytes - self.memory_bytes / 64
    }

    /// What everything else may fill.
    const fn common_memory_bytes(&self) -> usize {
        self.memory_bytes - self.memory_bytes / 16
    }
}

impl Store {
    /// Bytes of memory in use, roughly.
    pub fn memory_bytes(&self) -> usize {
        self.series.len() * (size_of::<Series>() + TABLE_BYTES)
            + self.aliases.len() * ALIAS_BYTES
            + self.places.bytes()
            + self.heap_bytes
    }

    /// Says that the heap bytes of some value went from `before` to `after`.
    pub fn note_heap(&mut self, before: usize, after: usize) {
        self.heap_bytes = (self.heap_bytes + after).saturating_sub(before);
    }

    /// Whether `bytes` more may be used for what is not needed to be right, such as exemplars.
    pub fn has_room(&self, bytes: usize) -> bool {
        self.memory_bytes() + bytes <= self.limits.common_memory_bytes()
    }

    /// Whether the value of a series may take `bytes`.
    ///
    /// # Errors
    /// [`Fault::MemoryLimit`] if that is more than it takes, and there is no room.
    pub fn may_grow(&self, id: SeriesId, bytes: usize) -> Result<(), Fault> {
        let held = self.get(id).map_or(0, |series| series.value.heap_bytes());
        match bytes > held && !self.has_room(bytes - held) {
            true => Err(Fault::MemoryLimit),
            false => Ok(()),
        }
    }

    /// Whether there is no room for a metric that has no family yet: all its series would be refused.
    /// What is added up here may still find room in an overflow series.
    pub fn is_full(&self, lineage: Lineage) -> bool {
        match lineage {
            Lineage::Received => {
                self.series.len() - self.overflow >= self.limits.series || !self.has_room(0)
            }
            Lineage::Converted | Lineage::Derived => {
                self.overflow >= self.limits.overflow_series()
                    || self.memory_bytes() >= self.limits.overflow_memory_bytes()
            }
        }
    }

    pub(super) fn check_limits(&self, new: &NewSeries) -> Result<(), Fault> {
        let family = self.families.get(new.family.0 as usize);
        let in_family = family.ok_or(Fault::TypeConflict)?.len();
        if new.is_overflow() {
            return self.check_overflow_limits(new);
        }
        if new.labels.len() > self.limits.label_bytes {
            Err(Fault::LabelsTooLong)
        } else if in_family >= self.limits.series_per_metric {
            Err(Fault::MetricLimit)
        } else if self.series.len() - self.overflow >= self.limits.series {
            Err(Fault::SeriesLimit)
        } else if !self.has_room(new.bytes()) {
            Err(Fault::MemoryLimit)
        } else {
            Ok(())
        }
    }

    fn check_overflow_limits(&self, new: &NewSeries) -> Result<(), Fault> {
        if self.overflow >= self.limits.overflow_series() {
            Err(Fault::SeriesLimit)
        } else if self.memory_bytes() + new.bytes() > self.limits.overflow_memory_bytes() {
            Err(Fault::MemoryLimit)
        } else {
            Ok(())
        }
    }
}

impl NewSeries {
    fn bytes(&self) -> usize {
        let heap = label_bytes(&self.labels) + self.value.heap_bytes();
        size_of::<Series>() + TABLE_BYTES + heap
    }
}

fn label_bytes(labels: &str) -> usize {
    labels.len() + ALLOCATION_BYTES
}

pub(super) fn series_heap_bytes(series: &Series) -> usize {
    let exemplar = series.exemplar.as_ref().map_or(0, |one| one.bytes());
    label_bytes(&series.labels) + series.value.heap_bytes() + exemplar
}

pub(super) fn member_bytes(labels: Option<&str>) -> usize {
    size_of::<Member>() + labels.map_or(0, str::len)
}

pub(super) fn family_bytes(family: &Family) -> usize {
    // Claims keep each sample name once more.
    size_of::<Family>() + 6 * family.name.len() + family.unit.len() + family.help.len() + 64
}
