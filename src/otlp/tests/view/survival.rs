//! The views over bytes that nobody checked: they end, and nothing panics.

use fastrand::Rng;

use super::rebuilt;
use crate::otlp::tests::{mutate::mutate, sample, walk::nested};
use crate::otlp::view::*;
use crate::otlp::wire::put_bytes_field;
use crate::otlp::{Signal, inspect};

/// Reads everything that the views can find in `bytes`, whatever they are taken for.
fn read_all(bytes: &[u8]) {
    for signal in Signal::ALL {
        rebuilt::request(signal, bytes);
    }
    let mut out = String::new();
    let mut write = |attribute: Attribute<'_>| {
        out.push_str(&text(attribute.key()));
        attribute.value().write_text(&mut out);
    };
    Span::read(bytes, &mut write);
    LogRecord::read(bytes, &mut write);
    Metric::read(bytes).metadata.for_each(&mut write);
    for exemplars in [
        NumberPoint::read(bytes, &mut write).exemplars(),
        HistogramPoint::read(bytes, &mut write).exemplars(),
        ExponentialPoint::read(bytes, &mut write).exemplars(),
    ] {
        exemplars.for_each(|exemplar| exemplar.filtered_attributes.for_each(&mut write));
    }
    let histogram = HistogramPoint::read(bytes, |_| {});
    let exponential = ExponentialPoint::read(bytes, |_| {});
    let counts = [exponential.positive, exponential.negative].map(|of| of.bucket_counts().count());
    let numbers = histogram.bucket_counts().count() + histogram.explicit_bounds().count();
    let quantiles = SummaryPoint::read(bytes, &mut write).quantiles().count();
    assert!(numbers + quantiles <= 2 * bytes.len() && counts.iter().sum::<usize>() <= bytes.len());
    write(Attribute { raw: bytes });
    AnyValue::read(bytes).write_text(&mut out);
}

/// Scenario: random bytes, and bytes that look like fields. Guarantees: every view ends; no panic.
#[test]
fn views_of_random_bytes_end() {
    let mut rng = Rng::with_seed(21);
    for _ in 0..20_000 {
        let range = [u8::MAX, 0x7f, 0x1f][rng.usize(..3)];
        let bytes: Vec<u8> = (0..rng.usize(..200)).map(|_| rng.u8(..=range)).collect();
        read_all(&bytes);
    }
}

/// Scenario: requests damaged once and again, most of which the walk refuses, and their items.
/// Guarantees: every view ends; no panic.
#[test]
fn views_of_damaged_requests_end() {
    let mut rng = Rng::with_seed(22);
    let mut refused = 0;
    for _ in 0..600 {
        for signal in Signal::ALL {
            let mut bytes = sample::request(signal, &mut rng);
            for _ in 0..3 {
                mutate(&mut bytes, &mut rng);
                refused += u32::from(inspect(signal, &bytes).is_err());
                read_all(&bytes);
                for group in groups(&bytes) {
                    let items = group.scopes().flat_map(|scope| scope.items());
                    items.for_each(read_all);
                }
            }
        }
    }
    assert!(refused > 500, "{refused} refused");
}

/// Scenario: a group of three spans cut at every place. Guarantees: the spans that stand whole before
/// the cut, in their order, and none made up.
#[test]
fn views_of_a_cut_group_end_early() {
    let spans: Vec<_> = [&b"one"[..], b"two", b"three"]
        .map(|name| nested(&[2, 5], name))
        .to_vec();
    let group = spans.concat();
    for cut in 0..=group.len() {
        let request = nested(&[1, 2], &group[..cut]);
        let scope = groups(&request).flat_map(|group| group.scopes()).next();
        let found: Vec<_> = scope.unwrap().items().collect();
        let ends = spans.iter().scan(0, |end, span| {
            *end += span.len();
            Some(*end)
        });
        assert_eq!(found.len(), ends.filter(|end| *end <= cut).count(), "{cut}");
        assert!(
            found
                .iter()
                .zip(&spans)
                .all(|(item, span)| span[2..] == **item)
        );
    }
}

/// Scenario: a span with twenty attributes cut at every place. Guarantees: the attributes before the
/// cut, and none made up.
#[test]
fn views_of_a_cut_span_end_early() {
    let key = |index: u8| nested(&[9, 1], &[b'a' + index]);
    let span: Vec<u8> = (0..20).flat_map(key).collect();
    for cut in 0..=span.len() {
        let mut keys: Vec<u8> = Vec::new();
        Span::read(&span[..cut], |attribute| keys.extend(attribute.key()));
        let expected = b"abcdefghijklmnopqrst";
        assert_eq!(keys, expected[..cut / key(0).len()], "{cut}");
    }
}

/// Scenario: an array in an array, ten thousand deep. Guarantees: the text ends at the depth that a
/// checked message may have; the stack holds.
#[test]
fn text_of_deep_nesting_ends() {
    let mut value = Vec::new();
    for _ in 0..10_000 {
        for number in [1, 5] {
            let inner = std::mem::take(&mut value);
            put_bytes_field(&mut value, number, &inner);
        }
    }
    let mut out = String::new();
    AnyValue::read(&value).write_text(&mut out);
    assert_eq!(out, format!("{}null{}", "[".repeat(100), "]".repeat(100)));
}
