//! A store with continuity on a disk that can fail, and what is in it as text.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::{Continuity, ContinuityOptions, FILE};
use crate::journal::tests::fault::FaultStorage;
use crate::series::naming::MetricKind;
use crate::series::store::{
    Bounds, Buckets, Exponential, FamilyId, FamilySpec, Histogram, Limits, Lineage, Moment,
    NewSeries, SeriesId, Store, Value,
};

pub(super) const MAX_BYTES: u64 = 16 << 20;

/// Everything that the store shows, by family, labels and place.
pub(super) type Shown = BTreeMap<String, String>;

pub(super) struct Rig {
    pub(super) store: Store,
    pub(super) continuity: Continuity,
    pub(super) restored: Vec<SeriesId>,
    pub(super) now: Moment,
    bounds: Arc<Bounds>,
}

impl Rig {
    pub(super) fn open(storage: &FaultStorage) -> Rig {
        Rig::open_within(storage, MAX_BYTES)
    }

    pub(super) fn open_within(storage: &FaultStorage, max_bytes: u64) -> Rig {
        let now = Moment {
            unix_ms: 1_700_000_000_000,
        };
        let mut store = Store::new(Limits {
            series: 300_000,
            series_per_metric: 300_000,
            label_bytes: 1000,
            memory_bytes: 1 << 30,
        });
        let options = ContinuityOptions {
            dir: PathBuf::from("/data/series"),
            max_bytes,
        };
        let shared = Arc::new(storage.clone());
        // Later than anything that any rig has seen.
        let start = Moment {
            unix_ms: 2 * now.unix_ms,
        };
        let mut continuity = Continuity::new(shared, options);
        let restored = continuity.restore(&mut store, start);
        Rig {
            store,
            continuity,
            restored,
            now,
            bounds: Arc::new(Bounds::new(&[1.0, 10.0, 100.0]).unwrap()),
        }
    }

    /// Saves and answers with what a scrape shows.
    pub(super) fn scrape(&mut self) -> Shown {
        self.continuity.save(&mut self.store, self.now);
        self.shown()
    }

    pub(super) fn is_broken(&self) -> bool {
        matches!(self.continuity.state, super::super::State::Failed { .. })
    }

    fn family(&mut self, kind: MetricKind) -> FamilyId {
        let (name, help) = match kind {
            MetricKind::Counter => ("requests_total", "Requests."),
            _ => ("latency_seconds", ""),
        };
        let unit = "seconds";
        let spec = FamilySpec {
            name,
            kind,
            unit,
            help,
        };
        self.store.family(&spec).unwrap()
    }

    fn insert(&mut self, kind: MetricKind, key: u32, lineage: Lineage, value: Value) -> SeriesId {
        let family = self.family(kind);
        let labels = format!("key=\"{key}\"");
        let place = match key % 3 {
            0 => None,
            rest => Some(self.store.place(&format!("job=\"{rest}\""), 0)),
        };
        let new = NewSeries {
            fingerprint: self
                .store
                .key()
                .of(format!("{kind:?}{lineage:?}{key}").as_bytes()),
            identity: u64::from(key),
            labels: labels.into(),
            family,
            place,
            lineage,
            start_unix_nano: self.now.unix_nano(),
            value,
        };
        let id = self
            .store
            .insert(new, self.now.unix_nano(), self.now)
            .unwrap();
        let one = self.store.get_mut(id).unwrap();
        one.changed = true;
        one.seen_s = self.now.seconds();
        id
    }

    /// Adds to a counter, made where there is none.
    pub(super) fn count(&mut self, key: u32, more: i64) -> SeriesId {
        let id = self.insert(
            MetricKind::Counter,
            key,
            Lineage::Converted,
            Value::Integer(0),
        );
        if let Value::Integer(value) = &mut self.store.get_mut(id).unwrap().value {
            *value += more;
        }
        id
    }

    /// Adds to a histogram of fixed or of exponential buckets, made where there is none.
    pub(super) fn observe(&mut self, key: u32, observed: f64) -> SeriesId {
        let value = match key % 2 {
            0 => Value::Histogram(Box::new(Histogram::new(Arc::clone(&self.bounds)))),
            _ => Value::Exponential(Box::new(exponential())),
        };
        let id = self.insert(MetricKind::Histogram, key, Lineage::Derived, value);
        match &mut self.store.get_mut(id).unwrap().value {
            Value::Histogram(histogram) => drop(histogram.observe(observed)),
            Value::Exponential(one) => {
                one.positive.counts[0] += 1;
                one.count += 1;
                one.sum = one.sum.map(|sum| sum + observed);
            }
            other => panic!("{other:?}"),
        }
        id
    }

    /// A counter that its sender accumulates.
    pub(super) fn receive(&mut self, key: u32) -> SeriesId {
        let value = Value::Integer(1);
        self.insert(MetricKind::Counter, key, Lineage::Received, value)
    }

    /// Every series that is accumulated here, whole.
    pub(super) fn shown(&self) -> Shown {
        let accumulated = self.store.iter().map(|(_, series)| series);
        let accumulated = accumulated.filter(|series| series.lineage != Lineage::Received);
        accumulated
            .map(|series| {
                let family = self.store.get_family(series.family).unwrap();
                let place = series.place.map(|place| self.store.places().text(place));
                let name = format!("{}{{{}}}{place:?}", family.name, series.labels);
                let value = format!(
                    "{:?} {:?} {:?} {} {} {} {} {:?}",
                    family.kind,
                    family.unit,
                    family.help,
                    series.identity,
                    series.start_unix_nano,
                    series.time_unix_nano,
                    series.seen_s,
                    (series.lineage, &series.value)
                );
                (name, value)
            })
            .collect()
    }

    /// The sum of each series: the value of a counter, the observations of a histogram.
    pub(super) fn sums(&self) -> BTreeMap<String, u64> {
        let named = self.store.iter().map(|(_, series)| {
            let family = self.store.get_family(series.family).unwrap();
            let sum = match &series.value {
                Value::Integer(value) => *value as u64,
                Value::Histogram(histogram) => histogram.counts.iter().sum(),
                Value::Exponential(one) => one.positive.counts.iter().sum(),
                other => panic!("{other:?}"),
            };
            (format!("{}{}", family.name, series.labels), sum)
        });
        named.collect()
    }
}

fn exponential() -> Exponential {
    let positive = Buckets {
        offset: -7,
        counts: vec![0, 3],
    };
    Exponential {
        scale: -3,
        zero_count: 5,
        zero_threshold: 0.25,
        positive,
        count: 8,
        sum: Some(1.5),
        ..Exponential::default()
    }
}

pub(super) fn file() -> PathBuf {
    Path::new("/data/series").join(FILE)
}
