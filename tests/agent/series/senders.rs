//! Several senders of one name, and names by another strategy than the default.

use std::collections::BTreeMap;

use super::otlp::{
    Temporality, attributes, counter, gauge, labelled, metrics, now, point, service,
};
use super::prometheus::Prometheus;
use super::shown::{OPEN_METRICS, Shown};
use crate::fixture::{Agent, Config, Signal, Transport};

/// Scenario: two processes of one service on different hosts, neither with an instance of its own, count side by side.
/// Guarantees: each keeps its own series, under instances that differ, in the agent and in Prometheus.
#[tokio::test]
async fn two_hosts_of_one_service_are_kept_apart() {
    let agent = Agent::start(Config::new()).await;
    let mut sender = agent.sender(Transport::Grpc);
    let started = now();
    for (round, host, total) in [
        (1, "alpha", 10.0),
        (1, "beta", 700.0),
        (2, "alpha", 11.0),
        (2, "beta", 720.0),
    ] {
        let resource = attributes(&[("service.name", "twins"), ("host.name", host)]);
        // Both were started before either had sent anything: they run side by side.
        let value = labelled(point(started - 1, now(), total), &[("sent.by", host)]);
        let plain = point(started - 1, now(), total);
        let both = vec![
            counter("visits", Temporality::Cumulative, vec![plain]),
            gauge(
                "round",
                labelled(point(0, now(), f64::from(round)), &[("sent.by", host)]),
            ),
            counter("labelled", Temporality::Cumulative, vec![value]),
        ];
        sender
            .must_send(Signal::Metrics, &metrics(resource, both))
            .await;
    }
    let shown = Shown::by(&agent).await;
    let visits = shown.all("visits_total", &[("job", "twins")]);
    let by_instance: BTreeMap<&str, f64> = visits
        .iter()
        .map(|sample| {
            (
                sample.labels.get("instance").map_or("", String::as_str),
                sample.value,
            )
        })
        .collect();
    let mut values: Vec<f64> = by_instance.values().copied().collect();
    values.sort_by(f64::total_cmp);
    assert_eq!(values, [11.0, 720.0], "{visits:?}");
    let info = shown.all("target_info", &[("job", "twins")]);
    assert_eq!(info.len(), 2, "each says which host it is: {info:?}");
    for (instance, total) in by_instance {
        let of_instance = [("job", "twins"), ("instance", instance)];
        assert_eq!(shown.value("labelled_total", &of_instance), Some(total));
    }
    let prometheus = Prometheus::scraping(&agent).await;
    for (query, expected) in [
        (r#"sum(visits_total{job="twins"})"#, 731.0),
        (r#"count(visits_total{job="twins"})"#, 2.0),
        (
            r#"visits_total * on (job, instance) group_left (host_name) target_info{host_name="beta"}"#,
            720.0,
        ),
    ] {
        prometheus.reaches(query, expected).await;
    }
    prometheus.assert_took_everything();
}

/// What one metric is called by each strategy: to a scraper that takes UTF-8, and to one that does not.
const STRATEGIES: [(&str, &str, &str); 4] = [
    (
        "UnderscoreEscapingWithSuffixes",
        "cart_weight_grams_total",
        "cart_weight_grams_total",
    ),
    (
        "UnderscoreEscapingWithoutSuffixes",
        "cart_weight",
        "cart_weight",
    ),
    (
        "NoUTF8EscapingWithSuffixes",
        "cart.weight_grams_total",
        "cart_weight_grams_total",
    ),
    ("NoTranslation", "cart.weight", "cart_weight"),
];

const UTF8: &str = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8";

/// Scenario: one counter and one label, under each translation strategy, asked for with and without UTF-8. Guarantees: each
/// scraper gets the name of the strategy, in quotes where it needs them, and underscores where it cannot read it.
#[tokio::test]
async fn names_follow_the_strategy_and_the_scraper() {
    for (strategy, utf8, legacy) in STRATEGIES {
        let config = Config::new().set("prometheus.translation_strategy", strategy);
        let agent = Agent::start(config).await;
        let mut weight = counter(
            "cart.weight",
            Temporality::Cumulative,
            vec![labelled(point(1, now(), 2.5), &[("cart.id", "c1")])],
        );
        weight.unit = "g".into();
        let message = metrics(service("carts"), vec![weight]);
        let mut sender = agent.sender(Transport::Http);
        sender.must_send(Signal::Metrics, &message).await;
        let keeps_dots = utf8.contains('.');
        for (accept, name, label) in [
            (UTF8, utf8, if keeps_dots { "cart.id" } else { "cart_id" }),
            (OPEN_METRICS, legacy, "cart_id"),
            ("text/plain;version=0.0.4", legacy, "cart_id"),
        ] {
            let shown = Shown::accepting(&agent, accept).await;
            let value = shown.value(name, &[(label, "c1"), ("job", "carts")]);
            assert_eq!(value, Some(2.5), "{strategy} to {accept}:\n{}", shown.text);
            let is_quoted = shown.text.contains(&format!(r#"{{"{name}""#));
            assert_eq!(is_quoted, name.contains('.'), "{strategy} to {accept}");
        }
    }
}
