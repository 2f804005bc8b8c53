//! Requests as SDKs build them, and what the store then shows.

mod conflicts;
mod deltas;
mod exponentials;
mod histograms;
mod hostile;
mod numbers;
mod order;
mod summaries;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::metrics::v1 as proto;
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;
use proto::metric::Data;
use proto::number_data_point::Value as Number;

use super::{Received, ReceivedOptions};
use crate::series::naming::Strategy;
use crate::series::store::{Fault, FaultCounts, Limits, Moment, Series, SeriesId, Store, Value};
use crate::series::targets::{TargetOptions, Targets};

pub(super) const CUMULATIVE: i32 = 2;
pub(super) const DELTA: i32 = 1;
/// When all tests begin.
pub(super) const T0_S: u64 = 1_700_000_000;

pub(super) const LIMITS: Limits = Limits {
    series: 1000,
    series_per_metric: 100,
    label_bytes: 512,
    memory_bytes: 1 << 22,
};

/// Nanoseconds since the Unix epoch, `second` seconds into the test.
pub(super) fn nano(second: u64) -> u64 {
    (T0_S + second) * 1_000_000_000
}

/// A store and what fills it.
pub(super) struct Bench {
    pub(super) store: Store,
    pub(super) targets: Targets,
    pub(super) received: Received,
    /// What percentiles were told: value and count.
    pub(super) observed: Vec<(f64, u64)>,
}

impl Bench {
    pub(super) fn new() -> Bench {
        Bench::with(LIMITS, Strategy::default(), false)
    }

    pub(super) fn with(limits: Limits, strategy: Strategy, scope_labels: bool) -> Bench {
        let targets = TargetOptions {
            strategy,
            scope_labels,
            target_info: false,
            max: 100,
        };
        Bench {
            store: Store::new(limits),
            targets: Targets::new(targets),
            received: Received::new(ReceivedOptions {
                strategy,
                scope_labels,
            }),
            observed: Vec::new(),
        }
    }

    /// Sends metrics of the service "shop" that arrive at `second`.
    pub(super) fn send(&mut self, second: u64, metrics: Vec<proto::Metric>) {
        self.send_from(second, &[("service.name", "shop")], "", metrics);
    }

    pub(super) fn send_from(
        &mut self,
        second: u64,
        resource: &[(&str, &str)],
        scope: &str,
        metrics: Vec<proto::Metric>,
    ) {
        let bytes = request(resource, scope, metrics);
        let inspected = crate::otlp::inspect(crate::otlp::Signal::Metrics, &bytes);
        assert!(
            inspected.is_ok(),
            "the request is one that the intake takes"
        );
        self.take(second, &bytes);
    }

    pub(super) fn take(&mut self, second: u64, bytes: &[u8]) {
        let now = Moment {
            unix_ms: (T0_S + second) * 1000,
        };
        let observed = &mut self.observed;
        let observe = |_: SeriesId, value, count| observed.push((value, count));
        self.received
            .take(&mut self.store, &mut self.targets, observe, bytes, now);
    }

    /// Every series that is shown, as `name{labels} value`, sorted.
    pub(super) fn shown(&self) -> Vec<String> {
        let all = self
            .store
            .iter()
            .filter(|(_, series)| !matches!(series.value, Value::None));
        let mut lines: Vec<_> = all.map(|(_, series)| self.line(series)).collect();
        lines.sort();
        lines
    }

    fn line(&self, series: &Series) -> String {
        let family = self.store.get_family(series.family).unwrap();
        let place = series
            .place
            .map_or("", |place| self.store.places().text(place));
        let comma = if series.labels.is_empty() || place.is_empty() {
            ""
        } else {
            ","
        };
        let value = match &series.value {
            Value::None => "none".to_owned(),
            Value::Integer(value) => value.to_string(),
            Value::Double(value) => value.to_string(),
            Value::Histogram(one) => {
                format!(
                    "{:?}/{:?} n={} sum={:?}",
                    one.bounds.values(),
                    one.counts,
                    one.count,
                    one.sum
                )
            }
            Value::Exponential(one) => format!(
                "scale={} zero={} +{}:{:?} -{}:{:?} n={}",
                one.scale,
                one.zero_count,
                one.positive.offset,
                one.positive.counts,
                one.negative.offset,
                one.negative.counts,
                one.count
            ),
            Value::Summary(one) => format!("{:?} n={} sum={}", one.quantiles, one.count, one.sum),
        };
        format!("{}{{{}{comma}{place}}} {value}", family.name, series.labels)
    }

    /// The only series.
    pub(super) fn only(&self) -> &Series {
        assert_eq!(self.store.len(), 1, "{:?}", self.shown());
        self.store.iter().next().unwrap().1
    }

    /// Every fault counted, by name.
    pub(super) fn faults(&self) -> Vec<(&'static str, u64)> {
        counted(self.store.faults())
    }
}

pub(super) fn counted(faults: &FaultCounts) -> Vec<(&'static str, u64)> {
    let all = Fault::ALL
        .iter()
        .map(|fault| (fault.name(), faults.get(*fault)));
    all.filter(|(_, count)| *count > 0).collect()
}

pub(super) fn request(
    resource: &[(&str, &str)],
    scope: &str,
    metrics: Vec<proto::Metric>,
) -> Vec<u8> {
    let scope = InstrumentationScope {
        name: scope.to_owned(),
        ..InstrumentationScope::default()
    };
    let group = proto::ScopeMetrics {
        scope: Some(scope),
        metrics,
        ..proto::ScopeMetrics::default()
    };
    let resource = Resource {
        attributes: attributes(resource),
        ..Resource::default()
    };
    let group = proto::ResourceMetrics {
        resource: Some(resource),
        scope_metrics: vec![group],
        ..proto::ResourceMetrics::default()
    };
    ExportMetricsServiceRequest {
        resource_metrics: vec![group],
    }
    .encode_to_vec()
}

pub(super) fn attribute(key: &str, value: Any) -> KeyValue {
    let value = Some(AnyValue { value: Some(value) });
    KeyValue {
        key: key.to_owned(),
        value,
        ..KeyValue::default()
    }
}

pub(super) fn attributes(pairs: &[(&str, &str)]) -> Vec<KeyValue> {
    let text = |value: &str| Any::StringValue(value.to_owned());
    pairs
        .iter()
        .map(|(key, value)| attribute(key, text(value)))
        .collect()
}

pub(super) fn metric(name: &str, data: Data) -> proto::Metric {
    proto::Metric {
        name: name.to_owned(),
        data: Some(data),
        ..proto::Metric::default()
    }
}

pub(super) fn gauge(points: Vec<proto::NumberDataPoint>) -> Data {
    Data::Gauge(proto::Gauge {
        data_points: points,
    })
}

pub(super) fn sum(
    temporality: i32,
    is_monotonic: bool,
    points: Vec<proto::NumberDataPoint>,
) -> Data {
    Data::Sum(proto::Sum {
        data_points: points,
        aggregation_temporality: temporality,
        is_monotonic,
    })
}

pub(super) fn counter(name: &str, points: Vec<proto::NumberDataPoint>) -> proto::Metric {
    metric(name, sum(CUMULATIVE, true, points))
}

/// A point that began at the second `start` of the test and was measured at `time`.
pub(super) fn number(start: u64, time: u64, value: Number) -> proto::NumberDataPoint {
    proto::NumberDataPoint {
        start_time_unix_nano: nano(start),
        time_unix_nano: nano(time),
        value: Some(value),
        ..proto::NumberDataPoint::default()
    }
}

pub(super) fn int(start: u64, time: u64, value: i64) -> proto::NumberDataPoint {
    number(start, time, Number::AsInt(value))
}

pub(super) trait With {
    /// The same point with these attributes.
    fn with(self, pairs: &[(&str, &str)]) -> Self;
}

impl With for proto::NumberDataPoint {
    fn with(mut self, pairs: &[(&str, &str)]) -> Self {
        self.attributes = attributes(pairs);
        self
    }
}
