//! The queries of the documents that the agent's users come from, to the letter.

use super::client::Running;
use super::prometheus::Prometheus;
use crate::fixture::{Agent, Config};

/// Every expression of dashboards and alerts, and the document it stands in. An alert's expression returns data only
/// while it is true.
const EXPRESSIONS: &[(&str, &str)] = &[
    (
        "infrastructure",
        "rate(http_request_duration_seconds_sum[5m]) / \nrate(http_request_duration_seconds_count[5m])",
    ),
    (
        "infrastructure",
        "(db_pool_size_active / db_pool_size_total) > 0.8",
    ),
    (
        "infrastructure",
        r#"circuit_breaker_state{service="stripe"}"#,
    ),
    (
        "quick-reference",
        "rate(http_request_duration_seconds_sum{route=\"/api/customers\"}[5m]) / \nrate(http_request_duration_seconds_count{route=\"/api/customers\"}[5m])",
    ),
    (
        "quick-reference",
        "(db_pool_size_active / db_pool_size_total) * 100",
    ),
    ("quick-reference", "rate(http_requests_total[5m])"),
    (
        "quick-reference",
        r#"rate(http_requests_total{status=~"5.."}[5m])"#,
    ),
    ("quick-reference", "rate(revenue_total[1m])"),
    (
        "quick-reference",
        "histogram_quantile(0.95, http_request_duration_seconds) > 0.5",
    ),
    (
        "quick-reference",
        "(db_pool_size_active / db_pool_size_total) > 0.8",
    ),
    (
        "quick-reference",
        r#"circuit_breaker_state{service="stripe"} == 1  # OPEN"#,
    ),
    (
        "quick-reference",
        r#"rate(http_requests_total{status=~"5.."}[5m]) / rate(http_requests_total[5m]) > 0.05"#,
    ),
    ("production-features", "rate(http_requests_total[5m])"),
    ("production-features", "rate(http_errors_total[5m])"),
    (
        "production-features",
        "http_errors_total / http_requests_total",
    ),
    ("production-features", "tasks_created_total"),
    ("production-features", "uptime_seconds"),
    (
        "learning-guide",
        r#"http_request_duration_seconds_bucket{le="0.1"}"#,
    ),
    (
        "monitoring-system",
        r#"latency_ms_api_request{quantile="0.5"}"#,
    ),
    (
        "monitoring-system",
        r#"latency_ms_api_request{quantile="0.95"}"#,
    ),
    (
        "monitoring-system",
        r#"latency_ms_api_request{quantile="0.99"}"#,
    ),
    ("monitoring-system", "cache_L1_hit_rate"),
];

/// Every metric that a document names outside of an expression, with the labels that it promises.
const METRICS: &[(&str, &[&str])] = &[
    (
        "http_request_duration_seconds_bucket",
        &["method", "route", "status", "le"],
    ),
    ("http_requests_total", &["method", "route", "status"]),
    ("http_errors_total", &["method", "route", "status"]),
    ("http_active_connections", &[]),
    ("db_pool_size_total", &[]),
    ("db_pool_size_idle", &[]),
    ("db_pool_size_active", &[]),
    ("db_queries_total", &[]),
    ("queue_size", &["queue_name", "status"]),
    ("user_signups_total", &["plan_type"]),
    ("revenue_total", &["currency", "product_type"]),
    ("invoice_status_total", &["status"]),
    ("service_provisioning_duration_seconds_bucket", &["le"]),
    ("emails_sent_total", &["template", "status"]),
    ("sms_sent_total", &["purpose", "status"]),
    ("rate_limit_hits_total", &["endpoint"]),
    ("auth_failures_total", &["reason"]),
    ("webhook_deliveries_total", &["event", "status"]),
    ("tasks_created_total", &[]),
    ("tasks_updated_total", &[]),
    ("uptime_seconds", &[]),
    ("circuit_breaker_state", &["service"]),
    ("cache_L1_hit_rate", &[]),
    ("cache_L2_hit_rate", &[]),
    ("latency_ms_api_request", &["quantile"]),
];

/// Scenario: an application that measures itself as those in the documents do, its breaker open, its pool nearly used up,
/// a quarter of its requests failing and slow. Guarantees: every expression of the documents returns data from a real
/// Prometheus, alerts included, and every metric they name is there with its labels.
#[tokio::test]
async fn every_query_of_the_documents_returns_data() {
    let agent = Agent::start(Config::new()).await;
    let prometheus = Prometheus::scraping(&agent).await;
    let mut shop = Running::start("shop.py", &agent);
    prometheus
        .has_data(r#"target_info{job="shop"} or up{job="lineside"} == 1"#)
        .await;
    for (document, expression) in EXPRESSIONS {
        shop.assert_runs();
        println!("{document}: {expression}");
        prometheus.has_data(expression).await;
    }
    for (name, labels) in METRICS {
        // Those of the shop: the agent has a breaker and an uptime of its own.
        let found = prometheus
            .has_data(&format!(r#"{name}{{job="shop"}}"#))
            .await;
        for label in *labels {
            let has_label = |series: &super::prometheus::Series| series.labels.contains_key(*label);
            assert!(
                found.iter().any(has_label),
                "{name} has no {label}: {found:?}"
            );
        }
    }
    for (query, expected) in [
        (r#"cache_L1_hit_rate{job="shop"}"#, 0.9),
        (r#"cache_L2_hit_rate{job="shop"}"#, 0.6),
        (r#"db_pool_size_active{job="shop"}"#, 9.0),
        (r#"db_pool_size_total{job="shop"}"#, 10.0),
        (r#"http_active_connections{job="shop"}"#, 2.0),
    ] {
        prometheus.reaches(query, expected).await;
    }
    slow_customers_by_native_histogram(&prometheus).await;
    prometheus.assert_took_everything();
    shop.assert_runs();
    agent.assert_no_panic();
}

/// `histogram_quantile` over the bare name works on native histograms alone, which exponential ones become.
async fn slow_customers_by_native_histogram(prometheus: &Prometheus) {
    let query = r#"histogram_quantile(0.95, http_request_duration_seconds{route="/api/customers",status="500"})"#;
    let found = prometheus.has_data(query).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].labels["job"], "shop-native");
    // All of these requests took 0.9 s.
    assert!((0.85..0.95).contains(&found[0].value()), "{found:?}");
}
