//! The walk: what it accepts, what it counts, and that prost agrees.

use fastrand::Rng;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;

use super::oracle::assert_agreement;
use super::{mutate::mutate, sample};
use crate::otlp::wire::{Fault, put_bytes_field};
use crate::otlp::{Signal, Tally, ascii, inspect};

/// Messages written by hand: `nested(&[1, 2], b"…")` puts bytes into field 2 of field 1.
pub(super) fn nested(numbers: &[u32], inner: &[u8]) -> Vec<u8> {
    numbers.iter().rev().fold(inner.to_vec(), |inner, number| {
        let mut outer = Vec::new();
        put_bytes_field(&mut outer, *number, &inner);
        outer
    })
}

fn attribute(key: &str, value: &[u8]) -> Vec<u8> {
    [nested(&[1], key.as_bytes()), nested(&[2], value)].concat()
}

/// A resource (field 1) with one attribute.
fn resource(key: &str, value: &[u8]) -> Vec<u8> {
    nested(&[1, 1], &attribute(key, value))
}

const SPANS: [u32; 2] = [2, 2];

fn tally(items: u32, services: &[(&'static str, u32)]) -> Tally<'static> {
    Tally {
        items,
        services: services.to_vec(),
    }
}

/// Scenario: no bytes. Guarantees: an empty request of every signal is valid and holds nothing.
#[test]
fn no_bytes_are_an_empty_request() {
    for signal in Signal::ALL {
        assert_eq!(inspect(signal, &[]), Ok(Tally::default()));
    }
}

/// Scenario: resources before and behind their spans, named twice, in pieces, by other types, or
/// not at all. Guarantees: items are counted for the service that a reader of the merged message
/// would see.
#[test]
fn items_belong_to_the_service_of_their_resource() {
    let name = |name: &str| resource("service.name", &nested(&[1], name.as_bytes()));
    let span = nested(&SPANS, &[]);
    type Services = &'static [(&'static str, u32)];
    let table: &[(&str, Vec<u8>, Services)] = &[
        (
            "resource first",
            [name("a"), span.clone()].concat(),
            &[("a", 1)],
        ),
        (
            "resource last",
            [span.clone(), name("a")].concat(),
            &[("a", 1)],
        ),
        (
            "first of two names",
            [name("a"), span.clone(), name("b")].concat(),
            &[("a", 1)],
        ),
        ("no resource", span.clone(), &[("", 1)]),
        (
            "other key",
            [resource("service", &nested(&[1], b"a")), span.clone()].concat(),
            &[("", 1)],
        ),
        (
            "int value",
            [resource("service.name", &[0x18, 1]), span.clone()].concat(),
            &[("", 1)],
        ),
        (
            "a later member of the oneof replaces the string",
            [resource("service.name", b"\x0a\x01a\x18\x01"), span.clone()].concat(),
            &[("", 1)],
        ),
        (
            "a value in two pieces",
            [
                nested(&[1, 1], b"\x0a\x0cservice.name\x12\x00\x12\x03\x0a\x01a"),
                span,
            ]
            .concat(),
            &[("a", 1)],
        ),
        ("no spans", name("a"), &[]),
    ];
    for (case, resource_spans, services) in table {
        let request = nested(&[1], resource_spans);
        let items = services.iter().map(|(_, items)| items).sum();
        let found = inspect(Signal::Traces, &request);
        assert_eq!(
            found,
            Ok(Tally {
                items,
                services: services.to_vec()
            }),
            "{case}"
        );
        assert_agreement(Signal::Traces, &request);
    }
}

/// Scenario: three services, two of them several times and interleaved. Guarantees: one entry for
/// each, ordered, that sum up to the items.
#[test]
fn services_are_merged_and_ordered() {
    let of = |name: &str, spans: usize| {
        let resource = resource("service.name", &nested(&[1], name.as_bytes()));
        nested(
            &[1],
            &[resource, nested(&SPANS, &[]).repeat(spans)].concat(),
        )
    };
    let request = [of("b", 1), of("a", 2), of("b", 3), of("a", 1), of("c", 0)].concat();
    assert_eq!(
        inspect(Signal::Traces, &request),
        Ok(tally(7, &[("a", 3), ("b", 4)]))
    );
}

/// Scenario: 50,000 resources with a name each. Guarantees: linear work; the test would take
/// minutes otherwise.
#[test]
fn many_services_take_linear_time() {
    let of = |index: usize| {
        let resource = resource("service.name", &nested(&[1], index.to_string().as_bytes()));
        nested(&[1], &[resource, nested(&SPANS, &[])].concat())
    };
    let request: Vec<u8> = (0..50_000).flat_map(of).collect();
    let tally = inspect(Signal::Traces, &request).unwrap();
    assert_eq!((tally.items, tally.services.len()), (50_000, 50_000));
}

/// Scenario: metrics of each kind, none, and two kinds in one. Guarantees: data points are counted,
/// not metrics; of two kinds the last counts, as for any oneof.
#[test]
fn a_metrics_items_are_its_data_points() {
    let points = |kind: u32, count: usize| nested(&[kind], &nested(&[1], &[]).repeat(count));
    let table = [
        (points(5, 2), 2),
        (points(7, 3), 3),
        (points(9, 1), 1),
        (points(10, 4), 4),
        (points(11, 2), 2),
        (nested(&[1], b"name"), 0),
        ([points(5, 2), points(5, 1)].concat(), 3),
        ([points(5, 2), points(7, 1)].concat(), 1),
        ([points(5, 2), points(7, 1), points(5, 1)].concat(), 1),
        ([points(5, 2), nested(&[12], b"\x0a\x01k")].concat(), 2),
    ];
    for (metric, items) in table {
        let request = nested(&[1, 2, 2], &metric);
        assert_eq!(
            inspect(Signal::Metrics, &request).map(|tally| tally.items),
            Ok(items)
        );
        assert_agreement(Signal::Metrics, &request);
    }
}

/// Scenario: one fault of each kind, deep in a request. Guarantees: refused with the fault, the
/// message type that holds it and the byte at which it stands.
#[test]
fn faults_are_named_and_located() {
    let span = |inner: &[u8]| nested(&[1, 2, 2], inner);
    let table: &[(Vec<u8>, Fault, &str, usize)] = &[
        (span(&[0x2a, 0x01, 0xff]), Fault::InvalidUtf8, "Span", 6),
        (span(&[0x28, 0x01]), Fault::WrongWireType, "Span", 6),
        (span(&[0x39, 0, 0]), Fault::Truncated, "Span", 6),
        (span(&[0x30, 0x80]), Fault::Truncated, "Span", 6),
        (span(&[0x2a, 0x05, b'a']), Fault::LengthBeyondEnd, "Span", 6),
        (span(&[0x06]), Fault::BadWireType, "Span", 6),
        (span(&[0x02, 0x00]), Fault::FieldZero, "Span", 6),
        (span(&[0x2c]), Fault::WrongWireType, "Span", 6),
        (span(&[0xac, 0x06]), Fault::UnexpectedEndGroup, "Span", 6),
        (span(&[0x30, 0x01, 0x30, 0x80]), Fault::Truncated, "Span", 8),
        (
            span(&nested(&[9, 1], b"\xff")),
            Fault::InvalidUtf8,
            "KeyValue",
            8,
        ),
        (
            span(&nested(&[9, 2, 1], b"\xff")),
            Fault::InvalidUtf8,
            "AnyValue",
            10,
        ),
        (
            vec![0x08, 0x01],
            Fault::WrongWireType,
            "ExportTraceServiceRequest",
            0,
        ),
        (
            vec![0xff; 12],
            Fault::VarintTooLong,
            "ExportTraceServiceRequest",
            0,
        ),
    ];
    for (request, fault, message, offset) in table {
        let error = inspect(Signal::Traces, request).unwrap_err();
        assert_eq!(
            (error.fault, error.message, error.offset),
            (*fault, *message, *offset)
        );
        assert_agreement(Signal::Traces, request);
    }
}

/// Scenario: a fault in a request. Guarantees: the text says what, in what and where.
#[test]
fn errors_read_well() {
    let error = inspect(Signal::Traces, &nested(&[1, 2, 2], &[0x2a, 0x01, 0xff])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "not a valid Span: a string is not valid UTF-8 (byte 6)"
    );
}

/// Scenario: unknown fields, groups among them, and fields in any order and number. Guarantees: read
/// past.
#[test]
fn unknown_fields_are_read_past() {
    let unknown: [&[u8]; 5] = [
        b"\xf8\x06\x01",
        b"\xf9\x06\x00\x00\x00\x00\x00\x00\x00\x00",
        b"\xfa\x06\x02ab",
        b"\xfb\x06\x08\x01\xfc\x06",
        b"\xfd\x06\x00\x00\x00\x00",
    ];
    for field in unknown {
        let span = nested(&SPANS, field);
        let request = [
            nested(&[1], &[field, &span, field].concat()),
            field.to_vec(),
        ]
        .concat();
        assert_eq!(inspect(Signal::Traces, &request), Ok(tally(1, &[("", 1)])));
        assert_agreement(Signal::Traces, &request);
    }
}

/// Scenario: bucket counts and bounds packed, one by one, mixed, and torn. Guarantees: as prost.
#[test]
fn repeated_numbers_may_be_packed_or_not() {
    let packed = nested(&[6], &[0; 16]);
    let single = [&[0x31][..], &[0; 8]].concat();
    let bounds = nested(&[7], &[0; 8]);
    for (point, valid) in [
        (packed.clone(), true),
        (single.clone(), true),
        ([packed, single, bounds].concat(), true),
        (nested(&[6], &[0; 9]), false),
        (nested(&[4], &[0; 8]), false),
    ] {
        let request = nested(&[1, 2, 2, 9, 1], &point);
        assert_eq!(
            inspect(Signal::Metrics, &request).is_ok(),
            valid,
            "{point:02x?}"
        );
        assert_agreement(Signal::Metrics, &request);
    }
    for (buckets, valid) in [
        (&[0x12, 2, 0x80, 1][..], true),
        (&[0x10, 5], true),
        (&[0x12, 1, 0x80], false),
    ] {
        let request = nested(&[1, 2, 2, 10, 1, 8], buckets);
        assert_eq!(
            inspect(Signal::Metrics, &request).is_ok(),
            valid,
            "{buckets:02x?}"
        );
        assert_agreement(Signal::Metrics, &request);
    }
}

/// Scenario: values nested up to and past the limit, in a resource, a span and a log's body.
/// Guarantees: the limit is prost's, to the level.
#[test]
fn nesting_is_limited_as_in_prost() {
    for path in [&[1, 1, 1, 2][..], &[1, 2, 2, 9, 2], &[1, 2, 1, 3, 2]] {
        for depth in 80..120 {
            let arrays = [path, &[5, 1].repeat(depth / 2), &[5][..depth % 2]].concat();
            for inner in [&[][..], &[0x18, 0x01], &[0xf8, 0x06, 0x01]] {
                assert_agreement(Signal::Traces, &nested(&arrays, inner));
            }
        }
    }
    let deep = nested(
        &[1, 2, 2, 5]
            .iter()
            .copied()
            .chain([5, 1].repeat(2_000))
            .collect::<Vec<_>>(),
        &[],
    );
    let error = inspect(Signal::Logs, &deep).unwrap_err();
    assert_eq!(error.fault, Fault::TooDeep);
}

/// Scenario: attributes around every edge of the quick look: empty, long, wide, signed, not ASCII,
/// torn. Guarantees: the same verdict as prost's.
#[test]
fn attributes_of_every_shape_are_judged_as_by_prost() {
    let long = "k".repeat(130);
    let keys = [
        "",
        "k",
        "http.route",
        "grün",
        "k\u{0}",
        &long[..127],
        &long[..128],
        &long,
    ];
    let mut values: Vec<Vec<u8>> =
        vec![vec![], vec![0x10, 0], vec![0x10, 2], vec![0x18], vec![0x10]];
    values.extend((0..64).map(|bit| {
        let value = Some(Value::IntValue(1 << bit));
        AnyValue { value }.encode_to_vec()
    }));
    values.extend(keys.map(|text| nested(&[1], text.as_bytes())));
    values.extend([
        nested(&[1], b"\xff"),
        nested(&[1], b"12345678\xff"),
        nested(&[7], b"\xff"),
    ]);
    values.extend([
        [&[0x21][..], &[0xff; 8]].concat(),
        [&[0x21][..], &[0xff; 7]].concat(),
    ]);
    values.extend([
        vec![0x18, 0xff, 0x80, 0x80],
        [vec![0x18], vec![0xff; 9], vec![0x01]].concat(),
    ]);
    values.extend([
        [vec![0x18], vec![0xff; 9], vec![0x02]].concat(),
        vec![0x18, 1, 0x18, 2],
        vec![0x20, 1],
    ]);
    for key in keys {
        for value in &values {
            let attribute = attribute(key, value);
            for cut in 0..attribute.len().min(24) {
                assert_agreement(
                    Signal::Traces,
                    &nested(&[1, 2, 2, 9], &attribute[..attribute.len() - cut]),
                );
            }
        }
    }
}

/// Scenario: a request of one typical span. Guarantees: ids of any length pass, as the OTLP schema
/// leaves their judgement to receivers of items.
#[test]
fn ids_of_other_lengths_pass() {
    for len in [0, 1, 8, 16, 17] {
        let span = Span {
            trace_id: vec![1; len],
            span_id: vec![2; len],
            ..Span::default()
        };
        let scope_spans = vec![ScopeSpans {
            spans: vec![span],
            ..ScopeSpans::default()
        }];
        let resource_spans = vec![ResourceSpans {
            scope_spans,
            ..ResourceSpans::default()
        }];
        let bytes = ExportTraceServiceRequest { resource_spans }.encode_to_vec();
        assert_eq!(inspect(Signal::Traces, &bytes), Ok(tally(1, &[("", 1)])));
    }
}

/// Scenario: random requests of every signal with every field. Guarantees: accepted, and counted as
/// prost's structs count.
#[test]
fn random_requests_agree_with_prost() {
    let mut rng = Rng::with_seed(1);
    let mut items = [0; 3];
    for _ in 0..300 {
        for signal in Signal::ALL {
            let bytes = sample::request(signal, &mut rng);
            assert_agreement(signal, &bytes);
            items[signal.index()] += inspect(signal, &bytes).unwrap().items;
        }
    }
    assert!(
        items.iter().all(|items| *items > 100),
        "the samples are too thin: {items:?}"
    );
}

/// Scenario: random requests with random damage, cut at random, or read as another signal.
/// Guarantees: accepted exactly where prost decodes, with the same counts.
#[test]
fn damaged_requests_agree_with_prost() {
    let mut rng = Rng::with_seed(2);
    let (mut accepted, mut refused) = (0, 0);
    for _ in 0..1_000 {
        for signal in Signal::ALL {
            let mut bytes = sample::request(signal, &mut rng);
            mutate(&mut bytes, &mut rng);
            let read_as = if rng.u8(..8) == 0 {
                Signal::ALL[rng.usize(..3)]
            } else {
                signal
            };
            assert_agreement(read_as, &bytes);
            *if inspect(read_as, &bytes).is_ok() {
                &mut accepted
            } else {
                &mut refused
            } += 1;
        }
    }
    assert!(
        accepted > 300 && refused > 300,
        "one-sided: {accepted} accepted, {refused} refused"
    );
}

/// Scenario: one message and another behind it. Guarantees: the counts of the concatenation are the
/// sums, which is what makes concatenating a merge.
#[test]
fn concatenated_requests_add_up() {
    let mut rng = Rng::with_seed(3);
    for _ in 0..200 {
        let [one, two] = [(); 2].map(|()| sample::request(Signal::Logs, &mut rng));
        let items = |bytes: &[u8]| inspect(Signal::Logs, bytes).unwrap().items;
        assert_eq!(
            items(&[one.clone(), two.clone()].concat()),
            items(&one) + items(&two)
        );
    }
}

/// Scenario: texts of every length up to 40 with one byte that is not ASCII at every place.
/// Guarantees: found wherever it stands.
#[test]
fn a_single_high_byte_is_found() {
    for len in 0..40 {
        let mut text = vec![b'a'; len];
        assert!(ascii::is_ascii(&text));
        for at in 0..len {
            text[at] = 0x80;
            assert!(!ascii::is_ascii(&text), "{at} of {len}");
            text[at] = b'a';
        }
    }
}

/// Scenario: an attribute list in the shape of `KeyValue` from prost. Guarantees: the hand-written
/// helper of these tests writes the same.
#[test]
fn the_helper_writes_what_prost_writes() {
    let value = Some(AnyValue {
        value: Some(Value::StringValue("v".to_owned())),
    });
    let expected = KeyValue {
        key: "k".to_owned(),
        value,
        key_strindex: 0,
    }
    .encode_to_vec();
    assert_eq!(attribute("k", &nested(&[1], b"v")), expected);
}
