//! Exemplars: which are kept, and what of them.

use crate::otlp::view::{self, Attributes};
use crate::series::naming::{LabelPair, MetricKind, Strategy, merge_labels, write_labels};
use crate::series::store::{Exemplar, Exponential, Histogram, Moment};

use super::labels::attribute_pair;
use super::time::is_future;

/// Characters that the names and values of an exemplar's labels may have together (OpenMetrics 1.0, "Exemplars").
const MAX_CHARS: usize = 128;

const TRACE_ID: &str = "trace_id";
const SPAN_ID: &str = "span_id";

/// Reads exemplars.
#[derive(Clone, Copy, Debug)]
pub(super) struct ExemplarReader {
    pub(super) strategy: Strategy,
    pub(super) now: Moment,
}

impl ExemplarReader {
    /// The exemplar as it is shown; `None` for one without a value. Ids of a wrong length count as absent.
    pub(super) fn read(self, exemplar: &view::Exemplar<'_>) -> Option<Exemplar> {
        let value = exemplar.value.as_f64().filter(|value| !value.is_nan())?;
        let mut read = Exemplar {
            value,
            time_unix_nano: match is_future(exemplar.time_unix_nano, self.now) {
                true => self.now.unix_nano(),
                false => exemplar.time_unix_nano,
            },
            trace_id: exemplar.trace_id.try_into().unwrap_or_default(),
            span_id: exemplar.span_id.try_into().unwrap_or_default(),
            labels: Box::default(),
        };
        read.labels = self.labels(exemplar.filtered_attributes.clone(), &read);
        Some(read)
    }

    /// The filtered attributes as labels; none if all labels together would be longer than they may be.
    fn labels(self, attributes: Attributes<'_>, ids: &Exemplar) -> Box<str> {
        let mut pairs: Vec<LabelPair<'_>> = attributes.map(attribute_pair).collect();
        if pairs.is_empty() {
            return Box::default();
        }
        merge_labels(self.strategy, MetricKind::Gauge, &mut pairs);
        let (has_trace, has_span) = (ids.trace_id != [0; 16], ids.span_id != [0; 8]);
        // "These labels MUST take precedence over labels from `filtered_attributes`".
        pairs.retain(|(name, _)| !(has_trace && name == TRACE_ID || has_span && name == SPAN_ID));
        let chars = |text: &str| text.chars().count();
        let own = pairs
            .iter()
            .map(|(name, value)| chars(name) + chars(value))
            .sum::<usize>();
        let trace = if has_trace { TRACE_ID.len() + 32 } else { 0 };
        let span = if has_span { SPAN_ID.len() + 16 } else { 0 };
        let mut text = String::new();
        if own + trace + span <= MAX_CHARS {
            write_labels(&mut text, &pairs);
        }
        text.into()
    }
}

/// Keeps the latest exemplar of each bucket.
pub(super) fn keep_in_buckets(histogram: &mut Histogram, exemplar: Exemplar) {
    let bucket = histogram.bounds.bucket(exemplar.value);
    let all = histogram.exemplars.as_ref();
    let held = all.and_then(|all| all.get(bucket)?.as_ref());
    if held.is_none_or(|held| held.time_unix_nano <= exemplar.time_unix_nano) {
        histogram.set_exemplar(bucket, exemplar);
    }
}

/// Keeps the latest exemplars, each once although senders repeat them.
pub(super) fn keep_latest(histogram: &mut Exponential, exemplar: Exemplar) {
    let held = &mut histogram.exemplars;
    if held.contains(&exemplar) {
        return;
    }
    let place = held.partition_point(|one| one.time_unix_nano <= exemplar.time_unix_nano);
    held.insert(place, exemplar);
    if held.len() > Exponential::MAX_EXEMPLARS {
        held.remove(0);
    }
}
