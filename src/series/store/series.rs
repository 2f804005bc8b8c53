//! What a series is, and by what ids the store's contents are named.

use super::{Exemplar, Fingerprint, Value};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FamilyId(pub(super) u32);

/// A series of the store. Valid until [`Store::epoch`] changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SeriesId(pub(super) u32);

/// A place of the store. Valid until [`Store::epoch`] changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PlaceId(pub(super) u32);

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
    /// The same in every process (`FingerprintKey::stable`), because it outlives a restart.
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
    /// Whether it was put back at start and no point has come for it yet: nobody knows its fingerprint.
    pub restored: bool,
    /// Its number in the file that outlives a restart; 0 where it is not in there.
    pub durable_id: u32,
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

impl Series {
    /// A series as it begins; `times` are that of its point and that of its arrival (nanoseconds, seconds).
    pub(super) fn new(new: NewSeries, (time_unix_nano, seen_s): (u64, u32)) -> Series {
        Series {
            fingerprint: new.fingerprint,
            identity: new.identity,
            labels: new.labels,
            start_unix_nano: new.start_unix_nano,
            time_unix_nano,
            seen_s,
            family: new.family,
            place: new.place,
            lineage: new.lineage,
            changed: true,
            restored: false,
            durable_id: 0,
            value: new.value,
            exemplar: None,
        }
    }
}
