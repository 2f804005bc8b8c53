use super::*;

/// One order: web → orders → postgres, orders → stripe, orders → kafka → mailer. `n` tells orders apart.
fn order(shop: &mut Shop, n: u64, fails: bool, now: Moment) {
    let id = |k: u64| n * 100 + k;
    let fail = |span| if fails { failed(span) } else { span };
    let of = |mut span: Span| {
        span.trace_id[..8].copy_from_slice(&(n + 1).to_be_bytes());
        span
    };
    let (db, kafka) = (
        [
            ("db.system.name", "postgresql"),
            ("server.address", "postgres"),
        ],
        [("messaging.system", "kafka")],
    );
    let web = vec![
        of(lasting(
            span(Kind::Server, "POST /buy", (id(1), 0), &[]),
            50,
        )),
        of(fail(lasting(
            span(Kind::Client, "POST", (id(2), id(1)), &[]),
            45,
        ))),
    ];
    let orders = vec![
        of(fail(lasting(
            span(Kind::Server, "POST /orders", (id(3), id(2)), &[]),
            40,
        ))),
        of(lasting(
            span(Kind::Client, "INSERT orders", (id(4), id(3)), &db),
            2,
        )),
        of(fail(lasting(
            span(
                Kind::Client,
                "POST",
                (id(5), id(3)),
                &[("peer.service", "stripe")],
            ),
            30,
        ))),
        of(lasting(
            span(Kind::Producer, "orders publish", (id(6), id(3)), &kafka),
            1,
        )),
    ];
    let mailer = vec![of(lasting(
        span(Kind::Consumer, "orders process", (id(7), id(6)), &kafka),
        100,
    ))];
    // The batches of services come in any order.
    shop.spans("mailer", mailer, now);
    shop.spans("web", web, now);
    shop.spans("orders", orders, now);
}

/// Scenario: a small shop for a minute and a half, a quarter of its payments fail.
/// Guarantees: the map is this one.
#[test]
fn the_map_of_a_small_shop() {
    let mut shop = Shop::new(&DerivedOptions::default());
    for n in 0..80 {
        order(&mut shop, n, n % 4 == 0, at(n * 1000));
    }
    shop.settle(at(100_000));
    let map = shop
        .derived
        .map(&shop.store, &shop.percentiles, at(100_000));
    let golden = include_str!("map.golden.json");
    let printed = serde_json::to_string_pretty(&map).unwrap();
    assert_eq!(printed.trim(), golden.trim(), "{printed}");
}

/// Scenario: the same shop, and nothing for longer than the window.
/// Guarantees: the map forgets it, and so does memory, while the metrics stay.
#[test]
fn the_map_forgets_what_is_past() {
    let mut shop = Shop::new(&DerivedOptions::default());
    order(&mut shop, 0, false, at(0));
    shop.settle(at(10_000));
    let edges = |shop: &Shop, ms| {
        let map = shop.derived.map(&shop.store, &shop.percentiles, at(ms));
        (map.edges.len(), map.nodes.len(), map.window_s)
    };
    assert_eq!(edges(&shop, 10_000), (6, 7, 10.0));
    assert_eq!(edges(&shop, 299_999), (6, 7, 299.999));
    assert_eq!(edges(&shop, 310_000), (0, 0, 250.0));
    shop.settle(at(1_000_000));
    assert_eq!(edges(&shop, 1_000_000).0, 0);
    assert_eq!(shop.total("traces_service_graph_request_total"), 5);
    order(&mut shop, 1, false, at(1_000_000));
    assert_eq!(edges(&shop, 1_000_000).0, 5);
}

/// Scenario: a service is called before it first answers in time, so that it is a third party at first.
/// Guarantees: it is one node, a service.
#[test]
fn a_late_service_is_no_third_party() {
    let mut shop = Shop::new(&DerivedOptions::default());
    let peer = [("peer.service", "orders")];
    let client = |id| vec![span(Kind::Client, "x", (id, 1), &peer)];
    shop.spans("web", client(11), at(0));
    shop.spans("web", client(12), at(10_000));
    shop.spans(
        "orders",
        vec![span(Kind::Server, "x", (13, 12), &[])],
        at(10_001),
    );
    let map = shop.derived.map(&shop.store, &shop.percentiles, at(10_001));
    let nodes: Vec<_> = map
        .nodes
        .iter()
        .map(|node| (node.name.as_str(), node.kind))
        .collect();
    assert_eq!(
        nodes,
        [("orders", NodeKind::Service), ("web", NodeKind::Service)]
    );
    let links: Vec<_> = map.edges.iter().map(|edge| edge.connection_type).collect();
    assert_eq!(links, ["", "virtual_node"]);
}

/// Scenario: the graph is switched off.
/// Guarantees: the map is empty, and nothing of it is in the store.
#[test]
fn without_the_graph_there_is_no_map() {
    let mut shop = Shop::new(&DerivedOptions {
        graph: None,
        logs: false,
        ..DerivedOptions::default()
    });
    order(&mut shop, 0, false, at(0));
    let map = shop.derived.map(&shop.store, &shop.percentiles, at(0));
    assert_eq!(map, ServiceMap::default());
    let names: Vec<_> = shop
        .store
        .families()
        .map(|(_, family)| family.name.clone())
        .collect();
    assert_eq!(names.len(), 2, "{names:?}");
}
