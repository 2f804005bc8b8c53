//! What goes through goes through unchanged, in both directions.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use serde_json::json;

use super::fixture::{Answer, Raw, Upstream, ask, get, route_to, to};
use crate::fixture::{Agent, Connection, eventually};

/// An upstream, and an agent with a route to it.
async fn pair() -> (Upstream, Agent) {
    let upstream = Upstream::start().await;
    let agent = Agent::start(route_to(&upstream.url())).await;
    (upstream, agent)
}

/// Scenario: every usual method and one of nobody's, with targets that must not be touched. Guarantees: the upstream sees the
/// method, the path without the prefix, the query to the letter, its own host, and the body; the caller gets status, headers and
/// body.
#[tokio::test]
async fn requests_and_answers_pass_unchanged() {
    let (upstream, agent) = pair().await;
    let answer_headers = [
        ("x-one", "1"),
        ("set-cookie", "a=1; Path=/"),
        ("set-cookie", "b=2"),
    ];
    upstream.always(Answer::reply(203, &answer_headers, "an answer"));
    let targets = [
        ("/up/a/b", "/a/b"),
        ("/up", "/"),
        ("/up/", "/"),
        ("/up?x=1", "/?x=1"),
        (
            "/up/a%20b;c=1/?q=%5B1%5D&x=1+2&empty&y=a/../b",
            "/a%20b;c=1/?q=%5B1%5D&x=1+2&empty&y=a/../b",
        ),
        ("/up//a//", "//a//"),
        ("/up/%C3%A4?", "/%C3%A4?"),
    ];
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "REPORT"] {
        for (asked, expected) in targets {
            let request = Request::builder()
                .method(Method::from_bytes(method.as_bytes()).unwrap())
                .uri(asked)
                .header("x-mine", "one")
                .header("x-mine", "two")
                .header("accept-encoding", "br");
            let reply = ask(&agent, request, "the body").await;
            assert_eq!(reply.status, 203, "{method} {asked}: {}", reply.text());
            assert_eq!(reply.text(), "an answer");
            let cookies: Vec<_> = reply.headers.get_all("set-cookie").iter().collect();
            assert_eq!(cookies, ["a=1; Path=/", "b=2"]);
            let seen = upstream.last();
            assert_eq!(
                (seen.method.as_str(), seen.target.as_str()),
                (method, expected)
            );
            assert_eq!(seen.text(), "the body");
            assert_eq!(
                seen.header("host"),
                Some(upstream.address().to_string().as_str())
            );
            assert_eq!(seen.header("accept-encoding"), Some("br"));
            let mine = seen.headers.iter().filter(|(name, _)| name == "x-mine");
            assert_eq!(
                mine.map(|(_, value)| value).collect::<Vec<_>>(),
                ["one", "two"]
            );
        }
    }
    upstream.assert_well_formed();
}

/// Scenario: answers of many statuses. Guarantees: the caller gets each as it is; redirects are not followed.
#[tokio::test]
async fn every_status_passes() {
    let (upstream, agent) = pair().await;
    for status in [
        200, 201, 202, 206, 300, 302, 307, 400, 401, 404, 409, 418, 422, 451, 500, 501, 502, 503,
        504, 599,
    ] {
        upstream.next([Answer::reply(status, &[("location", "/elsewhere")], "told")]);
        let before = upstream.count();
        let reply = get(&agent, "/up/status").await;
        assert_eq!(
            (reply.status.as_u16(), reply.text()),
            (status, "told".to_owned())
        );
        assert_eq!(reply.header("location"), Some("/elsewhere"));
        assert_eq!(upstream.count(), before + 1, "{status}");
    }
}

/// Scenario: HEAD, and answers without a body, each followed by another request on the same connection. Guarantees: no body comes,
/// the length that HEAD tells stays, and the connection goes on, at both ends.
#[tokio::test]
async fn answers_without_a_body_leave_the_connection_usable() {
    let (upstream, agent) = pair().await;
    let mut raw = Raw::open(agent.gateway()).await;
    let cases = [
        (
            "HEAD",
            "HTTP/1.1 200 OK\r\ncontent-length: 12345\r\netag: \"e\"\r\n\r\n",
            200,
        ),
        ("GET", "HTTP/1.1 204 No Content\r\netag: \"e\"\r\n\r\n", 204),
        (
            "GET",
            "HTTP/1.1 304 Not Modified\r\ncontent-length: 99\r\netag: \"e\"\r\n\r\n",
            304,
        ),
        (
            "GET",
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\netag: \"e\"\r\n\r\n",
            200,
        ),
        (
            "GET",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\netag: \"e\"\r\n\r\n0\r\n\r\n",
            200,
        ),
    ];
    for (method, answer, status) in cases {
        upstream.next([Answer::bytes(answer)]);
        raw.send(format!(
            "{method} /up/none HTTP/1.1\r\nhost: gateway\r\n\r\n"
        ))
        .await;
        let (told, head) = raw.head().await.unwrap();
        assert_eq!(
            (told, head.field("etag")),
            (status, Some("\"e\"")),
            "{answer}"
        );
        if method == "HEAD" {
            assert_eq!(head.field("content-length"), Some("12345"));
        }
        if method == "GET" && status == 200 && head.field("transfer-encoding").is_some() {
            raw.send("").await;
            let mut length = super::fixture::Length::Chunked;
            let mut body = super::fixture::Body::empty();
            assert!(raw.part(&mut length, &mut body).await.unwrap().is_none());
        }
        raw.send("GET /up/after HTTP/1.1\r\nhost: gateway\r\n\r\n")
            .await;
        assert_eq!(raw.reply().await.unwrap().text(), "ok", "after {answer}");
    }
    assert_eq!(upstream.connections(), 1);
}

/// Scenario: headers that belong to one connection, in both directions. Guarantees: they end at the gateway, and what Connection
/// names with them; all others pass.
#[tokio::test]
async fn what_belongs_to_a_connection_stays_there() {
    let (upstream, agent) = pair().await;
    let told = [
        ("connection", "x-between, keep-alive"),
        ("keep-alive", "timeout=5"),
        ("proxy-authenticate", "Basic"),
        ("x-between", "mine"),
        ("x-kept", "yours"),
    ];
    upstream.always(Answer::reply(200, &told, ""));
    let mut raw = Raw::open(agent.gateway()).await;
    raw.send(
        "GET /up/x HTTP/1.1\r\nhost: gateway\r\nconnection: keep-alive, X-Secret-Step\r\nx-secret-step: 1\r\nkeep-alive: timeout=9\r\n\
         proxy-connection: keep-alive\r\nproxy-authorization: Basic eA==\r\nte: gzip, trailers\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n\
         x-kept: 1\r\n\r\n",
    )
    .await;
    let reply = raw.reply().await.unwrap();
    for name in ["keep-alive", "proxy-authenticate", "x-between"] {
        assert_eq!(reply.header(name), None, "{reply:?}");
    }
    assert_eq!(reply.header("x-kept"), Some("yours"));
    let seen = upstream.last();
    for name in [
        "x-secret-step",
        "keep-alive",
        "proxy-connection",
        "proxy-authorization",
        "upgrade",
    ] {
        assert_eq!(seen.header(name), None, "{seen:?}");
    }
    assert_eq!(seen.header("te"), Some("trailers"), "{seen:?}");
    assert_eq!(seen.header("x-kept"), Some("1"));
}

/// Scenario: a hundred requests one after another on one connection, then two at a time. Guarantees: the upstream sees one
/// connection, then two.
#[tokio::test]
async fn connections_to_the_upstream_are_used_again() {
    let (upstream, agent) = pair().await;
    let mut connection = Connection::open(agent.gateway(), false, None)
        .await
        .unwrap();
    for number in 0..100 {
        let request = to(
            agent.gateway(),
            Request::post(format!("/up/{number}")),
            "a body",
        );
        assert_eq!(connection.send(request).await.unwrap().text(), "ok");
    }
    assert_eq!(upstream.connections(), 1);
    let all_here = std::sync::Arc::new(tokio::sync::Notify::new());
    upstream.always(Answer::ok().after(super::fixture::Step::Until(all_here.clone())));
    let (one, two) = tokio::join!(get(&agent, "/up/one"), async {
        let other = get(&agent, "/up/two");
        let release = async {
            upstream.seen_at_least(102).await;
            all_here.notify_waiters();
        };
        tokio::join!(other, release).0
    });
    assert_eq!((one.text(), two.text()), ("ok".to_owned(), "ok".to_owned()));
    assert_eq!(upstream.connections(), 2);
}

/// Scenario: an upstream that closes every connection after one answer, in four ways. Guarantees: every request is answered, none
/// twice.
#[tokio::test]
async fn an_upstream_that_closes_is_connected_to_again() {
    let (upstream, agent) = pair().await;
    use super::fixture::Step;
    let ways = [
        Answer::reply(200, &[("connection", "close")], "ok").then(Step::Close),
        Answer::ok().then(Step::Close),
        Answer::ok().then(Step::Reset),
        Answer::bytes("HTTP/1.0 200 OK\r\n\r\nok").then(Step::Close),
    ];
    for way in ways {
        for number in 0..10 {
            upstream.next([way.clone()]);
            let before = upstream.count();
            let reply = ask(&agent, Request::post(format!("/up/{number}")), "a body").await;
            assert_eq!(
                (reply.status.as_u16(), reply.text()),
                (200, "ok".to_owned()),
                "{way:?}"
            );
            assert_eq!(upstream.count(), before + 1);
            // A close that is still on its way cannot be known of.
            upstream.open_connections(0).await;
        }
    }
    upstream.assert_well_formed();
}

/// Scenario: connections that stand idle for longer than `pool.idle_timeout`, and more of them than `pool.max_idle`. Guarantees:
/// they are closed.
#[tokio::test]
async fn idle_connections_are_closed() {
    let upstream = Upstream::start().await;
    let config = route_to(&upstream.url())
        .set("route.up.pool.max_idle", 2)
        .set("route.up.pool.idle_timeout", "300ms");
    let agent = Agent::start(config).await;
    let all_here = std::sync::Arc::new(tokio::sync::Notify::new());
    upstream.always(Answer::ok().after(super::fixture::Step::Until(all_here.clone())));
    let calls: Vec<_> = (0..5)
        .map(|number| {
            let gateway = agent.gateway();
            tokio::spawn(
                async move { crate::fixture::get(gateway, &format!("/up/{number}")).await },
            )
        })
        .collect();
    upstream.seen_at_least(5).await;
    all_here.notify_waiters();
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap().status, 200);
    }
    assert_eq!(upstream.connections(), 5);
    eventually(
        "three are closed at once",
        Duration::from_secs(5),
        async || (upstream.opened() <= 2).then_some(()),
    )
    .await;
    upstream.open_connections(0).await;
}

/// Scenario: Expect: 100-continue, to a route that takes the body and to one that refuses it by its length. Guarantees: the caller
/// is told to go on before it has sent anything, or gets the refusal instead.
#[tokio::test]
async fn a_caller_that_waits_to_be_told_is_told() {
    let upstream = Upstream::start().await;
    let agent = Agent::start(route_to(&upstream.url()).set("route.up.max_body", "1KiB")).await;
    let head = |length: usize| {
        format!(
            "PUT /up/x HTTP/1.1\r\nhost: gateway\r\nexpect: 100-continue\r\ncontent-length: {length}\r\n\r\n"
        )
    };
    let mut raw = Raw::open(agent.gateway()).await;
    raw.send(head(8)).await;
    assert_eq!(raw.head().await.unwrap().0, 100);
    raw.send("the body").await;
    assert_eq!(raw.reply().await.unwrap().text(), "ok");
    assert_eq!(upstream.last().text(), "the body");
    let mut raw = Raw::open(agent.gateway()).await;
    raw.send(head(1025)).await;
    let refused = raw.reply().await.unwrap();
    assert_eq!(refused.status, 413, "{refused:?}");
    assert_eq!(upstream.count(), 1);
}

/// Scenario: headers that the configuration sets, hides from the upstream, and hides from the caller. Guarantees: each is done, and
/// what the caller sent under a configured name is gone.
#[tokio::test]
async fn configured_headers_are_set_and_hidden() {
    let upstream = Upstream::start().await;
    let config = route_to(&upstream.url())
        .set("route.up.headers.authorization", "Bearer ours")
        .set(
            "route.up.drop_request_headers",
            json!(["cookie", "X-Internal"]),
        )
        .set("route.up.drop_answer_headers", json!(["Server"]));
    let agent = Agent::start(config).await;
    upstream.always(Answer::reply(
        200,
        &[("server", "nginx"), ("date", "now")],
        "",
    ));
    let request = Request::get("/up/x")
        .header("authorization", "Bearer theirs")
        .header("authorization", "Bearer another")
        .header("cookie", "a=1")
        .header("x-internal", "1")
        .header("x-kept", "1");
    let reply = ask(&agent, request, "").await;
    assert_eq!(reply.header("server"), None);
    let seen = upstream.last();
    let authorizations = seen
        .headers
        .iter()
        .filter(|(name, _)| name == "authorization");
    assert_eq!(
        authorizations.map(|(_, value)| value).collect::<Vec<_>>(),
        ["Bearer ours"]
    );
    assert_eq!(
        (seen.header("cookie"), seen.header("x-internal")),
        (None, None)
    );
    assert_eq!(seen.header("x-kept"), Some("1"));
}

/// Scenario: a route to one's own service, and a client that says of itself what only a gateway can know. Guarantees: the service
/// sees the host that was asked for, and who asked by the address of the connection alone.
#[tokio::test]
async fn ones_own_service_is_told_who_asks() {
    let upstream = Upstream::start().await;
    let config = route_to(&upstream.url())
        .set("route.up.direction", "ingress")
        .set("route.up.hosts", json!(["shop.example"]));
    let agent = Agent::start(config).await;
    let mut raw = Raw::open(agent.gateway()).await;
    raw.send(
        "GET /up/x HTTP/1.1\r\nhost: shop.example:8443\r\nx-forwarded-for: 1.2.3.4\r\nx-forwarded-host: evil.example\r\nx-forwarded-proto: https\r\n\
         forwarded: for=1.2.3.4\r\nx_forwarded_for: 1.2.3.4\r\n\r\n",
    )
    .await;
    assert_eq!(raw.reply().await.unwrap().text(), "ok");
    let seen = upstream.last();
    assert_eq!(seen.header("host"), Some("shop.example:8443"));
    assert_eq!(seen.header("x-forwarded-host"), Some("shop.example:8443"));
    assert_eq!(seen.header("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(seen.header("x-forwarded-proto"), Some("http"));
    assert!(!format!("{seen:?}").contains("1.2.3.4"), "{seen:?}");
}

/// Scenario: answers with a head as large as it may be, and larger. Guarantees: the first passes, the second is 502 and says why.
#[tokio::test]
async fn heads_of_answers_have_a_limit() {
    let upstream = Upstream::start().await;
    let agent =
        Agent::start(route_to(&upstream.url()).set("route.up.max_answer_head", "16KiB")).await;
    let with_header_of = |bytes: usize| {
        let long = "x".repeat(bytes);
        Answer::reply(200, &[("x-long", &long)], "ok")
    };
    upstream.next([with_header_of(15 << 10)]);
    assert_eq!(get(&agent, "/up/fits").await.text(), "ok");
    upstream.next([with_header_of(17 << 10)]);
    let reply = get(&agent, "/up/too-large").await;
    let problem = super::fixture::problem(&reply, 502, "upstream");
    assert!(
        problem["detail"].as_str().unwrap().contains("head"),
        "{problem}"
    );
    assert_eq!(
        get(&agent, "/up/after").await.body,
        Bytes::from_static(b"ok")
    );
}
