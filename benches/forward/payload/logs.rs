//! Log records of a few services, most of them of severity INFO.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, any_value::Value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use prost::Message;

use super::ITEMS;
use super::attributes::{id, number, resource, scope, text};

const SERVICES: [&str; 4] = ["web", "checkout", "orders", "stock"];
/// Severities as they come in ten records: number and text.
const SEVERITIES: [(i32, &str); 10] = [
    (9, "INFO"),
    (9, "INFO"),
    (9, "INFO"),
    (5, "DEBUG"),
    (9, "INFO"),
    (9, "INFO"),
    (13, "WARN"),
    (9, "INFO"),
    (9, "INFO"),
    (17, "ERROR"),
];

/// `count` requests whose records are of about `now_unix_ns`.
pub fn requests(count: usize, now_unix_ns: u64, random: &mut fastrand::Rng) -> Vec<Vec<u8>> {
    (0..count)
        .map(|nth| request(nth, now_unix_ns, random))
        .collect()
}

fn request(nth: usize, now_unix_ns: u64, random: &mut fastrand::Rng) -> Vec<u8> {
    let log_records = (0..ITEMS).map(|_| record(now_unix_ns, random)).collect();
    let scope_logs = vec![ScopeLogs {
        scope: scope(),
        log_records,
        ..Default::default()
    }];
    let resource_logs = vec![ResourceLogs {
        resource: resource(SERVICES[nth % SERVICES.len()], nth / SERVICES.len() % 4),
        scope_logs,
        ..Default::default()
    }];
    ExportLogsServiceRequest { resource_logs }.encode_to_vec()
}

fn record(now_unix_ns: u64, random: &mut fastrand::Rng) -> LogRecord {
    let time = now_unix_ns - random.u64(..50_000_000);
    let order = random.u32(1000..100_000);
    let (severity_number, severity_text) = SEVERITIES[random.usize(..SEVERITIES.len())];
    let body = format!(
        "order {order} reserved {} items in warehouse {}",
        random.u8(1..9),
        random.u8(..)
    );
    LogRecord {
        time_unix_nano: time,
        observed_time_unix_nano: time,
        severity_number,
        severity_text: severity_text.into(),
        body: Some(AnyValue {
            value: Some(Value::StringValue(body)),
        }),
        attributes: vec![
            text("code.function.name", "shop::orders::reserve"),
            number("code.line.number", 212),
            text("thread.name", "worker-3"),
            text("enduser.id", &format!("user-{}", random.u32(..1_000_000))),
        ],
        trace_id: id(random, 16),
        span_id: id(random, 8),
        flags: 1,
        ..Default::default()
    }
}
