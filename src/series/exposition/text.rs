//! Prometheus text 0.0.4 and 1.0.0, and OpenMetrics text: one writer for what is the same but for details.
//!
//! Sources: <https://prometheus.io/docs/instrumenting/exposition_formats/>, OpenMetrics 1.0.0 "Text format", and Prometheus'
//! own library where the text leaves a choice: a histogram without a sum shows NaN, since every query over
//! histograms asks for `_sum` and `_count`.

use super::Exposed;
use super::exemplar::put_exemplar;
use super::fixed;
use super::labels::Labels;
use super::number::{Number, put_count, put_double, put_label_number, put_quantile, put_seconds};
use super::plan::{Block, Plan};
use super::rewrite::Rewriting;
use super::shown::{Point, Shown};
use super::walk::each_series;
use crate::series::naming::{
    MetricKind, TextFormat, is_legacy_metric_name, unit_is_suffix, write_help, write_metric_name,
};
use crate::series::store::{Exemplar, Exponential, Histogram, Store, Summary};

/// How a text is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dialect {
    /// Whether it is OpenMetrics.
    pub is_open_metrics: bool,
    /// Whether samples `_created` are wanted, which only OpenMetrics has.
    pub created: bool,
    /// How labels are written.
    pub rewriting: Rewriting,
}

impl Dialect {
    const fn format(self) -> TextFormat {
        match self.is_open_metrics {
            true => TextFormat::OpenMetrics,
            false => TextFormat::Prometheus,
        }
    }
}

/// Appends a family with its metadata; nothing if it has no series to show.
pub(super) fn put_family(
    out: &mut Vec<u8>,
    store: &Store,
    plan: &Plan<'_>,
    block: &Block<'_>,
    dialect: Dialect,
) -> Exposed {
    let (name, kind) = match dialect.is_open_metrics {
        true => plan.open_metrics(block),
        false => (&*block.name, block.kind),
    };
    let start = out.len();
    put_metadata(out, name, kind, block, dialect);
    let wants_created = dialect.created && dialect.is_open_metrics;
    let has_created = wants_created && has_start(kind) && !plan.holds(name, "_created");
    let writer = Writer {
        dialect,
        sample: Head::new(&block.name, ""),
        parts: Parts::of(&block.name, kind),
        created: has_created.then(|| Head::new(name, "_created")),
        has_exemplars: dialect.is_open_metrics && has_exemplars(kind),
    };
    let exposed = each_series(store, block, dialect.rewriting, |shown| {
        writer.put_series(out, shown);
        true
    });
    if exposed.series == 0 {
        out.truncate(start);
    }
    exposed
}

/// "Exemplars on OpenTelemetry Gauges SHOULD be dropped", and OpenMetrics has them on counters and buckets only.
const fn has_exemplars(kind: MetricKind) -> bool {
    matches!(kind, MetricKind::Counter | MetricKind::Histogram)
}

/// Whether values of the type accumulate from some start.
const fn has_start(kind: MetricKind) -> bool {
    matches!(
        kind,
        MetricKind::Counter | MetricKind::Histogram | MetricKind::Summary
    )
}

fn put_metadata(
    out: &mut Vec<u8>,
    name: &str,
    kind: MetricKind,
    block: &Block<'_>,
    dialect: Dialect,
) {
    let mut shown = String::with_capacity(name.len() + 2);
    write_metric_name(&mut shown, name);
    let mut text = String::with_capacity(2 * shown.len() + block.help.len() + 32);
    if !block.help.is_empty() {
        text.extend(["# HELP ", &shown, " "]);
        write_help(&mut text, dialect.format(), block.help);
        text.push('\n');
    }
    text.extend(["# TYPE ", &shown, " ", kind.word(dialect.format()), "\n"]);
    let has_unit = kind.has_unit() && unit_is_suffix(name, block.unit);
    if dialect.is_open_metrics && has_unit {
        text.extend(["# UNIT ", &shown, " ", block.unit, "\n"]);
    }
    out.extend_from_slice(text.as_bytes());
}

/// What all samples of one name begin with: `name`, or `{"na.me"` if it has to stand in quotes.
#[derive(Default)]
struct Head {
    text: String,
    /// What stands before the first label.
    opening: u8,
}

impl Head {
    fn new(name: &str, suffix: &str) -> Head {
        let full = format!("{name}{suffix}");
        if is_legacy_metric_name(&full) {
            return Head {
                text: full,
                opening: b'{',
            };
        }
        let mut text = "{".to_owned();
        write_metric_name(&mut text, &full);
        Head {
            text,
            opening: b',',
        }
    }

    /// Appends the name and the labels; answers with what stands before a further label.
    #[inline]
    fn put(&self, out: &mut Vec<u8>, labels: Labels<'_>) -> u8 {
        out.extend_from_slice(self.text.as_bytes());
        let mut separator = self.opening;
        for text in [labels.own, labels.place] {
            if !text.is_empty() {
                out.push(separator);
                out.extend_from_slice(text.as_bytes());
                separator = b',';
            }
        }
        separator
    }

    /// Appends the name and the labels up to the value.
    #[inline]
    fn put_closed(&self, out: &mut Vec<u8>, labels: Labels<'_>) {
        let has_opened = self.put(out, labels) == b',';
        out.extend_from_slice(if has_opened { b"} " } else { b" " });
    }
}

/// What the samples of a histogram or summary begin with; empty for other types, which have none of them.
#[derive(Default)]
struct Parts {
    bucket: Head,
    sum: Head,
    count: Head,
}

impl Parts {
    fn of(name: &str, kind: MetricKind) -> Parts {
        match kind {
            MetricKind::Histogram | MetricKind::Summary => Parts {
                bucket: Head::new(name, "_bucket"),
                sum: Head::new(name, "_sum"),
                count: Head::new(name, "_count"),
            },
            _ => Parts::default(),
        }
    }
}

/// Writes the series of one family.
struct Writer {
    dialect: Dialect,
    sample: Head,
    parts: Parts,
    created: Option<Head>,
    has_exemplars: bool,
}

/// One bucket of a histogram.
struct Bucket<'a> {
    bound: &'a str,
    cumulative: u64,
    exemplar: Option<&'a Exemplar>,
}

impl Writer {
    #[inline]
    fn put_series(&self, out: &mut Vec<u8>, shown: &Shown<'_>) {
        let labels = shown.labels;
        match shown.point {
            Point::Number(number, exemplar) => {
                self.put_number(out, labels, number, exemplar);
            }
            Point::Histogram(histogram) => self.put_histogram(out, labels, histogram),
            Point::Exponential(histogram) => self.put_exponential(out, labels, histogram),
            Point::Summary(summary) => self.put_summary(out, labels, summary),
        }
        self.put_created(out, shown);
    }

    #[inline]
    fn put_number(
        &self,
        out: &mut Vec<u8>,
        labels: Labels<'_>,
        number: Number,
        exemplar: Option<&Exemplar>,
    ) {
        self.sample.put_closed(out, labels);
        number.put(out);
        self.put_line_end(out, exemplar);
    }

    #[inline]
    fn put_line_end(&self, out: &mut Vec<u8>, exemplar: Option<&Exemplar>) {
        if let Some(exemplar) = exemplar.filter(|_| self.has_exemplars) {
            put_exemplar(out, exemplar, self.dialect.rewriting);
        }
        out.push(b'\n');
    }

    fn put_histogram(&self, out: &mut Vec<u8>, labels: Labels<'_>, histogram: &Histogram) {
        let mut cumulative = 0_u64;
        let mut counts = histogram.counts.iter();
        let mut exemplars = histogram.exemplars.iter().flatten();
        let bounds = histogram.bounds.texts();
        let buckets = bounds.iter().enumerate().map(|(place, bound)| {
            cumulative = cumulative.saturating_add(counts.next().copied().unwrap_or(0));
            let is_last = place + 1 == bounds.len();
            let held = histogram.count;
            Bucket {
                bound,
                cumulative: if is_last { held } else { cumulative.min(held) },
                exemplar: exemplars.next().and_then(Option::as_deref),
            }
        });
        self.put_buckets(out, labels, buckets);
        self.put_totals(out, labels, histogram.sum, histogram.count);
    }

    fn put_exponential(&self, out: &mut Vec<u8>, labels: Labels<'_>, histogram: &Exponential) {
        let mut cumulative = 0_u64;
        let counts = fixed::counts(histogram).into_iter().enumerate();
        let buckets = fixed::texts()
            .iter()
            .zip(counts)
            .map(|(bound, (place, count))| {
                cumulative = cumulative.saturating_add(count);
                Bucket {
                    bound,
                    cumulative,
                    exemplar: fixed::exemplar(histogram, place),
                }
            });
        self.put_buckets(out, labels, buckets);
        self.put_totals(out, labels, histogram.sum, histogram.buckets_count());
    }

    /// All lines of a histogram's buckets begin alike: the first is put together, the others are copied from it.
    fn put_buckets<'a>(
        &self,
        out: &mut Vec<u8>,
        labels: Labels<'_>,
        buckets: impl Iterator<Item = Bucket<'a>>,
    ) {
        let start = out.len();
        let separator = self.parts.bucket.put(out, labels);
        out.push(separator);
        out.extend_from_slice(b"le=\"");
        let beginning = start..out.len();
        for (place, bucket) in buckets.enumerate() {
            if place > 0 {
                out.extend_from_within(beginning.clone());
            }
            put_label_number(out, bucket.bound, self.dialect.is_open_metrics);
            out.extend_from_slice(b"\"} ");
            put_count(out, bucket.cumulative);
            self.put_line_end(out, bucket.exemplar);
        }
    }

    fn put_totals(&self, out: &mut Vec<u8>, labels: Labels<'_>, sum: Option<f64>, count: u64) {
        self.parts.sum.put_closed(out, labels);
        put_double(out, sum.unwrap_or(f64::NAN));
        out.push(b'\n');
        self.parts.count.put_closed(out, labels);
        put_count(out, count);
        out.push(b'\n');
    }

    fn put_summary(&self, out: &mut Vec<u8>, labels: Labels<'_>, summary: &Summary) {
        for (quantile, value) in &summary.quantiles {
            let separator = self.sample.put(out, labels);
            out.push(separator);
            out.extend_from_slice(b"quantile=\"");
            put_quantile(out, *quantile, self.dialect.is_open_metrics);
            out.extend_from_slice(b"\"} ");
            put_double(out, *value);
            out.push(b'\n');
        }
        self.put_totals(out, labels, Some(summary.sum), summary.count);
    }

    fn put_created(&self, out: &mut Vec<u8>, shown: &Shown<'_>) {
        if let Some(created) = self.created.as_ref().filter(|_| shown.start_unix_nano > 0) {
            created.put_closed(out, shown.labels);
            put_seconds(out, shown.start_unix_nano);
            out.push(b'\n');
        }
    }
}
