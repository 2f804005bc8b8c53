use super::*;

const TOTAL: &str = "traces_service_graph_request_total";
const SERVER: &str = "traces_service_graph_request_server_seconds";
const CLIENT: &str = "traces_service_graph_request_client_seconds";
const FAILED: &str = "traces_service_graph_request_failed_total";
const UNPAIRED: &str = "traces_service_graph_unpaired_spans_total";
const DROPPED: &str = "traces_service_graph_dropped_spans_total";

fn graph(wait_ms: u64, max_waiting: usize) -> DerivedOptions {
    DerivedOptions {
        graph: Some(GraphOptions {
            wait_ms,
            max_waiting,
            ..GraphOptions::default()
        }),
        ..DerivedOptions::default()
    }
}

/// The one histogram of the family: count and sum.
fn sum(shop: &Shop, name: &str) -> (u64, f64) {
    let mut all = shop.store.iter().filter_map(|(_, one)| {
        let family = shop.store.get_family(one.family)?;
        match &one.value {
            Value::Histogram(value) if &*family.name == name => Some((value.count, value.sum?)),
            _ => None,
        }
    });
    all.next().unwrap()
}

/// Scenario: both sides of a call in both orders, in one request, in two, and shortly before time is up.
/// Guarantees: they make one edge, with the duration of each side, and failed if either failed.
#[test]
fn two_sides_make_an_edge() {
    for client_first in [true, false] {
        for (gap_ms, client_fails) in [(0, false), (1, true), (9_999, false)] {
            let mut shop = Shop::new(&DerivedOptions::default());
            let client = lasting(span(Kind::Client, "GET", (2, 1), &[]), 7);
            let client = if client_fails { failed(client) } else { client };
            let server = failed(lasting(span(Kind::Server, "GET", (3, 2), &[]), 3));
            let mut sides = [("web", client), ("orders", server)];
            if !client_first {
                sides.reverse();
            }
            for (index, (service, span)) in sides.into_iter().enumerate() {
                shop.spans(service, vec![span], at(index as u64 * gap_ms));
            }
            let edge = r#"{client="web",server="orders"} 1"#;
            for family in [TOTAL, SERVER, CLIENT, FAILED] {
                assert_eq!(shop.shown(family), [edge], "{family}");
            }
            assert_eq!(
                (sum(&shop, CLIENT), sum(&shop, SERVER)),
                ((1, 0.007), (1, 0.003))
            );
            shop.settle(at(100_000));
            assert_eq!(shop.total(TOTAL), 1);
            assert!(shop.shown(UNPAIRED).is_empty());
        }
    }
}

/// Kind, parent, attributes, when it is settled, in which family, under which labels.
type Lonely<'a> = (Kind, u64, &'a [(&'a str, &'a str)], u64, &'a str, &'a str);

/// Scenario: spans that need nobody else, and spans whose other side does not come in time.
/// Guarantees: each makes the edge that the rules say, when the rules say, or counts as unpaired.
#[test]
fn one_side_makes_an_edge_where_the_other_is_known() {
    let (at_once, later) = (0, 10_000);
    let table: [Lonely<'_>; 14] = [
        (
            Kind::Server,
            0,
            &[],
            at_once,
            TOTAL,
            r#"client="user",connection_type="virtual_node",server="shop""#,
        ),
        (Kind::Server, 7, &[], later, UNPAIRED, r#"server="shop""#),
        (Kind::Client, 7, &[], later, UNPAIRED, r#"client="shop""#),
        (
            Kind::Client,
            7,
            &[("server.address", "api.stripe.com")],
            later,
            TOTAL,
            r#"client="shop",connection_type="virtual_node",server="api.stripe.com""#,
        ),
        (
            Kind::Client,
            7,
            &[("net.peer.name", "a"), ("peer.service", "stripe")],
            later,
            TOTAL,
            r#"client="shop",connection_type="virtual_node",server="stripe""#,
        ),
        (
            Kind::Client,
            7,
            &[("http.url", "https://u@h.example:1/p")],
            later,
            TOTAL,
            r#"client="shop",connection_type="virtual_node",server="h.example""#,
        ),
        (
            Kind::Client,
            7,
            &[("db.system", "postgresql")],
            at_once,
            TOTAL,
            r#"client="shop",connection_type="database",server="postgresql""#,
        ),
        (
            Kind::Client,
            7,
            &[("db.system.name", "postgresql"), ("db.namespace", "orders")],
            at_once,
            TOTAL,
            r#"client="shop",connection_type="database",server="orders""#,
        ),
        (
            Kind::Client,
            7,
            &[("db.name", "orders")],
            at_once,
            TOTAL,
            r#"client="shop",connection_type="database",server="orders""#,
        ),
        (
            Kind::Producer,
            7,
            &[("messaging.system", "kafka")],
            later,
            TOTAL,
            r#"client="shop",connection_type="messaging_system",server="kafka""#,
        ),
        (
            Kind::Producer,
            7,
            &[],
            later,
            UNPAIRED,
            r#"client="shop",connection_type="messaging_system""#,
        ),
        (
            Kind::Consumer,
            0,
            &[("messaging.system", "kafka")],
            at_once,
            TOTAL,
            r#"client="kafka",connection_type="messaging_system",server="shop""#,
        ),
        (
            Kind::Consumer,
            0,
            &[],
            at_once,
            UNPAIRED,
            r#"connection_type="messaging_system",server="shop""#,
        ),
        (
            Kind::Consumer,
            7,
            &[("messaging.system", "kafka")],
            later,
            TOTAL,
            r#"client="kafka",connection_type="messaging_system",server="shop""#,
        ),
    ];
    for (kind, parent, pairs, when, family, labels) in table {
        let mut shop = Shop::new(&DerivedOptions::default());
        shop.spans("shop", vec![span(kind, "x", (8, parent), pairs)], at(0));
        if when == later {
            shop.settle(at(later - 1));
            assert_eq!(shop.total(TOTAL) + shop.total(UNPAIRED), 0, "{labels}");
            shop.settle(at(later));
        }
        assert_eq!(shop.shown(family), [format!("{{{labels}}} 1")]);
        assert_eq!(shop.total(TOTAL) + shop.total(UNPAIRED), 1, "{labels}");
        if family == TOTAL {
            assert_eq!(
                (sum(&shop, CLIENT), sum(&shop, SERVER)),
                ((1, 0.005), (1, 0.005))
            );
            assert_eq!(shop.total(FAILED), 0);
            assert_eq!(shop.shown(FAILED).len(), 1);
        }
    }
}

/// Scenario: a message between two services over a known system.
/// Guarantees: as with the connector, the edge is between the services.
#[test]
fn a_message_is_an_edge_between_services() {
    let mut shop = Shop::new(&DerivedOptions::default());
    let kafka = [("messaging.system", "kafka")];
    shop.spans(
        "orders",
        vec![span(Kind::Producer, "publish", (2, 1), &kafka)],
        at(0),
    );
    shop.spans(
        "mailer",
        vec![span(Kind::Consumer, "process", (3, 2), &kafka)],
        at(5),
    );
    let edge = r#"{client="orders",connection_type="messaging_system",server="mailer"} 1"#;
    assert_eq!(shop.shown(TOTAL), [edge]);
}

/// Scenario: a side twice, both before and after the other; the same ids in another trace; a service that calls itself.
/// Guarantees: a call counts once; traces are kept apart; a call to oneself is an edge.
#[test]
fn sides_are_told_apart() {
    let mut shop = Shop::new(&DerivedOptions::default());
    let client = || span(Kind::Client, "GET", (2, 1), &[]);
    let server = || span(Kind::Server, "GET", (3, 2), &[]);
    let mut elsewhere = server();
    elsewhere.trace_id = vec![2; 16];
    shop.spans("web", vec![client(), client(), elsewhere], at(0));
    assert_eq!(shop.total(TOTAL), 0);
    shop.spans("web", vec![server(), server()], at(1));
    assert_eq!(shop.shown(TOTAL), [r#"{client="web",server="web"} 1"#]);
}

/// Scenario: more wait than may; spans whose ids are missing or too short.
/// Guarantees: the oldest is settled as if its time had come, and counts as dropped; so do spans without ids.
#[test]
fn the_oldest_gives_way() {
    let mut shop = Shop::new(&graph(10_000, 2));
    let stripe = [("peer.service", "stripe")];
    let client = |id| span(Kind::Client, "x", (id, 1), &stripe);
    shop.spans("shop", vec![client(11), client(12)], at(0));
    assert_eq!((shop.total(TOTAL), shop.total(DROPPED)), (0, 0));
    shop.spans("shop", vec![client(13), client(14)], at(1));
    assert_eq!((shop.total(TOTAL), shop.total(DROPPED)), (2, 2));
    shop.spans(
        "stripe",
        vec![span(Kind::Server, "x", (20, 14), &[])],
        at(2),
    );
    let edge = r#"{client="shop",server="stripe"} 1"#;
    assert!(shop.shown(TOTAL).contains(&edge.to_owned()));

    let mut shop = Shop::new(&DerivedOptions::default());
    let mut cut = client(15);
    cut.span_id.pop();
    let mut zero = client(16);
    zero.trace_id = vec![0; 16];
    let mut odd_parent = span(Kind::Server, "x", (17, 1), &[]);
    odd_parent.parent_span_id.push(1);
    shop.spans("shop", vec![cut, zero, odd_parent], at(0));
    let expected = [r#"{client="shop"} 2"#, r#"{server="shop"} 1"#];
    assert_eq!(shop.shown(DROPPED), expected);
}

/// Scenario: the clock is set back by an hour, and forward by a year, while a span waits.
/// Guarantees: it waits its time all the same, or is settled at once; the other side may still come after a step back.
#[test]
fn a_clock_that_is_set_does_not_stop_settling() {
    let stripe = [("peer.service", "stripe")];
    let client = |id| vec![span(Kind::Client, "x", (id, 1), &stripe)];
    let mut shop = Shop::new(&DerivedOptions::default());
    let hour_ms = 3_600_000;
    shop.spans("shop", client(11), at(hour_ms));
    shop.settle(at(0));
    assert_eq!(shop.total(TOTAL), 0);
    shop.settle(at(9_999));
    assert_eq!(shop.total(TOTAL), 0);
    shop.settle(at(10_000));
    assert_eq!(shop.total(TOTAL), 1);
    shop.spans("shop", client(12), at(10_000));
    shop.settle(at(365 * 24 * hour_ms));
    assert_eq!(shop.total(TOTAL), 2);
}
