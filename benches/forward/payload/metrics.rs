//! Points of series that go on: each request holds those of one instance.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics,
    Sum, metric::Data, number_data_point::Value,
};
use prost::Message;

use super::ITEMS;
use super::attributes::{number, resource, scope, text};

const METRICS: u64 = 20;
const SERVICES: [&str; 4] = ["web", "checkout", "orders", "stock"];
/// The default boundaries of the SDKs' histograms for durations in seconds (semantic conventions, "HTTP metrics").
const BOUNDS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];
/// `AggregationTemporality`: cumulative.
const CUMULATIVE: i32 = 2;

/// `count` requests, each of the series of one instance, with points of about `now_unix_ns`.
pub fn requests(count: usize, now_unix_ns: u64, random: &mut fastrand::Rng) -> Vec<Vec<u8>> {
    (0..count)
        .map(|nth| {
            let metrics = (0..METRICS)
                .map(|index| metric(index, now_unix_ns, random))
                .collect();
            request(
                SERVICES[nth % SERVICES.len()],
                nth / SERVICES.len(),
                metrics,
            )
        })
        .collect()
}

fn request(service: &str, instance: usize, metrics: Vec<Metric>) -> Vec<u8> {
    let scope_metrics = vec![ScopeMetrics {
        scope: scope(),
        metrics,
        ..Default::default()
    }];
    let resource_metrics = vec![ResourceMetrics {
        resource: resource(service, instance),
        scope_metrics,
        ..Default::default()
    }];
    ExportMetricsServiceRequest { resource_metrics }.encode_to_vec()
}

/// Of twenty metrics, nine are gauges, nine counters and two histograms.
fn metric(index: u64, now_unix_ns: u64, random: &mut fastrand::Rng) -> Metric {
    let points = 0..ITEMS / METRICS;
    let data = match index {
        0 | 1 => Data::Histogram(Histogram {
            data_points: points
                .map(|nth| histogram_point(nth, now_unix_ns, random))
                .collect(),
            aggregation_temporality: CUMULATIVE,
        }),
        _ if index.is_multiple_of(2) => Data::Gauge(Gauge {
            data_points: points.map(|nth| point(nth, now_unix_ns, random)).collect(),
        }),
        _ => counter(points.map(|nth| point(nth, now_unix_ns, random)).collect()),
    };
    Metric {
        name: format!("shop.orders.stage_{index}.duration"),
        description: "Time that orders spend in a stage".into(),
        unit: "s".into(),
        data: Some(data),
        ..Default::default()
    }
}

fn counter(data_points: Vec<NumberDataPoint>) -> Data {
    Data::Sum(Sum {
        data_points,
        aggregation_temporality: CUMULATIVE,
        is_monotonic: true,
    })
}

fn point(nth: u64, now_unix_ns: u64, random: &mut fastrand::Rng) -> NumberDataPoint {
    NumberDataPoint {
        attributes: attributes(&format!("tenant-{nth}")),
        start_time_unix_nano: now_unix_ns - 60_000_000_000,
        time_unix_nano: now_unix_ns,
        value: Some(Value::AsDouble(random.f64() * 500.0)),
        ..Default::default()
    }
}

fn histogram_point(nth: u64, now_unix_ns: u64, random: &mut fastrand::Rng) -> HistogramDataPoint {
    let bucket_counts: Vec<u64> = (0..=BOUNDS.len()).map(|_| random.u64(..1000)).collect();
    HistogramDataPoint {
        attributes: attributes(&format!("tenant-{nth}")),
        start_time_unix_nano: now_unix_ns - 60_000_000_000,
        time_unix_nano: now_unix_ns,
        count: bucket_counts.iter().sum(),
        sum: Some(random.f64() * 500.0),
        bucket_counts,
        explicit_bounds: BOUNDS.into(),
        ..Default::default()
    }
}

fn attributes(tenant: &str) -> Vec<KeyValue> {
    vec![
        text("http.request.method", "POST"),
        text("http.route", "/orders"),
        number("http.response.status_code", 201),
        text("shop.tenant", tenant),
    ]
}

/// Points in each request that [`fill`] makes.
pub const FILL_POINTS: u64 = 1000;

/// The nth request of [`FILL_POINTS`] counters that are in no other.
pub fn fill(nth: u64, now_unix_ns: u64) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(nth);
    let tenants = nth * FILL_POINTS..(nth + 1) * FILL_POINTS;
    let points = tenants.map(|tenant| point(tenant, now_unix_ns, &mut random));
    let metric = Metric {
        name: format!("shop.held.{}", nth / 5),
        description: "What the store holds".into(),
        data: Some(counter(points.collect())),
        ..Default::default()
    };
    request("held", nth as usize % 10, vec![metric])
}
