//! Names of metric families.

use std::borrow::Cow;

use super::kind::MetricKind;
use super::legacy::{is_blank, is_metric_byte, starts_with_digit, underscored};
use super::strategy::Strategy;
use super::unit::unit_word;

/// How many characters of a refused name an error repeats.
const SHOWN_CHARS: usize = 64;

/// What a gauge of unit `1` counts in.
const RATIO: &str = "ratio";

/// A metric whose name cannot be shown, since nothing but underscores is left of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the metric name {shown:?} leaves nothing to show to Prometheus; give the metric a name with letters"
)]
pub struct NameError {
    shown: String,
}

/// The full name of the family of an OTLP metric: counters end in `_total`, info metrics in `_info`.
///
/// `name` and `unit` are the metric's own. Prometheus' translator differs where it takes underscores off the ends of
/// the name and takes a word anywhere in the name for the suffix: the specification says nothing of these. It is silent on
/// `_ratio` as well, which gauges of unit `1` get all the same: every other way into Prometheus gives it to them, and
/// dashboards ask for it. Pass no unit for a sum, which is a number of things.
///
/// # Errors
///
/// If the name is empty or nothing but underscores once it is translated.
pub fn metric_name(
    strategy: Strategy,
    name: &str,
    unit: &str,
    kind: MetricKind,
) -> Result<String, NameError> {
    let name = translated(strategy, name)?;
    let suffix = suffix(strategy, kind);
    let stem = name.strip_suffix(suffix);
    let mut full = String::with_capacity(name.len() + unit.len() + 16);
    full.push_str(stem.unwrap_or(&name));
    if strategy.adds_suffixes() && kind.has_unit() {
        push_unit(&mut full, unit, kind);
    }
    match stem {
        Some(_) => full.push_str(suffix),
        None => push_suffix(&mut full, suffix),
    }
    Ok(full)
}

/// "a Prometheus Gauge with an additional `_info` name suffix MUST be produced": whatever the strategy.
fn suffix(strategy: Strategy, kind: MetricKind) -> &'static str {
    let wanted = strategy.adds_suffixes() || kind == MetricKind::Info;
    if wanted { kind.suffix() } else { "" }
}

fn translated(strategy: Strategy, name: &str) -> Result<Cow<'_, str>, NameError> {
    let translated = match strategy.escapes() {
        true => underscored(name, is_metric_byte),
        false => Cow::Borrowed(name),
    };
    if is_blank(&translated) {
        let shown = name.chars().take(SHOWN_CHARS).collect();
        return Err(NameError { shown });
    }
    match strategy.escapes() && starts_with_digit(&translated) {
        true => Ok(format!("_{translated}").into()),
        false => Ok(translated),
    }
}

/// "A suffix to the metric name SHOULD be added unless the metric name already ends with the unit (before
/// type-specific suffixes). The unit suffix comes before any type-specific suffixes."
///
/// A name that ends with the unit up to "per" gets the rest alone, as from the translator.
fn push_unit(name: &mut String, unit: &str, kind: MetricKind) {
    let word = match (unit.trim(), kind) {
        ("1", MetricKind::Gauge) => RATIO.to_owned(),
        _ => unit_word(unit),
    };
    if word.is_empty() || ends_with_word(name, &word) {
        return;
    }
    let dividend = word.split_once("_per_").map(|(dividend, _)| dividend);
    match dividend.filter(|dividend| ends_with_word(name, dividend)) {
        Some(dividend) => push_suffix(name, &word[dividend.len()..]),
        None => push_suffix(name, &word),
    }
}

/// Whether `name` ends with `word`, and not with a longer word: "milliseconds" are no "seconds".
fn ends_with_word(name: &str, word: &str) -> bool {
    let before = name.strip_suffix(word);
    before.is_some_and(|before| !before.ends_with(char::is_alphanumeric))
}

fn push_suffix(name: &mut String, suffix: &str) {
    if !suffix.is_empty() && !name.ends_with('_') {
        name.push('_');
    }
    name.push_str(suffix.trim_start_matches('_'));
}
