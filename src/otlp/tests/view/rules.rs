//! Rules of single views that random requests do not single out.

use crate::otlp::Signal;
use crate::otlp::inspect;
use crate::otlp::tests::walk::nested;
use crate::otlp::view::*;

fn fixed64(tag: u8, value: u64) -> Vec<u8> {
    [&[tag][..], &value.to_le_bytes()].concat()
}

/// Scenario: every kind and status code, those that do not exist, and numbers wider than 32 bits.
/// Guarantees: unknown values are read as unspecified, wide ones by their lower 32 bits.
#[test]
fn enums_are_read_within_what_is_known() {
    use SpanKind::*;
    let kinds: &[(&[u8], SpanKind)] = &[
        (&[0x30, 0], Unspecified),
        (&[0x30, 1], Internal),
        (&[0x30, 2], Server),
        (&[0x30, 3], Client),
        (&[0x30, 4], Producer),
        (&[0x30, 5], Consumer),
        (&[0x30, 6], Unspecified),
        (&[0x30, 0x82, 0x80, 0x80, 0x80, 0x10], Server),
    ];
    for (bytes, kind) in kinds {
        assert_eq!(Span::read(bytes, |_| {}).kind, *kind, "{bytes:02x?}");
    }
    let codes: &[(&[u8], StatusCode)] = &[
        (&[], StatusCode::Unset),
        (&[0x18, 0], StatusCode::Unset),
        (&[0x18, 1], StatusCode::Ok),
        (&[0x18, 2], StatusCode::Error),
        (&[0x18, 3], StatusCode::Unset),
        (&[0x18, 2, 0x18, 1], StatusCode::Ok),
    ];
    for (status, code) in codes {
        let span = nested(&[15], status);
        assert_eq!(
            Span::read(&span, |_| {}).status_code,
            *code,
            "{status:02x?}"
        );
    }
}

/// Scenario: messages that should stand once, in pieces. Guarantees: the last piece counts; of a
/// status, whatever the pieces say.
#[test]
fn of_pieces_the_last_counts() {
    let named = |name: &str| nested(&[1, 1, 1], name.as_bytes());
    let bytes = nested(&[1], &[named("a"), named("b")].concat());
    let group = groups(&bytes).next().unwrap();
    let keys: Vec<_> = group.resource_attributes().map(|of| of.key()).collect();
    assert_eq!(keys, [b"b"]);

    let status = [nested(&[15], &[0x18, 2]), nested(&[15, 2], b"why")].concat();
    assert_eq!(Span::read(&status, |_| {}).status_code, StatusCode::Error);

    let data = |number: u32, points: usize| nested(&[number], &nested(&[1], b"").repeat(points));
    let twice = [data(5, 2), data(5, 1)].concat();
    assert!(
        matches!(Metric::read(&twice).data, MetricData::Gauge(points) if points.clone().count() == 1)
    );
    let two_kinds = [data(5, 2), data(11, 3)].concat();
    assert!(
        matches!(Metric::read(&two_kinds).data, MetricData::Summary(points) if points.clone().count() == 3)
    );
}

/// Scenario: bucket counts and bounds packed, one by one, and in several packs with other fields
/// between. Guarantees: every number in its order.
#[test]
fn lists_are_read_in_every_spelling() {
    let pack = |number: u32, values: &[u64]| {
        let bytes: Vec<u8> = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        nested(&[number], &bytes)
    };
    let one = fixed64(0x31, 1);
    let bound = fixed64(0x39, 2.5_f64.to_bits());
    let attribute = nested(&[9, 1], b"k");
    let table: &[(Vec<u8>, &[u64])] = &[
        (vec![], &[]),
        (pack(6, &[]), &[]),
        (pack(6, &[1, 2, 3]), &[1, 2, 3]),
        (one.repeat(2), &[1, 1]),
        ([pack(6, &[]), pack(6, &[7])].concat(), &[7]),
        (
            [pack(6, &[5, 6]), attribute, one, pack(6, &[u64::MAX])].concat(),
            &[5, 6, 1, u64::MAX],
        ),
    ];
    for (counts, expected) in table {
        let message = [&bound[..], counts, &bound].concat();
        let point = HistogramPoint::read(&message, |_| {});
        assert_eq!(point.bucket_counts().collect::<Vec<_>>(), *expected);
        assert_eq!(point.explicit_bounds().collect::<Vec<_>>(), [2.5, 2.5]);
    }
    let buckets = [&[0x10, 5, 0x08, 3][..], &nested(&[2], &[0x80, 1, 9])].concat();
    let point = nested(&[8], &buckets);
    let point = ExponentialPoint::read(&point, |_| {});
    assert_eq!(point.positive.offset, -2);
    assert_eq!(
        point.positive.bucket_counts().collect::<Vec<_>>(),
        [5, 128, 9]
    );
    assert_eq!(point.negative.bucket_counts().count(), 0);
}

/// Scenario: points and exemplars with a whole number, a floating point one, both, none. Guarantees:
/// the last counts, and none is told from zero.
#[test]
fn values_of_points_are_told_apart() {
    let (int, double) = (
        fixed64(0x31, -3_i64 as u64),
        fixed64(0x21, 1.5_f64.to_bits()),
    );
    let table = [
        (int.clone(), NumberValue::Int(-3), Some(-3.0)),
        (double.clone(), NumberValue::Double(1.5), Some(1.5)),
        (
            [int.clone(), double.clone()].concat(),
            NumberValue::Double(1.5),
            Some(1.5),
        ),
        ([double, int].concat(), NumberValue::Int(-3), Some(-3.0)),
        (vec![], NumberValue::None, None),
    ];
    for (bytes, value, number) in table {
        let point = NumberPoint::read(&bytes, |_| {});
        assert_eq!((point.value, point.value.as_f64()), (value, number));
    }
    for (flags, none) in [(0, false), (1, true), (2, false), (3, true)] {
        let point = [0x40, flags];
        assert_eq!(
            NumberPoint::read(&point, |_| {}).head.no_recorded_value(),
            none
        );
    }
}

/// Scenario: the scope and the schema URL before, between and behind the items, or absent.
/// Guarantees: found wherever they stand; what is absent is empty.
#[test]
fn scopes_are_found_wherever_they_stand() {
    let scope = nested(&[1], &[nested(&[1], b"lib"), nested(&[2], b"1.0")].concat());
    let url = nested(&[3], b"https://schema");
    let item = nested(&[2, 5], b"span");
    let table = [
        ([&scope[..], &url, &item].concat(), "lib", "https://schema"),
        (
            [&item[..], &url, &scope, &item].concat(),
            "lib",
            "https://schema",
        ),
        ([&item[..], &scope].concat(), "lib", ""),
        (item.clone(), "", ""),
    ];
    for (group, name, schema_url) in table {
        let items = group.windows(4).filter(|window| window == b"span").count();
        let request = nested(&[1, 2], &group);
        assert!(inspect(Signal::Traces, &request).is_ok());
        let group = groups(&request).next().unwrap();
        assert_eq!(
            (group.resource, group.resource_attributes().count()),
            (&[][..], 0)
        );
        let scope_group = group.scopes().next().unwrap();
        let found = scope_group.scope();
        assert_eq!(text(found.name), name);
        assert_eq!(text(found.schema_url), schema_url);
        let names = scope_group
            .items()
            .map(|item| Span::read(item, |_| {}).name);
        assert_eq!(names.collect::<Vec<_>>(), vec![b"span"; items]);
    }
}
