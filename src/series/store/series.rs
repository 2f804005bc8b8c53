//! What a series is, and by what ids the store's contents are named.

use super::{Exemplar, Fingerprint, FingerprintKey, Moment, Value};

/// A family of the store. Valid until [`Store::epoch`](super::Store::epoch) changes, for ever if it is pinned and no view that yields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FamilyId(pub(super) u32);

/// A series of the store. Valid until [`Store::epoch`](super::Store::epoch) changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SeriesId(pub(super) u32);

impl SeriesId {
    /// A number of its own among the series there are, below the most there have ever been: for tables by series.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A place of the store. Valid until [`Store::epoch`](super::Store::epoch) changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PlaceId(pub(super) u32);

impl FamilyId {
    /// The id as a number, to make fingerprints of.
    pub fn number(self) -> u64 {
        u64::from(self.0)
    }
}

impl PlaceId {
    /// The id as a number, to make fingerprints of.
    pub fn number(self) -> u64 {
        u64::from(self.0)
    }
}

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

/// The labels of the series that takes up what the limits leave no series for (OpenTelemetry metrics
/// SDK, "Overflow attribute").
const OVERFLOW_LABELS: &str = "otel_metric_overflow=\"true\"";

/// The identity of overflow series.
const OVERFLOW_IDENTITY: u64 = 0;

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

    /// Says that the value changed with what arrived at `now`.
    #[inline]
    pub fn note_change(&mut self, now: Moment) {
        self.seen_s = now.seconds();
        self.changed = true;
    }

    /// Takes the value out, so that the series is not shown; answers with the heap bytes that this frees.
    pub fn take_value(&mut self) -> usize {
        let exemplar = self.exemplar.take().map_or(0, |exemplar| exemplar.bytes());
        let value = std::mem::replace(&mut self.value, Value::None);
        self.changed = true;
        exemplar + value.heap_bytes()
    }

    /// Whether it takes up what the limits leave no series for.
    pub fn is_overflow(&self) -> bool {
        self.identity == OVERFLOW_IDENTITY
    }
}

impl NewSeries {
    /// The series of `family` and `place` that takes up what the limits leave no series for. There is one,
    /// exempt from the limits on series: [`Store::insert`](super::Store::insert) answers with it when it is
    /// there.
    pub fn overflow(
        key: FingerprintKey,
        family: FamilyId,
        place: Option<PlaceId>,
        lineage: Lineage,
        start_unix_nano: u64,
        value: Value,
    ) -> NewSeries {
        // Neither id is given to another while the series is there.
        let place_number = place.map_or(u64::MAX, |place| u64::from(place.0));
        let fingerprint = key
            .of(OVERFLOW_LABELS.as_bytes())
            .then_number(u64::from(family.0))
            .then_number(place_number);
        NewSeries {
            fingerprint,
            identity: OVERFLOW_IDENTITY,
            labels: OVERFLOW_LABELS.into(),
            family,
            place,
            lineage,
            start_unix_nano,
            value,
        }
    }

    /// Whether it takes up what the limits leave no series for.
    pub fn is_overflow(&self) -> bool {
        self.identity == OVERFLOW_IDENTITY
    }
}
