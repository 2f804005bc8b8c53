//! Units in words.

use super::legacy::{is_label_byte, underscored};

/// UCUM's abbreviations, and the words for them as a unit and behind "per".
///
/// The table of "Metric Metadata" in the specification. Prometheus' translator spells `TiBy` "tibibytes" and
/// knows "KBy" in place of `kBy`; the specification's word counts, and both spellings are read. Behind
/// "per", `m` is a minute to the translator, as to every other exporter, although UCUM has it for metre.
const WORDS: [(&str, &str, &str); 27] = [
    ("1", "", ""),
    ("d", "days", "day"),
    ("h", "hours", "hour"),
    ("min", "minutes", "minute"),
    ("s", "seconds", "second"),
    ("ms", "milliseconds", "millisecond"),
    ("us", "microseconds", "microsecond"),
    ("ns", "nanoseconds", "nanosecond"),
    ("By", "bytes", "byte"),
    ("KiBy", "kibibytes", "kibibyte"),
    ("MiBy", "mebibytes", "mebibyte"),
    ("GiBy", "gibibytes", "gibibyte"),
    ("TiBy", "tebibytes", "tebibyte"),
    ("kBy", "kilobytes", "kilobyte"),
    ("KBy", "kilobytes", "kilobyte"),
    ("MBy", "megabytes", "megabyte"),
    ("GBy", "gigabytes", "gigabyte"),
    ("TBy", "terabytes", "terabyte"),
    ("m", "meters", "minute"),
    ("V", "volts", "volt"),
    ("A", "amperes", "ampere"),
    ("J", "joules", "joule"),
    ("W", "watts", "watt"),
    ("g", "grams", "gram"),
    ("Cel", "celsius", "celsius"),
    ("Hz", "hertz", "hertz"),
    ("%", "percent", "percent"),
];

/// What the translator reads only behind "per".
const ONLY_PER: [(&str, &str); 3] = [("w", "week"), ("mo", "month"), ("y", "year")];

/// The unit of an OTLP metric in words, as metric names and UNIT lines have it: `By/s` is
/// `bytes_per_second`. Empty where there is none.
///
/// What is not in the table stays as it is, as far as a legacy name can hold it.
///
/// "The Unit of an OTLP metric point MUST be converted from the UCUM unit to the equivalent unit word in
/// Prometheus […] Portions of the Unit within brackets (e.g. {packet}) MUST be dropped. Units defined as
/// rates over time (e.g. "m/s") MUST be converted to words (e.g. "meters_per_second")."
pub fn unit_word(unit: &str) -> String {
    let unit = without_annotations(unit);
    let mut parts = unit.split('/').map(str::trim);
    let mut words = parts.next().map(whole).unwrap_or_default();
    for divisor in parts.map(per).filter(|word| !word.is_empty()) {
        let joint = if words.is_empty() { "per_" } else { "_per_" };
        words.push_str(joint);
        words.push_str(&divisor);
    }
    words
}

/// Whether the family `name`, without its type's suffix, ends in `_` and `word`.
///
/// Readers of OpenMetrics refuse a UNIT line for any other name.
pub fn unit_is_suffix(name: &str, word: &str) -> bool {
    let before = name.strip_suffix(word);
    !word.is_empty() && before.is_some_and(|before| before.ends_with('_'))
}

/// The translator drops a whole part of a unit for the braces in it; the specification drops the braces.
fn without_annotations(unit: &str) -> String {
    let mut kept = String::with_capacity(unit.len());
    let mut rest = unit;
    while let Some((before, behind)) = rest.split_once('{') {
        kept.push_str(before);
        rest = behind.split_once('}').map_or("", |(_, behind)| behind);
    }
    kept.push_str(rest);
    kept
}

fn whole(part: &str) -> String {
    match WORDS.iter().find(|(unit, ..)| *unit == part) {
        Some((_, word, _)) => (*word).to_owned(),
        None => foreign(part),
    }
}

fn per(part: &str) -> String {
    let known = WORDS.iter().map(|(unit, _, word)| (*unit, *word));
    match known.chain(ONLY_PER).find(|(unit, _)| *unit == part) {
        Some((_, word)) => word.to_owned(),
        None => foreign(part),
    }
}

fn foreign(part: &str) -> String {
    underscored(part, is_label_byte)
        .trim_matches('_')
        .to_owned()
}
