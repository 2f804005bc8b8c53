//! TLS and mTLS on both sides, bearer tokens, and browsers.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;

use crate::fixture::{
    Agent, Answer, Authority, Config, Connection, Signal, Sink, Transport, client_tls, eventually,
    own_loopback, request,
};

/// An agent whose two OTLP ports speak TLS with a certificate of `authority`.
async fn encrypted(sink: &Sink, authority: &Authority, clients: Option<&Authority>) -> Agent {
    let mut agent = Agent::installed(Config::to(sink).set("receive.tls_reload_every", "1s"));
    let identity = authority.certify(ip(&agent));
    let certificate = agent.write("server.pem", &identity.certificate_pem);
    let key = agent.write("server.key", &identity.key_pem);
    let authorities = clients.map(|clients| agent.write("clients.pem", &clients.certificate_pem));
    agent
        .restart_with(|config| {
            ["receive.grpc.tls", "receive.http.tls"]
                .into_iter()
                .fold(config, |config, tls| {
                    let config = config
                        .set(&format!("{tls}.cert_file"), certificate.clone())
                        .set(&format!("{tls}.key_file"), key.clone());
                    match &authorities {
                        Some(file) => config.set(&format!("{tls}.client_ca_file"), file.clone()),
                        None => config,
                    }
                })
        })
        .await;
    agent
}

fn ip(agent: &Agent) -> std::net::Ipv4Addr {
    match agent.grpc().ip() {
        std::net::IpAddr::V4(address) => address,
        std::net::IpAddr::V6(_) => unreachable!("fixtures live on 127.0.0.0/8"),
    }
}

/// Scenario: TLS on both ports, each with either transport. Guarantees: who trusts the authority is served; who trusts
/// another, or speaks plain text, is not.
#[tokio::test]
async fn receiving_over_tls() {
    let (sink, authority, stranger) = (Sink::start().await, Authority::new(), Authority::new());
    let agent = encrypted(&sink, &authority, None).await;
    for transport in Transport::BOTH {
        let message = request(Signal::Traces, 0..1);
        let trusting = || agent.sender(transport).tls(client_tls(&authority, None));
        trusting().must_send(Signal::Traces, &message).await;
        trusting()
            .by_the_other_port(&agent)
            .must_send(Signal::Traces, &message)
            .await;
        let mut distrusting = agent.sender(transport).tls(client_tls(&stranger, None));
        distrusting
            .send(Signal::Traces, &message)
            .await
            .unwrap_err();
        agent
            .sender(transport)
            .send(Signal::Traces, &message)
            .await
            .unwrap_err();
    }
    agent.assert_no_panic();
}

/// Scenario: clients must present a certificate. Guarantees: with one of the right authority they are served; without
/// one, or with one of another authority, they are not.
#[tokio::test]
async fn receiving_over_mutual_tls() {
    let (sink, authority, clients) = (Sink::start().await, Authority::new(), Authority::new());
    let agent = encrypted(&sink, &authority, Some(&clients)).await;
    let known = clients.certify(own_loopback());
    let unknown = authority.certify(own_loopback());
    for transport in Transport::BOTH {
        let message = request(Signal::Traces, 0..1);
        let mut sender = agent
            .sender(transport)
            .tls(client_tls(&authority, Some(&known)));
        sender.must_send(Signal::Traces, &message).await;
        for identity in [None, Some(&unknown)] {
            let mut sender = agent
                .sender(transport)
                .tls(client_tls(&authority, identity));
            sender.send(Signal::Traces, &message).await.unwrap_err();
        }
    }
}

/// Scenario: the certificate's files are replaced by ones of another authority while the agent runs, then by rubbish.
/// Guarantees: new connections get the new certificate; rubbish changes nothing.
#[tokio::test]
async fn certificates_are_reloaded() {
    let (sink, old, new) = (Sink::start().await, Authority::new(), Authority::new());
    let agent = encrypted(&sink, &old, None).await;
    let message = request(Signal::Logs, 0..1);
    let by = async |authority: &Authority| -> io::Result<Answer> {
        agent
            .sender(Transport::Grpc)
            .tls(client_tls(authority, None))
            .send(Signal::Logs, &message)
            .await
    };
    by(&old).await.unwrap();
    let identity = new.certify(ip(&agent));
    agent.write("server.pem", &identity.certificate_pem);
    agent.write("server.key", &identity.key_pem);
    eventually(
        "the new certificate is served",
        Duration::from_secs(10),
        async || by(&new).await.ok(),
    )
    .await;
    by(&old).await.unwrap_err();
    agent.write("server.pem", "rubbish");
    eventually("the agent complains", Duration::from_secs(10), async || {
        agent.log().contains("server.pem").then_some(())
    })
    .await;
    by(&new).await.unwrap();
}

/// Scenario: a sink over TLS, with and without asking for a certificate, over both transports. Guarantees: delivered when
/// the authority and the certificate are right.
#[tokio::test]
async fn exporting_over_tls() {
    for protocol in ["grpc", "http"] {
        for mutual in [false, true] {
            let (servers, clients) = (Authority::new(), Authority::new());
            let address = own_loopback();
            let sink = Sink::start_tls(
                address,
                &servers.certify(address),
                mutual.then_some(&clients),
            )
            .await;
            let mut agent = Agent::installed(Config::to(&sink).sink("protocol", protocol));
            let identity = clients.certify(own_loopback());
            let authority = agent.write("ca.pem", &servers.certificate_pem);
            let certificate = agent.write("client.pem", &identity.certificate_pem);
            let key = agent.write("client.key", &identity.key_pem);
            agent
                .restart_with(|config| {
                    let config = config.sink("tls.ca_file", authority);
                    match mutual {
                        true => config
                            .sink("tls.cert_file", certificate)
                            .sink("tls.key_file", key),
                        false => config,
                    }
                })
                .await;
            agent
                .sender(Transport::Grpc)
                .must_send(Signal::Traces, &request(Signal::Traces, 0..3))
                .await;
            assert_eq!(
                sink.items_at_least(3).await.len(),
                3,
                "{protocol}, mutual: {mutual}"
            );
        }
    }
}

/// Scenario: the sink's certificate is from an authority that the export does not trust. Guarantees: nothing is sent,
/// everything waits, and the log says why.
#[tokio::test]
async fn an_untrusted_sink_gets_nothing() {
    let address = own_loopback();
    let sink = Sink::start_tls(address, &Authority::new().certify(address), None).await;
    let mut agent = Agent::installed(Config::to(&sink));
    let other = agent.write("ca.pem", &Authority::new().certificate_pem);
    agent
        .restart_with(|config| config.sink("tls.ca_file", other))
        .await;
    agent
        .sender(Transport::Grpc)
        .must_send(Signal::Traces, &request(Signal::Traces, 0..3))
        .await;
    eventually(
        "the log names the certificate",
        Duration::from_secs(10),
        async || {
            agent
                .log()
                .to_lowercase()
                .contains("certificate")
                .then_some(())
        },
    )
    .await;
    assert_eq!(agent.ledger().await.export("sink").waiting, 3);
    assert!(sink.requests().is_empty());
}

/// Scenario: a bearer token is required. Guarantees: the right one is served; none, a wrong one and a longer one get 401 or
/// UNAUTHENTICATED, on both transports, and the token stands nowhere in the log.
#[tokio::test]
async fn senders_present_a_token() {
    let sink = Sink::start().await;
    let config = Config::to(&sink)
        .set("receive.bearer_token.env", "TOKEN")
        .environment("TOKEN", "open-sesame");
    let agent = Agent::start(config.set("telemetry.log", "debug")).await;
    for transport in Transport::BOTH {
        let message = request(Signal::Logs, 0..1);
        let mut known = agent
            .sender(transport)
            .header("authorization", "Bearer open-sesame");
        known.must_send(Signal::Logs, &message).await;
        for wrong in [
            "Bearer open",
            "Bearer open-sesame-and-more",
            "Basic open-sesame",
            "",
        ] {
            let mut stranger = agent.sender(transport).header("authorization", wrong);
            let answer = stranger.send(Signal::Logs, &message).await.unwrap();
            assert!(
                !answer.is_success() && !answer.is_retryable(),
                "{wrong}: {answer:?}"
            );
            match transport {
                Transport::Grpc => assert_eq!(answer.grpc_code(), Some(16)),
                Transport::Http => assert_eq!(answer.reply.status, 401),
            }
        }
        let answer = agent
            .sender(transport)
            .send(Signal::Logs, &message)
            .await
            .unwrap();
        assert!(!answer.is_success());
    }
    assert_eq!(
        agent.ledger().await.turned_away_requests("unauthenticated"),
        10
    );
    assert!(!agent.log().contains("open-sesame"));
}

/// Scenario: a page asks whether it may send, and sends; a page of another origin does the same. Guarantees: the allowed
/// origin is told so in the preflight and in the answer; the other is not.
#[tokio::test]
async fn browsers_of_allowed_origins_may_send() {
    let sink = Sink::start().await;
    let agent = Agent::start(
        Config::to(&sink).set("receive.cors.allowed_origins", vec!["https://shop.example"]),
    )
    .await;
    for (origin, allowed) in [
        ("https://shop.example", true),
        ("https://evil.example", false),
    ] {
        let preflight = Request::options("/v1/traces")
            .header("host", agent.http().to_string())
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type")
            .body(Full::<Bytes>::default())
            .unwrap();
        let mut connection = Connection::open(agent.http(), false, None).await.unwrap();
        let reply = connection.send(preflight).await.unwrap();
        let granted = reply.header("access-control-allow-origin");
        assert_eq!(granted, allowed.then_some(origin));
        if allowed {
            assert!(reply.status.is_success());
            assert!(
                reply
                    .header("access-control-allow-headers")
                    .unwrap()
                    .contains("content-type")
            );
        }
        let mut page = agent.sender(Transport::Http).header("origin", origin);
        let answer = page
            .send(Signal::Traces, &request(Signal::Traces, 0..1))
            .await
            .unwrap();
        assert_eq!(
            answer.reply.header("access-control-allow-origin"),
            allowed.then_some(origin)
        );
    }
}
