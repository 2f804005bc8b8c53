//! The store through its public face.

mod families;
mod limits;
mod series;
mod sweep;

use super::*;
use crate::series::naming::MetricKind;

pub(super) const LIMITS: Limits = Limits {
    series: 100,
    series_per_metric: 10,
    label_bytes: 64,
    memory_bytes: 1 << 20,
};

pub(super) const EXPIRY: Expiry = Expiry {
    gauges_s: 10,
    counters_s: 20,
    derived_s: 30,
};

pub(super) fn at(second: u64) -> Moment {
    Moment {
        unix_ms: second * 1000,
    }
}

pub(super) fn spec(name: &str, kind: MetricKind) -> FamilySpec<'_> {
    FamilySpec {
        name,
        kind,
        unit: "",
        help: "",
    }
}

pub(super) fn store() -> Store {
    Store::new(LIMITS)
}

pub(super) fn gauge(store: &mut Store, name: &str) -> FamilyId {
    store.family(&spec(name, MetricKind::Gauge)).unwrap()
}

/// A series whose fingerprint and identity follow from its labels.
pub(super) fn series(store: &Store, family: FamilyId, labels: &str) -> NewSeries {
    let fingerprint = store
        .key()
        .of(labels.as_bytes())
        .then_number(u64::from(family.0));
    NewSeries {
        fingerprint,
        identity: FingerprintKey::stable().of(labels.as_bytes()).short(),
        labels: labels.into(),
        family,
        place: None,
        lineage: Lineage::Received,
        start_unix_nano: 0,
        value: Value::Integer(1),
    }
}

pub(super) fn insert(store: &mut Store, family: FamilyId, labels: &str) -> Result<SeriesId, Fault> {
    let new = series(store, family, labels);
    store.insert(new, 0, at(0))
}
