//! Spans of services that call one another: the requests 2n and 2n + 1 hold the two sides of the same calls.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;

use super::ITEMS;
use super::attributes::{id, number, resource, scope, text};

/// Who calls whom.
const CALLS: [(&str, &str); 4] = [
    ("web", "checkout"),
    ("checkout", "orders"),
    ("orders", "stock"),
    ("web", "search"),
];
const ROUTES: [&str; 10] = [
    "/orders",
    "/orders/{id}",
    "/orders/{id}/items",
    "/users/{id}",
    "/cart",
    "/cart/items",
    "/payments",
    "/search",
    "/stock/{sku}",
    "/login",
];
const STATUSES: [i64; 8] = [200, 200, 200, 200, 200, 201, 404, 500];
/// `SpanKind`: internal, server, client.
const INTERNAL: i32 = 1;
const SERVER: i32 = 2;
const CLIENT: i32 = 3;
/// `StatusCode`: error.
const ERROR: i32 = 2;

/// `count` requests whose spans end about `now_unix_ns`.
pub fn requests(count: usize, now_unix_ns: u64, random: &mut fastrand::Rng) -> Vec<Vec<u8>> {
    (0..count / 2)
        .flat_map(|pair| {
            let (caller, callee) = CALLS[pair % CALLS.len()];
            let instance = pair / CALLS.len() % 4;
            let (mut calling, mut called) = (Vec::new(), Vec::new());
            for nth in 0..ITEMS {
                let ends = now_unix_ns - random.u64(..50_000_000);
                let (one, other) = both_sides(nth, ends, random);
                calling.push(one);
                called.push(other);
            }
            [
                request(caller, instance, calling),
                request(callee, instance, called),
            ]
        })
        .collect()
}

fn request(service: &str, instance: usize, spans: Vec<Span>) -> Vec<u8> {
    let scope_spans = vec![ScopeSpans {
        scope: scope(),
        spans,
        ..Default::default()
    }];
    let resource_spans = vec![ResourceSpans {
        resource: resource(service, instance),
        scope_spans,
        ..Default::default()
    }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}

/// The nth span of a caller's request and of its callee's. Of five, three are the two sides of a call, one is a call
/// from outside and one to a database, and one pair is the inside of each.
fn both_sides(nth: u64, ends: u64, random: &mut fastrand::Rng) -> (Span, Span) {
    let route = ROUTES[random.usize(..ROUTES.len())];
    let mut caller = span(ends, random);
    let mut callee = span(ends, random);
    match nth % 5 {
        0 => {
            caller.parent_span_id.clear();
            served(&mut caller, route, random);
            queried(&mut callee);
        }
        4 => {
            inside(&mut caller);
            inside(&mut callee);
        }
        _ => {
            callee.trace_id.clone_from(&caller.trace_id);
            callee.parent_span_id.clone_from(&caller.span_id);
            called(&mut caller, random);
            served(&mut callee, route, random);
        }
    }
    (caller, callee)
}

fn span(ends: u64, random: &mut fastrand::Rng) -> Span {
    Span {
        trace_id: id(random, 16),
        span_id: id(random, 8),
        parent_span_id: id(random, 8),
        start_time_unix_nano: ends - random.u64(200_000..80_000_000),
        end_time_unix_nano: ends,
        status: Some(Status::default()),
        flags: 257,
        ..Default::default()
    }
}

fn served(span: &mut Span, route: &str, random: &mut fastrand::Rng) {
    span.name = format!("GET {route}");
    span.kind = SERVER;
    let path = route.replace("{id}", &random.u32(1000..100_000).to_string());
    let mut attributes = vec![
        text("http.request.method", "GET"),
        text("http.route", route),
        text("url.path", &path),
        text("url.scheme", "https"),
        text("server.address", "shop.internal"),
        text(
            "client.address",
            &format!("10.0.{}.{}", random.u8(..), random.u8(..)),
        ),
        text("user_agent.original", "checkout/3.2 (linux)"),
    ];
    attributes.push(answered(span, random));
    span.attributes = attributes;
}

fn called(span: &mut Span, random: &mut fastrand::Rng) {
    span.name = "GET".into();
    span.kind = CLIENT;
    let order = random.u32(1000..100_000);
    let mut attributes = vec![
        text("http.request.method", "GET"),
        text("url.full", &format!("https://shop.internal/orders/{order}")),
        text("server.address", "shop.internal"),
        number("server.port", 8443),
        text("network.protocol.version", "1.1"),
        text("thread.name", "worker-3"),
        number("thread.id", 37),
    ];
    attributes.push(answered(span, random));
    span.attributes = attributes;
}

fn answered(span: &mut Span, random: &mut fastrand::Rng) -> KeyValue {
    let status = STATUSES[random.usize(..STATUSES.len())];
    if status == 500 {
        span.status = Some(Status {
            code: ERROR,
            ..Default::default()
        });
    }
    number("http.response.status_code", status)
}

fn queried(span: &mut Span) {
    span.name = "SELECT orders".into();
    span.kind = CLIENT;
    span.attributes = vec![
        text("db.system.name", "postgresql"),
        text("db.namespace", "shop"),
        text("db.operation.name", "SELECT"),
        text("db.collection.name", "orders"),
        text(
            "db.query.text",
            "SELECT id, total FROM orders WHERE customer = ?",
        ),
        text("server.address", "postgres.internal"),
        number("server.port", 5432),
    ];
}

fn inside(span: &mut Span) {
    span.name = "OrderService.reserve".into();
    span.kind = INTERNAL;
    span.attributes = vec![
        text("code.function.name", "shop.OrderService.reserve"),
        text("thread.name", "worker-3"),
        number("thread.id", 37),
    ];
}
