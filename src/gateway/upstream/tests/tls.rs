//! TLS: whom to trust, which version of HTTP both sides chose, and sessions.

use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tempfile::TempDir;
use tokio_rustls::{TlsAcceptor, rustls};

use super::*;
use crate::config::{ClientTls, HttpVersion};

/// A server's side of TLS, with a certificate for localhost whose authority stands in the directory.
fn acceptor(directory: &Path, alpn: &[&[u8]]) -> TlsAcceptor {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let certificate = authority.self_signed(&key).unwrap();
    std::fs::write(directory.join("ca.pem"), certificate.pem()).unwrap();
    let issuer = Issuer::new(authority, key);
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let key = KeyPair::generate().unwrap();
    let chain = vec![params.signed_by(&key, &issuer).unwrap().der().clone()];
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let builder = ServerConfig::builder().with_no_client_auth();
    let mut config = builder.with_single_cert(chain, key).unwrap();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    TlsAcceptor::from(Arc::new(config))
}

/// A server that says which version of HTTP it was asked in, and whether the session was resumed. It asks for an upgrade's protocol
/// where there is one.
async fn server(directory: &Path, alpn: &[&[u8]]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = acceptor(directory, alpn);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    return;
                };
                let tls = stream.get_ref().1;
                let said = format!("{:?}", tls.handshake_kind().unwrap());
                if tls.alpn_protocol() == Some(b"h2") {
                    return super::http2::answer_all(stream, &format!("h2 {said}")).await;
                }
                let mut asked = [0; 4096];
                while let Ok(1..) = stream.read(&mut asked).await {
                    let length = said.len() + 5;
                    let answer =
                        format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\nh1.1 {said}");
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            });
        }
    });
    address
}

fn trusting(
    directory: &Path,
    address: SocketAddr,
    change: impl FnOnce(&mut RouteSettings),
) -> Upstream {
    upstream(&format!("https://localhost:{}", address.port()), |route| {
        route.tls = Some(ClientTls {
            ca_file: Some(directory.join("ca.pem")),
            ..ClientTls::default()
        });
        change(route);
    })
}

/// Scenario: servers that speak one version, the other, both and neither by name; routes that want each. Guarantees: the version is the
/// one that both can and the route allows, HTTP/2 first; otherwise no request is sent.
#[tokio::test]
async fn both_sides_choose_the_version() {
    use HttpVersion::{Auto, Http1, Http2};
    type Case = (&'static [&'static [u8]], HttpVersion, Option<&'static str>);
    let both: &[&[u8]] = &[b"h2", b"http/1.1"];
    let cases: [Case; 9] = [
        (both, Auto, Some("h2")),
        (both, Http1, Some("h1.1")),
        (both, Http2, Some("h2")),
        (&[b"http/1.1"], Auto, Some("h1.1")),
        (&[b"http/1.1"], Http2, None),
        (&[b"h2"], Http1, None),
        (&[b"h2"], Auto, Some("h2")),
        (&[], Auto, Some("h1.1")),
        (&[], Http2, None),
    ];
    for (alpn, version, spoken) in cases {
        let directory = TempDir::new().unwrap();
        let address = server(directory.path(), alpn).await;
        let upstream = trusting(directory.path(), address, |route| route.version = version);
        let calls = format!("{alpn:?} {version:?}");
        match (soon(upstream.send(get())).await, spoken) {
            (Ok(answer), Some(spoken)) => {
                let (_, said) = told(answer).await;
                assert!(said.starts_with(spoken), "{calls}: {said}");
                settled(&upstream, 0, 1).await;
            }
            (Err(failed), None) => {
                assert_eq!(failed.kind, CallFailureKind::Tls, "{calls}: {failed}");
                assert!(!failed.may_have_arrived);
            }
            (other, _) => panic!("{calls}: {other:?}"),
        }
    }
}

/// Scenario: a request that asks to switch protocols, to a server that would speak HTTP/2. Guarantees: it goes over HTTP/1.1, which
/// alone can switch (RFC 9113, section 8.6).
#[tokio::test]
async fn an_upgrade_is_asked_for_over_http1() {
    let directory = TempDir::new().unwrap();
    let address = server(directory.path(), &[b"h2", b"http/1.1"]).await;
    let upstream = trusting(directory.path(), address, |_| {});
    assert!(told(call(&upstream, get()).await).await.1.starts_with("h2"));
    let mut asking = get();
    asking
        .headers_mut()
        .insert("upgrade", "websocket".parse().unwrap());
    assert!(
        told(call(&upstream, asking).await)
            .await
            .1
            .starts_with("h1.1")
    );
    assert!(told(call(&upstream, get()).await).await.1.starts_with("h2"));
}

/// Scenario: one connection after the other to one server. Guarantees: the first shows the certificate, the others resume.
#[tokio::test]
async fn sessions_are_resumed() {
    let directory = TempDir::new().unwrap();
    let address = server(directory.path(), &[b"http/1.1"]).await;
    let upstream = trusting(directory.path(), address, |route| route.pool.max_idle = 0);
    let calls = || async { told(call(&upstream, get()).await).await.1 };
    assert_eq!(calls().await, "h1.1 Full");
    for _ in 0..3 {
        assert_eq!(calls().await, "h1.1 Resumed");
    }
}

/// Scenario: a certificate of an authority that is not trusted, one for another name, and a server without TLS. Guarantees: each is told in
/// words, as what it is; nothing was sent.
#[tokio::test]
async fn what_is_not_trusted_is_not_spoken_to() {
    let (directory, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let address = server(directory.path(), &[]).await;
    let _ = acceptor(other.path(), &[]);
    let plain = Server::new(|mut peer, _| async move {
        peer.more().await;
        peer.say("HTTP/1.1 400 Bad Request\r\n\r\n").await;
    })
    .await;
    let named = |route: &mut RouteSettings| {
        let tls = route.tls.as_mut().unwrap();
        tls.server_name = Some("shop.example".to_owned());
    };
    let cases = [
        (
            trusting(other.path(), address, |_| {}),
            CallFailureKind::Certificate,
            "authority of that name that is trusted",
        ),
        (
            trusting(directory.path(), address, named),
            CallFailureKind::Certificate,
            "is for localhost",
        ),
        (
            trusting(directory.path(), plain.address, |_| {}),
            CallFailureKind::Tls,
            "does not speak it",
        ),
    ];
    for (upstream, kind, text) in cases {
        let failed = failure(&upstream, get()).await;
        assert_eq!(failed.kind, kind, "{failed}");
        assert!(failed.message().contains(text), "{failed}");
        assert!(!failed.may_have_arrived);
    }
}
