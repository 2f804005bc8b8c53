//! Exemplars, as far as a format takes them.

use std::borrow::Cow;

use super::number::{put_double, put_seconds};
use super::rewrite::Rewriting;
use crate::series::naming::unescape_label_text;
use crate::series::store::Exemplar;

/// "The combined length of the label names and values of an Exemplar's LabelSet MUST NOT exceed 128 UTF-8
/// character code points" (OpenMetrics 1.0.0). Prometheus holds protobuf to it as well.
const MAX_CHARS: usize = 128;

/// The hexadecimal digits of an id; `None` for one of zeros, which means that it is not known.
pub(super) struct Hex<const DIGITS: usize>([u8; DIGITS]);

impl<const DIGITS: usize> Hex<DIGITS> {
    pub(super) fn of(id: &[u8]) -> Option<Hex<DIGITS>> {
        if id.iter().all(|byte| *byte == 0) {
            return None;
        }
        let mut digits = [b'0'; DIGITS];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(id) {
            pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
        }
        Some(Hex(digits))
    }

    pub(super) fn digits(&self) -> &[u8] {
        &self.0
    }
}

const fn digit(value: u8) -> u8 {
    match value {
        0..10 => b'0' + value,
        _ => b'a' + value - 10,
    }
}

/// The ids of an exemplar, and its further labels, which go where they would make it too long: "`filtered_attributes`
/// MUST be added as labels on the Prometheus exemplar, unless they would exceed the Prometheus protocol's exemplar
/// limits."
pub(super) struct ExemplarLabels<'a> {
    /// The trace.
    pub trace_id: Option<Hex<32>>,
    /// The span.
    pub span_id: Option<Hex<16>>,
    /// Further labels as a text.
    pub further: Cow<'a, str>,
}

impl<'a> ExemplarLabels<'a> {
    pub(super) fn of(exemplar: &'a Exemplar, rewriting: Rewriting) -> ExemplarLabels<'a> {
        let mut labels = ExemplarLabels {
            trace_id: Hex::of(&exemplar.trace_id),
            span_id: Hex::of(&exemplar.span_id),
            further: rewriting.exemplar_labels(&exemplar.labels),
        };
        if labels.chars() > MAX_CHARS {
            labels.further = Cow::Borrowed("");
        }
        labels
    }

    fn chars(&self) -> usize {
        let trace = self.trace_id.as_ref().map_or(0, |_| "trace_id".len() + 32);
        let span = self.span_id.as_ref().map_or(0, |_| "span_id".len() + 16);
        let further = unescape_label_text(&self.further)
            .map(|(name, value)| name.chars().count() + value.chars().count());
        trace + span + further.sum::<usize>()
    }
}

/// Appends ` # {trace_id="…",span_id="…"} value timestamp`.
pub(super) fn put_exemplar(out: &mut Vec<u8>, exemplar: &Exemplar, rewriting: Rewriting) {
    let labels = ExemplarLabels::of(exemplar, rewriting);
    out.extend_from_slice(b" # {");
    let ids = [
        ("trace_id", labels.trace_id.as_ref().map(Hex::digits)),
        ("span_id", labels.span_id.as_ref().map(Hex::digits)),
    ];
    let mut separator: &[u8] = b"";
    for (name, digits) in ids {
        let Some(digits) = digits else { continue };
        for part in [separator, name.as_bytes(), b"=\"", digits, b"\""] {
            out.extend_from_slice(part);
        }
        separator = b",";
    }
    if !labels.further.is_empty() {
        out.extend_from_slice(separator);
        out.extend_from_slice(labels.further.as_bytes());
    }
    out.extend_from_slice(b"} ");
    put_double(out, exemplar.value);
    if exemplar.time_unix_nano > 0 {
        out.push(b' ');
        put_seconds(out, exemplar.time_unix_nano);
    }
}
