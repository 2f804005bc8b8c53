//! Metric families: what stands under one `# TYPE`.

use std::collections::{HashMap, HashSet};

use super::{FamilyId, SeriesId};
use crate::series::naming::MetricKind;

/// What a family is to be.
#[derive(Clone, Copy, Debug)]
pub struct FamilySpec<'a> {
    /// The exposed name, type and unit suffixes included.
    pub name: &'a str,
    /// The Prometheus type.
    pub kind: MetricKind,
    /// The unit as a word; empty without one.
    pub unit: &'a str,
    /// What the metric is about; may be empty.
    pub help: &'a str,
}

/// A metric family.
#[derive(Debug)]
pub struct Family {
    /// The exposed name, type and unit suffixes included.
    pub name: Box<str>,
    /// The Prometheus type.
    pub kind: MetricKind,
    /// The unit as a word; empty without one.
    pub unit: Box<str>,
    /// What the metric is about; may be empty.
    pub help: Box<str>,
    /// The series in it.
    pub content: Content,
    /// Families that code refers to stay when they have no series.
    pub pinned: bool,
}

/// Where a family's series come from.
#[derive(Debug)]
pub enum Content {
    /// Series of its own.
    Own(Vec<SeriesId>),
    /// The series of other families under other names.
    View(View),
}

/// A family that shows series of other families under its own name.
#[derive(Debug)]
pub struct View {
    /// What it shows of them.
    pub reading: Reading,
    /// Whether it gives its name up to a received metric.
    pub yields: bool,
    /// The series it shows.
    pub members: Vec<Member>,
    /// The members by what is written of them: no two may be written alike.
    pub(super) written: HashSet<u64>,
}

/// What a view shows of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Its value as it is.
    Same,
    /// The count of a histogram, as a counter.
    Count,
}

/// One series in a view.
#[derive(Debug)]
pub struct Member {
    /// The series.
    pub series: SeriesId,
    /// Its own labels in this view; `None`: those it has anyway.
    pub labels: Option<Box<str>>,
    /// The hash of what is written of it.
    pub(super) written: u64,
}

/// Why a family can't be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameTaken {
    /// The family that holds the name.
    pub holder: FamilyId,
    /// The name that both need, as `http_requests_count`.
    pub name: Box<str>,
}

impl Family {
    /// How many series it shows.
    pub fn len(&self) -> usize {
        match &self.content {
            Content::Own(series) => series.len(),
            Content::View(view) => view.members.len(),
        }
    }

    /// Whether it shows no series.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name without a counter's `_total` or an info metric's `_info`: how OpenMetrics calls the family.
    pub fn base_name(&self) -> &str {
        base_name(&self.name, self.kind)
    }
}

/// The name without the suffix that OpenMetrics puts on samples of this type.
pub fn base_name(name: &str, kind: MetricKind) -> &str {
    match name.strip_suffix(kind.suffix()) {
        Some("") | None => name,
        Some(base) => base,
    }
}

/// Which family holds which sample names, so that no two write the same.
#[derive(Debug, Default)]
pub struct Claims {
    holders: HashMap<Box<str>, FamilyId>,
}

impl Claims {
    /// The family whose own name is `name`, then those that hold other sample names in the way.
    pub fn holders(&self, name: &str, kind: MetricKind) -> impl Iterator<Item = NameTaken> {
        claimed(name, kind).filter_map(|name| {
            let holder = *self.holders.get(name.as_str())?;
            let name = name.into();
            Some(NameTaken { holder, name })
        })
    }

    /// Takes the names for `family`.
    pub fn take(&mut self, name: &str, kind: MetricKind, family: FamilyId) {
        for name in claimed(name, kind) {
            self.holders.insert(name.into(), family);
        }
    }

    /// Gives the names back.
    pub fn give_back(&mut self, name: &str, kind: MetricKind) {
        for name in claimed(name, kind) {
            self.holders.remove(name.as_str());
        }
    }
}

/// Every sample name that a family writes in some format. A counter's `_created` and base name are not
/// among them: where another family has that name, OpenMetrics shows the counter without its type.
fn claimed(name: &str, kind: MetricKind) -> impl Iterator<Item = String> {
    let suffixes = std::iter::once("").chain(kind.sample_suffixes().iter().copied());
    suffixes.map(move |suffix| format!("{name}{suffix}"))
}
