//! Which route a request takes, and what becomes of one that takes none.

use http::Request;
use serde_json::json;

use super::fixture::{Raw, Upstream, and_route, ask, get, problem, route_to};
use crate::fixture::{Agent, Config};

/// An agent with routes that overlap, and an upstream for each, in the order of `names`.
async fn overlapping(routes: &[(&str, Option<&str>, &[&str])]) -> (Agent, Vec<Upstream>) {
    let (mut config, mut upstreams) = (Config::new(), Vec::new());
    for (name, prefix, hosts) in routes {
        let upstream = Upstream::start().await;
        let key = |setting: &str| format!("route.{name}.{setting}");
        config = config
            .set(&key("upstream"), upstream.url())
            .set(&key("hosts"), json!(hosts));
        if let Some(prefix) = prefix {
            config = config.set(&key("prefix"), *prefix);
        }
        upstreams.push(upstream);
    }
    (Agent::start(config).await, upstreams)
}

/// Scenario: routes with prefixes within one another, with hosts, with both, and one for everything else. Guarantees: a route with
/// the host comes first, then the longest prefix of whole segments; the upstream sees what is left of the path.
#[tokio::test]
async fn the_closest_route_is_taken() {
    let (agent, upstreams) = overlapping(&[
        ("all", None, &[]),
        ("a", Some("/a"), &[]),
        ("a-b", Some("/a/b"), &[]),
        ("host", None, &["shop.internal"]),
        ("host-a", Some("/a"), &["shop.internal", "other.internal"]),
    ])
    .await;
    let cases = [
        ("gateway", "/", 0, "/"),
        ("gateway", "/ab", 0, "/ab"),
        ("gateway", "/A", 0, "/A"),
        ("gateway", "/a", 1, "/"),
        ("gateway", "/a/", 1, "/"),
        ("gateway", "/a/bc", 1, "/bc"),
        ("gateway", "/a?b", 1, "/?b"),
        ("gateway", "/a/b", 2, "/"),
        ("gateway", "/a/b/c", 2, "/c"),
        ("shop.internal", "/a/b/c", 4, "/b/c"),
        ("SHOP.Internal.:2272", "/x", 3, "/x"),
        ("other.internal", "/a/x", 4, "/x"),
        ("other.internal", "/x", 0, "/x"),
    ];
    for (host, path, which, seen) in cases {
        let mut raw = Raw::open(agent.gateway()).await;
        raw.send(format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n"))
            .await;
        assert_eq!(raw.reply().await.unwrap().status, 200, "{host} {path}");
        let counts: Vec<usize> = upstreams.iter().map(Upstream::count).collect();
        let last = upstreams[which].seen().pop();
        assert_eq!(
            last.map(|last| last.target),
            Some(seen.to_owned()),
            "{host} {path}: {counts:?}"
        );
        let other = upstreams.iter().map(Upstream::count).sum::<usize>();
        upstreams.iter().for_each(Upstream::forget);
        assert_eq!(other, 1, "{host} {path}: {counts:?}");
    }
}

/// Scenario: paths that no route takes, a route that is not enabled, methods that a route does not take, and a body that is larger
/// than it may be. Guarantees: 404, 405 with Allow, and 413, each as a problem, and nothing reaches the upstream.
#[tokio::test]
async fn what_no_route_takes_is_refused() {
    let (upstream, off) = (Upstream::start().await, Upstream::start().await);
    let config = route_to(&upstream.url())
        .set("route.up.methods", json!(["GET", "POST"]))
        .set("route.up.max_body", "10B");
    let config = and_route(config, "off", &off.url()).set("route.off.enabled", false);
    let agent = Agent::start(config).await;
    for path in ["/", "/upper", "/off", "/off/x", "/metrics", "/UP"] {
        problem(&get(&agent, path).await, 404, "route");
    }
    for method in ["PUT", "DELETE", "TRACE", "OPTIONS"] {
        let request = Request::builder().method(method).uri("/up/x");
        let reply = ask(&agent, request, "").await;
        let told = problem(&reply, 405, "method");
        assert_eq!(told["route"], "up");
        let allow = reply.header("allow").expect("Allow");
        let mut allowed: Vec<_> = allow.split(", ").collect();
        allowed.sort_unstable();
        assert_eq!(allowed, ["GET", "POST"]);
    }
    let reply = ask(&agent, Request::post("/up/x"), "eleven long").await;
    assert_eq!(problem(&reply, 413, "body")["route"], "up");
    let mut raw = Raw::open(agent.gateway()).await;
    raw.send("POST /up/x HTTP/1.1\r\nhost: g\r\ntransfer-encoding: chunked\r\n\r\nb\r\neleven long\r\n0\r\n\r\n").await;
    let refused = raw.reply().await.unwrap();
    assert_eq!(refused.status, 413, "{refused:?}");
    assert!(
        upstream.seen().iter().all(|seen| !seen.is_whole),
        "{:?}",
        upstream.seen()
    );
    assert_eq!(off.count(), 0);
}

/// Scenario: an upstream with a path, a route that keeps its prefix, and both. Guarantees: the paths are joined with one slash
/// between them.
#[tokio::test]
async fn paths_are_joined() {
    let upstream = Upstream::start().await;
    let config = route_to(&format!("{}/base", upstream.url()));
    let config = and_route(config, "kept", &upstream.url()).set("route.kept.strip_prefix", false);
    let config = and_route(config, "both", &format!("{}/base/", upstream.url()))
        .set("route.both.strip_prefix", false);
    let agent = Agent::start(config).await;
    let cases = [
        ("/up/x?y", "/base/x?y"),
        ("/up/", "/base/"),
        ("/kept/x", "/kept/x"),
        ("/kept", "/kept"),
        ("/both/x", "/base/both/x"),
    ];
    for (asked, seen) in cases {
        assert_eq!(get(&agent, asked).await.status, 200, "{asked}");
        assert_eq!(upstream.last().target, seen, "{asked}");
    }
    assert_eq!(get(&agent, "/up").await.status, 200);
    assert!(["/base", "/base/"].contains(&upstream.last().target.as_str()));
}

/// Scenario: redirects of the upstream within itself and elsewhere, with `redirects` set. Guarantees: GET is led on within the
/// upstream, at most so often; other methods and other targets go to the caller.
#[tokio::test]
async fn redirects_are_followed_only_within_the_upstream() {
    use super::fixture::{Answer, Canary};
    let (upstream, canary) = (Upstream::start().await, Canary::listen().await);
    let agent = Agent::start(route_to(&upstream.url()).set("route.up.redirects", 2)).await;
    let elsewhere = format!("http://{}/x", canary.address());
    let own = format!("{}/absolute", upstream.url());
    upstream.decide(move |seen| {
        let to = match seen.target.as_str() {
            "/once" => "/end",
            "/twice" => "once",
            "/thrice" => "/twice",
            "/absolute-way" => own.as_str(),
            "/away" => elsewhere.as_str(),
            "/no-scheme" => "//127.0.0.1:8081/x",
            _ => return Answer::ok(),
        };
        Answer::reply(302, &[("location", to)], "")
    });
    let cases = [
        ("GET", "/up/once", 200, 2),
        ("GET", "/up/twice", 200, 3),
        ("GET", "/up/thrice", 302, 3),
        ("GET", "/up/absolute-way", 200, 2),
        ("GET", "/up/away", 302, 1),
        ("GET", "/up/no-scheme", 302, 1),
        ("POST", "/up/once", 302, 1),
        ("HEAD", "/up/end", 200, 1),
    ];
    for (method, path, status, requests) in cases {
        let before = upstream.count();
        let request = Request::builder().method(method).uri(path);
        if method == "HEAD" {
            upstream.next([Answer::bytes(
                "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            )]);
        }
        let reply = ask(&agent, request, "").await;
        assert_eq!(reply.status, status, "{method} {path}");
        assert_eq!(upstream.count() - before, requests, "{method} {path}");
    }
    canary.assert_alone();
}

/// Scenario: no route at all. Guarantees: the gateway's port is not opened.
#[tokio::test]
async fn without_routes_there_is_no_gateway() {
    let agent = Agent::start(Config::new()).await;
    let opened = tokio::net::TcpStream::connect(agent.gateway()).await;
    assert!(opened.is_err());
}

/// Scenario: the gateway's port is taken. Guarantees: the agent does not start, and says which setting names it.
#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let upstream = Upstream::start().await;
    let mut agent = Agent::installed(route_to(&upstream.url()));
    let _taken = std::net::TcpListener::bind(agent.gateway()).unwrap();
    agent.launch();
    let status = agent.ended(std::time::Duration::from_secs(20)).await;
    assert_eq!(status.code(), Some(1));
    assert!(agent.log().contains("gateway.listen"), "{}", agent.log());
}
