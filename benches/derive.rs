//! What deriving metrics costs for each span, beside checking the same bytes.
//!
//! `cargo bench --bench derive`. Requests of 100 spans with eight attributes come from two services in turn, of which one
//! calls the other. Half of the calls are answered, the others wait in vain; half of the other service's spans ask a
//! database.

use std::hint::black_box;
use std::time::Instant;

use lineside::otlp::{Signal, inspect, view};
use lineside::series::derived::{Derived, DerivedOptions, GraphOptions, SpanOptions};
use lineside::series::naming::Strategy;
use lineside::series::percentiles::{PercentileOptions, Percentiles};
use lineside::series::store::{Limits, Moment, Store};
use lineside::series::targets::{TargetOptions, Targets};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;

const T0_MS: u64 = 1_700_000_000_000;
const SPANS: u64 = 100;
const REQUESTS: u64 = 2_000;
const ROUNDS: usize = 5;

fn main() {
    let messages: Vec<_> = (0..REQUESTS).map(request).collect();
    let bytes: usize = messages.iter().map(Vec::len).sum();
    println!("{} bytes a span", bytes as u64 / REQUESTS / SPANS);
    for _ in 0..ROUNDS {
        report("inspect", &messages, |message, _| {
            black_box(inspect(Signal::Traces, message).is_ok());
        });
        report("read", &messages, |message, _| read(message));
        derive("calls alone", &messages, true, false);
        derive("graph alone", &messages, false, true);
        derive("all", &messages, true, true);
        println!();
    }
}

fn report(what: &str, messages: &[Vec<u8>], mut each: impl FnMut(&[u8], Moment)) {
    let start = Instant::now();
    for (index, message) in (0..).zip(messages) {
        let unix_ms = T0_MS + index * 5;
        each(message, Moment { unix_ms });
    }
    let nanos = start.elapsed().as_nanos() / u128::from(REQUESTS * SPANS);
    println!("{what:<12} {nanos:>4} ns a span");
}

fn read(message: &[u8]) {
    for group in view::groups(message) {
        for span in group.scopes().flat_map(|scope| scope.items()) {
            black_box(view::Span::read(span, |attribute| {
                black_box(attribute.key());
            }));
        }
    }
}

fn derive(what: &str, messages: &[Vec<u8>], calls: bool, graph: bool) {
    let mut store = Store::new(Limits {
        series: 200_000,
        series_per_metric: 10_000,
        label_bytes: 4096,
        memory_bytes: 128 << 20,
    });
    let mut targets = Targets::new(TargetOptions {
        strategy: Strategy::default(),
        scope_labels: true,
        target_info: true,
        max: 10_000,
    });
    let mut percentiles = Percentiles::new(PercentileOptions::default());
    let options = DerivedOptions {
        spans: calls.then(SpanOptions::default),
        graph: graph.then(GraphOptions::default),
        ..DerivedOptions::default()
    };
    let derived = Derived::new(&options, &mut store);
    let mut derived = derived.unwrap_or_else(|error| panic!("{error}"));
    report(what, messages, |message, now| {
        derived.take_spans(&mut store, &mut targets, &mut percentiles, message, now);
    });
}

/// The request `n`: of `web` if it is even, and then of `orders`, which answers its calls and asks the database.
fn request(n: u64) -> Vec<u8> {
    let of_web = n.is_multiple_of(2);
    let spans = (0..SPANS).map(|k| span(n, k, of_web)).collect();
    let service = if of_web { "web" } else { "orders" };
    let resource = Resource {
        attributes: vec![
            text("service.name", service),
            text("service.namespace", "shop"),
            text(
                "service.instance.id",
                "627cc493-f310-47de-96bd-71410b7dec09",
            ),
            text("host.name", "node-17"),
            text("telemetry.sdk.language", "rust"),
        ],
        ..Resource::default()
    };
    let group = ResourceSpans {
        resource: Some(resource),
        scope_spans: vec![ScopeSpans {
            spans,
            ..ScopeSpans::default()
        }],
        ..ResourceSpans::default()
    };
    let request = ExportTraceServiceRequest {
        resource_spans: vec![group],
    };
    request.encode_to_vec()
}

fn span(n: u64, k: u64, of_web: bool) -> Span {
    const PATHS: [&str; 10] = [
        "/orders",
        "/orders/{id}",
        "/users/{id}",
        "/cart",
        "/cart/items",
        "/pay",
        "/search",
        "/",
        "/login",
        "/stock",
    ];
    let path = PATHS[(k / 2 % 10) as usize];
    // Both services' k-th spans of a pair of requests make one call; odd ones of `orders` ask the database.
    let pair = (n / 2) * SPANS + k;
    let (id, parent) = match of_web {
        true => (pair, pair + (1 << 40)),
        false => (pair + (1 << 41), pair),
    };
    let is_query = !of_web && k % 2 == 1;
    let kind = if of_web || is_query { 3 } else { 2 };
    let start_time_unix_nano = (T0_MS + n * 5) * 1_000_000;
    Span {
        trace_id: u128::from(pair)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
            .to_be_bytes()
            .into(),
        span_id: id.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes().into(),
        parent_span_id: parent
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .to_be_bytes()
            .into(),
        name: if is_query {
            "SELECT orders".into()
        } else {
            format!("GET {path}")
        },
        kind,
        start_time_unix_nano,
        end_time_unix_nano: start_time_unix_nano + (pair.wrapping_mul(2_654_435_761) % 90_000_000),
        attributes: attributes(path, is_query),
        ..Span::default()
    }
}

fn attributes(path: &str, is_query: bool) -> Vec<KeyValue> {
    let first = match is_query {
        true => [
            text("db.system.name", "postgresql"),
            text("db.namespace", "shop"),
        ],
        false => [text("http.request.method", "GET"), text("http.route", path)],
    };
    let rest = [
        text("server.address", "orders.shop.svc"),
        number("server.port", 8080),
        text("url.scheme", "http"),
        text("user_agent.original", "Mozilla/5.0 (X11; Linux x86_64)"),
        text("network.protocol.version", "1.1"),
        number("http.response.status_code", 200),
    ];
    first.into_iter().chain(rest).collect()
}

fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.to_owned()))
}

fn number(key: &str, value: i64) -> KeyValue {
    attribute(key, Value::IntValue(value))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}
