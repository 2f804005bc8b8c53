//! Traces of a small shop: web calls orders, which asks postgres and a payment provider and writes to kafka, where mailer
//! reads.

use opentelemetry_proto::tonic::trace::v1::Span;

use super::otlp::{SpanKind, child_of, failed, logs, service, span, spans, with};
use crate::fixture::{Agent, Signal, Transport};

/// The spans of one visit, by the service that sends them.
struct Visit {
    web: Vec<Span>,
    orders: Vec<Span>,
    mailer: Vec<Span>,
}

/// A visit to the shop; paying fails if `fails`, and the request of the browser with it.
fn one(number: usize, fails: bool) -> Visit {
    let root = with(
        span(SpanKind::Server, &format!("GET /checkout/{number}"), 120),
        &[("http.request.method", "GET")],
    );
    let call = child_of(&root, span(SpanKind::Client, "POST /orders", 100));
    let order = child_of(&call, span(SpanKind::Server, "POST /orders", 90));
    let query = with(
        child_of(&order, span(SpanKind::Client, "SELECT shop.orders", 5)),
        &[("db.system.name", "postgresql"), ("db.namespace", "shop")],
    );
    let pay = with(
        child_of(&order, span(SpanKind::Client, "POST", 40)),
        &[("server.address", "api.stripe.com")],
    );
    let publish = with(
        child_of(&order, span(SpanKind::Producer, "orders publish", 2)),
        &[("messaging.system", "kafka")],
    );
    let receive = child_of(&publish, span(SpanKind::Consumer, "orders process", 30));
    let (root, pay) = match fails {
        true => (failed(root), failed(pay)),
        false => (root, pay),
    };
    Visit {
        web: vec![root, call],
        orders: vec![order, query, pay, publish],
        mailer: vec![receive],
    }
}

/// Sends the traces of `visits` visits, of which the first fails, and a warning for each.
pub async fn visit(agent: &Agent, visits: usize) {
    let mut sender = agent.sender(Transport::Grpc);
    for number in 0..visits {
        let visit = one(number, number == 0);
        for (name, batch) in [
            // Children may come before their parents.
            ("orders", visit.orders),
            ("web", visit.web),
            ("mailer", visit.mailer),
        ] {
            let message = spans(service(name), batch);
            sender.must_send(Signal::Traces, &message).await;
        }
        let warning = logs(service("orders"), &[13]);
        sender.must_send(Signal::Logs, &warning).await;
    }
}
