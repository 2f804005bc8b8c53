//! Points that contradict themselves, each other, or time. Each is counted under a name, and spoils nothing else.

use std::collections::BTreeSet;

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::{
    ExponentialHistogramDataPoint, HistogramDataPoint, Metric, NumberDataPoint,
};

use super::otlp::{
    SECOND, Temporality, buckets, counter, exponential, gauge, histogram, labelled, metrics, now,
    point, service,
};
use super::prometheus::Prometheus;
use super::shown::{OPEN_METRICS, Shown};
use crate::fixture::{Agent, Config, Signal, Transport};

/// What a hostile sender sends, one request after the other, and what must come of it.
struct Case {
    /// The reason under which it is counted, and how many points.
    reason: &'static str,
    points: f64,
    /// Its kind in `/api/conflicts`, if it is one, and the exposed name there.
    conflict: Option<(&'static str, &'static str)>,
    requests: Vec<Metric>,
    /// A sample and its value afterwards; `None` if it must not be shown.
    shown: Vec<(&'static str, Option<f64>)>,
}

impl Case {
    fn new(reason: &'static str, points: f64, requests: Vec<Metric>) -> Case {
        Case {
            reason,
            points,
            conflict: None,
            requests,
            shown: Vec::new(),
        }
    }

    fn conflict(mut self, kind: &'static str, name: &'static str) -> Case {
        self.conflict = Some((kind, name));
        self
    }

    fn shows(mut self, name: &'static str, value: impl Into<Option<f64>>) -> Case {
        self.shown.push((name, value.into()));
        self
    }
}

fn cumulative(name: &str, point: NumberDataPoint) -> Metric {
    counter(name, Temporality::Cumulative, vec![point])
}

fn delta(name: &str, point: NumberDataPoint) -> Metric {
    counter(name, Temporality::Delta, vec![point])
}

/// Every way to be wrong. `t` is a recent time; points lie a few seconds around it.
fn cases(t: u64) -> Vec<Case> {
    let at = |seconds: u64| t + seconds * SECOND;
    [names(t), values(t), times(&at), deltas(&at), histograms(t)]
        .into_iter()
        .flatten()
        .collect()
}

fn names(t: u64) -> Vec<Case> {
    let long = "x".repeat(8 * 1024);
    let one = |pairs: &[(&str, &str)]| labelled(point(t, t + SECOND, 1.0), pairs);
    let two = |pairs: &[(&str, &str)]| labelled(point(t, t + SECOND, 2.0), pairs);
    vec![
        Case::new(
            "type_conflict",
            1.0,
            vec![
                gauge("changed", point(t, t + SECOND, 7.0)),
                histogram("changed", buckets(t, t + SECOND, &[1, 1, 1])),
            ],
        )
        .conflict("type", "changed")
        .shows("changed", 7.0)
        .shows("changed_count", None),
        Case::new(
            "label_conflict",
            1.0,
            vec![
                gauge("twice", one(&[("shop.id", "a")])),
                gauge("twice", two(&[("shop_id", "a")])),
            ],
        )
        .conflict("labels", "twice")
        .shows("twice", 1.0),
        Case::new(
            "label_conflict",
            1.0,
            vec![
                gauge("same.name", point(t, t + SECOND, 3.0)),
                gauge("same_name", point(t, t + SECOND, 4.0)),
            ],
        )
        .conflict("labels", "same_name")
        .shows("same_name", 3.0),
        // A counter's name without `_total`, and the count of a histogram.
        Case::new(
            "",
            0.0,
            vec![
                gauge("load", point(t, t + SECOND, 5.0)),
                cumulative("load", point(t, t + SECOND, 6.0)),
            ],
        )
        .shows("load", 5.0)
        .shows("load_total", 6.0),
        Case::new(
            "type_conflict",
            1.0,
            vec![
                histogram("pile", buckets(t, t + SECOND, &[1, 1, 1])),
                gauge("pile.count", point(t, t + SECOND, 9.0)),
            ],
        )
        .conflict("type", "pile_count")
        .shows("pile_count", 3.0),
        Case::new(
            "unusable_name",
            1.0,
            vec![gauge("---", point(t, t + SECOND, 1.0))],
        ),
        Case::new(
            "labels_too_long",
            1.0,
            vec![gauge("long", one(&[("text", &long)]))],
        )
        .shows("long", None),
    ]
}

fn values(t: u64) -> Vec<Case> {
    let valued = |value: f64| point(t, t + SECOND, value);
    let empty = NumberDataPoint {
        value: None,
        ..valued(0.0)
    };
    vec![
        Case::new(
            "negative",
            1.0,
            vec![cumulative("below.zero", valued(-5.0))],
        )
        .shows("below_zero_total", None),
        Case::new("negative", 1.0, vec![delta("fell", valued(-1.0))]).shows("fell_total", None),
        Case::new(
            "not_a_number",
            1.0,
            vec![cumulative("nan", valued(f64::NAN))],
        )
        .shows("nan_total", None),
        Case::new(
            "not_a_number",
            1.0,
            vec![
                delta("endless", point(t, t + SECOND, 2.0)),
                delta("endless", point(t + SECOND, t + 2 * SECOND, f64::INFINITY)),
            ],
        )
        .shows("endless_total", 2.0),
        Case::new("no_value", 1.0, vec![gauge("nothing", empty)]).shows("nothing", None),
        Case::new(
            "temporality",
            1.0,
            vec![counter(
                "neither",
                Temporality::Unspecified,
                vec![valued(1.0)],
            )],
        )
        .shows("neither_total", None),
        // Gauges may be anything.
        Case::new("", 0.0, vec![gauge("wild", valued(f64::NEG_INFINITY))])
            .shows("wild", f64::NEG_INFINITY),
    ]
}

fn times(at: &impl Fn(u64) -> u64) -> Vec<Case> {
    let next_year = at(365 * 24 * 3600);
    vec![
        Case::new(
            "out_of_order",
            1.0,
            vec![
                cumulative("late", point(at(0), at(5), 10.0)),
                cumulative("late", point(at(0), at(4), 9.0)),
            ],
        )
        .shows("late_total", 10.0),
        Case::new(
            "sender_conflict",
            1.0,
            vec![
                cumulative("claimed", point(at(3), at(5), 10.0)),
                cumulative("claimed", point(at(1), at(6), 500.0)),
            ],
        )
        .conflict("sender", "")
        .shows("claimed_total", 10.0),
        Case::new(
            "future",
            1.0,
            vec![gauge("ahead", point(at(0), next_year, 6.0))],
        )
        .shows("ahead", 6.0),
        // The clock of a sender that was in the future and is right again holds nothing up.
        Case::new(
            "future",
            1.0,
            vec![
                gauge("ahead.and.back", point(0, next_year, 6.0)),
                gauge("ahead.and.back", point(0, at(20), 8.0)),
            ],
        )
        .shows("ahead_and_back", 8.0),
    ]
}

fn deltas(at: &impl Fn(u64) -> u64) -> Vec<Case> {
    vec![
        Case::new(
            "duplicate",
            1.0,
            vec![
                delta("again", point(at(0), at(1), 5.0)),
                delta("again", point(at(1), at(2), 5.0)),
                delta("again", point(at(0), at(1), 5.0)),
            ],
        )
        .shows("again_total", 10.0),
        Case::new(
            "overlap",
            1.0,
            vec![
                delta("partly", point(at(2), at(4), 5.0)),
                delta("partly", point(at(3), at(5), 7.0)),
            ],
        )
        .shows("partly_total", 5.0),
        Case::new(
            "out_of_order",
            1.0,
            vec![
                delta("before.all", point(at(5), at(6), 5.0)),
                delta("before.all", point(at(1), at(2), 7.0)),
            ],
        )
        .shows("before_all_total", 5.0),
        // Late, and yet not lost.
        Case::new(
            "",
            0.0,
            vec![
                delta("reordered", point(at(0), at(1), 1.0)),
                delta("reordered", point(at(2), at(3), 4.0)),
                delta("reordered", point(at(1), at(2), 2.0)),
            ],
        )
        .shows("reordered_total", 7.0),
    ]
}

fn histograms(t: u64) -> Vec<Case> {
    let whole = || buckets(t, t + SECOND, &[1, 1, 1]);
    let short = HistogramDataPoint {
        bucket_counts: vec![1, 2],
        ..whole()
    };
    let unsorted = HistogramDataPoint {
        explicit_bounds: vec![2.0, 1.0],
        ..whole()
    };
    let unequal = HistogramDataPoint {
        count: 17,
        ..whole()
    };
    let coarse = ExponentialHistogramDataPoint {
        time_unix_nano: t + SECOND,
        scale: -7,
        sum: Some(0.0),
        ..Default::default()
    };
    vec![
        Case::new("bad_buckets", 1.0, vec![histogram("short", short)]).shows("short_count", None),
        Case::new("bad_buckets", 1.0, vec![histogram("unsorted", unsorted)])
            .shows("unsorted_count", None),
        Case::new("bad_buckets", 1.0, vec![histogram("unequal", unequal)])
            .shows("unequal_count", None),
        Case::new("scale", 1.0, vec![exponential("coarse", coarse)]).shows("coarse_count", None),
    ]
}

/// A well-behaved series that travels in the same request as something hostile.
fn neighbour(number: usize) -> Metric {
    let number = number.to_string();
    let time = now();
    gauge(
        "neighbour",
        labelled(point(0, time, 42.0), &[("number", &number)]),
    )
}

fn sender(number: usize) -> Vec<KeyValue> {
    service(&format!("hostile-{number}"))
}

/// Scenario: every kind of contradiction, one sender for each, with a good series in each request. Guarantees: each is
/// counted under its reason and, where it is one, listed as a conflict; what is shown is right to the last series; the
/// scrape is read by Prometheus as text and as protobuf.
#[tokio::test]
async fn every_contradiction_is_counted_and_spoils_nothing_else() {
    let agent = Agent::start(Config::new()).await;
    let cases = cases(now() - 10 * SECOND);
    let mut sender_of = agent.sender(Transport::Grpc);
    let mut neighbours = 0;
    for (number, case) in cases.iter().enumerate() {
        let before = Shown::by(&agent).await.faulty(case.reason);
        for metric in &case.requests {
            let both = vec![
                neighbour(neighbours),
                metric.clone(),
                neighbour(neighbours + 1),
            ];
            neighbours += 2;
            let message = metrics(sender(number), both);
            sender_of.must_send(Signal::Metrics, &message).await;
        }
        let shown = Shown::by(&agent).await;
        let counted = shown.faulty(case.reason) - before;
        let names: Vec<&str> = case.requests.iter().map(|metric| &*metric.name).collect();
        assert_eq!(counted, case.points, "{names:?} as {}", case.reason);
        let job = format!("hostile-{number}");
        for (name, expected) in &case.shown {
            assert_eq!(shown.value(name, &[("job", &job)]), *expected, "{name}");
        }
    }
    conflicts_are_listed(&agent, &cases).await;
    all_is_readable(&agent, neighbours).await;
    agent.assert_no_panic();
}

async fn conflicts_are_listed(agent: &Agent, cases: &[Case]) {
    let list = agent.get("/api/conflicts").await.unwrap().json();
    let list = list["conflicts"].as_array().expect("a list").clone();
    let listed: BTreeSet<(&str, &str)> = list
        .iter()
        .map(|one| (one["kind"].as_str().unwrap(), one["name"].as_str().unwrap()))
        .collect();
    for (kind, name) in cases.iter().filter_map(|case| case.conflict) {
        let is_listed = match name {
            "" => listed.iter().any(|(listed, _)| *listed == kind),
            name => listed.contains(&(kind, name)),
        };
        assert!(is_listed, "{kind} {name} is not in {listed:?}");
    }
}

/// Every format holds every good series, and Prometheus takes them.
async fn all_is_readable(agent: &Agent, neighbours: usize) {
    for shown in [
        Shown::by(agent).await,
        Shown::accepting(agent, OPEN_METRICS).await,
    ] {
        let good = shown.all("neighbour", &[]);
        assert_eq!(good.len(), neighbours);
        assert!(good.iter().all(|sample| sample.value == 42.0));
    }
    let prometheus = Prometheus::scraping(agent).await;
    let all = "sum(neighbour) / 42";
    prometheus.reaches(all, neighbours as f64).await;
    prometheus.reaches(r#"up{job="lineside"}"#, 1.0).await;
    prometheus.assert_took_everything();
}
