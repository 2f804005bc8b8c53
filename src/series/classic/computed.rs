//! Classic names whose values no series has as they are: hit rates of caches, quantiles of latencies.
//!
//! - `cache_<layer>_hit_rate` is hits / (hits + misses) of the counters `cache.hits` and `cache.misses`, by their
//!   attribute `cache.layer`, since the senders began to count.
//! - `latency_ms_<name>` is a summary of the histogram `latency.<name>` over the sliding window of percentiles, or over
//!   all time where that window is empty.
//!
//! They are brought up to date before each scrape.

use std::collections::HashMap;

use crate::series::exposition::{RecentPercentiles, estimated_percentiles};
use crate::series::naming::{
    LabelPair, MetricKind, Strategy, label_name, metric_name, unescape_label_text, write_labels,
};
use crate::series::store::{
    Content, FamilyId, FamilySpec, Fingerprint, FingerprintKey, Lineage, Moment, NewSeries,
    PlaceId, SeriesId, Store, Summary, Value,
};

/// The quantiles of a latency's summary.
const QUANTILES: [f64; 3] = [0.5, 0.95, 0.99];

/// How many names of caches or latencies are shown.
const MAX_NAMES: usize = 256;

/// Keeps computed classic metrics up to date.
#[derive(Debug)]
pub struct Computed {
    strategy: Strategy,
    hits: Option<String>,
    misses: Option<String>,
}

/// Hits and misses of one cache.
#[derive(Default)]
struct Cache {
    hits: f64,
    misses: f64,
}

/// A value to be shown.
struct Reading<'a> {
    name: String,
    kind: MetricKind,
    help: &'a str,
    labels: String,
    place: Option<PlaceId>,
    value: Value,
}

impl Computed {
    /// Nothing computed yet.
    pub fn new(strategy: Strategy) -> Computed {
        let counter = |name| metric_name(strategy, name, "", MetricKind::Counter).ok();
        Computed {
            strategy,
            hits: counter("cache.hits"),
            misses: counter("cache.misses"),
        }
    }

    /// Computes all anew.
    pub fn refresh(&self, store: &mut Store, recent: RecentPercentiles<'_>, now: Moment) {
        let mut readings = self.hit_rates(store);
        readings.extend(self.latencies(store, recent));
        for reading in readings {
            show(store, reading, now);
        }
    }

    fn hit_rates(&self, store: &Store) -> Vec<Reading<'static>> {
        let mut caches: HashMap<(String, String, Option<PlaceId>), Cache> = HashMap::new();
        for (name, is_hit) in [(&self.hits, true), (&self.misses, false)] {
            for (labels, place, count) in self.by_layer(store, name.as_deref()) {
                let (layer, labels) = labels;
                let cache = caches.entry((layer, labels, place)).or_default();
                match is_hit {
                    true => cache.hits += count,
                    false => cache.misses += count,
                }
            }
        }
        let readings = caches
            .into_iter()
            .take(MAX_NAMES)
            .filter_map(|(key, cache)| {
                let (layer, labels, place) = key;
                let asked = cache.hits + cache.misses;
                let name = format!("cache.{layer}.hit_rate");
                (asked > 0.0).then_some(Reading {
                    name: metric_name(self.strategy, &name, "", MetricKind::Gauge).ok()?,
                    kind: MetricKind::Gauge,
                    help: "Share of the look-ups that a cache could answer",
                    labels,
                    place,
                    value: Value::Double(cache.hits / asked),
                })
            });
        readings.collect()
    }

    /// The layer and the other labels of each counter of a family, its place and its count.
    fn by_layer(
        &self,
        store: &Store,
        family: Option<&str>,
    ) -> Vec<((String, String), Option<PlaceId>, f64)> {
        let Some(layer_label) = label_name(self.strategy, "cache.layer") else {
            return Vec::new();
        };
        let counts = members(store, |name| Some(name) == family);
        let read = counts.filter_map(|id| {
            let series = store.get(id)?;
            let mut pairs: Vec<LabelPair<'_>> = unescape_label_text(&series.labels).collect();
            let at = pairs.iter().position(|(name, _)| *name == layer_label)?;
            let (_, layer) = pairs.remove(at);
            let mut labels = String::new();
            write_labels(&mut labels, &pairs);
            let count = match series.value {
                Value::Integer(count) => count as f64,
                Value::Double(count) => count,
                _ => return None,
            };
            Some(((layer.into_owned(), labels), series.place, count))
        });
        read.collect()
    }

    fn latencies(&self, store: &Store, recent: RecentPercentiles<'_>) -> Vec<Reading<'static>> {
        let histograms = members(store, |name| name.starts_with("latency") && name.len() > 8);
        let read = histograms.take(MAX_NAMES).filter_map(|id| {
            let series = store.get(id)?;
            let family = store.get_family(series.family)?;
            let (count, sum) = match &series.value {
                Value::Histogram(one) => (one.count, one.sum),
                Value::Exponential(one) => (one.count, one.sum),
                _ => return None,
            };
            let (name, to_ms) = latency_name(&family.name, &family.unit)?;
            let [p50, _, p95, p99] =
                recent(&[id]).or_else(|| estimated_percentiles(&series.value))?;
            let values = [p50, p95, p99].map(|value| value * to_ms);
            let quantiles = QUANTILES.into_iter().zip(values);
            Some(Reading {
                name: metric_name(self.strategy, &name, "", MetricKind::Summary).ok()?,
                kind: MetricKind::Summary,
                help: "Latency in milliseconds over the recent past",
                labels: series.labels.to_string(),
                place: series.place,
                value: Value::Summary(Box::new(Summary {
                    count,
                    sum: sum.unwrap_or(f64::NAN) * to_ms,
                    quantiles: quantiles.collect(),
                })),
            })
        });
        read.collect()
    }
}

/// `latency_api_request_seconds` in seconds → `latency_ms_api_request` and 1,000.
pub(super) fn latency_name(exposed: &str, unit: &str) -> Option<(String, f64)> {
    let to_ms = match unit {
        "seconds" => 1000.0,
        "microseconds" => 0.001,
        "milliseconds" | "" => 1.0,
        _ => return None,
    };
    let name = exposed
        .strip_prefix("latency_")
        .or_else(|| exposed.strip_prefix("latency."))?;
    let bare = name
        .strip_suffix(unit)
        .map_or(name, |name| name.trim_end_matches(['_', '.']));
    (!bare.is_empty()).then(|| (format!("latency_ms_{bare}"), to_ms))
}

/// The series of every family whose name is meant.
fn members(store: &Store, is_meant: impl Fn(&str) -> bool) -> impl Iterator<Item = SeriesId> {
    let families = store
        .families()
        .filter(move |(_, family)| is_meant(&family.name));
    families
        .filter_map(|(_, family)| match &family.content {
            Content::Own(members) => Some(members.iter().copied()),
            Content::View(_) => None,
        })
        .flatten()
}

fn show(store: &mut Store, reading: Reading<'_>, now: Moment) {
    let spec = FamilySpec {
        name: &reading.name,
        kind: reading.kind,
        unit: "",
        help: reading.help,
    };
    // A name that a received metric holds is left to it.
    let Ok(family) = store.family(&spec) else {
        return;
    };
    let fingerprint = fingerprint(store.key(), family, &reading);
    let Some(id) = store
        .find(fingerprint)
        .or_else(|| insert(store, fingerprint, family, &reading, now))
    else {
        return;
    };
    if let Some(series) = store.get_mut(id) {
        let before = series.value.heap_bytes();
        series.value = reading.value;
        series.seen_s = now.seconds();
        let after = series.value.heap_bytes();
        store.note_heap(before, after);
    }
}

fn insert(
    store: &mut Store,
    fingerprint: Fingerprint,
    family: FamilyId,
    reading: &Reading<'_>,
    now: Moment,
) -> Option<SeriesId> {
    let series = NewSeries {
        fingerprint,
        identity: FingerprintKey::stable()
            .of(reading.labels.as_bytes())
            .short(),
        labels: reading.labels.as_str().into(),
        family,
        place: reading.place,
        lineage: Lineage::Received,
        start_unix_nano: 0,
        value: reading.value.clone(),
    };
    store.insert(series, now.unix_nano(), now).ok()
}

fn fingerprint(key: FingerprintKey, family: FamilyId, reading: &Reading<'_>) -> Fingerprint {
    let name = key.of(b"computed").then(key.of(reading.name.as_bytes()));
    let labels = name
        .then(key.of(reading.labels.as_bytes()))
        .then_number(family.number());
    labels.then_number(reading.place.map_or(u64::MAX, PlaceId::number))
}
