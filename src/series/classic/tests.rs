use std::sync::Arc;

use super::*;
use crate::series::store::{
    Bounds, Family, Fingerprint, Histogram, Limits, Lineage, Moment, NewSeries, Value,
};

const NOW: Moment = Moment {
    unix_ms: 1_700_000_000_000,
};

fn store() -> Store {
    Store::new(Limits {
        series: 1000,
        series_per_metric: 1000,
        label_bytes: 4096,
        memory_bytes: 1 << 20,
    })
}

/// Puts a series in as the receivers do.
fn put(store: &mut Store, name: &str, kind: MetricKind, labels: &str, value: Value) -> SeriesId {
    let spec = FamilySpec {
        name,
        kind,
        unit: unit(name),
        help: "",
    };
    let family = store.family(&spec).unwrap();
    let fingerprint: Fingerprint = store.key().of(format!("{name}{labels}").as_bytes());
    let place = store.place(r#"job="shop",instance="""#, 0);
    let new = NewSeries {
        fingerprint,
        identity: fingerprint.short(),
        labels: labels.into(),
        family,
        place: Some(place),
        lineage: Lineage::Received,
        start_unix_nano: 0,
        value,
    };
    store.insert(new, NOW.unix_nano(), NOW).unwrap()
}

fn unit(name: &str) -> &'static str {
    match name {
        _ if name.ends_with("milliseconds") => "milliseconds",
        _ if name.ends_with("seconds") => "seconds",
        _ => "",
    }
}

fn histogram(values: &[f64]) -> Value {
    let mut histogram = Histogram::new(Arc::new(Bounds::new(&[0.1, 1.0]).unwrap()));
    for value in values {
        histogram.observe(*value);
    }
    Value::Histogram(Box::new(histogram))
}

fn family<'a>(store: &'a Store, name: &str) -> Option<&'a Family> {
    let mut families = store.families().map(|(_, family)| family);
    families.find(|family| &*family.name == name)
}

/// The labels of each series that a view shows.
fn shown(store: &Store, name: &str) -> Vec<String> {
    let Some(Content::View(view)) = family(store, name).map(|family| &family.content) else {
        return Vec::new();
    };
    let labels = view
        .members
        .iter()
        .map(|member| member.labels.as_deref().unwrap_or("=").to_owned());
    labels.collect()
}

fn adopt(store: &mut Store, classic: &mut Classic) {
    let newcomers = store.take_newcomers();
    classic.adopt(store, &newcomers);
}

/// Scenario: HTTP durations of a good and a bad request, with a label that classic names do not know.
/// Guarantees: duration, requests and errors stand under their classic names with classic labels, errors only of bad requests.
#[test]
fn http_durations_have_three_classic_names() {
    let (mut store, mut classic) = (store(), Classic::new(Strategy::default()));
    for status in ["200", "404"] {
        let labels = format!(
            r#"http_request_method="GET",http_response_status_code="{status}",http_route="/a",url_scheme="http""#
        );
        put(
            &mut store,
            "http_server_request_duration_seconds",
            MetricKind::Histogram,
            &labels,
            histogram(&[0.2]),
        );
    }
    adopt(&mut store, &mut classic);
    let good = r#"method="GET",route="/a",status="200",url_scheme="http""#;
    let bad = r#"method="GET",route="/a",status="404",url_scheme="http""#;
    assert_eq!(shown(&store, "http_request_duration_seconds"), [good, bad]);
    assert_eq!(shown(&store, "http_requests_total"), [good, bad]);
    assert_eq!(shown(&store, "http_errors_total"), [bad]);
}

/// Scenario: the connections of a pool by state, and their maximum.
/// Guarantees: idle, active and size have the same labels, so that they can be divided in a query.
#[test]
fn pool_sizes_divide() {
    let (mut store, mut classic) = (store(), Classic::new(Strategy::default()));
    let pool = r#"db_client_connection_pool_name="main""#;
    for state in ["idle", "used", "odd"] {
        let labels = format!(r#"{pool},db_client_connection_state="{state}""#);
        put(
            &mut store,
            "db_client_connection_count",
            MetricKind::Gauge,
            &labels,
            Value::Integer(1),
        );
    }
    put(
        &mut store,
        "db_client_connection_max",
        MetricKind::Gauge,
        pool,
        Value::Integer(9),
    );
    adopt(&mut store, &mut classic);
    for name in [
        "db_pool_size_idle",
        "db_pool_size_active",
        "db_pool_size_total",
    ] {
        assert_eq!(shown(&store, name), [pool], "{name}");
    }
}

/// Scenario: a metric of another type has the OpenTelemetry name; a series has a `route` of its own.
/// Guarantees: the first is not shown, the second keeps both labels.
#[test]
fn what_does_not_fit_is_left_alone() {
    let (mut store, mut classic) = (store(), Classic::new(Strategy::default()));
    put(
        &mut store,
        "http_server_request_duration_seconds",
        MetricKind::Gauge,
        "",
        Value::Integer(1),
    );
    put(
        &mut store,
        "http_server_active_requests",
        MetricKind::Gauge,
        r#"http_route="/a",route="own""#,
        Value::Integer(1),
    );
    adopt(&mut store, &mut classic);
    assert!(family(&store, "http_requests_total").is_none_or(Family::is_empty));
    assert_eq!(
        shown(&store, "http_active_connections"),
        [r#"http_route="/a",route="own""#]
    );
}

/// Scenario: a sender has a counter `http.requests` itself, before or after the classic name stands.
/// Guarantees: its own counter has the name in either case, and later HTTP durations do not panic or take it back.
#[test]
fn a_received_metric_takes_the_name() {
    for received_first in [true, false] {
        let (mut store, mut classic) = (store(), Classic::new(Strategy::default()));
        for is_received in [received_first, !received_first] {
            match is_received {
                true => put(
                    &mut store,
                    "http_requests_total",
                    MetricKind::Counter,
                    "",
                    Value::Integer(7),
                ),
                false => put(
                    &mut store,
                    "http_server_request_duration_seconds",
                    MetricKind::Histogram,
                    "",
                    histogram(&[0.2]),
                ),
            };
            adopt(&mut store, &mut classic);
        }
        put(
            &mut store,
            "http_server_request_duration_seconds",
            MetricKind::Histogram,
            r#"a="b""#,
            histogram(&[0.2]),
        );
        adopt(&mut store, &mut classic);
        let own = family(&store, "http_requests_total").unwrap();
        assert!(matches!(&own.content, Content::Own(series) if series.len() == 1));
        assert_eq!(shown(&store, "http_request_duration_seconds").len(), 2);
    }
}

/// Scenario: names that are not translated.
/// Guarantees: the rules find them all the same.
#[test]
fn every_strategy_has_classic_names() {
    for strategy in Strategy::ALL {
        let (mut store, mut classic) = (store(), Classic::new(strategy));
        let name = crate::series::naming::metric_name(
            strategy,
            "http.server.request.duration",
            "s",
            MetricKind::Histogram,
        );
        let status = label_name(strategy, "http.response.status_code").unwrap();
        let mut labels = String::new();
        write_labels(&mut labels, &[(status, "500".into())]);
        put(
            &mut store,
            &name.unwrap(),
            MetricKind::Histogram,
            &labels,
            histogram(&[0.2]),
        );
        adopt(&mut store, &mut classic);
        assert_eq!(
            shown(&store, "http_errors_total"),
            [r#"status="500""#],
            "{strategy:?}"
        );
    }
}

fn value<'a>(store: &'a Store, name: &str) -> Option<&'a Value> {
    let family = family(store, name)?;
    let Content::Own(members) = &family.content else {
        return None;
    };
    store.get(*members.first()?).map(|series| &series.value)
}

/// Scenario: hits and misses of two layers, one without any look-up.
/// Guarantees: each layer with look-ups has its rate, refreshed in place.
#[test]
fn hit_rates_are_computed() {
    let (mut store, computed) = (store(), Computed::new(Strategy::default()));
    let counter = MetricKind::Counter;
    let hits = put(
        &mut store,
        "cache_hits_total",
        counter,
        r#"cache_layer="L1""#,
        Value::Integer(3),
    );
    put(
        &mut store,
        "cache_misses_total",
        counter,
        r#"cache_layer="L1""#,
        Value::Integer(1),
    );
    put(
        &mut store,
        "cache_hits_total",
        counter,
        r#"cache_layer="L2""#,
        Value::Integer(0),
    );
    computed.refresh(&mut store, &|_| None, NOW);
    assert!(matches!(
        value(&store, "cache_L1_hit_rate"),
        Some(Value::Double(0.75))
    ));
    assert!(value(&store, "cache_L2_hit_rate").is_none());
    let before = store.len();
    store.get_mut(hits).unwrap().value = Value::Integer(9);
    computed.refresh(&mut store, &|_| None, NOW);
    assert!(matches!(
        value(&store, "cache_L1_hit_rate"),
        Some(Value::Double(0.9))
    ));
    assert_eq!(store.len(), before);
}

/// Scenario: latencies in seconds and milliseconds, and one in bytes.
/// Guarantees: the first two have summaries in milliseconds, the last has none.
#[test]
fn latencies_are_summaries_in_milliseconds() {
    let (mut store, computed) = (store(), Computed::new(Strategy::default()));
    for name in [
        "latency_db_query_seconds",
        "latency_api_request_milliseconds",
    ] {
        put(
            &mut store,
            name,
            MetricKind::Histogram,
            "",
            histogram(&[0.2, 0.3]),
        );
    }
    computed.refresh(&mut store, &|_| Some([1.0, 1.5, 2.0, 3.0]), NOW);
    for (name, factor) in [
        ("latency_ms_db_query", 1000.0),
        ("latency_ms_api_request", 1.0),
    ] {
        let Some(Value::Summary(summary)) = value(&store, name) else {
            panic!("{name} is missing");
        };
        let expected = [(0.5, factor), (0.95, 2.0 * factor), (0.99, 3.0 * factor)];
        assert_eq!((summary.count, &*summary.quantiles), (2, &expected[..]));
    }
    assert_eq!(latency_names(), [None, None, None]);
}

fn latency_names() -> [Option<(String, f64)>; 3] {
    [
        ("latency_size_bytes", "bytes"),
        ("latency_", ""),
        ("other_seconds", "seconds"),
    ]
    .map(|(name, unit)| computed::latency_name(name, unit))
}
