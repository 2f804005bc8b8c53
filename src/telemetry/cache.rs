//! The response cache: what each layer tells of itself, and the instruments that show it.

use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;

use super::names;
use super::observe::Shared;

/// One layer of the response cache as it stands at one moment; all counts since the start.
#[derive(Clone, Debug, PartialEq)]
pub struct CacheReading {
    /// `L1`, the memory of the agent, or `L2`, what agents share.
    pub layer: &'static str,
    /// Requests for which it had an answer of use.
    pub hits: u64,
    /// Requests for which it had none.
    pub misses: u64,
    /// Answers that it took.
    pub sets: u64,
    /// Answers given up to make room. What another server gives up is not known here.
    pub evictions: u64,
    /// Questions and answers that came to nothing because the layer could not be used, or not in time.
    pub errors: u64,
    /// Whether it can be used now.
    pub is_up: bool,
    /// What it takes of the agent's memory; `None` where it is in another server.
    pub memory: Option<CacheMemory>,
    /// How much larger answers are than what is stored of them; 1 without compression.
    pub compression_ratio: f64,
    /// How long it takes to look; `None` before the first look.
    pub latency: Option<CacheLatency>,
}

/// The memory of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheMemory {
    /// Answers that are kept.
    pub entries: u64,
    /// Bytes that they take.
    pub bytes: u64,
    /// The most bytes that they may take.
    pub limit_bytes: u64,
}

/// How long looks took, in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CacheLatency {
    /// The shortest.
    pub min_s: f64,
    /// The longest.
    pub max_s: f64,
    /// Their mean.
    pub mean_s: f64,
    /// Half of them took at most so long, within 4 %.
    pub p50_s: f64,
    /// 95 % of them did.
    pub p95_s: f64,
    /// 99 % of them did.
    pub p99_s: f64,
}

impl CacheReading {
    /// The share of looks that found something; `None` before the first.
    pub fn hit_rate(&self) -> Option<f64> {
        let looks = self.hits.saturating_add(self.misses);
        (looks > 0).then(|| self.hits as f64 / looks as f64)
    }

    fn attribute(&self) -> KeyValue {
        KeyValue::new(names::CACHE_LAYER, self.layer)
    }
}

type Layers = Arc<Shared<Vec<CacheReading>>>;

/// Registers the instruments of the cache.
pub(super) fn observe(meter: &Meter, read: impl Fn() -> Vec<CacheReading> + Send + Sync + 'static) {
    let layers = Shared::new(read);
    requests(meter, Arc::clone(&layers));
    counts(meter, &layers);
    memory(meter, &layers);
    durations(meter, &layers);
    hit_rate(meter, names::CACHE_L1_HIT_RATE, "L1", &layers);
    hit_rate(meter, names::CACHE_L2_HIT_RATE, "L2", &layers);
}

fn requests(meter: &Meter, layers: Layers) {
    meter
        .u64_observable_counter(names::CACHE_REQUESTS)
        .with_unit("{request}")
        .with_description("Looks into a layer of the response cache, by whether it had an answer.")
        .with_callback(move |observer| {
            // The first callback of a collection reads for all of them.
            for layer in layers.fresh().iter() {
                for (outcome, count) in [("hit", layer.hits), ("miss", layer.misses)] {
                    let outcome = KeyValue::new(names::OUTCOME, outcome);
                    observer.observe(count, &[layer.attribute(), outcome]);
                }
            }
        })
        .build();
}

fn counts(meter: &Meter, layers: &Layers) {
    let count = |name, unit, about, value: fn(&CacheReading) -> u64| {
        let layers = Arc::clone(layers);
        meter
            .u64_observable_counter(name)
            .with_unit(unit)
            .with_description(about)
            .with_callback(move |observer| {
                for layer in layers.same().iter() {
                    observer.observe(value(layer), &[layer.attribute()]);
                }
            })
            .build();
    };
    count(
        names::CACHE_EVICTIONS,
        "{entry}",
        "Answers given up to make room.",
        |layer| layer.evictions,
    );
    count(names::CACHE_SETS, "{entry}", "Answers taken in.", |layer| {
        layer.sets
    });
    count(
        names::CACHE_ERRORS,
        "{error}",
        "Questions and answers that came to nothing because a layer could not be used.",
        |layer| layer.errors,
    );
}

fn memory(meter: &Meter, layers: &Layers) {
    let level = |name, unit, about, value: fn(&CacheMemory) -> u64| {
        let layers = Arc::clone(layers);
        meter
            .u64_observable_gauge(name)
            .with_unit(unit)
            .with_description(about)
            .with_callback(move |observer| {
                for layer in layers.same().iter() {
                    if let Some(memory) = &layer.memory {
                        observer.observe(value(memory), &[layer.attribute()]);
                    }
                }
            })
            .build();
    };
    level(
        names::CACHE_ENTRIES,
        "{entry}",
        "Answers that are kept.",
        |memory| memory.entries,
    );
    level(
        names::CACHE_SIZE,
        "By",
        "Memory that kept answers take.",
        |memory| memory.bytes,
    );
    level(
        names::CACHE_MAX_SIZE,
        "By",
        "The most memory that kept answers may take.",
        |memory| memory.limit_bytes,
    );
}

fn durations(meter: &Meter, layers: &Layers) {
    let looks = Arc::clone(layers);
    meter
        .f64_observable_gauge(names::CACHE_GET_DURATION)
        .with_unit("s")
        .with_description("How long looks into a layer took since the start, by quantile.")
        .with_callback(move |observer| {
            for layer in looks.same().iter() {
                let Some(took) = layer.latency else { continue };
                let quantiles = [
                    ("0.5", took.p50_s),
                    ("0.95", took.p95_s),
                    ("0.99", took.p99_s),
                ];
                for (quantile, value) in quantiles {
                    let quantile = KeyValue::new(names::QUANTILE, quantile);
                    observer.observe(value, &[layer.attribute(), quantile]);
                }
            }
        })
        .build();
    let ratio = Arc::clone(layers);
    meter
        .f64_observable_gauge(names::CACHE_COMPRESSION_RATIO)
        .with_description("How much larger answers are than what is stored of them.")
        .with_callback(move |observer| {
            for layer in ratio.same().iter() {
                observer.observe(layer.compression_ratio, &[layer.attribute()]);
            }
        })
        .build();
}

/// The share of hits under the name that dashboards of the reference documents use. Before the first look there is none.
fn hit_rate(meter: &Meter, name: &'static str, layer: &'static str, layers: &Layers) {
    let layers = Arc::clone(layers);
    meter
        .f64_observable_gauge(name)
        .with_description(
            "Share of looks into this layer of the response cache that found an answer.",
        )
        .with_callback(move |observer| {
            let layers = layers.same();
            let found = layers.iter().find(|one| one.layer == layer);
            if let Some(rate) = found.and_then(CacheReading::hit_rate) {
                observer.observe(rate, &[]);
            }
        })
        .build();
}
