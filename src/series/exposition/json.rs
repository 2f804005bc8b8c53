//! The same families as JSON, for people and scripts: `/metrics/json`.
//!
//! `metrics` has one entry for each name: the total of a counter, the value of a gauge (its range where there are
//! several series), count, sum and percentiles of a histogram. `families` has every series with its labels. Numbers that
//! JSON does not know, NaN and the infinities, are null.

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use super::estimate::estimates;
use super::labels::Labels;
use super::number::Number;
use super::own::OwnFamily;
use super::plan::{Block, Plan};
use super::rewrite::Rewriting;
use super::shown::{Point, Shown};
use super::walk::each_series;
use crate::series::naming::{Escaping, MetricKind, TextFormat, unescape};
use crate::series::store::{Exponential, Histogram, SeriesId, Store, Summary};

/// The percentiles that JSON shows, by name.
pub const PERCENTILES: [(&str, f64); 4] =
    [("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99)];

/// Answers with the values at [`PERCENTILES`] of what these series have observed in the recent past; `None` where that
/// is not known. Then they are estimated from the buckets, over all time.
pub type RecentPercentiles<'a> = &'a dyn Fn(&[SeriesId]) -> Option<[f64; 4]>;

/// Who answers.
#[derive(Clone, Debug, Serialize)]
pub struct About {
    /// The name of the agent.
    pub service: String,
    /// Its version.
    pub version: &'static str,
    /// The time of the answer (RFC 3339).
    pub timestamp: String,
    /// Since when it has been running.
    pub uptime_seconds: u64,
}

/// The store and the agent's own families as one JSON object.
pub fn to_json(
    store: &Store,
    own: &[OwnFamily],
    about: About,
    percentiles: RecentPercentiles<'_>,
) -> Vec<u8> {
    let rewriting = Rewriting {
        escaping: Escaping::AllowUtf8,
        changes_names: false,
        key: store.key(),
    };
    let plan = Plan::new(store, own, rewriting);
    let source = Source {
        store,
        rewriting,
        percentiles,
    };
    let document = Document {
        about,
        metrics: Totals(&plan, source),
        families: Families(&plan, source),
    };
    // Fails only for maps whose keys are not strings, which none of these has.
    serde_json::to_vec(&document).unwrap_or_default()
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    about: About,
    metrics: Totals<'a>,
    families: Families<'a>,
}

#[derive(Clone, Copy)]
struct Source<'a> {
    store: &'a Store,
    rewriting: Rewriting,
    percentiles: RecentPercentiles<'a>,
}

struct Totals<'a>(&'a Plan<'a>, Source<'a>);

impl Serialize for Totals<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Totals(plan, source) = self;
        let mut map = serializer.serialize_map(None)?;
        for block in &plan.blocks {
            map.serialize_entry(&*block.name, &Total::of(block, *source))?;
        }
        map.end()
    }
}

/// All series of a family as one.
#[derive(Serialize)]
#[serde(untagged)]
enum Total {
    Number(f64),
    Range {
        series: usize,
        min: f64,
        max: f64,
    },
    Distribution {
        count: u64,
        sum: f64,
        #[serde(flatten)]
        percentiles: Option<Named>,
    },
}

#[derive(Default)]
struct Sum {
    numbers: usize,
    total: f64,
    min: f64,
    max: f64,
    count: u64,
    sum: f64,
    ids: Vec<SeriesId>,
    estimated: Option<[f64; 4]>,
    distributions: usize,
}

impl Total {
    fn of(block: &Block<'_>, source: Source<'_>) -> Total {
        let mut sum = Sum {
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            ..Sum::default()
        };
        each_series(source.store, block, source.rewriting, |shown| {
            sum.add(shown);
            true
        });
        match block.kind {
            MetricKind::Histogram | MetricKind::Summary => sum.distribution(source.percentiles),
            MetricKind::Counter => Total::Number(sum.total),
            _ if sum.numbers == 1 => Total::Number(sum.total),
            _ => Total::Range {
                series: sum.numbers,
                min: sum.min,
                max: sum.max,
            },
        }
    }
}

impl Sum {
    fn add(&mut self, shown: &Shown<'_>) {
        self.ids.extend(shown.id);
        match shown.point {
            Point::Number(number, _) => {
                let value = number.as_double();
                self.numbers += 1;
                self.total += value;
                self.min = self.min.min(value);
                self.max = self.max.max(value);
            }
            Point::Histogram(one) => self.observed(one.count, one.sum, estimates(shown.point)),
            Point::Exponential(one) => self.observed(one.count, one.sum, estimates(shown.point)),
            Point::Summary(one) => self.observed(one.count, Some(one.sum), None),
        }
    }

    fn observed(&mut self, count: u64, sum: Option<f64>, estimated: Option<[f64; 4]>) {
        self.distributions += 1;
        self.count = self.count.saturating_add(count);
        self.sum += sum.unwrap_or(f64::NAN);
        self.estimated = estimated;
    }

    /// Estimates of several series can't be put together; sketches can.
    fn distribution(self, percentiles: RecentPercentiles<'_>) -> Total {
        let estimated = self.estimated.filter(|_| self.distributions == 1);
        Total::Distribution {
            count: self.count,
            sum: self.sum,
            percentiles: percentiles(&self.ids).or(estimated).map(Named),
        }
    }
}

/// Percentiles under their names.
struct Named([f64; 4]);

impl Serialize for Named {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let named = PERCENTILES.iter().zip(self.0);
        serializer.collect_map(named.map(|((name, _), value)| (name, value)))
    }
}

struct Families<'a>(&'a Plan<'a>, Source<'a>);

impl Serialize for Families<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Families(plan, source) = self;
        let families = plan.blocks.iter().map(|block| FamilyJson {
            name: &block.name,
            kind: block.kind.word(TextFormat::OpenMetrics),
            unit: block.unit,
            help: block.help,
            series: Rows(block, *source),
        });
        serializer.collect_seq(families)
    }
}

#[derive(Serialize)]
struct FamilyJson<'a> {
    name: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    unit: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    help: &'a str,
    series: Rows<'a>,
}

struct Rows<'a>(&'a Block<'a>, Source<'a>);

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Rows(block, source) = self;
        let mut rows = serializer.serialize_seq(None)?;
        let mut result = Ok(());
        each_series(source.store, block, source.rewriting, |shown| {
            if result.is_ok() {
                result = rows.serialize_element(&Row::of(shown, *source));
            }
            result.is_ok()
        });
        result?;
        rows.end()
    }
}

#[derive(Serialize)]
struct Row<'a> {
    labels: LabelMap<'a>,
    #[serde(flatten)]
    content: Content<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Content<'a> {
    Number {
        value: NumberJson,
    },
    Distribution {
        count: u64,
        sum: Option<f64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        buckets: Option<Buckets<'a>>,
        #[serde(flatten)]
        percentiles: Option<Named>,
    },
    Summary {
        count: u64,
        sum: f64,
        quantiles: Quantiles<'a>,
    },
}

#[derive(Serialize)]
#[serde(untagged)]
enum NumberJson {
    Integer(i64),
    Count(u64),
    Double(f64),
}

impl<'a> Row<'a> {
    fn of(shown: &Shown<'a>, source: Source<'_>) -> Row<'a> {
        let percentiles = || {
            let id = shown.id?;
            (source.percentiles)(&[id])
        };
        let named = || percentiles().or_else(|| estimates(shown.point)).map(Named);
        let content = match shown.point {
            Point::Number(number, _) => Content::Number {
                value: number.into(),
            },
            Point::Histogram(one) => Content::Distribution {
                count: one.count,
                sum: one.sum,
                buckets: Some(Buckets(one)),
                percentiles: named(),
            },
            Point::Exponential(Exponential { count, sum, .. }) => Content::Distribution {
                count: *count,
                sum: *sum,
                buckets: None,
                percentiles: named(),
            },
            Point::Summary(one) => Content::Summary {
                count: one.count,
                sum: one.sum,
                quantiles: Quantiles(one),
            },
        };
        Row {
            labels: LabelMap(shown.labels),
            content,
        }
    }
}

impl From<Number> for NumberJson {
    fn from(number: Number) -> NumberJson {
        match number {
            Number::Integer(value) => NumberJson::Integer(value),
            Number::Count(value) => NumberJson::Count(value),
            Number::Double(value) => NumberJson::Double(value),
        }
    }
}

struct LabelMap<'a>(Labels<'a>);

impl Serialize for LabelMap<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(
            self.0
                .raw()
                .map(|label| (unescape(label.name), unescape(label.value))),
        )
    }
}

/// Accumulated counts by upper bound, as Prometheus has them.
struct Buckets<'a>(&'a Histogram);

impl Serialize for Buckets<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let accumulated = self.0.counts.iter().scan(0_u64, |sum, count| {
            *sum = sum.saturating_add(*count);
            Some(*sum)
        });
        serializer.collect_map(self.0.bounds.texts().iter().zip(accumulated))
    }
}

struct Quantiles<'a>(&'a Summary);

impl Serialize for Quantiles<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let quantiles = self.0.quantiles.iter();
        serializer.collect_map(quantiles.map(|(quantile, value)| (quantile.to_string(), *value)))
    }
}
