//! Random stores, written in every format and read back.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::protobuf::{self, pairs};
use super::{Rig, reader};
use crate::series::exposition::Format;
use crate::series::naming::{Escaping, MetricKind, is_legacy_metric_name, write_labels};
use crate::series::store::{Bounds, Histogram, Value};

/// A sample's name, labels and value, as bits so that NaN equals itself.
type Sample = (String, BTreeMap<String, String>, u64);

/// What is in a random store.
struct Content {
    rig: Rig,
    samples: Vec<Sample>,
}

const LETTERS: [&str; 12] = [
    "a", "_", "\"", "\\", "\n", ",", "=", "{", "}", "é", "日", " ",
];

fn word(random: &mut fastrand::Rng, max: usize) -> String {
    (0..random.usize(1..=max))
        .map(|_| *random.choice(LETTERS.iter()).unwrap())
        .collect()
}

fn content(random: &mut fastrand::Rng) -> Content {
    let mut content = Content {
        rig: Rig::new(),
        samples: Vec::new(),
    };
    for family in 0..random.usize(1..6) {
        let dotted = random.bool();
        let name = if dotted {
            format!("f.{family} \"\\")
        } else {
            format!("f{family}")
        };
        for series in 0..random.usize(1..8) {
            let mut labels = BTreeMap::from([("n".to_owned(), series.to_string())]);
            for _ in 0..random.usize(0..4) {
                let key = if random.bool() {
                    "k".to_owned()
                } else {
                    word(random, 3)
                };
                labels.insert(key, word(random, 12));
            }
            add(&mut content, random, &name, labels);
        }
    }
    content
}

fn add(
    content: &mut Content,
    random: &mut fastrand::Rng,
    name: &str,
    labels: BTreeMap<String, String>,
) {
    let borrowed: Vec<_> = labels
        .iter()
        .map(|(name, value)| (Cow::from(name), Cow::from(value)))
        .collect();
    let mut text = String::new();
    write_labels(&mut text, &borrowed);
    let value = f64::from_bits(random.u64(..));
    let value = if value.is_nan() { f64::NAN } else { value };
    content
        .rig
        .add(name, MetricKind::Gauge, &text, Value::Double(value));
    let mut labels = labels;
    labels.insert("job".to_owned(), "shop".to_owned());
    content
        .samples
        .push((name.to_owned(), labels, value.to_bits()));
}

fn sorted(mut samples: Vec<Sample>) -> Vec<Sample> {
    samples.sort();
    samples
}

/// Scenario: 300 random stores with label names and values of hostile characters, and values of random bits.
/// Guarantees: text, OpenMetrics and protobuf each read back to exactly what is in the store.
#[test]
fn what_is_written_reads_back_the_same() {
    for seed in 0..300 {
        let content = content(&mut fastrand::Rng::with_seed(seed));
        let expected = sorted(content.samples);
        let utf8 = Some(Escaping::AllowUtf8);
        for format in [Format::Text100, Format::OpenMetrics100] {
            let (text, exposed) = content.rig.text(format, utf8);
            let samples = reader::read(&text).samples.into_iter();
            let samples = samples.map(|one| (one.name, one.labels, one.value.to_bits()));
            assert_eq!(sorted(samples.collect()), expected, "seed {seed}");
            assert_eq!((exposed.series, exposed.left_out), (expected.len(), 0));
        }
        let families = protobuf::read(&content.rig.bytes(Format::Protobuf, utf8).0);
        let samples = families.iter().flat_map(|family| {
            let name = family.name.clone().unwrap();
            family.metric.iter().map(move |metric| {
                let labels = pairs(&metric.label).into_iter();
                let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
                let value = metric.gauge.as_ref().and_then(|gauge| gauge.value).unwrap();
                (name.clone(), labels.collect(), value.to_bits())
            })
        });
        assert_eq!(sorted(samples.collect()), expected, "seed {seed}");
    }
}

/// Scenario: the same stores in schemes that escape.
/// Guarantees: every name is one that all of Prometheus reads; no series is there twice; what is not there is counted.
#[test]
fn escaped_answers_are_readable_by_all() {
    for seed in 0..300 {
        let content = content(&mut fastrand::Rng::with_seed(seed));
        for escaping in [None, Some(Escaping::Dots), Some(Escaping::Values)] {
            let (text, exposed) = content.rig.text(Format::Text100, escaping);
            let samples = reader::read(&text).samples;
            let mut seen = std::collections::BTreeSet::new();
            for sample in &samples {
                assert!(is_legacy_metric_name(&sample.name), "{}", sample.name);
                assert!(sample.labels.keys().all(|name| is_legacy_metric_name(name)));
                assert!(
                    seen.insert((&sample.name, &sample.labels)),
                    "twice: {sample:?}"
                );
            }
            assert_eq!(exposed.series, samples.len());
            assert_eq!(exposed.series + exposed.left_out, content.samples.len());
        }
    }
}

/// Scenario: random histograms, read back from both texts and from protobuf.
/// Guarantees: all say the same, buckets never fall, and the last of them is the count.
#[test]
fn histograms_say_the_same_in_all_formats() {
    for seed in 0..200 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut bounds: Vec<f64> = (0..random.usize(0..20))
            .map(|_| random.f64() * 10_f64.powi(random.i32(-9..12)))
            .collect();
        bounds.sort_by(f64::total_cmp);
        bounds.dedup();
        let mut histogram = Histogram::new(Arc::new(Bounds::new(&bounds).unwrap()));
        for _ in 0..random.usize(0..50) {
            histogram.observe(random.f64() * 10_f64.powi(random.i32(-9..12)));
        }
        let mut rig = Rig::new();
        rig.add(
            "h",
            MetricKind::Histogram,
            "",
            Value::Histogram(Box::new(histogram.clone())),
        );
        let families = protobuf::read(&rig.bytes(Format::Protobuf, None).0);
        let shown = families[0].metric[0].histogram.as_ref().unwrap();
        let buckets: Vec<(f64, u64)> = shown
            .bucket
            .iter()
            .map(|one| (one.upper_bound.unwrap(), one.cumulative.unwrap()))
            .collect();
        assert!(buckets.is_sorted_by(|one, next| one.0 < next.0 && one.1 <= next.1));
        assert_eq!(buckets.last().unwrap().1, histogram.count);
        for format in [Format::Text004, Format::OpenMetrics100] {
            let samples = reader::read(&rig.text(format, None).0).samples;
            let of = |name: &str| -> Vec<_> {
                samples
                    .iter()
                    .filter(|one| one.name == name)
                    .cloned()
                    .collect()
            };
            let read = of("h_bucket")
                .into_iter()
                .map(|one| (one.labels["le"].parse().unwrap(), one.value as u64));
            assert_eq!(read.collect::<Vec<(f64, u64)>>(), buckets);
            assert_eq!(of("h_sum")[0].value, histogram.sum.unwrap());
            assert_eq!(of("h_count")[0].value as u64, histogram.count);
        }
    }
}
