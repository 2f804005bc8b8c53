//! HTTP/1.1 and HTTP/2 on either side, trailers, and TLS.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Request, Version};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use super::fixture::{
    Answer, Http2Answer, Http2Upstream, Raw, Upstream, and_route, ask, get, problem, route_to, to,
};
use crate::fixture::{Agent, Authority, Config, Connection, client_tls, own_loopback};
use crate::probes::servers::{Nginx, Site};

/// A route over HTTP/2, in plain by prior knowledge.
fn http2_route(upstream: &Http2Upstream) -> Config {
    route_to(&upstream.url()).set("route.up.version", "2")
}

/// Scenario: callers that speak HTTP/1.1 and HTTP/2, to upstreams that speak either. Guarantees: requests and answers pass whole,
/// with the target, the host and the body; of one connection over HTTP/2 all requests go on it.
#[tokio::test]
async fn both_versions_meet_both_versions() {
    let (one, two) = (Upstream::start().await, Http2Upstream::start().await);
    let config = and_route(route_to(&one.url()), "two", &two.url()).set("route.two.version", "2");
    let agent = Agent::start(config).await;
    for speaks_http2 in [false, true] {
        let mut connection = Connection::open(agent.gateway(), speaks_http2, None)
            .await
            .unwrap();
        for (path, number) in [
            ("/up/x?y=1", 1),
            ("/two/x?y=1", 2),
            ("/up/x?y=1", 1),
            ("/two/x?y=1", 2),
        ] {
            let uri = format!("http://{}{path}", agent.gateway());
            let request = match speaks_http2 {
                true => Request::post(uri).body(Full::from("a body")).unwrap(),
                false => to(agent.gateway(), Request::post(path), "a body"),
            };
            let reply = connection.send(request).await.unwrap();
            assert_eq!(
                (reply.status.as_u16(), reply.text()),
                (200, "ok".to_owned()),
                "{path}"
            );
            if number == 1 {
                let seen = one.last();
                assert_eq!(
                    (seen.target.as_str(), seen.text().as_str()),
                    ("/x?y=1", "a body")
                );
                assert_eq!(
                    seen.header("host"),
                    Some(one.address().to_string().as_str())
                );
                continue;
            }
            let seen = two.seen().pop().unwrap();
            assert_eq!(seen.head.uri(), format!("{}/x?y=1", two.url()).as_str());
            assert_eq!(
                (seen.head.version(), &seen.body[..]),
                (Version::HTTP_2, &b"a body"[..])
            );
            for name in ["host", "connection", "transfer-encoding"] {
                assert_eq!(seen.head.headers().get(name), None, "{seen:?}");
            }
        }
    }
    assert_eq!((one.connections(), two.connections()), (1, 1));
    one.assert_well_formed();
}

/// Sends trailers behind a body, over HTTP/2, and gives the body and trailers that come back.
async fn exchange_trailers(agent: &Agent, path: &str) -> (Bytes, HeaderMap) {
    let stream = TcpStream::connect(agent.gateway()).await.unwrap();
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", HeaderValue::from_static("41"));
    let body: BoxBody<Bytes, std::convert::Infallible> = Full::from("a body")
        .with_trailers(std::future::ready(Some(Ok(trailers))))
        .boxed();
    let request = Request::post(format!("http://{}{path}", agent.gateway()))
        .header("te", "trailers")
        .body(body)
        .unwrap();
    let answer = sender.send_request(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    let collected = answer.into_body().collect().await.unwrap();
    let trailers = collected.trailers().cloned().unwrap_or_default();
    (collected.to_bytes(), trailers)
}

/// Scenario: trailers of requests and answers, as gRPC has them, with either version at the upstream, and a caller of HTTP/1.1 that
/// takes them. Guarantees: they arrive in both directions.
#[tokio::test]
async fn trailers_pass() {
    let (one, two) = (Upstream::start().await, Http2Upstream::start().await);
    let config = and_route(route_to(&one.url()), "two", &two.url()).set("route.two.version", "2");
    let agent = Agent::start(config).await;
    let parts = vec!["a", " body"];
    two.always(Http2Answer::Parts(
        parts,
        Duration::ZERO,
        vec![("grpc-status", "0"), ("x-sum", "42")],
    ));
    one.always(Answer::chunked(&["a", " body"], &[("x-sum", "42")]));
    for path in ["/two/x", "/up/x"] {
        let (body, trailers) = exchange_trailers(&agent, path).await;
        assert_eq!(body, "a body", "{path}");
        assert_eq!(
            trailers.get("x-sum").map(|sum| sum.as_bytes()),
            Some(&b"42"[..]),
            "{path}"
        );
    }
    let seen = two.seen().pop().unwrap();
    assert_eq!(seen.trailers.get("x-sum").unwrap(), "41");
    assert_eq!(seen.head.headers().get("te").unwrap(), "trailers");
    let mut raw = Raw::open(agent.gateway()).await;
    raw.send("GET /two/x HTTP/1.1\r\nhost: g\r\nte: trailers\r\n\r\n")
        .await;
    let reply = raw.reply().await.unwrap();
    assert_eq!(reply.text(), "a body");
}

/// Scenario: many requests at the same time over HTTP/2. Guarantees: all are answered, over one connection at each side.
#[tokio::test]
async fn requests_share_a_connection_of_http2() {
    let upstream = Http2Upstream::start().await;
    let agent = Agent::start(http2_route(&upstream)).await;
    assert_eq!(get(&agent, "/up/first").await.text(), "ok");
    let pause = Duration::from_millis(200);
    upstream.always(Http2Answer::Parts(vec!["a ", "body"], pause, vec![]));
    let stream = TcpStream::connect(agent.gateway()).await.unwrap();
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    let calls: Vec<_> = (0..50)
        .map(|number| {
            let (mut sender, gateway) = (sender.clone(), agent.gateway());
            tokio::spawn(async move {
                let request = Request::get(format!("http://{gateway}/up/{number}"));
                let request = request.body(Full::<Bytes>::default()).unwrap();
                let answer = sender.send_request(request).await.unwrap();
                answer.into_body().collect().await.unwrap().to_bytes()
            })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap(), "a body");
    }
    assert_eq!((upstream.seen().len(), upstream.connections()), (51, 1));
}

/// Scenario: an upstream over HTTP/2 that ends its connection in order, that refuses a stream, and that ends streams with errors.
/// Guarantees: after the first requests go on over another connection; a refused stream, of which the upstream says it did nothing,
/// may be sent again; the others are 502.
#[tokio::test]
async fn ends_of_streams_and_connections_are_told_apart() {
    let upstream = Http2Upstream::start().await;
    let agent = Agent::start(http2_route(&upstream)).await;
    upstream.next([Http2Answer::GoAway]);
    assert_eq!(get(&agent, "/up/goes").await.text(), "ok");
    assert_eq!(get(&agent, "/up/after").await.text(), "ok");
    assert_eq!(upstream.connections(), 2);
    for reason in [h2::Reason::INTERNAL_ERROR, h2::Reason::CANCEL] {
        upstream.next([Http2Answer::Reset(reason)]);
        problem(&get(&agent, "/up/broken").await, 502, "upstream");
    }
    let before = upstream.seen().len();
    let mut connection = Connection::open(agent.gateway(), false, None)
        .await
        .unwrap();
    upstream.next([Http2Answer::BreakOff(h2::Reason::INTERNAL_ERROR)]);
    let request = to(agent.gateway(), Request::get("/up/partly"), "");
    assert!(
        connection.send(request).await.is_err(),
        "half an answer must not look whole"
    );
    assert_eq!(upstream.seen().len(), before + 1);
    assert_eq!(get(&agent, "/up/at-last").await.text(), "ok");
}

/// Scenario: a stream that the upstream refuses (REFUSED_STREAM), with retries. Guarantees: even a POST without a key is sent
/// again, as nothing was done.
#[tokio::test]
async fn a_refused_stream_is_sent_again() {
    let upstream = Http2Upstream::start().await;
    let config = http2_route(&upstream)
        .set("route.up.retry.attempts", 3)
        .set("route.up.retry.base", "1ms");
    let agent = Agent::start(config).await;
    upstream.next([Http2Answer::Reset(h2::Reason::REFUSED_STREAM)]);
    let reply = ask(&agent, Request::post("/up/refused"), "a body").await;
    assert_eq!(reply.text(), "ok");
    let bodies: Vec<Bytes> = upstream.seen().into_iter().map(|seen| seen.body).collect();
    assert_eq!(bodies, ["a body", "a body"]);
}

/// Scenario: upstreams with TLS whose certificates are right, of an unknown authority, and for another name; one that offers
/// HTTP/2, one that does not. Guarantees: the right ones are spoken to in the version agreed on; the others are 502 that names the
/// certificate, and get no byte of a request.
#[tokio::test]
async fn tls_upstreams_are_verified() {
    let authority = Authority::new();
    let [right, also_right, stranger, other] = [(); 4].map(|()| own_loopback());
    let one = Upstream::start_tls(right, &authority.certify(right)).await;
    let two = Http2Upstream::start_tls(also_right, &authority.certify(also_right)).await;
    let unknown = Upstream::start_tls(stranger, &Authority::new().certify(stranger)).await;
    let misnamed = Upstream::start_tls(other, &authority.certify(right)).await;
    let mut config = route_to(&one.url());
    for (name, url) in [
        ("two", two.url()),
        ("unknown", unknown.url()),
        ("misnamed", misnamed.url()),
    ] {
        config = and_route(config, name, &url);
    }
    for name in ["up", "two", "unknown", "misnamed"] {
        config = config.set(&format!("route.{name}.tls.ca_file"), "authority.pem");
    }
    let mut agent = Agent::installed(config);
    agent.write("authority.pem", &authority.certificate_pem);
    agent.restart().await;
    for _ in 0..2 {
        assert_eq!(get(&agent, "/up/x").await.text(), "ok");
        assert_eq!(get(&agent, "/two/x").await.text(), "ok");
    }
    assert_eq!((one.connections(), two.connections()), (1, 1));
    for route in ["unknown", "misnamed"] {
        let told = problem(&get(&agent, &format!("/{route}/x")).await, 502, "upstream");
        assert!(
            told["detail"].as_str().unwrap().contains("certificate"),
            "{told}"
        );
    }
    assert_eq!((unknown.count(), misnamed.count()), (0, 0));
}

/// Scenario: a real nginx over HTTPS, with HTTP/1.1 and with HTTP/2. Guarantees: what it serves arrives, and what it is sent
/// arrives there.
#[tokio::test]
async fn a_real_server_is_reached() {
    let authority = Authority::new();
    for speaks_http2 in [false, true] {
        let address = own_loopback();
        let site = "location /static { return 200 'served'; } location /echo { return 201 \"$request_method $request_uri $server_protocol\"; }";
        let mut site = Site::of(site).tls(&authority.certify(address));
        if speaks_http2 {
            site = site.http2();
        }
        let nginx = Nginx::start_at(address, site).await;
        let config = route_to(&format!("https://{}", nginx.https()))
            .set("route.up.tls.ca_file", "authority.pem");
        let mut agent = Agent::installed(config);
        agent.write("authority.pem", &authority.certificate_pem);
        agent.restart().await;
        assert_eq!(get(&agent, "/up/static").await.text(), "served");
        let version = if speaks_http2 { "HTTP/2.0" } else { "HTTP/1.1" };
        let reply = ask(&agent, Request::delete("/up/echo?x=1"), "").await;
        assert_eq!(reply.status, 201);
        assert_eq!(reply.text(), format!("DELETE /echo?x=1 {version}"));
    }
}

/// Scenario: a gateway that listens with TLS, and callers of both versions. Guarantees: they are served.
#[tokio::test]
async fn the_gateway_speaks_tls() {
    let (authority, upstream) = (Authority::new(), Upstream::start().await);
    let config = route_to(&upstream.url())
        .set("gateway.tls.cert_file", "server.pem")
        .set("gateway.tls.key_file", "server.key");
    let mut agent = Agent::installed(config);
    let std::net::IpAddr::V4(address) = agent.gateway().ip() else {
        unreachable!("loopback is IPv4 here")
    };
    let identity = authority.certify(address);
    agent.write("server.pem", &identity.certificate_pem);
    agent.write("server.key", &identity.key_pem);
    agent.restart().await;
    for speaks_http2 in [false, true] {
        let mut tls = rustls::ClientConfig::clone(&client_tls(&authority, None));
        let protocol: &[u8] = if speaks_http2 { b"h2" } else { b"http/1.1" };
        tls.alpn_protocols = vec![protocol.to_vec()];
        let mut connection = Connection::open(agent.gateway(), speaks_http2, Some(tls.into()))
            .await
            .unwrap();
        let request = match speaks_http2 {
            true => Request::get(format!("https://{}/up/x", agent.gateway()))
                .body(Full::default())
                .unwrap(),
            false => to(agent.gateway(), Request::get("/up/x"), ""),
        };
        assert_eq!(connection.send(request).await.unwrap().text(), "ok");
    }
    assert!(upstream.count() == 2);
}

/// What a large body over HTTP/2 needs: windows that are opened again as it is read.
///
/// Scenario: 32 MiB up over HTTP/2 to an upstream of HTTP/2. Guarantees: they arrive.
#[tokio::test(flavor = "multi_thread")]
async fn windows_are_opened_again() {
    let upstream = Http2Upstream::start().await;
    let agent = Agent::start(http2_route(&upstream)).await;
    let body = BytesMut::zeroed(32 << 20).freeze();
    let mut connection = Connection::open(agent.gateway(), true, None).await.unwrap();
    let request = Request::put(format!("http://{}/up/large", agent.gateway()));
    let reply = connection
        .send(request.body(body.into()).unwrap())
        .await
        .unwrap();
    assert_eq!(reply.text(), "ok");
    assert_eq!(upstream.seen()[0].body.len(), 32 << 20);
}
