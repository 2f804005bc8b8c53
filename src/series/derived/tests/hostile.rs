use super::*;

const CALLS: &str = "traces_span_metrics_calls_total";

/// Words without digits, so that nothing folds; a number of its own for each `n`.
fn word(mut n: u64) -> String {
    let mut text = String::from("op ");
    for _ in 0..6 {
        text.push(char::from(b'g' + u8::try_from(n % 20).unwrap()));
        n /= 20;
    }
    text
}

/// Scenario: spans of ever new names that do not fold, more than a metric may have series.
/// Guarantees: series end at the limit, the rest is in the overflow series of each sender; no span is lost.
#[test]
fn names_beyond_the_limit_overflow() {
    let limits = Limits {
        series_per_metric: 10,
        ..limits(1000)
    };
    let mut shop = Shop::limited(&DerivedOptions::default(), limits, 1000);
    for n in 0..100 {
        let one = span(Kind::Client, &word(n), (n + 1, 0), &[]);
        shop.spans(
            if n < 50 { "a" } else { "b" },
            vec![one.clone(), one],
            at(0),
        );
    }
    let lines = shop.shown(CALLS);
    let overflow = |job: &str, count: u64| {
        format!(r#"{{otel_metric_overflow="true",job="{job}",instance=""}} {count}"#)
    };
    assert!(lines.contains(&overflow("a", 80)), "{lines:?}");
    assert_eq!(shop.total(CALLS), 200);
    assert_eq!(shop.faults(Fault::MetricLimit), 180);
    assert_eq!(shop.store.conflicts().list().len(), 1);
}

/// Scenario: a million spans of a million names, ids and peers, of which half fold.
/// Guarantees: memory and series stay within the limits, and every span is counted.
#[test]
fn a_million_names_stay_within_the_limits() {
    let limits = Limits {
        series_per_metric: 1000,
        memory_bytes: 8 << 20,
        ..limits(2000)
    };
    let mut shop = Shop::limited(&DerivedOptions::default(), limits, 100);
    for batch in 0..1000 {
        let spans = (0..1000).map(|n| {
            let n = batch * 1000 + n;
            let name = if n % 2 == 0 {
                word(n)
            } else {
                format!("GET /users/{n}")
            };
            let peer = word(n);
            span(Kind::Client, &name, (n + 1, 1), &[("peer.service", &peer)])
        });
        shop.spans("shop", spans.collect(), at(batch * 20));
    }
    assert_eq!(shop.total(CALLS), 1_000_000);
    assert!(shop.store.len() <= 2000 + 2000 / 16 + 16);
    assert!(shop.store.memory_bytes() <= 8 << 20);
    assert!(shop.percentiles.tracked() <= 2000);
    shop.settle(at(1_000_000));
    let edges = shop.total("traces_service_graph_request_total");
    assert_eq!(edges, 1_000_000);
}

/// Scenario: spans and log records of a hundred thousand services, of which few may be.
/// Guarantees: senders and series stay within the limits; what is beyond them is counted in overflow series.
#[test]
fn many_services_stay_within_the_limits() {
    let mut shop = Shop::limited(&DerivedOptions::default(), limits(500), 100);
    for n in 0..100_000 {
        let service = word(n);
        shop.spans(
            &service,
            vec![span(Kind::Server, "GET", (n + 1, 0), &[])],
            at(n),
        );
        if n % 100 == 0 {
            shop.logs(&service, vec![LogRecord::default()], at(n));
        }
    }
    assert_eq!(shop.targets.len(), 100);
    assert_eq!(shop.total(CALLS), 100_000);
    assert_eq!(shop.total("log_records_total"), 1000);
    assert_eq!(shop.total("traces_service_graph_request_total"), 100_000);
    assert!(shop.store.len() <= 500 + 500 / 16 + 16);
    let map = shop
        .derived
        .map(&shop.store, &shop.percentiles, at(100_000));
    assert!(map.edges.len() <= 16_384);
}

/// Scenario: bytes that are no request, and a request cut anywhere.
/// Guarantees: nothing panics.
#[test]
fn any_bytes_are_survived() {
    let mut shop = Shop::new(&DerivedOptions::default());
    let one = span(Kind::Server, "GET /a", (1, 2), &[("http.route", "/a")]);
    let group = ResourceSpans {
        resource: Some(resource_of(&[("service.name", "web")])),
        scope_spans: vec![ScopeSpans {
            spans: vec![one],
            ..ScopeSpans::default()
        }],
        ..ResourceSpans::default()
    };
    let request = ExportTraceServiceRequest {
        resource_spans: vec![group],
    };
    let message = request.encode_to_vec();
    let mut rng = fastrand::Rng::with_seed(7);
    for round in 0..5000 {
        let mut bytes = message.clone();
        bytes.truncate(rng.usize(..=bytes.len()));
        for _ in 0..rng.usize(..4) {
            if !bytes.is_empty() {
                let at = rng.usize(..bytes.len());
                bytes[at] = rng.u8(..);
            }
        }
        let Shop {
            store,
            targets,
            percentiles,
            derived,
        } = &mut shop;
        derived.take_spans(store, targets, percentiles, &bytes, at(round));
        derived.take_logs(store, targets, &bytes, at(round));
    }
}
