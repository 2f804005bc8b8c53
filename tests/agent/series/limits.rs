//! A million label sets: memory stays within its limit, and what was there before stays right.

use std::time::Duration;

use bytes::Bytes;

use super::otlp::{
    SpanKind, Temporality, counter, gauge, labelled, metrics, now, point, service, span, spans,
};
use super::shown::Shown;
use crate::fixture::{Agent, Config, Sender, Signal, Transport};

const MIB: u64 = 1024 * 1024;

/// What the store may use in these tests.
const MAX_MEMORY: u64 = 32 * MIB;

/// What else may grow: the queue before the store (4 MiB here), requests under way, the tables of the journal, one scrape
/// and its compressed copy, and what the allocator keeps.
const MARGIN: u64 = 48 * MIB;

/// Distinct label sets, and in how many requests and metrics they come.
const LABEL_SETS: usize = 1_000_000;
const POINTS_IN_REQUEST: usize = 10_000;

fn small() -> Config {
    Config::new()
        .set("series.max_series", 40_000)
        .set("series.max_series_per_metric", 5_000)
        .set("series.max_memory", "32MiB")
        .set("series.queue_bytes", "4MiB")
        .set("series.max_senders", 100)
}

/// A request whose points all have a label set that was never seen before. Every second request holds deltas.
fn flood(number: usize) -> Bytes {
    let time = now();
    let points = (0..POINTS_IN_REQUEST).map(|one| {
        let user = format!("{}", number * POINTS_IN_REQUEST + one);
        labelled(point(time - 1, time, 1.0), &[("user.id", &user)])
    });
    let name = format!("flood.{number}");
    let temporality = match number % 2 {
        0 => Temporality::Cumulative,
        _ => Temporality::Delta,
    };
    metrics(
        service("flood"),
        vec![counter(&name, temporality, points.collect())],
    )
}

async fn send_steady(sender: &mut Sender, total: f64) {
    let time = now();
    let steady = counter(
        "steady",
        Temporality::Cumulative,
        vec![point(1, time, total)],
    );
    let message = metrics(service("steady"), vec![steady]);
    sender.must_send(Signal::Metrics, &message).await;
}

/// Scenario: a million distinct label sets in a hundred metrics, cumulative and delta, at limits far below that, while a
/// good sender counts on. Guarantees: resident memory grows by no more than the limit and the margin stated above; points
/// beyond the limits are counted under them; deltas beyond them stand in overflow series, so that their sum is what was
/// sent; the good sender's series is right; the conflicts name the limit; the scrape parses.
#[tokio::test]
async fn a_million_label_sets_stay_within_the_limits() {
    let agent = Agent::start(small()).await;
    let mut sender = agent.sender(Transport::Grpc);
    send_steady(&mut sender, 1.0).await;
    Shown::by(&agent).await;
    let before = agent.rss_bytes();
    for number in 0..LABEL_SETS / POINTS_IN_REQUEST {
        sender.must_send(Signal::Metrics, &flood(number)).await;
        send_steady(&mut sender, number as f64).await;
    }
    let shown = Shown::by(&agent).await;
    let grown = agent.rss_bytes().saturating_sub(before);
    println!("resident memory grew by {} MiB", grown / MIB);
    assert!(grown <= MAX_MEMORY + MARGIN, "grew by {} MiB", grown / MIB);
    everything_is_accounted_for(&shown);
    let last = LABEL_SETS / POINTS_IN_REQUEST - 1;
    assert_eq!(shown.value("steady_total", &[]), Some(last as f64));
    let conflicts = agent.get("/api/conflicts").await.unwrap().text();
    assert!(conflicts.contains(r#""limit""#), "{conflicts}");
    agent.assert_no_panic();
}

/// Every delta is shown somewhere; of the cumulative points each is shown or counted.
fn everything_is_accounted_for(shown: &Shown) {
    let flooded = shown
        .samples
        .iter()
        .filter(|sample| sample.name.starts_with("flood_"));
    let (mut deltas, mut cumulative, mut overflows) = (0.0, 0.0, 0);
    for sample in flooded {
        let number = sample.name.split('_').nth(1).unwrap();
        let is_delta = number.parse::<usize>().unwrap() % 2 == 1;
        let is_overflow = sample.labels.contains_key("otel_metric_overflow");
        overflows += usize::from(is_overflow);
        match is_delta {
            true => deltas += sample.value,
            false => cumulative += sample.value,
        }
        assert!(is_delta || !is_overflow, "{sample:?}");
    }
    assert!(overflows > 0, "no overflow series");
    assert_eq!(deltas, LABEL_SETS as f64 / 2.0, "sum of the deltas");
    let limits = ["metric_limit", "series_limit", "memory_limit"];
    let refused: f64 = limits.iter().map(|reason| shown.faulty(reason)).sum();
    assert!(refused > 0.0);
    // Deltas that went into an overflow series may be counted as well: they are not shown as they came.
    let turned_away = LABEL_SETS as f64 / 2.0 - cumulative;
    assert!(refused >= turned_away, "{refused} counted of {turned_away}");
}

/// Scenario: more distinct senders and span names than there may be. Guarantees: senders beyond the limit are counted under
/// it; all calls are shown, those beyond the limit of the metric in its overflow series.
#[tokio::test]
async fn senders_and_span_names_are_bounded() {
    let config = small().set("series.max_series_per_metric", 50);
    let agent = Agent::start(config).await;
    let mut sender = agent.sender(Transport::Grpc);
    let calls = (0..500).map(|number| {
        let name = format!("operation {}", letters(number));
        span(SpanKind::Server, &name, 1)
    });
    let message = spans(service("many-names"), calls.collect());
    sender.must_send(Signal::Traces, &message).await;
    for number in 0..120 {
        let temperature = gauge("temperature", point(0, now(), 1.0));
        let message = metrics(service(&format!("sender-{number}")), vec![temperature]);
        sender.must_send(Signal::Metrics, &message).await;
    }
    let shown = Shown::by(&agent).await;
    let calls = "traces_span_metrics_calls_total";
    assert_eq!(shown.sum(calls, &[]), 500.0);
    let overflow = shown.sum(calls, &[("otel_metric_overflow", "true")]);
    assert!(
        (440.0..=460.0).contains(&overflow),
        "{overflow} in overflow"
    );
    let beyond = shown.faulty("target_limit");
    assert!(
        beyond >= 20.0,
        "{beyond} points of senders beyond the limit"
    );
    agent.assert_no_panic();
}

/// A name of letters alone, so that it is no id to be folded.
fn letters(number: usize) -> String {
    let digits = number.to_string();
    digits
        .chars()
        .map(|digit| char::from(digit as u8 - b'0' + b'a'))
        .collect()
}

/// Scenario: a label set that is new with each point, as above, from several connections at once while another scrapes.
/// Guarantees: the agent answers scrapes all the while.
#[tokio::test]
async fn scrapes_are_answered_during_a_flood() {
    let agent = Agent::start(small()).await;
    let mut floods = tokio::task::JoinSet::new();
    for lane in 0..2 {
        let mut sender = agent.sender(Transport::Http);
        floods.spawn(async move {
            for number in 0..8 {
                let message = flood(lane * 8 + number);
                sender.must_send(Signal::Metrics, &message).await;
            }
        });
    }
    let mut scrapes = 0;
    while !floods.is_empty() {
        let scrape = tokio::time::timeout(Duration::from_secs(20), Shown::by(&agent));
        let shown = scrape.await.expect("an answer to the scrape");
        assert!(shown.value("lineside_series_limit", &[]).is_some());
        scrapes += 1;
        while let Some(ended) = floods.try_join_next() {
            ended.unwrap();
        }
    }
    assert!(scrapes > 0);
    agent.assert_no_panic();
}
