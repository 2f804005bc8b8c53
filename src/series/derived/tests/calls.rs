use super::*;

const CALLS: &str = "traces_span_metrics_calls_total";
const DURATION: &str = "traces_span_metrics_duration_milliseconds";

fn histogram(shop: &Shop, name: &str) -> (Vec<u64>, f64) {
    let mut families = shop.store.families();
    let (_, family) = families.find(|(_, family)| &*family.name == name).unwrap();
    let Content::Own(members) = &family.content else {
        panic!("{name} is a view");
    };
    match &shop.store.get(members[0]).unwrap().value {
        Value::Histogram(one) => (one.counts.to_vec(), one.sum.unwrap()),
        other => panic!("{other:?}"),
    }
}

/// Scenario: spans of every kind and status, of a service with namespace and instance.
/// Guarantees: names and labels are those of the connector through Prometheus; internal spans do not count.
#[test]
fn spans_are_counted_under_the_connectors_names() {
    let mut shop = Shop::new(&DerivedOptions::default());
    let resource = [
        ("service.namespace", "eu"),
        ("service.name", "orders"),
        ("service.instance.id", "a1"),
    ];
    let get = || span(Kind::Server, "GET /orders/8231", (1, 0), &[]);
    let mut fine = span(Kind::Client, "charge", (2, 1), &[]);
    fine.status = Some(Status {
        code: 1,
        ..Status::default()
    });
    let spans = vec![
        get(),
        get(),
        failed(get()),
        fine,
        span(Kind::Producer, "orders publish", (3, 1), &[]),
        span(Kind::Consumer, "orders process", (4, 3), &[]),
        span(Kind::Internal, "compute", (5, 1), &[]),
        span(Kind::Unspecified, "what", (6, 1), &[]),
    ];
    shop.resource_spans(&resource, spans, at(0));
    let place = r#"job="eu/orders",instance="a1""#;
    let line = |kind: &str, name: &str, status: &str, count: u64| {
        format!(
            r#"{{service_name="orders",span_kind="SPAN_KIND_{kind}",span_name="{name}",status_code="STATUS_CODE_{status}",{place}}} {count}"#
        )
    };
    let expected = [
        line("CLIENT", "charge", "OK", 1),
        line("CONSUMER", "orders process", "UNSET", 1),
        line("PRODUCER", "orders publish", "UNSET", 1),
        line("SERVER", "GET /orders/{id}", "ERROR", 1),
        line("SERVER", "GET /orders/{id}", "UNSET", 2),
    ];
    assert_eq!(shop.shown(DURATION), expected);
    assert_eq!(shop.shown(CALLS), expected);
}

/// Scenario: durations on a bound, above it, none, negative, and of a year, in both units.
/// Guarantees: each is in its bucket; one that ends before it starts counts as 0 and as a fault.
#[test]
fn durations_are_in_their_buckets() {
    for (unit, name, sum) in [
        (DurationUnit::Milliseconds, DURATION, 31_536_000_004.0),
        (
            DurationUnit::Seconds,
            "traces_span_metrics_duration_seconds",
            31_536_000.004,
        ),
    ] {
        let spans = SpanOptions {
            unit,
            ..SpanOptions::default()
        };
        let mut shop = Shop::new(&DerivedOptions {
            spans: Some(spans),
            ..DerivedOptions::default()
        });
        let one = || span(Kind::Server, "GET", (1, 0), &[]);
        let mut backwards = one();
        backwards.end_time_unix_nano = backwards.start_time_unix_nano - 1;
        let year = lasting(one(), 31_536_000_000);
        let spans = vec![
            lasting(one(), 2),
            lasting(one(), 2),
            lasting(one(), 0),
            backwards,
            year,
        ];
        shop.spans("orders", spans, at(0));
        let (counts, held) = histogram(&shop, name);
        assert_eq!(counts.len(), DEFAULT_BUCKETS_MS.len() + 1);
        assert_eq!((counts[0], counts[16]), (4, 1));
        assert!((held - sum).abs() < 1e-6, "{held}");
        assert_eq!(shop.faults(Fault::EndBeforeStart), 1);
    }
}

/// Scenario: spans with a route, under raw names, and with the same names under another route.
/// Guarantees: the route names them, each its own.
#[test]
fn the_route_names_server_spans() {
    let mut shop = Shop::new(&DerivedOptions::default());
    let method = ("http.request.method", "GET");
    for route in ["/users/{name}", "/people/{name}"] {
        let pairs = [("http.route", route), method];
        let raw = |name: &str| span(Kind::Server, name, (1, 0), &pairs);
        shop.spans(
            "web",
            vec![raw("GET /users/ann"), raw("GET /users/bob")],
            at(0),
        );
    }
    let names: Vec<_> = shop
        .shown(CALLS)
        .iter()
        .map(|line| line.split('"').nth(5).unwrap().to_owned())
        .collect();
    assert_eq!(names, ["GET /people/{name}", "GET /users/{name}"]);
    assert_eq!(shop.total(CALLS), 4);
}

/// Scenario: further dimensions in spans, in resources, in both, in neither, and such whose labels are taken.
/// Guarantees: the span counts before the resource; what is absent is no label; what is taken stays whose it is.
#[test]
fn further_dimensions_are_labels() {
    let dimensions = [
        "http.method",
        "region",
        "http_method",
        "job",
        "span.name",
        "a",
    ];
    let spans = SpanOptions {
        dimensions: dimensions.map(str::to_owned).into(),
        ..SpanOptions::default()
    };
    let mut shop = Shop::new(&DerivedOptions {
        spans: Some(spans),
        ..DerivedOptions::default()
    });
    let resource = [("service.name", "web"), ("region", "eu"), ("job", "mine")];
    let one = |pairs: &[(&str, &str)]| span(Kind::Server, "GET", (1, 0), pairs);
    let spans = vec![
        one(&[]),
        one(&[("region", "us"), ("http.method", "PUT"), ("a", "x\"y")]),
        one(&[("http_method", "other"), ("span.name", "other")]),
    ];
    shop.resource_spans(&resource, spans, at(0));
    let rest = r#"service_name="web",span_kind="SPAN_KIND_SERVER",span_name="GET",status_code="STATUS_CODE_UNSET",job="web",instance="""#;
    assert_eq!(
        shop.shown(CALLS),
        [
            format!(r#"{{a="x\"y",http_method="PUT",region="us",{rest}}} 1"#),
            format!(r#"{{region="eu",{rest}}} 2"#),
        ]
    );
}

/// Scenario: values in one bucket within a second, and after it; a span without valid ids.
/// Guarantees: the exemplar is one of each second's, with its trace; without ids there is none.
#[test]
fn exemplars_are_replaced_once_a_second() {
    let mut shop = Shop::new(&DerivedOptions::default());
    let ended = |id: u64, ms: u64| {
        let mut one = span(Kind::Server, "GET", (id, 0), &[]);
        one.start_time_unix_nano = (T0_MS + ms) * MS;
        lasting(one, 5)
    };
    let exemplar = |shop: &Shop| {
        let mut all = shop.store.iter();
        let found = all.find_map(|(_, one)| match &one.value {
            Value::Histogram(one) => one.exemplars.as_ref()?[2].clone(),
            _ => None,
        });
        found.map(|one| (one.span_id[7], one.value, one.trace_id))
    };
    let mut without = ended(1, 0);
    without.trace_id = vec![1; 15];
    shop.spans("web", vec![without], at(0));
    assert_eq!(exemplar(&shop), None);
    shop.spans("web", vec![ended(2, 0), ended(3, 999)], at(1000));
    assert_eq!(exemplar(&shop), Some((2, 5.0, [1; 16])));
    shop.spans("web", vec![ended(4, 1000)], at(1010));
    assert_eq!(exemplar(&shop), Some((4, 5.0, [1; 16])));
    let ids: Vec<_> = shop.store.iter().map(|(id, _)| id).collect();
    shop.store.remove(&ids);
    let empty = Shop::new(&DerivedOptions::default()).store;
    assert_eq!(shop.store.memory_bytes(), empty.memory_bytes());
}

/// Scenario: series expire, are made again, and ids are given to others meanwhile.
/// Guarantees: what is remembered of series that are gone is not used.
#[test]
fn what_is_gone_is_not_remembered() {
    let mut shop = Shop::new(&DerivedOptions::default());
    let one = |name: &str| vec![span(Kind::Server, name, (1, 0), &[])];
    shop.spans("web", one("first"), at(0));
    let gone = shop.store.sweep(at(7_300_000), &EXPIRY);
    assert!(!gone.is_empty());
    shop.percentiles.forget(&gone);
    assert!(shop.shown(CALLS).is_empty());
    shop.spans("web", one("second"), at(7_300_000));
    shop.spans("web", one("first"), at(7_300_000));
    let lines = shop.shown(CALLS);
    assert_eq!(lines.len(), 2);
    assert!(lines.iter().all(|line| line.ends_with("} 1")), "{lines:?}");
}

/// Scenario: series from before a restart are in the store when spans come, some with other buckets.
/// Guarantees: they go on from where they were, are shown as calls before the first span, and other buckets begin anew.
#[test]
fn restored_series_go_on() {
    let mut first = Shop::new(&DerivedOptions::default());
    let one = || vec![span(Kind::Server, "GET", (1, 0), &[])];
    first.spans("web", one(), at(0));
    for (buckets, expected) in [(SpanOptions::default().buckets, 2), (Vec::new(), 1)] {
        let spans = SpanOptions {
            buckets,
            ..SpanOptions::default()
        };
        let mut second = Shop::new(&DerivedOptions {
            spans: Some(spans),
            ..DerivedOptions::default()
        });
        restore(&first, &mut second);
        second.derived.restored(&mut second.store);
        second.derived.restored(&mut second.store);
        assert_eq!(second.shown(CALLS), first.shown(CALLS));
        second.spans("web", one(), at(1000));
        assert_eq!(second.total(CALLS), expected);
        assert_eq!(second.shown(CALLS).len(), 1);
    }
}

fn restore(from: &Shop, to: &mut Shop) {
    for (number, (_, series)) in from.store.iter().enumerate() {
        let family = from.store.get_family(series.family).unwrap();
        let spec = FamilySpec {
            name: &family.name,
            kind: family.kind,
            unit: &family.unit,
            help: &family.help,
        };
        let text = series.place.map(|place| from.store.places().text(place));
        let new = crate::series::store::NewSeries {
            fingerprint: to.store.key().of(&number.to_be_bytes()),
            identity: series.identity,
            labels: series.labels.clone(),
            family: to.store.family(&spec).unwrap(),
            place: text.map(|text| to.store.place(text, u32::MAX)),
            lineage: series.lineage,
            start_unix_nano: series.start_unix_nano,
            value: series.value.clone(),
        };
        to.store.insert(new, 0, at(0)).unwrap();
    }
}

/// Scenario: another metric holds a name; buckets that descend.
/// Guarantees: the error names both.
#[test]
fn names_and_buckets_are_checked() {
    let mut store = Store::new(limits(10));
    let spec = FamilySpec {
        name: "log_records_total",
        kind: MetricKind::Gauge,
        unit: "",
        help: "",
    };
    store.pinned_family(&spec).unwrap();
    let error = Derived::new(&DerivedOptions::default(), &mut store).unwrap_err();
    assert!(error.to_string().contains("log_records_total"));
    let mut options = DerivedOptions::default();
    let buckets = &mut options.spans.as_mut().unwrap().buckets;
    buckets.reverse();
    let error = Derived::new(&options, &mut Store::new(limits(10))).unwrap_err();
    assert_eq!(error, DerivedError::Buckets);
}
