//! Which route a request takes.

use std::collections::BTreeMap;

use http::Request;

use super::telemetry;
use crate::config::{Endpoint, GatewaySettings, RouteSettings};
use crate::gateway::path::BadPath;
use crate::gateway::refusal::Refusal;
use crate::gateway::target::{BadTarget, Target};
use crate::gateway::{Gateway, Means, Prepared};
use crate::shutdown::Stopping;

/// Routes by name, each with its hosts and its prefix.
const ROUTES: [(&str, &[&str], Option<&str>); 7] = [
    ("all", &[], None),
    ("a", &[], Some("/a")),
    ("ab", &[], Some("/a/b")),
    ("admin", &[], Some("/admin/")),
    ("host", &["h.example", "192.0.2.1", "[2001:db8::1]"], None),
    ("host-a", &["H.example."], Some("/a")),
    ("only", &["only.example"], Some("/x")),
];

fn settings() -> BTreeMap<String, RouteSettings> {
    let route = |(name, hosts, prefix): (&str, &[&str], Option<&str>)| {
        let mut route = RouteSettings::new(Endpoint::parse("http://up").unwrap());
        route.hosts = hosts.iter().map(ToString::to_string).collect();
        route.prefix = prefix.map(str::to_owned);
        (name.to_owned(), route)
    };
    ROUTES.into_iter().map(route).collect()
}

fn open(settings: &BTreeMap<String, RouteSettings>) -> Gateway {
    let telemetry = telemetry();
    let means = Means {
        settings: GatewaySettings::default(),
        telemetry: &telemetry,
        stopping: Stopping::default(),
        cache: None,
        store: None,
    };
    Gateway::open(Prepared::of(settings).unwrap(), means)
}

fn find(gateway: &Gateway, target: &str, host: &str) -> Result<String, Refusal> {
    let request = Request::get(target).header("host", host).body(()).unwrap();
    let (head, ()) = request.into_parts();
    let Target::Behind(place) = Target::read(&head)? else {
        panic!("{target}");
    };
    Ok(gateway.0.routes.find(&place)?.plan.name.to_string())
}

/// Scenario: requests with and without a host that is named, below prefixes of every length.
/// Guarantees: hosts come first, then the longest prefix; every spelling of a host is the same host.
#[tokio::test]
async fn the_closest_route_is_taken() {
    let gateway = open(&settings());
    let cases = [
        ("/", "x", "all"),
        ("/a", "x", "a"),
        ("/ab", "x", "all"),
        ("/a/b", "x", "ab"),
        ("/a/bc", "x", "a"),
        ("/admin", "x", "admin"),
        ("/A", "x", "all"),
        ("/", "h.example", "host"),
        ("/a/b", "H.EXAMPLE.:2272", "host-a"),
        ("/b", "192.0.2.1", "host"),
        ("/b", "[::ffff:192.0.2.1]", "host"),
        ("/b", "[2001:DB8:0::1]:80", "host"),
        ("/b", "xh.example", "all"),
        ("/b", "h.example.evil", "all"),
        ("/x/y", "only.example", "only"),
        ("/y", "only.example", "all"),
        ("http://h.example/a", "h.example", "host-a"),
    ];
    for (target, host, name) in cases {
        assert_eq!(
            find(&gateway, target, host).unwrap(),
            name,
            "{host} {target}"
        );
    }
}

/// Scenario: requests that nobody is meant to answer.
/// Guarantees: a proxy's form leads to hosts that are named and nowhere else; a path of a named host does not fall to routes of all.
#[tokio::test]
async fn the_gateway_is_no_open_proxy() {
    let gateway = open(&settings());
    for (target, host) in [
        ("http://x/", "x"),
        ("http://169.254.169.254/latest", "169.254.169.254"),
        ("http://up/", "up"),
    ] {
        assert_eq!(
            find(&gateway, target, host),
            Err(Refusal::NotServed),
            "{target}"
        );
    }
    let elsewhere = find(&gateway, "http://only.example/y", "only.example");
    assert_eq!(elsewhere, Err(Refusal::NoRoute));
}

/// Scenario: paths that take one route as they are written, and another once somebody decodes or tidies them.
/// Guarantees: refused, so that nobody gets round the guards of a route; what takes the same route in both cases passes.
#[tokio::test]
async fn nobody_gets_round_a_route() {
    let gateway = open(&settings());
    let other = Refusal::from(BadTarget::from(BadPath::OtherRoute));
    for target in [
        "/%61dmin/users",
        "//admin/users",
        "/admin;x=1/users",
        "/%61/b",
        "/a/%62",
        "/a//b",
        "/;/admin",
        "/a%2fb",
        "/admin%3b",
    ] {
        assert_eq!(find(&gateway, target, "x"), Err(other.clone()), "{target}");
    }
    for (target, name) in [
        ("/admin/%75sers", "admin"),
        ("/a/c//d", "a"),
        ("/%62", "all"),
    ] {
        assert_eq!(find(&gateway, target, "x").unwrap(), name, "{target}");
    }
}

/// Scenario: no route at all leads to a path.
/// Guarantees: 404, not another route.
#[tokio::test]
async fn no_route_is_no_route() {
    let mut settings = settings();
    settings.retain(|name, _| name == "a");
    let gateway = open(&settings);
    assert_eq!(find(&gateway, "/b", "x"), Err(Refusal::NoRoute));
}

/// Scenario: several routes that cannot be opened, and one that is not enabled.
/// Guarantees: all of them are named at once, each with its key; the one that is not enabled is not.
#[test]
fn every_mistake_is_told() {
    let mut settings = settings();
    let broken = |change: fn(&mut RouteSettings)| {
        let mut route = RouteSettings::new(Endpoint::parse("http://up").unwrap());
        change(&mut route);
        route
    };
    type Mistake = fn(&mut RouteSettings);
    let mistakes: [(&str, Mistake); 7] = [
        ("prefix", |route| route.prefix = Some("/a/../b".to_owned())),
        ("hosts", |route| route.hosts = vec!["a:80".to_owned()]),
        ("methods", |route| route.methods = vec!["G T".to_owned()]),
        ("retry.status", |route| {
            route.retry.status = vec!["x".to_owned()]
        }),
        ("caller", |route| route.caller = vec!["a b".to_owned()]),
        ("drop_answer_headers", |route| {
            route.drop_answer_headers = vec![String::new()]
        }),
        ("upstream", |route| {
            route.upstream = Endpoint::parse("http://up/a/%2e").unwrap()
        }),
    ];
    for (key, change) in mistakes {
        settings.insert(format!("bad-{key}"), broken(change));
    }
    let mut disabled = broken(mistakes[0].1);
    disabled.enabled = false;
    settings.insert("disabled".to_owned(), disabled);
    let told = Prepared::of(&settings).err().unwrap().to_string();
    assert!(
        told.starts_with("7 routes cannot be opened as configured"),
        "{told}"
    );
    for (key, _) in mistakes {
        assert!(
            told.contains(&format!("✗ route.bad-{key}: {key}: ")),
            "{key}: {told}"
        );
    }
    assert!(!told.contains("disabled"), "{told}");
}
