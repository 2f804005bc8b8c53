//! Native histograms as the specification has them.

use super::protobuf::{read, schema};
use super::{Rig, exemplar};
use crate::series::exposition::{Exposed, Format};
use crate::series::naming::MetricKind;
use crate::series::store::{Buckets, Exponential, Value};

fn exponential(offset: i32, counts: &[u64]) -> Exponential {
    Exponential {
        scale: 3,
        positive: Buckets {
            offset,
            counts: counts.into(),
        },
        count: counts.iter().sum(),
        sum: Some(1.5),
        ..Exponential::default()
    }
}

fn shown(one: Exponential) -> (Option<schema::Histogram>, Exposed) {
    let mut rig = Rig::new();
    rig.add(
        "h",
        MetricKind::Histogram,
        "",
        Value::Exponential(Box::new(one)),
    );
    let (bytes, exposed) = rig.bytes(Format::Protobuf, None);
    let family = read(&bytes).pop();
    (
        family.and_then(|mut family| family.metric.remove(0).histogram),
        exposed,
    )
}

fn spans(spans: &[schema::Span]) -> Vec<(i32, u32)> {
    spans
        .iter()
        .map(|span| (span.offset.unwrap(), span.length.unwrap()))
        .collect()
}

/// Scenario: the specification's example, "if `Positive.Offset` is `3` and `Positive.BucketCounts` is `10, 0, 0, 20, 5, 2`",
/// and other runs of empty and filled buckets.
/// Guarantees: "`PositiveSpans` will be `{Offset: 4, Length: 1}, {Offset: 2, Length: 3}` and `PositiveDeltas` will be
/// `10, 10, -15, -3`"; nothing is written for empty buckets.
#[test]
fn buckets_become_spans_and_deltas() {
    type Row<'a> = (i32, &'a [u64], &'a [(i32, u32)], &'a [i64]);
    let table: &[Row] = &[
        (
            3,
            &[10, 0, 0, 20, 5, 2],
            &[(4, 1), (2, 3)],
            &[10, 10, -15, -3],
        ),
        (-5, &[1, 1], &[(-4, 2)], &[1, 0]),
        (0, &[0, 0, 7, 0], &[(3, 1)], &[7]),
        (0, &[0, 0], &[], &[]),
        (0, &[], &[], &[]),
    ];
    for (offset, counts, expected, deltas) in table {
        let histogram = shown(exponential(*offset, counts)).0.unwrap();
        assert_eq!(spans(&histogram.positive_span), *expected);
        assert_eq!(histogram.positive_delta, *deltas);
        let mut one = exponential(*offset, counts);
        std::mem::swap(&mut one.negative, &mut one.positive);
        let histogram = shown(one).0.unwrap();
        assert_eq!(spans(&histogram.negative_span), *expected);
        assert_eq!(histogram.negative_delta, *deltas);
        assert!(histogram.positive_span.is_empty());
    }
}

/// Scenario: a histogram with everything, one with a zero threshold of its own, one that is empty.
/// Guarantees: "`ZeroThreshold`, if set, is converted […]. Otherwise, it is set to the default value `1e-128`"; the scale
/// is the schema; exemplars, count, sum and start are there; there are no classic buckets.
#[test]
fn every_field_has_its_place() {
    let mut one = exponential(0, &[3]);
    (one.zero_count, one.count) = (2, 5);
    one.exemplars = vec![exemplar(1.0), exemplar(1.05)];
    let histogram = shown(one.clone()).0.unwrap();
    assert_eq!(histogram.schema, Some(3));
    assert_eq!((histogram.count, histogram.sum), (Some(5), Some(1.5)));
    assert_eq!(
        (histogram.zero_threshold, histogram.zero_count),
        (Some(1e-128), Some(2))
    );
    assert_eq!(histogram.exemplars.len(), 2);
    assert!(histogram.created.is_some() && histogram.bucket.is_empty());
    one.zero_threshold = 0.25;
    assert_eq!(shown(one).0.unwrap().zero_threshold, Some(0.25));
    let empty = Exponential {
        sum: Some(0.0),
        ..Exponential::default()
    };
    assert_eq!(shown(empty).0.unwrap().zero_threshold, Some(1e-128));
}

/// Scenario: scales at the ends of what is a schema and beyond, no sum, and a count that is not that of the buckets.
/// Guarantees: "Valid values for `Schema` are in the range [-4, 8]"; "otherwise, the metric point MUST be dropped", which is
/// counted; Prometheus is never given a count that it refuses a whole scrape for.
#[test]
fn what_prometheus_refuses_is_not_written() {
    for (scale, is_written) in [(-4, true), (8, true), (-5, false), (9, false)] {
        let one = Exponential {
            scale,
            ..exponential(0, &[1])
        };
        let (histogram, exposed) = shown(one);
        assert_eq!(histogram.is_some(), is_written, "{scale}");
        assert_eq!(exposed.left_out, usize::from(!is_written));
    }
    let without_sum = Exponential {
        sum: None,
        ..exponential(0, &[1])
    };
    assert!(shown(without_sum).0.is_none());
    let more = Exponential {
        count: 9,
        ..exponential(0, &[1, 2])
    };
    assert_eq!(shown(more).0.unwrap().count, Some(3));
}

/// Scenario: offsets and counts at the ends of their ranges.
/// Guarantees: nothing overflows.
#[test]
fn extremes_are_written() {
    for offset in [i32::MIN, i32::MAX] {
        let mut one = exponential(offset, &[1]);
        one.negative = Buckets {
            offset,
            counts: vec![u64::MAX, 0, 1],
        };
        assert!(shown(one).0.is_some());
    }
}
