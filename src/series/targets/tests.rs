use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::{ResourceMetrics, ScopeMetrics};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;

use super::*;
use crate::series::store::{Content, Expiry, Limits};

const SECOND: u64 = 1_000_000_000;
const T0_S: u64 = 1_700_000_000;

fn at(seconds: u64) -> Moment {
    Moment {
        unix_ms: (T0_S + seconds) * 1000,
    }
}

fn store() -> Store {
    Store::new(Limits {
        series: 1000,
        series_per_metric: 1000,
        label_bytes: 4096,
        memory_bytes: 1 << 20,
    })
}

fn targets() -> Targets {
    Targets::new(TargetOptions {
        strategy: Strategy::default(),
        scope_labels: true,
        target_info: true,
        max: 4,
    })
}

fn attributes(pairs: &[(&str, &str)]) -> Vec<KeyValue> {
    let each = |(key, value): &(&str, &str)| KeyValue {
        key: (*key).to_owned(),
        value: Some(AnyValue {
            value: Some(Any::StringValue((*value).to_owned())),
        }),
        ..KeyValue::default()
    };
    pairs.iter().map(each).collect()
}

fn resource(pairs: &[(&str, &str)]) -> Vec<u8> {
    let resource = Resource {
        attributes: attributes(pairs),
        ..Resource::default()
    };
    resource.encode_to_vec()
}

fn read(resource: &[u8]) -> Attributes<'_> {
    Attributes::of(resource, 1)
}

fn info_texts(store: &Store) -> Vec<String> {
    let mut texts: Vec<_> = store
        .families()
        .filter(|(_, family)| &*family.name == "target_info")
        .flat_map(|(_, family)| match &family.content {
            Content::Own(series) => series.clone(),
            Content::View(_) => Vec::new(),
        })
        .filter_map(|id| store.get(id).map(|series| series.labels.to_string()))
        .collect();
    texts.sort();
    texts
}

/// Scenario: resources with and without namespace, service and instance.
/// Guarantees: job and instance are as the specification makes them; an empty instance is written, an empty job is not.
#[test]
fn job_and_instance_come_from_the_service() {
    let table: [(&[(&str, &str)], &str); 5] = [
        (&[("service.name", "shop")], r#"job="shop",instance="""#),
        (
            &[
                ("service.namespace", "eu"),
                ("service.name", "shop"),
                ("service.instance.id", "a1"),
            ],
            r#"job="eu/shop",instance="a1""#,
        ),
        (
            &[("service.namespace", ""), ("service.name", "shop")],
            r#"job="shop",instance="""#,
        ),
        (&[("service.instance.id", "a1")], r#"instance="a1""#),
        (&[], r#"instance="""#),
    ];
    for (pairs, expected) in table {
        let (mut store, mut targets) = (store(), targets());
        let resource = resource(pairs);
        let id = targets
            .of_metrics(&mut store, read(&resource), || None, at(0))
            .unwrap();
        let place = targets.place(&mut store, id, None);
        assert_eq!(store.places().text(place), expected);
    }
}

/// Scenario: a resource with more than the service.
/// Guarantees: `target_info` has job, instance and the rest, and nothing of the service twice; without a rest there is none.
#[test]
fn the_rest_of_a_resource_is_target_info() {
    let (mut store, mut targets) = (store(), targets());
    let plain = resource(&[("service.name", "plain")]);
    let rich = resource(&[
        ("service.name", "rich"),
        ("host.name", "h1"),
        ("host.name", "h2"),
        ("job", "x"),
    ]);
    targets
        .of_metrics(&mut store, read(&plain), || None, at(0))
        .unwrap();
    assert!(info_texts(&store).is_empty());
    targets.of_spans(&mut store, read(&rich), at(0)).unwrap();
    assert_eq!(
        info_texts(&store),
        [r#"job="rich",instance="",host_name="h1;h2""#]
    );
}

/// Scenario: two senders differ in `host.name` alone, and the second started while the first was reporting.
/// Guarantees: the second gets an instance of its own, the same after a restart of the agent, and the conflict is listed.
#[test]
fn senders_side_by_side_are_kept_apart() {
    let mut instances = Vec::new();
    for _ in 0..2 {
        let (mut store, mut targets) = (store(), targets());
        let [a, b] =
            ["h1", "h2"].map(|host| resource(&[("service.name", "shop"), ("host.name", host)]));
        let started = Some(T0_S * SECOND);
        let first = targets
            .of_metrics(&mut store, read(&a), || started, at(10))
            .unwrap();
        targets.heard(first, (T0_S + 10) * SECOND);
        let second = targets
            .of_metrics(&mut store, read(&b), || started, at(11))
            .unwrap();
        assert_ne!(first, second);
        assert_eq!(
            targets.of_metrics(&mut store, read(&a), || None, at(12)),
            Ok(first)
        );
        assert_eq!(
            targets.of_metrics(&mut store, read(&b), || None, at(12)),
            Ok(second)
        );
        assert_eq!(store.conflicts().list()[0].kind, ConflictKind::Sender);
        assert_eq!(info_texts(&store).len(), 2);
        instances.push(targets.get(second).unwrap().instance.clone());
    }
    assert_eq!(instances[0].len(), 8);
    assert_eq!(instances[0], instances[1]);
}

/// Scenario: a sender ends and another with the same service and another process id starts after its last point.
/// Guarantees: it takes over the target, and `target_info` is replaced, not doubled.
#[test]
fn a_restarted_sender_takes_over() {
    let (mut store, mut targets) = (store(), targets());
    let [a, b] = ["1", "2"].map(|pid| resource(&[("service.name", "shop"), ("process.pid", pid)]));
    let first = targets
        .of_metrics(&mut store, read(&a), || Some(T0_S * SECOND), at(10))
        .unwrap();
    targets.heard(first, (T0_S + 10) * SECOND);
    let restarted = Some((T0_S + 11) * SECOND);
    let second = targets
        .of_metrics(&mut store, read(&b), || restarted, at(20))
        .unwrap();
    assert_eq!(first, second);
    assert_eq!(
        info_texts(&store),
        [r#"job="shop",instance="",process_pid="2""#]
    );
    assert!(store.conflicts().list().is_empty());
}

/// Scenario: senders that do not say when they started; the first has been silent for a while, or has not.
/// Guarantees: only one that has been silent for long gives way.
#[test]
fn without_a_start_silence_decides() {
    for (silent_s, same) in [(SILENT_S, false), (SILENT_S + 1, true)] {
        let (mut store, mut targets) = (store(), targets());
        let [a, b] =
            ["1", "2"].map(|pid| resource(&[("service.name", "shop"), ("process.pid", pid)]));
        let first = targets
            .of_metrics(&mut store, read(&a), || None, at(0))
            .unwrap();
        let second = targets
            .of_metrics(&mut store, read(&b), || None, at(u64::from(silent_s)))
            .unwrap();
        assert_eq!(first == second, same, "{silent_s}");
    }
}

/// Scenario: spans of two resources that share job and instance, beside metrics of a third.
/// Guarantees: spans are added up in one target.
#[test]
fn spans_of_one_job_are_added_up() {
    let (mut store, mut targets) = (store(), targets());
    let [a, b] =
        ["h1", "h2"].map(|host| resource(&[("service.name", "shop"), ("host.name", host)]));
    let first = targets.of_spans(&mut store, read(&a), at(0)).unwrap();
    assert_eq!(targets.of_spans(&mut store, read(&b), at(0)), Ok(first));
    assert_eq!(
        targets.of_metrics(&mut store, read(&b), || None, at(0)),
        Ok(first)
    );
}

/// Scenario: more jobs than there may be targets, then the first ones fall silent.
/// Guarantees: those beyond the limit are refused; after a sweep there is room again, and their `target_info` is gone.
#[test]
fn targets_are_limited_and_swept() {
    let (mut store, mut targets) = (store(), targets());
    let jobs: Vec<_> = (0..5)
        .map(|n| resource(&[("service.name", &format!("s{n}")), ("a", "b")]))
        .collect();
    for job in &jobs[..4] {
        targets
            .of_metrics(&mut store, read(job), || None, at(0))
            .unwrap();
    }
    let refused = targets.of_metrics(&mut store, read(&jobs[4]), || None, at(1));
    assert_eq!(refused, Err(Fault::TargetLimit));
    targets.sweep(&mut store, at(u64::from(SILENT_S) + 1));
    assert!(targets.is_empty() && store.is_empty());
    assert!(
        targets
            .of_metrics(&mut store, read(&jobs[4]), || None, at(200))
            .is_ok()
    );
}

/// Scenario: a target's series live on while its sender is silent.
/// Guarantees: its `target_info` stays as long as they do, whatever its own expiry.
#[test]
fn target_info_stays_with_the_series() {
    let (mut store, mut targets) = (store(), targets());
    let shop = resource(&[("service.name", "shop"), ("host.name", "h1")]);
    let id = targets
        .of_metrics(&mut store, read(&shop), || None, at(0))
        .unwrap();
    let place = targets.place(&mut store, id, None);
    let spec = FamilySpec {
        name: "sales_total",
        kind: MetricKind::Counter,
        unit: "",
        help: "",
    };
    let sales = NewSeries {
        fingerprint: store.key().of(b"sales"),
        identity: 1,
        labels: "".into(),
        family: store.family(&spec).unwrap(),
        place: Some(place),
        lineage: Lineage::Derived,
        start_unix_nano: 0,
        value: Value::Integer(5),
    };
    store.insert(sales, 0, at(0)).unwrap();
    let expiry = Expiry {
        gauges_s: 300,
        counters_s: 3600,
        derived_s: 7200,
    };
    for second in [1000, 7000] {
        targets.sweep(&mut store, at(second));
        store.sweep(at(second), &expiry);
        assert_eq!(info_texts(&store).len(), 1, "{second}");
    }
    store.sweep(at(7300), &expiry);
    targets.sweep(&mut store, at(7301));
    assert!(store.is_empty() && targets.is_empty());
}

/// Scenario: scopes with and without version, schema URL and attributes, one of which would become the scope's name.
/// Guarantees: all are labels, but for the one that conflicts; switched off, none is.
#[test]
fn scopes_are_labels() {
    let scope = InstrumentationScope {
        name: "lib".into(),
        version: "1.2".into(),
        attributes: attributes(&[("build", "7"), ("name", "other")]),
        ..InstrumentationScope::default()
    };
    let group = ScopeMetrics {
        scope: Some(scope),
        schema_url: "https://s/1".into(),
        metrics: Vec::new(),
    };
    let group = ResourceMetrics {
        scope_metrics: vec![group],
        ..ResourceMetrics::default()
    };
    let request = ExportMetricsServiceRequest {
        resource_metrics: vec![group],
    }
    .encode_to_vec();
    let (mut store, mut targets) = (store(), targets());
    let group = view::groups(&request).next().unwrap();
    let scope = group.scopes().next().unwrap().scope();
    let id = targets
        .of_metrics(&mut store, group.resource_attributes(), || None, at(0))
        .unwrap();
    let place = targets.place(&mut store, id, Some(&scope));
    let expected = r#"instance="",otel_scope_build="7",otel_scope_name="lib",otel_scope_schema_url="https://s/1",otel_scope_version="1.2""#;
    assert_eq!(store.places().text(place), expected);
    targets.options.scope_labels = false;
    let place = targets.place(&mut store, id, Some(&scope));
    assert_eq!(store.places().text(place), r#"instance="""#);
}
