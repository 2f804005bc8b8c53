//! The parts that add up, with a restart between requests.

use std::path::PathBuf;
use std::sync::Arc;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::{
    ExponentialHistogram, ExponentialHistogramDataPoint, Histogram, HistogramDataPoint, Metric,
    NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, metric::Data, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;

use super::super::{Continuity, ContinuityOptions};
use super::rig::MAX_BYTES;
use crate::journal::tests::fault::FaultStorage;
use crate::series::derived::{Derived, DerivedOptions};
use crate::series::exposition::{Offer, Request, expose};
use crate::series::naming::Strategy;
use crate::series::percentiles::{PercentileOptions, Percentiles};
use crate::series::received::{Received, ReceivedOptions};
use crate::series::store::{Limits, Moment, Store};
use crate::series::targets::{TargetOptions, Targets};

const BEGIN_S: u64 = 1_700_000_000;

/// Everything that takes requests, over a file on a disk in memory.
struct Process {
    store: Store,
    targets: Targets,
    received: Received,
    derived: Derived,
    percentiles: Percentiles,
    continuity: Continuity,
    now: Moment,
}

impl Process {
    fn start(storage: &FaultStorage, now: Moment) -> Process {
        let strategy = Strategy::default();
        let mut store = Store::new(Limits {
            series: 1000,
            series_per_metric: 1000,
            label_bytes: 1000,
            memory_bytes: 1 << 24,
        });
        let derived = Derived::new(&DerivedOptions::default(), &mut store).unwrap();
        let options = ContinuityOptions {
            dir: PathBuf::from("/data/series"),
            max_bytes: MAX_BYTES,
        };
        let mut continuity = Continuity::new(Arc::new(storage.clone()), options);
        continuity.restore(&mut store, now);
        derived.restored(&mut store);
        Process {
            store,
            targets: Targets::new(TargetOptions {
                strategy,
                scope_labels: true,
                target_info: false,
                max: 100,
            }),
            received: Received::new(ReceivedOptions {
                strategy,
                scope_labels: true,
            }),
            derived,
            percentiles: Percentiles::new(PercentileOptions::default()),
            continuity,
            now,
        }
    }

    fn take(&mut self, minute: u64) {
        let (store, targets, now) = (&mut self.store, &mut self.targets, self.now);
        let metrics = metrics(minute).encode_to_vec();
        self.received
            .take(store, targets, |_, _, _| {}, &metrics, now);
        let spans = spans(minute).encode_to_vec();
        let percentiles = &mut self.percentiles;
        self.derived
            .take_spans(store, targets, percentiles, &spans, now);
        let logs = logs().encode_to_vec();
        self.derived.take_logs(store, targets, &logs, now);
    }

    fn scrape(&mut self) -> String {
        self.continuity.save(&mut self.store, self.now);
        let request = Request {
            offer: Offer::PLAIN,
            created: false,
        };
        let mut out = Vec::new();
        expose(&self.store, &[], request, &mut out);
        String::from_utf8(out).unwrap()
    }
}

fn text(value: &str) -> Option<AnyValue> {
    let value = any_value::Value::StringValue(value.to_owned());
    Some(AnyValue { value: Some(value) })
}

fn attribute(key: &str, value: &str) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: text(value),
        ..KeyValue::default()
    }
}

fn resource() -> Option<Resource> {
    let names = [("service.name", "shop"), ("service.instance.id", "1")];
    Some(Resource {
        attributes: names.map(|(key, value)| attribute(key, value)).to_vec(),
        ..Resource::default()
    })
}

/// The time at which a minute begins.
fn nano(minute: u64) -> u64 {
    (BEGIN_S + 60 * minute) * 1_000_000_000
}

/// A counter, a histogram and an exponential histogram over one minute.
fn metrics(minute: u64) -> ExportMetricsServiceRequest {
    let (start_time_unix_nano, time_unix_nano) = (nano(minute), nano(minute + 1));
    let (aggregation_temporality, attributes) = (1, vec![attribute("http.route", "/a")]);
    let number = NumberDataPoint {
        attributes: attributes.clone(),
        start_time_unix_nano,
        time_unix_nano,
        value: Some(number_data_point::Value::AsInt(7)),
        ..NumberDataPoint::default()
    };
    let fixed = HistogramDataPoint {
        attributes: attributes.clone(),
        start_time_unix_nano,
        time_unix_nano,
        count: 3,
        sum: Some(4.5),
        bucket_counts: vec![1, 2],
        explicit_bounds: vec![1.0],
        ..HistogramDataPoint::default()
    };
    let exponential = ExponentialHistogramDataPoint {
        attributes,
        start_time_unix_nano,
        time_unix_nano,
        count: 2,
        sum: Some(2.5),
        scale: 1,
        positive: Some(Buckets {
            offset: 0,
            bucket_counts: vec![2],
        }),
        ..ExponentialHistogramDataPoint::default()
    };
    let data = [
        Data::Sum(Sum {
            data_points: vec![number],
            aggregation_temporality,
            is_monotonic: true,
        }),
        Data::Histogram(Histogram {
            data_points: vec![fixed],
            aggregation_temporality,
        }),
        Data::ExponentialHistogram(ExponentialHistogram {
            data_points: vec![exponential],
            aggregation_temporality,
        }),
    ];
    let named = ["requests", "latency", "size"].into_iter().zip(data);
    let metrics = named.map(|(name, data)| Metric {
        name: name.to_owned(),
        data: Some(data),
        ..Metric::default()
    });
    let scope_metrics = vec![ScopeMetrics {
        metrics: metrics.collect(),
        ..ScopeMetrics::default()
    }];
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: resource(),
            scope_metrics,
            ..ResourceMetrics::default()
        }],
    }
}

/// A call to a database, and a request that came from outside.
fn spans(minute: u64) -> ExportTraceServiceRequest {
    let span = |kind: i32, id: u8, attributes: Vec<KeyValue>| Span {
        trace_id: vec![id; 16],
        span_id: vec![id; 8],
        name: "GET /a".to_owned(),
        kind,
        start_time_unix_nano: nano(minute),
        end_time_unix_nano: nano(minute) + 30_000_000,
        attributes,
        ..Span::default()
    };
    let database = vec![
        attribute("db.system.name", "postgresql"),
        attribute("db.namespace", "orders"),
    ];
    let spans = vec![span(2, 1, Vec::new()), span(3, 2, database)];
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: resource(),
            scope_spans: vec![ScopeSpans {
                spans,
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    }
}

fn logs() -> ExportLogsServiceRequest {
    let record = LogRecord {
        severity_number: 17,
        ..LogRecord::default()
    };
    ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            resource: resource(),
            scope_logs: vec![ScopeLogs {
                log_records: vec![record],
                ..ScopeLogs::default()
            }],
            ..ResourceLogs::default()
        }],
    }
}

/// The scrapes after each of some minutes, with the process killed after each if `restarting`.
fn scrapes(minutes: &[u64], restarting: bool) -> Vec<String> {
    let at = |minute: u64| Moment {
        unix_ms: nano(minute + 1) / 1_000_000,
    };
    let mut storage = FaultStorage::default();
    let mut process = Process::start(&storage, at(0));
    let mut scrapes = Vec::new();
    for minute in minutes {
        process.now = at(*minute);
        process.take(*minute);
        scrapes.push(process.scrape());
        if restarting {
            storage = storage.kill();
            process = Process::start(&storage, at(*minute));
            assert_eq!(process.scrape(), scrapes[scrapes.len() - 1]);
        }
    }
    scrapes
}

/// Scenario: deltas, spans and logs of four minutes, in one process and in one that is killed after each minute.
/// Guarantees: both show the same after each minute and after each start: every series is found again by its part.
#[test]
fn every_part_goes_on_with_its_series() {
    let minutes = [0, 1, 2, 3];
    let (whole, restarted) = (scrapes(&minutes, false), scrapes(&minutes, true));
    for (minute, (whole, restarted)) in whole.iter().zip(&restarted).enumerate() {
        for (line, expected) in restarted.lines().zip(whole.lines()) {
            assert_eq!(line, expected, "minute {minute}");
        }
        assert_eq!(whole.lines().count(), restarted.lines().count());
    }
    let last = &whole[3];
    for expected in ["requests_total{", "latency_count{", "size_count{"] {
        assert!(last.contains(expected), "{last}");
    }
    assert!(last.contains("traces_span_metrics_calls_total{"), "{last}");
    assert!(
        last.contains("traces_service_graph_request_total{"),
        "{last}"
    );
    assert!(last.contains("log_records_total{"), "{last}");
}

/// Scenario: a minute's deltas come again right after a restart.
/// Guarantees: they are known to be counted already.
#[test]
fn a_delta_that_comes_again_after_a_restart_is_known() {
    let of = |text: &str| {
        let line = text.lines().find(|line| line.starts_with("requests_total"));
        line.and_then(|line| line.rsplit(' ').next().map(str::to_owned))
    };
    let scrapes = scrapes(&[0, 0, 1], true);
    let values: Vec<_> = scrapes.iter().filter_map(|text| of(text)).collect();
    assert_eq!(values, ["7", "7", "14"]);
}
