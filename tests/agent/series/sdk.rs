//! The official SDK measures, the agent shows, and a real Prometheus reads the same numbers, whatever format it asks for.

use serde_json::Value;

use super::client;
use super::prometheus::Prometheus;
use super::relay::{Accept, Relay};
use crate::fixture::{Agent, Config};

/// What a scraper of each format is given, by the label that its series carry.
const FORMATS: [(&str, Accept, &str); 3] = [
    (
        "protobuf",
        Accept::Same,
        "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
    ),
    (
        "openmetrics",
        Accept::WithoutFirst,
        "application/openmetrics-text; version=1.0.0",
    ),
    (
        "text",
        Accept::Only("text/plain;version=0.0.4"),
        "text/plain; version=0.0.4",
    ),
];

/// Series and the SDK's instrument whose value each has.
const NUMBERS: [(&str, &str); 8] = [
    (r#"orders_placed_total{plan="gold",SENDER}"#, "orders.gold"),
    (r#"orders_placed_total{plan="free",SENDER}"#, "orders.free"),
    (r#"energy_joules_total{SENDER}"#, "energy"),
    (r#"disk_read_bytes_total{disk="sda",SENDER}"#, "disk.read"),
    (r#"queue_size{queue="mail",SENDER}"#, "queue.mail"),
    (r#"workers{SENDER}"#, "workers"),
    (r#"room_temperature_celsius{SENDER}"#, "temperature"),
    (r#"cpu_share_ratio{SENDER}"#, "cpu.share"),
];

/// Everything that one meter provider of the client was told, as one scrape job must show it.
struct Sender<'a> {
    prometheus: &'a Prometheus,
    told: &'a Value,
    labels: String,
}

impl Sender<'_> {
    fn query(&self, template: &str) -> String {
        template.replace("SENDER", &self.labels)
    }

    async fn reaches(&self, template: &str, expected: f64) {
        self.prometheus
            .reaches(&self.query(template), expected)
            .await;
    }

    fn recorded(&self, name: &str) -> Vec<f64> {
        let values = self.told[name].as_array().expect("recorded values");
        values.iter().map(|value| value.as_f64().unwrap()).collect()
    }

    async fn shows_numbers(&self) {
        for (template, instrument) in NUMBERS {
            let expected = self.told["numbers"][instrument].as_f64();
            self.reaches(template, expected.expect(instrument)).await;
        }
    }

    async fn shows_the_histogram(&self) {
        let values = self.recorded("duration");
        let count = values.len() as f64;
        self.reaches(r#"request_duration_seconds_count{SENDER}"#, count)
            .await;
        self.reaches(
            r#"request_duration_seconds_sum{SENDER}"#,
            values.iter().sum(),
        )
        .await;
        for (bound, le) in [
            (0.125, "0.125"),
            (0.5, "0.5"),
            (2.5, "2.5"),
            (f64::INFINITY, "+Inf"),
        ] {
            let below = values.iter().filter(|value| **value <= bound).count();
            let bucket = format!(r#"request_duration_seconds_bucket{{le="{le}",SENDER}}"#);
            self.reaches(&bucket, below as f64).await;
        }
    }

    /// A native histogram in protobuf, buckets of fixed bounds in the texts.
    async fn shows_the_exponential_histogram(&self, is_native: bool) {
        let values = self.recorded("payload");
        let (count, sum) = (values.len() as f64, values.iter().sum());
        let queries = match is_native {
            true => [
                "histogram_count(payload_size_bytes{SENDER})",
                "histogram_sum(payload_size_bytes{SENDER})",
                "histogram_quantile(0.9, payload_size_bytes{SENDER})",
            ],
            false => [
                "payload_size_bytes_count{SENDER}",
                "payload_size_bytes_sum{SENDER}",
                "histogram_quantile(0.9, payload_size_bytes_bucket{SENDER})",
            ],
        };
        self.reaches(queries[0], count).await;
        self.reaches(queries[1], sum).await;
        let quantile = self.prometheus.value(&self.query(queries[2])).await;
        let mut sorted = values;
        sorted.sort_by(f64::total_cmp);
        let exact = sorted[(sorted.len() * 9).div_ceil(10) - 1];
        // 160 buckets over this range are at most 5 % wide; those of the texts are powers of two.
        let allowed = if is_native { 1.05 } else { 2.0 };
        let quantile = quantile.expect("a quantile");
        assert!(
            (exact / allowed..=exact * allowed).contains(&quantile),
            "{}: {quantile} for {exact}",
            self.labels
        );
    }

    /// Exemplars name the traces in which the values were recorded.
    async fn shows_exemplars(&self) {
        for template in [
            "request_duration_seconds_bucket{SENDER}",
            "orders_placed_total{SENDER}",
        ] {
            let exemplars = self.prometheus.exemplars(&self.query(template)).await;
            assert!(
                !exemplars.is_empty(),
                "no exemplars: {template} {}",
                self.labels
            );
            for labels in exemplars {
                let trace = Value::String(labels["trace_id"].clone());
                let known = self.told["trace_ids"].as_array().unwrap();
                assert!(
                    known.contains(&trace),
                    "{template}: {labels:?} not of {known:?}"
                );
                assert_eq!(labels["span_id"].len(), 16, "{labels:?}");
            }
        }
    }
}

/// Scenario: the Python SDK records with every kind of instrument, cumulative and delta, in three exports each, while
/// Prometheus scrapes in protobuf, OpenMetrics and text. Guarantees: every format has every value that the SDK was told,
/// exponential histograms are native in protobuf, exemplars name their traces, and nothing that was scraped is refused.
#[tokio::test]
async fn prometheus_has_what_the_sdk_recorded() {
    let agent = Agent::start(Config::new()).await;
    let mut relays = Vec::new();
    for (via, accept, _) in FORMATS {
        relays.push((via, Relay::start(agent.api(), accept).await));
    }
    let targets: Vec<_> = relays
        .iter()
        .map(|(via, relay)| (*via, relay.address))
        .collect();
    let prometheus = Prometheus::start(&targets).await;
    let told = client::printed_by("measure.py", &agent).await;
    for (via, _, _) in FORMATS {
        for temporality in ["cumulative", "delta"] {
            let sender = Sender {
                prometheus: &prometheus,
                told: &told[temporality],
                labels: format!(r#"job="measured-{temporality}",instance="one",via="{via}""#),
            };
            sender.shows_numbers().await;
            sender.shows_the_histogram().await;
            sender
                .shows_the_exponential_histogram(via == "protobuf")
                .await;
            if via != "text" {
                sender.shows_exemplars().await;
            }
        }
    }
    for ((via, _, content_type), (_, relay)) in FORMATS.iter().zip(&relays) {
        let answered = relay.content_types();
        let is_it = |answered: &String| answered.starts_with(content_type);
        assert!(
            !answered.is_empty() && answered.iter().all(is_it),
            "{via}: {answered:?}"
        );
        prometheus
            .reaches(&format!(r#"up{{via="{via}"}}"#), 1.0)
            .await;
    }
    prometheus.assert_took_everything();
    agent.assert_no_panic();
}
