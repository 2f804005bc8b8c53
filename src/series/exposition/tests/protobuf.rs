//! Messages read by `prost` through a schema of the test's own.

use std::sync::Arc;

use prost::Message;

use super::{Rig, START, exemplar};
use crate::series::exposition::Format;
use crate::series::naming::{Escaping, MetricKind};
use crate::series::store::{Bounds, Exemplar, Histogram, Summary, Value};

/// `io.prometheus.client` of <https://github.com/prometheus/client_model>, as far as it is written.
pub(super) mod schema {
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct MetricFamily {
        #[prost(string, optional, tag = "1")]
        pub name: Option<String>,
        #[prost(string, optional, tag = "2")]
        pub help: Option<String>,
        #[prost(int32, optional, tag = "3")]
        pub kind: Option<i32>,
        #[prost(message, repeated, tag = "4")]
        pub metric: Vec<Metric>,
        #[prost(string, optional, tag = "5")]
        pub unit: Option<String>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Metric {
        #[prost(message, repeated, tag = "1")]
        pub label: Vec<LabelPair>,
        #[prost(message, optional, tag = "2")]
        pub gauge: Option<Number>,
        #[prost(message, optional, tag = "3")]
        pub counter: Option<Number>,
        #[prost(message, optional, tag = "4")]
        pub summary: Option<Summary>,
        #[prost(message, optional, tag = "5")]
        pub untyped: Option<Number>,
        #[prost(message, optional, tag = "7")]
        pub histogram: Option<Histogram>,
        #[prost(int64, optional, tag = "6")]
        pub timestamp_ms: Option<i64>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct LabelPair {
        #[prost(string, optional, tag = "1")]
        pub name: Option<String>,
        #[prost(string, optional, tag = "2")]
        pub value: Option<String>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Number {
        #[prost(double, optional, tag = "1")]
        pub value: Option<f64>,
        #[prost(message, optional, tag = "2")]
        pub exemplar: Option<Exemplar>,
        #[prost(message, optional, tag = "3")]
        pub created: Option<Timestamp>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Summary {
        #[prost(uint64, optional, tag = "1")]
        pub count: Option<u64>,
        #[prost(double, optional, tag = "2")]
        pub sum: Option<f64>,
        #[prost(message, repeated, tag = "3")]
        pub quantile: Vec<Quantile>,
        #[prost(message, optional, tag = "4")]
        pub created: Option<Timestamp>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Quantile {
        #[prost(double, optional, tag = "1")]
        pub quantile: Option<f64>,
        #[prost(double, optional, tag = "2")]
        pub value: Option<f64>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Histogram {
        #[prost(uint64, optional, tag = "1")]
        pub count: Option<u64>,
        #[prost(double, optional, tag = "2")]
        pub sum: Option<f64>,
        #[prost(message, repeated, tag = "3")]
        pub bucket: Vec<Bucket>,
        #[prost(sint32, optional, tag = "5")]
        pub schema: Option<i32>,
        #[prost(double, optional, tag = "6")]
        pub zero_threshold: Option<f64>,
        #[prost(uint64, optional, tag = "7")]
        pub zero_count: Option<u64>,
        #[prost(message, repeated, tag = "9")]
        pub negative_span: Vec<Span>,
        #[prost(sint64, repeated, packed = "false", tag = "10")]
        pub negative_delta: Vec<i64>,
        #[prost(message, repeated, tag = "12")]
        pub positive_span: Vec<Span>,
        #[prost(sint64, repeated, packed = "false", tag = "13")]
        pub positive_delta: Vec<i64>,
        #[prost(message, optional, tag = "15")]
        pub created: Option<Timestamp>,
        #[prost(message, repeated, tag = "16")]
        pub exemplars: Vec<Exemplar>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Bucket {
        #[prost(uint64, optional, tag = "1")]
        pub cumulative: Option<u64>,
        #[prost(double, optional, tag = "2")]
        pub upper_bound: Option<f64>,
        #[prost(message, optional, tag = "3")]
        pub exemplar: Option<Exemplar>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Span {
        #[prost(sint32, optional, tag = "1")]
        pub offset: Option<i32>,
        #[prost(uint32, optional, tag = "2")]
        pub length: Option<u32>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Exemplar {
        #[prost(message, repeated, tag = "1")]
        pub label: Vec<LabelPair>,
        #[prost(double, optional, tag = "2")]
        pub value: Option<f64>,
        #[prost(message, optional, tag = "3")]
        pub timestamp: Option<Timestamp>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Timestamp {
        #[prost(int64, tag = "1")]
        pub seconds: i64,
        #[prost(int32, tag = "2")]
        pub nanos: i32,
    }
}

use schema::{LabelPair, MetricFamily, Timestamp};

/// Every message of an answer.
pub(super) fn read(bytes: &[u8]) -> Vec<MetricFamily> {
    let mut rest = bytes;
    let mut families = Vec::new();
    while !rest.is_empty() {
        families.push(MetricFamily::decode_length_delimited(&mut rest).unwrap());
    }
    families
}

fn families(rig: &Rig) -> Vec<MetricFamily> {
    read(&rig.bytes(Format::Protobuf, None).0)
}

pub(super) fn pairs(labels: &[LabelPair]) -> Vec<(&str, &str)> {
    let texts = labels
        .iter()
        .map(|pair| (pair.name.as_deref(), pair.value.as_deref()));
    texts
        .map(|(name, value)| (name.unwrap(), value.unwrap()))
        .collect()
}

fn began() -> Option<Timestamp> {
    let seconds = i64::try_from(START / 1_000_000_000).unwrap();
    Some(Timestamp { seconds, nanos: 0 })
}

/// Scenario: a number in a family of each type that has numbers, with an exemplar, labels with escapes and long ones.
/// Guarantees: info and stateset are gauges; only counters have exemplars and starts; labels are plain text; nothing has a
/// timestamp of its own.
#[test]
fn numbers_are_in_the_field_of_their_type() {
    let long = "é".repeat(100);
    let labels = format!(r#"a="q\"\\\n","b.c"="{long}""#);
    for (kind, number) in [
        (MetricKind::Counter, 0),
        (MetricKind::Gauge, 1),
        (MetricKind::Info, 1),
        (MetricKind::StateSet, 1),
        (MetricKind::Unknown, 3),
    ] {
        let mut rig = Rig::new();
        let family = rig.family("some_seconds", kind, "seconds", "Help\n\"me\"");
        let id = rig.add_to(family, &labels, Value::Double(2.5));
        rig.set_exemplar(id, exemplar(1.0));
        let bytes = rig.bytes(Format::Protobuf, Some(Escaping::AllowUtf8)).0;
        let [family] = read(&bytes).try_into().unwrap();
        assert_eq!(family.name.as_deref(), Some("some_seconds"));
        assert_eq!(family.help.as_deref(), Some("Help\n\"me\""));
        assert_eq!(family.kind, Some(number));
        assert_eq!(family.unit.as_deref(), kind.has_unit().then_some("seconds"));
        let metric = &family.metric[0];
        let expected = [("a", "q\"\\\n"), ("b.c", long.as_str()), ("job", "shop")];
        assert_eq!(pairs(&metric.label), expected);
        let fields = [&metric.counter, &metric.gauge, &None, &metric.untyped];
        for (at, field) in fields.into_iter().enumerate() {
            let is_its = at == usize::try_from(number).unwrap();
            assert_eq!(
                field.as_ref().and_then(|field| field.value),
                is_its.then_some(2.5)
            );
        }
        let counter = metric.counter.as_ref();
        let shown = counter.and_then(|counter| counter.exemplar.as_ref());
        assert_eq!(shown.is_some(), kind == MetricKind::Counter);
        assert_eq!(
            counter.and_then(|counter| counter.created.clone()),
            counter.and_then(|_| began())
        );
        assert_eq!(metric.timestamp_ms, None);
    }
}

/// Scenario: a histogram with an exemplar, one without a sum, and a summary.
/// Guarantees: buckets are cumulative up to +Inf; exemplars carry trace, span, further labels and their time; starts are
/// there.
#[test]
fn histograms_and_summaries_are_whole() {
    let mut rig = Rig::new();
    let mut one = Histogram::new(Arc::new(Bounds::new(&[0.5, 1.0]).unwrap()));
    for value in [0.25, 0.75, 0.8, 7.0] {
        one.observe(value);
    }
    one.set_exemplar(
        1,
        Exemplar {
            labels: r#"a="1""#.into(),
            ..exemplar(0.8)
        },
    );
    rig.add(
        "h",
        MetricKind::Histogram,
        "",
        Value::Histogram(Box::new(one.clone())),
    );
    one.sum = None;
    rig.add(
        "h_without_sum",
        MetricKind::Histogram,
        "",
        Value::Histogram(Box::new(one)),
    );
    let summary = Summary {
        count: 2,
        sum: 3.5,
        quantiles: [(0.5, 1.0), (1.0, f64::NAN)].into(),
    };
    rig.add(
        "s",
        MetricKind::Summary,
        "",
        Value::Summary(Box::new(summary)),
    );
    let [h, without_sum, s] = families(&rig).try_into().unwrap();
    let histogram = h.metric[0].histogram.as_ref().unwrap();
    let buckets = histogram
        .bucket
        .iter()
        .map(|one| (one.upper_bound.unwrap(), one.cumulative.unwrap()));
    assert_eq!(
        buckets.collect::<Vec<_>>(),
        [(0.5, 1), (1.0, 3), (f64::INFINITY, 4)]
    );
    assert_eq!(
        (histogram.count, histogram.sum, histogram.schema),
        (Some(4), Some(8.8), None)
    );
    assert_eq!(histogram.created, began());
    let shown = histogram.bucket[1].exemplar.as_ref().unwrap();
    let (trace, span) = ("ab".repeat(16), "cd".repeat(8));
    assert_eq!(
        pairs(&shown.label),
        [("trace_id", &*trace), ("span_id", &*span), ("a", "1")]
    );
    assert_eq!(
        shown.timestamp.as_ref().map(|time| time.nanos),
        Some(500_000_000)
    );
    assert!(histogram.bucket[0].exemplar.is_none() && histogram.bucket[2].exemplar.is_none());
    let sum = without_sum.metric[0]
        .histogram
        .as_ref()
        .and_then(|one| one.sum);
    assert!(sum.unwrap().is_nan());
    let summary = s.metric[0].summary.as_ref().unwrap();
    assert_eq!(
        (summary.count, summary.sum, summary.quantile.len()),
        (Some(2), Some(3.5), 2)
    );
    assert_eq!(summary.created, began());
}

/// Scenario: dotted names with and without a scheme that allows them; a start that is not known.
/// Guarantees: names are escaped as in text, and no start is made up.
#[test]
fn names_are_escaped_here_as_well() {
    let mut rig = Rig::new();
    let id = rig.add(
        "a.b_total",
        MetricKind::Counter,
        r#""c.d"="1""#,
        Value::Integer(1),
    );
    rig.store.get_mut(id).unwrap().start_unix_nano = 0;
    let family = &families(&rig)[0];
    assert_eq!(family.name.as_deref(), Some("a_b_total"));
    assert_eq!(
        pairs(&family.metric[0].label),
        [("c_d", "1"), ("job", "shop")]
    );
    assert_eq!(family.metric[0].counter.as_ref().unwrap().created, None);
    let bytes = rig.bytes(Format::Protobuf, Some(Escaping::AllowUtf8)).0;
    assert_eq!(read(&bytes)[0].name.as_deref(), Some("a.b_total"));
}
