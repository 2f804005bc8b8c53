//! Nothing leads to a host that the configuration does not name, however it is asked for.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;

use super::fixture::{Canary, Raw, Upstream, get, problem, route_to};
use crate::fixture::{Agent, Connection, Reply, eventually};
use crate::probes::servers::{Nginx, Site};

/// An agent with a route for paths and one for the host shop.internal, their upstream, and a listener that neither names.
struct Ground {
    agent: Agent,
    upstream: Upstream,
    shop: Upstream,
    canary: Canary,
}

async fn ground() -> Ground {
    let (upstream, shop) = (Upstream::start().await, Upstream::start().await);
    let config = route_to(&upstream.url())
        .set("route.shop.upstream", shop.url())
        .set("route.shop.hosts", json!(["shop.internal"]));
    Ground {
        agent: Agent::start(config).await,
        upstream,
        shop,
        canary: Canary::listen().await,
    }
}

impl Ground {
    /// Sends a request line and a Host, and gives the status; 0 where the connection ended without.
    async fn ask(&self, line: &str, host: Option<&str>) -> u16 {
        let mut raw = Raw::open(self.agent.gateway()).await;
        let host = host.map_or(String::new(), |host| format!("Host: {host}\r\n"));
        raw.send(format!(
            "{line} HTTP/1.1\r\n{host}Connection: close\r\n\r\n"
        ))
        .await;
        raw.reply().await.map_or(0, |reply| reply.status)
    }

    /// Nobody was led astray, and whatever reached an upstream names it.
    fn check(&self) {
        self.canary.assert_alone();
        for upstream in [&self.upstream, &self.shop] {
            upstream.assert_well_formed();
            let own = upstream.address().to_string();
            for seen in upstream.seen() {
                assert_eq!(seen.header("host"), Some(own.as_str()), "{seen:?}");
                assert!(
                    !seen.target.contains("//") && !seen.target.contains(".."),
                    "{seen:?}"
                );
            }
        }
        self.agent.assert_no_panic();
    }
}

/// Every way to write the canary's address that some reader understands.
fn spellings(address: SocketAddr) -> Vec<String> {
    let SocketAddr::V4(v4) = address else {
        unreachable!("loopback is IPv4 here")
    };
    let ([a, b, c, d], port) = (v4.ip().octets(), v4.port());
    let number = u32::from(*v4.ip());
    vec![
        format!("{a}.{b}.{c}.{d}:{port}"),
        format!("{a}.{b}.{c}.{d}.:{port}"),
        format!("{number}:{port}"),
        format!("{number:#x}:{port}"),
        format!("0{a:o}.0{b:o}.0{c:o}.0{d:o}:{port}"),
        format!("{a:#x}.{b:#x}.{c:#x}.{d:#x}:{port}"),
        format!("[::ffff:{a}.{b}.{c}.{d}]:{port}"),
        format!("[::ffff:{a:x}{b:02x}:{c:x}{d:02x}]:{port}"),
        format!("[::{a}.{b}.{c}.{d}]:{port}"),
        format!("[64:ff9b::{a}.{b}.{c}.{d}]:{port}"),
        format!("user@{a}.{b}.{c}.{d}:{port}"),
        format!("shop.internal@{a}.{b}.{c}.{d}:{port}"),
        format!("shop.internal:80@{a}.{b}.{c}.{d}:{port}"),
        format!("shop.internal%40{a}.{b}.{c}.{d}:{port}"),
        format!("shop.internal\\@{a}.{b}.{c}.{d}:{port}"),
        format!("{a}.{b}.{c}.{d}:{port}#shop.internal"),
        format!("{a}.{b}.{c}.{d}:{port}\\shop.internal"),
    ]
}

/// Scenario: requests as to a proxy (absolute-form) for a host that no route names, in every spelling, with a Host that agrees or
/// names a route. Guarantees: 421 or 400, and no byte to anybody.
#[tokio::test]
async fn it_is_no_open_proxy() {
    let ground = ground().await;
    for authority in spellings(ground.canary.address()) {
        for path in ["/", "/up/x", "/up/../x"] {
            for host in [
                Some(authority.as_str()),
                Some("shop.internal"),
                Some("gateway"),
                None,
            ] {
                for scheme in ["http", "https", "HTTP"] {
                    let line = format!("GET {scheme}://{authority}{path}");
                    let status = ground.ask(&line, host).await;
                    assert!([400, 421].contains(&status), "{line} of {host:?}: {status}");
                }
            }
        }
    }
    assert_eq!((ground.upstream.count(), ground.shop.count()), (0, 0));
    ground.check();
}

/// Scenario: a host that a route names, and behind it, where a path should be, what some readers take for another host.
/// Guarantees: it is refused, or it is a request to the host in front, with a path of its own.
#[tokio::test]
async fn what_stands_behind_a_host_is_no_host() {
    let ground = ground().await;
    let canary = ground.canary.address();
    for behind in [
        format!("#@{canary}/"),
        format!("?@{canary}/"),
        format!("#{canary}"),
        "#".to_owned(),
        "?".to_owned(),
        "?x=1".to_owned(),
    ] {
        let line = format!("GET http://shop.internal{behind}");
        let status = ground.ask(&line, Some("shop.internal")).await;
        assert!([200, 400].contains(&status), "{line}: {status}");
    }
    for seen in ground.shop.seen() {
        assert!(
            seen.target.starts_with('/') && !seen.target.contains('#'),
            "{seen:?}"
        );
    }
    assert_eq!(ground.upstream.count(), 0);
    ground.check();
}

/// Scenario: absolute-form for a host that a route names, with a Host that agrees, that differs, and none. Guarantees: it takes
/// that route; where the two differ it is refused.
#[tokio::test]
async fn a_proxy_request_takes_the_route_of_its_host() {
    let ground = ground().await;
    for (line, host, status) in [
        ("GET http://shop.internal/x", Some("shop.internal"), 200),
        ("GET http://SHOP.internal./x?y", Some("shop.internal"), 200),
        (
            "GET http://shop.internal:80/x",
            Some("shop.internal:80"),
            200,
        ),
        ("GET http://shop.internal", Some("shop.internal"), 200),
        ("GET http://shop.internal/x", Some("gateway"), 400),
        ("GET http://gateway/up/x", Some("gateway"), 421),
        ("GET ftp://shop.internal/x", Some("shop.internal"), 400),
        ("GET file:///etc/passwd", Some("shop.internal"), 400),
        ("GET shop.internal", Some("shop.internal"), 400),
        ("GET shop.internal:80", Some("shop.internal:80"), 400),
        ("OPTIONS *", Some("gateway"), 204),
        ("GET *", Some("gateway"), 400),
        ("GET /up/x", None, 400),
        ("GET /up/x", Some(""), 400),
        ("GET /up/x", Some("a, b"), 400),
        ("GET /up/x", Some("a b"), 400),
        ("GET /up/x", Some("a/../b"), 400),
        ("GET /up/x", Some("me:secret@gateway"), 400),
        ("GET /up/x", Some("gateway\r\nHost: gateway"), 400),
        ("GET /up/x", Some("gateway\r\nHost: other"), 400),
    ] {
        let got = ground.ask(line, host).await;
        assert_eq!(got, status, "{line} of {host:?}");
    }
    assert_eq!((ground.upstream.count(), ground.shop.count()), (0, 4));
    ground.check();
}

/// Scenario: CONNECT to the canary, to a route's host, and to the upstream. Guarantees: refused, and nothing is connected.
#[tokio::test]
async fn there_are_no_tunnels() {
    let ground = ground().await;
    let own = ground.upstream.address().to_string();
    for authority in [
        ground.canary.address().to_string(),
        "shop.internal:443".to_owned(),
        own,
    ] {
        let mut raw = Raw::open(ground.agent.gateway()).await;
        raw.send(format!(
            "CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n"
        ))
        .await;
        let reply = raw.reply().await.unwrap();
        assert!([400, 405, 421].contains(&reply.status), "{reply:?}");
        let _ = raw.try_send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    }
    assert_eq!(
        (ground.upstream.connections(), ground.shop.connections()),
        (0, 0)
    );
    ground.check();
}

/// Scenario: paths that lead elsewhere once somebody decodes them, or that start like a host. Guarantees: 400 or 404, or passed on
/// to the letter where they are but data; never another host, never another route's upstream.
#[tokio::test]
async fn paths_cannot_leave_their_route() {
    let ground = ground().await;
    let canary = ground.canary.address();
    let refused = [
        "/up/..",
        "/up/../x",
        "/up/../../x",
        "/up/x/../../y",
        "/up/./x",
        "/up/.",
        "/up/%2e%2e/x",
        "/up/%2E%2E/x",
        "/up/.%2e/x",
        "/up/%2e./x",
        "/up/..%2fx",
        "/up/..%2Fx",
        "/up/%2e%2e%2fx",
        "/up/..%5cx",
        "/up/..\\x",
        "/up/a\\b",
        "/up/a%2fb",
        "/up/a%5Cb",
        "/up/%00",
        "/up/a%00b",
        "/up/%0d%0aHost:%20x",
        "/up/%0a",
        "/up/%7f",
        "/up/%zz",
        "/up/%",
        "/up/%2",
        "/up/..;/x",
        "/%75p/../x",
        "/up/%",
        "/up/\u{e4}",
    ];
    for path in refused {
        let status = ground.ask(&format!("GET {path}"), Some("gateway")).await;
        assert!([400, 404].contains(&status), "{path}: {status}");
    }
    let strange = [
        format!("//{canary}/up/x"),
        format!("///{canary}/"),
        format!("/\\{canary}/"),
        format!("/up//{canary}/x"),
        format!("/up/http://{canary}/x"),
        format!("/up@{canary}/x"),
        format!("@{canary}/x"),
        format!(":80@{canary}/"),
        format!("/up/x?url=http://{canary}/"),
        "/%75p/x".to_owned(),
        "/up%2fx".to_owned(),
        "up/x".to_owned(),
        "?x".to_owned(),
        "/up/x#fragment".to_owned(),
    ];
    for path in strange {
        ground.ask(&format!("GET {path}"), Some("gateway")).await;
    }
    ground.canary.assert_alone();
    for seen in ground.upstream.seen() {
        assert_eq!(
            seen.header("host"),
            Some(ground.upstream.address().to_string().as_str())
        );
        assert!(
            seen.target.starts_with('/') && !seen.target.contains('#'),
            "{seen:?}"
        );
    }
    assert_eq!(ground.shop.count(), 0);
    ground.agent.assert_no_panic();
}

/// Scenario: upstreams with `reach = "public"` whose names lead to this machine, one written as a number.
/// Guarantees: 502 that says so, or no such configuration; nothing is connected.
#[tokio::test]
async fn addresses_that_a_route_may_not_reach() {
    let canary = Canary::listen().await;
    let SocketAddr::V4(address) = canary.address() else {
        unreachable!("loopback is IPv4 here")
    };
    let (number, port) = (u32::from(*address.ip()), address.port());
    for host in [
        number.to_string(),
        format!("{number:#x}"),
        "localhost".to_owned(),
    ] {
        let config = route_to(&format!("http://{host}:{port}")).set("route.up.reach", "public");
        let mut agent = Agent::installed(config);
        agent.launch();
        let served = eventually("it serves or ends", Duration::from_secs(20), async || {
            if agent.log().contains("the configuration has 1 error") {
                return Some(false);
            }
            agent.get("/health/live").await.map(|_| true)
        })
        .await;
        match served {
            true => {
                let told = problem(&get(&agent, "/up/x").await, 502, "upstream");
                assert!(
                    told["detail"].as_str().unwrap().contains("public"),
                    "{told}"
                );
            }
            false => assert!(agent.log().contains("route.up"), "{}", agent.log()),
        }
    }
    canary.assert_alone();
}

/// Scenario: a route to an nginx that passes everything back to the gateway.
/// Guarantees: the request goes round a few times and ends with an answer, not for ever.
#[tokio::test]
async fn a_route_that_leads_back_ends() {
    let upstream = Upstream::start().await;
    let mut agent = Agent::installed(route_to(&upstream.url()));
    let back = format!("location / {{ proxy_pass http://{}; }}", agent.gateway());
    let nginx = Nginx::start(Site::of(&back).connections(512)).await;
    agent.change(|config| {
        config
            .set("route.up.upstream", format!("http://{}", nginx.http()))
            .set("route.up.strip_prefix", false)
    });
    agent.restart().await;
    let reply: Reply = get(&agent, "/up/x").await;
    assert_eq!(reply.status, 508, "{}", reply.text());
    let name = "http_server_request_duration_seconds_count";
    let rounds = agent.metric(name, "lineside_route=\"up\"").await;
    assert!((2.0..50.0).contains(&rounds), "{rounds} rounds");
}

/// Scenario: HTTP/2 requests with an authority that differs from Host, with a path that leads away, and in the form of a proxy.
/// Guarantees: as with HTTP/1.1.
#[tokio::test]
async fn http2_is_held_to_the_same() {
    let ground = ground().await;
    let gateway = ground.agent.gateway();
    let canary = ground.canary.address();
    let cases = [
        (format!("http://{gateway}/up/x"), None, 200),
        (format!("http://{gateway}/up/x"), Some("other"), 400),
        ("http://shop.internal/x".to_owned(), None, 200),
        (format!("http://{canary}/x"), None, 404),
        (format!("http://me@{gateway}/up/x"), None, 400),
        (format!("http://{gateway}/up/%2e%2e/x"), None, 400),
        (format!("http://{gateway}/up/..%2fx"), None, 400),
    ];
    for (uri, host, status) in cases {
        let mut connection = Connection::open(gateway, true, None).await.unwrap();
        let mut request = http::Request::get(&uri);
        if let Some(host) = host {
            request = request.header("host", host);
        }
        let request = request.body(Default::default()).unwrap();
        let got = connection
            .send(request)
            .await
            .map_or(400, |reply| reply.status.as_u16());
        assert_eq!(got, status, "{uri} of {host:?}");
    }
    assert_eq!((ground.upstream.count(), ground.shop.count()), (1, 1));
    ground.check();
}
