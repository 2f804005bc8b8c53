//! Names at random.

use std::borrow::Cow;

use fastrand::Rng;

use crate::series::naming::{
    Escaping, LabelPair, MetricKind, Strategy, escape_labels, escape_metric_name,
    is_legacy_label_name, is_legacy_metric_name, label_name, merge_labels, metric_name,
    unescape_label_text, unit_word, write_labels,
};

const ROUNDS: u64 = 20_000;

/// A text of up to 12 letters, most of them such as have a meaning somewhere.
fn text(rng: &mut Rng) -> String {
    const LETTERS: [char; 20] = [
        'a', 'b', 'Z', '0', '9', '_', '_', ':', '.', '-', '/', '{', '}', '"', '\\', '\n', ',', '=',
        'é', '花',
    ];
    let letter = |rng: &mut Rng| match rng.u8(..20) {
        0 => rng.char(..),
        _ => LETTERS[rng.usize(..LETTERS.len())],
    };
    (0..rng.usize(..12)).map(|_| letter(rng)).collect()
}

fn labels(rng: &mut Rng) -> Vec<LabelPair<'static>> {
    let pair = |rng: &mut Rng| (Cow::Owned(text(rng)), Cow::Owned(text(rng)));
    (0..rng.usize(..6)).map(|_| pair(rng)).collect()
}

/// Whether names are sorted and each stands once.
fn ascend(labels: &[LabelPair<'_>]) -> bool {
    labels.is_sorted_by(|(left, _), (right, _)| left < right)
}

/// Scenario: names, units and keys at random, in every strategy. Guarantees: the strategies that escape give legacy
/// names without two underscores in a row; the others give names that are not empty; units are words.
#[test]
fn names_are_legal() {
    for seed in 0..ROUNDS {
        let rng = &mut Rng::with_seed(seed);
        let (name, unit) = (text(rng), text(rng));
        let kind = MetricKind::ALL[rng.usize(..MetricKind::ALL.len())];
        let word = unit_word(&unit);
        assert!(
            word.is_empty() || is_legacy_label_name(&format!("_{word}")),
            "{seed}: {word}"
        );
        for strategy in Strategy::ALL {
            let metric = metric_name(strategy, &name, &unit, kind);
            let label = label_name(strategy, &name);
            let names = metric.iter().map(String::as_str).chain(label.as_deref());
            assert!(names.clone().all(|name| !name.is_empty()), "{seed}");
            if strategy.escapes() {
                assert!(names.clone().all(|name| !name.contains("__")), "{seed}");
                assert!(
                    metric.is_err() || is_legacy_metric_name(&metric.unwrap()),
                    "{seed}"
                );
                assert!(
                    label.is_none_or(|label| is_legacy_label_name(&label)),
                    "{seed}"
                );
            }
        }
    }
}

/// Scenario: attributes at random become labels, in every strategy, and then labels for every scheme. Guarantees:
/// their names ascend and are never Prometheus' own; legacy where they have to be; whatever the order the
/// attributes came in.
#[test]
fn labels_are_unique() {
    for seed in 0..ROUNDS {
        let rng = &mut Rng::with_seed(seed);
        let mut merged = labels(rng);
        let mut shuffled = merged.clone();
        rng.shuffle(&mut shuffled);
        let strategy = Strategy::ALL[rng.usize(..4)];
        merge_labels(strategy, MetricKind::Gauge, &mut merged);
        merge_labels(strategy, MetricKind::Gauge, &mut shuffled);
        assert_eq!(merged, shuffled, "{seed}");
        assert!(ascend(&merged), "{seed}: {merged:?}");
        assert!(
            merged
                .iter()
                .all(|(name, value)| !name.starts_with("__") && !value.is_empty())
        );
        for escaping in Escaping::ALL {
            let mut escaped = merged.clone();
            escape_labels(escaping, &mut escaped);
            assert!(ascend(&escaped), "{seed}: {escaped:?}");
            let is_free =
                |name: &str| escaping == Escaping::AllowUtf8 || is_legacy_label_name(name);
            assert!(
                escaped
                    .iter()
                    .all(|(name, _)| is_free(name) && name != "__name__"),
                "{seed}"
            );
        }
    }
}

/// Scenario: labels at random, written and read. Guarantees: they come back as they were, with any text for name
/// and value.
#[test]
fn label_texts_round_trip() {
    for seed in 0..ROUNDS {
        let rng = &mut Rng::with_seed(seed);
        let labels = labels(rng);
        let mut written = String::new();
        write_labels(&mut written, &labels);
        assert!(!written.contains('\n'), "{seed}: {written}");
        let read: Vec<_> = unescape_label_text(&written).collect();
        assert_eq!(read, labels, "{seed}: {written}");
    }
}

/// Scenario: any text is read as a label text. Guarantees: no panic, and an end.
#[test]
fn any_text_is_read() {
    for seed in 0..ROUNDS {
        let text = text(&mut Rng::with_seed(seed));
        assert!(unescape_label_text(&text).count() <= text.len(), "{seed}");
    }
}

/// Scenario: metric names at random in `values`. Guarantees: they are legacy names, and can be read back.
#[test]
fn values_are_reversible() {
    for seed in 0..ROUNDS {
        let name = text(&mut Rng::with_seed(seed));
        let escaped = escape_metric_name(Escaping::Values, &name);
        let is_legacy = name.is_empty() || is_legacy_metric_name(&escaped);
        assert!(is_legacy, "{seed}: {escaped}");
        assert_eq!(
            from_values(&escaped).as_deref(),
            Some(name.as_str()),
            "{seed}: {escaped}"
        );
    }
}

/// What `escaping=values` made `escaped` of.
fn from_values(escaped: &str) -> Option<String> {
    let Some(mut rest) = escaped.strip_prefix("U__") else {
        return Some(escaped.to_owned());
    };
    let mut name = String::new();
    while let Some((plain, behind)) = rest.split_once('_') {
        name.push_str(plain);
        let (code, behind) = behind.split_once('_')?;
        match code {
            "" => name.push('_'),
            code => name.push(char::from_u32(u32::from_str_radix(code, 16).ok()?)?),
        }
        rest = behind;
    }
    name.push_str(rest);
    Some(name)
}
