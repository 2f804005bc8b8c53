//! Where derived values go: a family of the store, whose series are found by their labels.

use std::sync::Arc;

use super::options::DerivedError;
use crate::series::naming::MetricKind;
use crate::series::percentiles::Percentiles;
use crate::series::store::{
    Bounds, ConflictKind, Content, Exemplar, FamilyId, FamilySpec, Fault, Fingerprint,
    FingerprintKey, Histogram, Lineage, Moment, NewSeries, PlaceId, Reading, Series, SeriesId,
    Store, Value,
};

/// A family, and what its series begin as.
#[derive(Debug)]
pub(super) struct Shelf {
    name: Box<str>,
    family: FamilyId,
    /// A counter that shows how many values its histograms have.
    count: Option<FamilyId>,
    /// The bounds of its histograms; `None` for counters.
    bounds: Option<Arc<Bounds>>,
}

/// A series, and why it is the overflow series if it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    pub series: SeriesId,
    pub fault: Option<Fault>,
}

/// A value, when it was measured, and in which span.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measured<'a> {
    pub value: f64,
    pub time_unix_nano: u64,
    pub trace_id: &'a [u8],
    pub span_id: &'a [u8],
}

/// How old the exemplar of a bucket must be to give way to another.
const EXEMPLAR_NANOS: u64 = 1_000_000_000;

impl Shelf {
    /// A family of counters.
    pub fn counters(store: &mut Store, name: &str, help: &str) -> Result<Shelf, DerivedError> {
        let spec = spec(name, MetricKind::Counter, "", help);
        Shelf::new(store, &spec, None)
    }

    /// A family of histograms over durations in `unit`.
    pub fn histograms(
        store: &mut Store,
        (name, unit, help): (&str, &str, &str),
        bounds: Arc<Bounds>,
    ) -> Result<Shelf, DerivedError> {
        let spec = spec(name, MetricKind::Histogram, unit, help);
        Shelf::new(store, &spec, Some(bounds))
    }

    fn new(
        store: &mut Store,
        spec: &FamilySpec<'_>,
        bounds: Option<Arc<Bounds>>,
    ) -> Result<Shelf, DerivedError> {
        let family = store.pinned_family(spec);
        Ok(Shelf {
            name: spec.name.into(),
            family: family.map_err(|taken| DerivedError::taken(spec, taken))?,
            count: None,
            bounds,
        })
    }

    /// Shows how many values the histograms have as a counter of its own, so that one update serves both.
    pub fn with_count(
        mut self,
        store: &mut Store,
        name: &str,
        help: &str,
    ) -> Result<Shelf, DerivedError> {
        let spec = spec(name, MetricKind::Counter, "", help);
        let view = store.view(&spec, Reading::Count, false);
        self.count = Some(view.map_err(|taken| DerivedError::taken(&spec, taken))?);
        self.show_all(store);
        Ok(self)
    }

    /// Shows the count of histograms that are there already, as those from before a restart.
    pub fn show_all(&self, store: &mut Store) {
        let Some(view) = self.count else { return };
        let Some(Content::Own(members)) = store.get_family(self.family).map(|one| &one.content)
        else {
            return;
        };
        // What a sender calls the same is not ours, and what is shown already is not shown twice.
        let is_ours = |one: &Series| one.lineage == Lineage::Derived;
        let ours = members.iter().copied();
        let ours: Vec<_> = ours
            .filter(|id| store.get(*id).is_some_and(is_ours))
            .collect();
        for id in ours {
            store.show(view, id, None);
        }
    }

    /// What the series with these labels is found by.
    pub fn fingerprint(&self, store: &Store, labels: &str, place: Option<PlaceId>) -> Fingerprint {
        let place = place.map_or("", |place| store.places().text(place));
        let key = store.key();
        let name = key.of(self.name.as_bytes());
        name.then(key.of(place.as_bytes()))
            .then(key.of(labels.as_bytes()))
    }

    /// The series with these labels, made if there is none; beyond the limits the overflow series of the place.
    ///
    /// # Errors
    /// When there is no room for that either.
    pub fn series(
        &self,
        store: &mut Store,
        labels: &str,
        place: Option<PlaceId>,
        now: Moment,
    ) -> Result<Placed, Fault> {
        let fingerprint = self.fingerprint(store, labels, place);
        if let Some(series) = store.find(fingerprint) {
            return Ok(Placed {
                series,
                fault: None,
            });
        }
        let series = NewSeries {
            fingerprint,
            identity: FingerprintKey::stable().of(labels.as_bytes()).short(),
            labels: labels.into(),
            family: self.family,
            place,
            lineage: Lineage::Derived,
            start_unix_nano: now.unix_nano(),
            value: self.zero(),
        };
        match self.insert(store, series, now) {
            Ok(series) => Ok(Placed {
                series,
                fault: None,
            }),
            Err(fault) => self.overflow(store, place, fault, now),
        }
    }

    /// The series that takes up what `fault` leaves no series for.
    pub fn overflow(
        &self,
        store: &mut Store,
        place: Option<PlaceId>,
        fault: Fault,
        now: Moment,
    ) -> Result<Placed, Fault> {
        let (key, start) = (store.key(), now.unix_nano());
        let overflow = NewSeries::overflow(
            key,
            self.family,
            place,
            Lineage::Derived,
            start,
            self.zero(),
        );
        let series = self.insert(store, overflow, now)?;
        self.note_limit(store, fault, now);
        Ok(Placed {
            series,
            fault: Some(fault),
        })
    }

    fn insert(&self, store: &mut Store, new: NewSeries, now: Moment) -> Result<SeriesId, Fault> {
        let before = store.len();
        let id = store.insert(new, now.unix_nano(), now)?;
        match (store.len() > before, self.count) {
            (true, Some(view)) => store.show(view, id, None),
            (true, None) => {}
            (false, _) => self.fit(store, id, now),
        }
        Ok(id)
    }

    /// Begins a series from before a restart anew if it was counted in other buckets.
    fn fit(&self, store: &mut Store, id: SeriesId, now: Moment) {
        let Some(series) = store.get_mut(id) else {
            return;
        };
        let fits = match (&series.value, &self.bounds) {
            (Value::Histogram(held), Some(bounds)) => held.bounds == *bounds,
            (Value::Integer(_), None) => true,
            _ => false,
        };
        if fits {
            return;
        }
        let before = series.value.heap_bytes();
        series.value = self.zero();
        series.start_unix_nano = now.unix_nano();
        let after = series.value.heap_bytes();
        store.note_heap(before, after);
    }

    fn zero(&self) -> Value {
        match &self.bounds {
            Some(bounds) => Value::Histogram(Box::new(Histogram::new(Arc::clone(bounds)))),
            None => Value::Integer(0),
        }
    }

    fn note_limit(&self, store: &mut Store, fault: Fault, now: Moment) {
        let kept = "the series there are";
        let refused = format!(
            "further ones ({}): counted in the overflow series",
            fault.name()
        );
        let conflicts = store.conflicts();
        let sides = (kept, refused.as_str());
        if conflicts.note(ConflictKind::Limit, &self.name, sides, 0, now.seconds()) {
            tracing::warn!(metric = %self.name, limit = fault.name(), "a metric derived here has more series than the limits allow: further ones are counted in its overflow series");
        }
    }
}

fn spec<'a>(name: &'a str, kind: MetricKind, unit: &'a str, help: &'a str) -> FamilySpec<'a> {
    FamilySpec {
        name,
        kind,
        unit,
        help,
    }
}

/// Where values are counted, and when.
#[derive(Debug)]
pub(super) struct Desk<'a> {
    pub store: &'a mut Store,
    pub percentiles: &'a mut Percentiles,
    pub now: Moment,
}

impl Desk<'_> {
    /// As [`add`].
    #[inline]
    pub fn add(&mut self, placed: Placed, count: u64) {
        add(self.store, placed, count, self.now);
    }

    /// Counts a value in a histogram, with its exemplar if there is to be one.
    #[inline]
    pub fn observe(&mut self, placed: Placed, measured: Measured<'_>, exemplars: bool) {
        let Some(series) = touch(self.store, placed, 1, self.now) else {
            return;
        };
        let Value::Histogram(histogram) = &mut series.value else {
            return;
        };
        let bucket = histogram.observe(measured.value);
        if exemplars && is_due(histogram, bucket, measured.time_unix_nano) {
            set_exemplar(self.store, placed.series, bucket, measured);
        }
    }

    /// Adds a value to the percentiles of a series; an overflow series has none, as it is of many.
    #[inline]
    pub fn track(&mut self, placed: Placed, value: f64) {
        if placed.fault.is_none() {
            self.percentiles.add(placed.series, value, 1, self.now);
        }
    }
}

/// Adds `count` to a counter.
#[inline]
pub(super) fn add(store: &mut Store, placed: Placed, count: u64, now: Moment) {
    let Some(series) = touch(store, placed, count, now) else {
        return;
    };
    if let Value::Integer(total) = &mut series.value {
        *total = total.saturating_add_unsigned(count);
    }
}

/// The series, to count `count` in it.
#[inline]
fn touch(store: &mut Store, placed: Placed, count: u64, now: Moment) -> Option<&mut Series> {
    if let Some(fault) = placed.fault {
        store.count_fault(fault, count);
    }
    let series = store.get_mut(placed.series)?;
    series.time_unix_nano = now.unix_nano();
    series.note_change(now);
    Some(series)
}

/// Whether the bucket's exemplar is another second's.
#[inline]
fn is_due(histogram: &Histogram, bucket: usize, time_unix_nano: u64) -> bool {
    let exemplars = histogram.exemplars.as_deref().unwrap_or_default();
    let held = exemplars.get(bucket).and_then(Option::as_ref);
    held.is_none_or(|held| held.time_unix_nano.abs_diff(time_unix_nano) >= EXEMPLAR_NANOS)
}

#[cold]
fn set_exemplar(store: &mut Store, id: SeriesId, bucket: usize, measured: Measured<'_>) {
    let ids = (measured.trace_id.try_into(), measured.span_id.try_into());
    let (Ok(trace_id), Ok(span_id)) = ids else {
        return;
    };
    if trace_id == [0; 16] || span_id == [0; 8] {
        return;
    }
    let has_room = store.has_room(size_of::<Exemplar>());
    let Some(series) = store.get_mut(id) else {
        return;
    };
    let before = series.value.heap_bytes();
    let Value::Histogram(histogram) = &mut series.value else {
        return;
    };
    if histogram.exemplars.is_none() && !has_room {
        return;
    }
    let exemplar = Exemplar {
        value: measured.value,
        time_unix_nano: measured.time_unix_nano,
        trace_id,
        span_id,
        labels: Box::default(),
    };
    histogram.set_exemplar(bucket, exemplar);
    let after = series.value.heap_bytes();
    store.note_heap(before, after);
}
