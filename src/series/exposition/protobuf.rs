//! `io.prometheus.client.MetricFamily`, each message behind its length.
//!
//! Source of the fields: <https://github.com/prometheus/client_model>, metrics.proto. Exponential histograms are
//! native histograms here: specification, "Exponential Histograms".

use super::Exposed;
use super::exemplar::{ExemplarLabels, Hex};
use super::labels::Labels;
use super::message::{put_double_field, put_timestamp};
use super::native::put_native;
use super::number::Number;
use super::plan::Block;
use super::rewrite::Rewriting;
use super::shown::{Point, Shown};
use super::walk::each_series;
use crate::otlp::wire::{
    WireType, put_bytes_field, put_delimited, put_message, put_tag, put_varint_field, varint_len,
};
use crate::series::naming::{MetricKind, RawLabel, put_unescaped, unit_is_suffix};
use crate::series::store::{Exemplar, Histogram, Store, Summary, base_name};

/// About how many bytes a series takes, to guess the length of a family.
const SERIES_BYTES: u64 = 200;

/// The fields of a metric, by the type of its family.
mod field {
    pub(super) const GAUGE: u32 = 2;
    pub(super) const COUNTER: u32 = 3;
    pub(super) const SUMMARY: u32 = 4;
    pub(super) const UNTYPED: u32 = 5;
    pub(super) const HISTOGRAM: u32 = 7;
}

/// The tags of the fields 1 and 2 where they hold a text or a message.
const MESSAGE_1: u8 = 1 << 3 | WireType::Len as u8;
const MESSAGE_2: u8 = 2 << 3 | WireType::Len as u8;

/// Appends a family; nothing if it has no series to show.
///
/// Prometheus takes the first histogram of a message to tell whether all of them are native. Where a family has both
/// kinds, native ones get a message of their own.
pub(super) fn put_family(
    out: &mut Vec<u8>,
    store: &Store,
    block: &Block<'_>,
    rewriting: Rewriting,
) -> Exposed {
    let mut natives = 0;
    let (mut exposed, _) = put_part(out, store, block, rewriting, |shown| {
        let is_native = matches!(shown.point, Point::Exponential(_));
        natives += usize::from(is_native);
        !is_native
    });
    if natives > 0 {
        let is_native = |shown: &Shown<'_>| matches!(shown.point, Point::Exponential(_));
        let (_, written) = put_part(out, store, block, rewriting, is_native);
        // They were counted as series above.
        exposed.series -= natives - written;
        exposed.left_out += natives - written;
    }
    exposed
}

/// Appends a message with those series of a family that belong into it. Answers with what the whole family holds, and
/// how many series were written.
fn put_part(
    out: &mut Vec<u8>,
    store: &Store,
    block: &Block<'_>,
    rewriting: Rewriting,
    mut belongs: impl FnMut(&Shown<'_>) -> bool,
) -> (Exposed, usize) {
    let start = out.len();
    let series = block.own.len() + block.store.map_or(0, |family| family.len());
    let room = varint_len(series as u64 * SERIES_BYTES);
    let (mut exposed, mut written) = (Exposed::default(), 0);
    put_delimited(out, room, |out| {
        put_metadata(out, block);
        exposed = each_series(store, block, rewriting, |shown| {
            if !belongs(shown) {
                return true;
            }
            let is_written = put_series(out, block.kind, shown, rewriting);
            written += usize::from(is_written);
            is_written
        });
    });
    if written == 0 {
        out.truncate(start);
    }
    (exposed, written)
}

fn put_metadata(out: &mut Vec<u8>, block: &Block<'_>) {
    put_bytes_field(out, 1, block.name.as_bytes());
    if !block.help.is_empty() {
        put_bytes_field(out, 2, block.help.as_bytes());
    }
    put_varint_field(out, 3, type_number(block.kind));
    let base = base_name(&block.name, block.kind);
    if block.kind.has_unit() && unit_is_suffix(base, block.unit) {
        put_bytes_field(out, 5, block.unit.as_bytes());
    }
}

/// The number of a type in the enum `MetricType`, which has no info and no stateset: "a Prometheus Gauge MUST be produced
/// instead".
const fn type_number(kind: MetricKind) -> u64 {
    match kind {
        MetricKind::Counter => 0,
        MetricKind::Gauge | MetricKind::Info | MetricKind::StateSet => 1,
        MetricKind::Summary => 2,
        MetricKind::Unknown => 3,
        MetricKind::Histogram => 4,
    }
}

/// Appends a `Metric`; answers whether it could be.
fn put_series(
    out: &mut Vec<u8>,
    kind: MetricKind,
    shown: &Shown<'_>,
    rewriting: Rewriting,
) -> bool {
    let before = out.len();
    let mut is_written = true;
    put_tag(out, 4, WireType::Len);
    put_delimited(out, varint_len(SERIES_BYTES), |out| {
        put_labels(out, shown.labels);
        let start = shown.start_unix_nano;
        match shown.point {
            Point::Number(number, exemplar) => {
                put_number(out, kind, number, |out| {
                    put_exemplar(out, 2, exemplar, rewriting);
                    put_timestamp(out, 3, start);
                });
            }
            Point::Histogram(one) => put_message(out, field::HISTOGRAM, |out| {
                put_histogram(out, one, rewriting);
                put_timestamp(out, 15, start);
            }),
            Point::Exponential(one) => put_message(out, field::HISTOGRAM, |out| {
                is_written = put_native(out, one, rewriting);
                put_timestamp(out, 15, start);
            }),
            Point::Summary(one) => put_message(out, field::SUMMARY, |out| {
                put_summary(out, one);
                put_timestamp(out, 4, start);
            }),
        }
    });
    if !is_written {
        out.truncate(before);
    }
    is_written
}

fn put_labels(out: &mut Vec<u8>, labels: Labels<'_>) {
    for label in labels.raw() {
        put_label(out, label);
    }
}

#[inline]
fn put_label(out: &mut Vec<u8>, label: RawLabel<'_>) {
    let RawLabel { name, value, .. } = label;
    let len = name.len() + value.len() + 4;
    match (
        u8::try_from(len),
        u8::try_from(name.len()),
        u8::try_from(value.len()),
    ) {
        // Every length takes one byte, as those of nearly all labels do.
        (Ok(len @ ..0x80), Ok(name_len), Ok(value_len)) if !label.has_escapes => {
            out.extend_from_slice(&[MESSAGE_1, len, MESSAGE_1, name_len]);
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(&[MESSAGE_2, value_len]);
            out.extend_from_slice(value.as_bytes());
        }
        _ => put_message(out, 1, |out| {
            put_message(out, 1, |out| put_unescaped(out, name));
            put_message(out, 2, |out| put_unescaped(out, value));
        }),
    }
}

/// Appends the value of a counter, gauge or untyped metric; only counters have what `counter_fields` appends.
fn put_number(
    out: &mut Vec<u8>,
    kind: MetricKind,
    number: Number,
    counter_fields: impl FnOnce(&mut Vec<u8>),
) {
    let number_field = match kind {
        MetricKind::Counter => field::COUNTER,
        MetricKind::Unknown => field::UNTYPED,
        _ => field::GAUGE,
    };
    put_message(out, number_field, |out| {
        put_double_field(out, 1, number.as_double());
        if kind == MetricKind::Counter {
            counter_fields(out);
        }
    });
}

fn put_histogram(out: &mut Vec<u8>, histogram: &Histogram, rewriting: Rewriting) {
    put_varint_field(out, 1, histogram.count);
    put_double_field(out, 2, histogram.sum.unwrap_or(f64::NAN));
    let mut cumulative = 0_u64;
    let infinite = std::iter::once(&f64::INFINITY);
    let bounds = histogram.bounds.values().iter().chain(infinite);
    let mut exemplars = histogram.exemplars.iter().flatten();
    for (bound, count) in bounds.zip(&histogram.counts) {
        cumulative = cumulative.saturating_add(*count);
        let is_last = bound.is_infinite();
        let held = histogram.count;
        put_message(out, 3, |out| {
            put_varint_field(out, 1, if is_last { held } else { cumulative.min(held) });
            put_double_field(out, 2, *bound);
            let exemplar = exemplars.next().and_then(Option::as_deref);
            put_exemplar(out, 3, exemplar, rewriting);
        });
    }
}

fn put_summary(out: &mut Vec<u8>, summary: &Summary) {
    put_varint_field(out, 1, summary.count);
    put_double_field(out, 2, summary.sum);
    for (quantile, value) in &summary.quantiles {
        put_message(out, 3, |out| {
            put_double_field(out, 1, *quantile);
            put_double_field(out, 2, *value);
        });
    }
}

/// Appends an exemplar, if there is one.
pub(super) fn put_exemplar(
    out: &mut Vec<u8>,
    number: u32,
    exemplar: Option<&Exemplar>,
    rewriting: Rewriting,
) {
    let Some(exemplar) = exemplar else { return };
    let labels = ExemplarLabels::of(exemplar, rewriting);
    put_message(out, number, |out| {
        put_id(out, "trace_id", labels.trace_id.as_ref());
        put_id(out, "span_id", labels.span_id.as_ref());
        put_labels(
            out,
            Labels {
                own: &labels.further,
                place: "",
            },
        );
        put_double_field(out, 2, exemplar.value);
        put_timestamp(out, 3, exemplar.time_unix_nano);
    });
}

fn put_id<const DIGITS: usize>(out: &mut Vec<u8>, name: &str, id: Option<&Hex<DIGITS>>) {
    if let Some(id) = id {
        put_message(out, 1, |out| {
            put_bytes_field(out, 1, name.as_bytes());
            put_bytes_field(out, 2, id.digits());
        });
    }
}
