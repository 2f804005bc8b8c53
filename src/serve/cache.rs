//! `/metrics/cache`: the layers of the gateway's response cache, in the shape that "monitoring-system" has.

use std::time::{SystemTime, UNIX_EPOCH};

use http::StatusCode;
use serde::Serialize;

use super::Face;
use super::answer::{self, Answer, whole_milliseconds};
use super::fault::Refusal;
use super::health::Selection;
use super::request::Request;
use crate::telemetry::{CacheLatency, CacheReading};

/// A smaller share of hits is worth a look ("monitoring-system", alerts).
const LOW_HIT_RATE: f64 = 0.7;
/// From that share on nothing is missing.
const FULL_HIT_RATE: f64 = 0.9;
/// With fewer looks the share says nothing.
const ENOUGH_LOOKS: u64 = 100;
/// A larger share of questions without an answer is worth a look.
const HIGH_ERROR_RATE: f64 = 0.05;
/// With less, it is no longer merely a part that does not work.
const UNHEALTHY_BELOW: u8 = 50;

const HINT: &str = "no route keeps answers: to have one do so, add [route.<name>.cache]";

#[derive(Serialize)]
struct Layers {
    /// Milliseconds since 1970.
    timestamp: u64,
    health: Health,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'static str>,
    #[serde(rename = "L1", skip_serializing_if = "Option::is_none")]
    first: Option<Layer>,
    #[serde(rename = "L2", skip_serializing_if = "Option::is_none")]
    second: Option<Layer>,
}

#[derive(Debug, Serialize)]
struct Health {
    status: &'static str,
    /// From 0 to 100.
    score: u8,
    issues: Vec<String>,
    recommendations: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Layer {
    metrics: Metrics,
    #[serde(skip_serializing_if = "Option::is_none")]
    latency_distribution: Option<Distribution>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<Memory>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metrics {
    hits: u64,
    misses: u64,
    /// From 0 to 1.
    hit_rate: f64,
    sets: u64,
    evictions: u64,
    errors: u64,
    /// Milliseconds.
    avg_get_latency: f64,
    compression_ratio: f64,
}

/// Milliseconds.
#[derive(Serialize)]
struct Distribution {
    min: f64,
    max: f64,
    avg: f64,
    p50: f64,
    p95: f64,
    p99: f64,
}

/// Of the agent; bytes.
#[derive(Serialize)]
struct Memory {
    entries: u64,
    bytes: u64,
    limit: u64,
}

/// `/metrics/cache`.
pub(super) fn layers(face: &Face, request: &Request) -> Result<Answer, Refusal> {
    let layers = (face.cache)();
    let asked = request.list("layer");
    let is_there = |name: &String| layers.iter().any(|layer| layer.layer == name);
    if let Some(unknown) = asked.iter().find(|name| !is_there(name)) {
        return Err(Refusal::NoLayer {
            name: Selection::shortened(unknown),
            known: layers.iter().map(|layer| layer.layer.to_owned()).collect(),
        });
    }
    let is_asked = |layer: &str| asked.is_empty() || asked.iter().any(|name| name == layer);
    let shown = |name: &str| {
        let found = layers.iter().find(|layer| layer.layer == name);
        found.filter(|_| is_asked(name)).map(Layer::of)
    };
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
    let body = Layers {
        timestamp: whole_milliseconds(since_epoch.unwrap_or_default()),
        health: Health::of(&layers),
        hint: layers.is_empty().then_some(HINT),
        first: shown("L1"),
        second: shown("L2"),
    };
    Ok(answer::json(StatusCode::OK, &body))
}

impl Layer {
    fn of(reading: &CacheReading) -> Layer {
        let mean = reading.latency.map_or(0.0, |latency| latency.mean_s);
        Layer {
            metrics: Metrics {
                hits: reading.hits,
                misses: reading.misses,
                hit_rate: rounded(reading.hit_rate().unwrap_or(0.0)),
                sets: reading.sets,
                evictions: reading.evictions,
                errors: reading.errors,
                avg_get_latency: milliseconds(mean),
                compression_ratio: rounded(reading.compression_ratio),
            },
            latency_distribution: reading.latency.map(Distribution::of),
            memory: reading.memory.map(|memory| Memory {
                entries: memory.entries,
                bytes: memory.bytes,
                limit: memory.limit_bytes,
            }),
        }
    }
}

impl Distribution {
    fn of(latency: CacheLatency) -> Distribution {
        Distribution {
            min: milliseconds(latency.min_s),
            max: milliseconds(latency.max_s),
            avg: milliseconds(latency.mean_s),
            p50: milliseconds(latency.p50_s),
            p95: milliseconds(latency.p95_s),
            p99: milliseconds(latency.p99_s),
        }
    }
}

/// With as many digits as nanoseconds have.
fn milliseconds(seconds: f64) -> f64 {
    (seconds * 1e9).round() / 1e6
}

fn rounded(number: f64) -> f64 {
    (number * 10_000.0).round() / 10_000.0
}

impl Health {
    /// Of all layers together, whichever are shown: what the second has, the first did not. So it has few hits by its nature, and a caller
    /// gains from either.
    fn of(layers: &[CacheReading]) -> Health {
        let mut health = Health {
            status: "optimal",
            score: 100,
            issues: Vec::new(),
            recommendations: Vec::new(),
        };
        health.judge_hits(layers);
        for layer in layers {
            health.judge_use(layer);
        }
        if !health.issues.is_empty() {
            health.status = match health.score {
                ..UNHEALTHY_BELOW => "unhealthy",
                _ => "degraded",
            };
        }
        health
    }

    fn judge_hits(&mut self, layers: &[CacheReading]) {
        let Some(first) = layers.first() else { return };
        let looks = first.hits.saturating_add(first.misses);
        if looks < ENOUGH_LOOKS {
            return;
        }
        let hits: u64 = layers.iter().map(|layer| layer.hits).sum();
        let rate = hits as f64 / looks as f64;
        self.lower((rate / FULL_HIT_RATE).min(1.0));
        if rate < LOW_HIT_RATE {
            self.issues.push(format!(
                "{:.0} % of {looks} requests were answered from the cache",
                rate * 100.0
            ));
            self.recommendations.push(match first.evictions {
                0 => "See in the header Cache-Status of answers why requests go on to the upstream: answers may be fresh too briefly, or differ by too many headers (Vary).".to_owned(),
                evictions => format!(
                    "{evictions} answers were given up to make room: a larger cache.memory may help."
                ),
            });
        }
    }

    fn judge_use(&mut self, layer: &CacheReading) {
        let questions = layer
            .hits
            .saturating_add(layer.misses)
            .saturating_add(layer.errors);
        let error_rate = layer.errors as f64 / questions.max(1) as f64;
        let name = layer.layer;
        if !layer.is_up {
            self.lower(0.4);
            self.issues.push(format!("{name} cannot be reached"));
            self.recommendations.push(format!(
                "See in the agent's log why {name} cannot be reached; until it can, answers are kept in memory alone."
            ));
        } else if questions >= ENOUGH_LOOKS && error_rate > HIGH_ERROR_RATE {
            self.lower(1.0 - error_rate);
            self.issues.push(format!(
                "{:.0} % of what {name} was asked came to nothing, or not in time",
                error_rate * 100.0
            ));
            self.recommendations.push(format!(
                "Look at the load of the server that is {name}, or allow it more time (cache.timeout)."
            ));
        }
    }

    /// The score is no better than this share of 100.
    fn lower(&mut self, share: f64) {
        let score = (share.clamp(0.0, 1.0) * 100.0) as u8;
        self.score = self.score.min(score);
    }
}
