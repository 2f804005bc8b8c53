use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, rustls};

use crate::dial::{ClientTls, DialError, Stream, TlsClient};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// An authority, and what it has to know to sign.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: rcgen::Certificate,
}

/// A certificate with its key.
struct Identity {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

impl Authority {
    fn named(name: &str) -> Authority {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let issuer = Issuer::new(params, key);
        Authority {
            issuer,
            certificate,
        }
    }

    fn certify(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = (SystemTime::now() - 100 * DAY).into();
        params.not_after = later().into();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Identity { certificate, key }
    }

    /// Its certificate as a file, for those who trust it.
    fn file(&self, directory: &Path) -> ClientTls {
        let path = directory.join("ca.pem");
        std::fs::write(&path, self.certificate.pem()).unwrap();
        ClientTls {
            ca_file: Some(path),
            ..ClientTls::default()
        }
    }
}

/// A server that shows `identity`, asks clients for a certificate of `clients`, and says hello.
async fn server(identity: &Identity, clients: Option<&Authority>, alpn: &[&[u8]]) -> SocketAddr {
    let builder = ServerConfig::builder();
    let builder = match clients {
        Some(authority) => {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(authority.certificate.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build();
            builder.with_client_cert_verifier(verifier.unwrap())
        }
        None => builder.with_no_client_auth(),
    };
    let key = PrivateKeyDer::try_from(identity.key.serialize_der()).unwrap();
    let chain = vec![identity.certificate.der().clone()];
    let mut config = builder.with_single_cert(chain, key).unwrap();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // A client that refuses the certificate, or shows none, is what is tested.
            if let Ok(mut stream) = acceptor.accept(stream).await {
                let _ = stream.write_all(b"hello").await;
                let _ = stream.shutdown().await;
            }
        }
    });
    address
}

async fn secure(client: &TlsClient, address: SocketAddr) -> Result<Stream, DialError> {
    client
        .secure(TcpStream::connect(address).await.unwrap())
        .await
}

/// When certificates end that have nothing to do with their end.
fn later() -> SystemTime {
    SystemTime::UNIX_EPOCH + 40_000 * DAY
}

/// Seconds since 1970, as certificates have them.
fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

/// Scenario: certificates that are accepted and refused for every reason. Guarantees: the reason in words, and the end noted to
/// the second each time.
#[tokio::test]
async fn certificates_are_told_and_their_ends_noted() {
    let directory = TempDir::new().unwrap();
    let (trusted, stranger) = (Authority::named("trusted"), Authority::named("stranger"));
    let namesake = Authority::named("trusted");
    let tls = trusted.file(directory.path());
    let now = SystemTime::now();
    type Change = Box<dyn FnOnce(&mut CertificateParams)>;
    let until =
        |end: SystemTime| -> Change { Box::new(move |params| params.not_after = end.into()) };
    let from =
        |begin: SystemTime| -> Change { Box::new(move |params| params.not_before = begin.into()) };
    let same = || -> Change { Box::new(|_| {}) };
    let for_clients: Change = Box::new(|params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    let authority: Change =
        Box::new(|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
    let hour = Duration::from_secs(3600);
    let cases = [
        (
            &trusted,
            &["shop.example"][..],
            until(now + 5 * DAY),
            now + 5 * DAY,
            "",
        ),
        (
            &trusted,
            &["other.example", "shop.example"],
            until(now + 4 * DAY),
            now + 4 * DAY,
            "",
        ),
        (
            &trusted,
            &["shop.example"],
            until(now - 3 * DAY),
            now - 3 * DAY,
            "the certificate ended 3 days ago (",
        ),
        (
            &trusted,
            &["shop.example"],
            from(now + 2 * DAY + hour),
            later(),
            "the certificate is valid only in 2 days (",
        ),
        (
            &stranger,
            &["shop.example"],
            same(),
            later(),
            "issued by an authority that is not trusted",
        ),
        (
            &namesake,
            &["shop.example"],
            same(),
            later(),
            "not signed by the authority of that name",
        ),
        (
            &trusted,
            &["a.example", "b.example"],
            same(),
            later(),
            "the certificate is for a.example, b.example, not for shop.example",
        ),
        (
            &trusted,
            &["192.0.2.1"],
            same(),
            later(),
            "the certificate is for 192.0.2.1, not for shop.example",
        ),
        (&trusted, &[], same(), later(), "not for shop.example"),
        (
            &trusted,
            &["shop.example"],
            for_clients,
            later(),
            "not for servers",
        ),
        (
            &trusted,
            &["shop.example"],
            authority,
            later(),
            "one of an authority, not of a server",
        ),
    ];
    for (issuer, names, change, end, refusal) in cases {
        let identity = issuer.certify(names, change);
        let address = server(&identity, None, &[]).await;
        let client = TlsClient::new("shop.example", &tls, &[]).unwrap();
        let secured = secure(&client, address).await;
        match (secured, refusal) {
            (Ok(_), "") => {}
            (Err(DialError::Certificate(text)), refusal) if !refusal.is_empty() => {
                assert!(text.contains(refusal), "{text}");
            }
            (other, _) => panic!("{refusal}: {other:?}"),
        }
        assert_eq!(
            client.certificate_ends().map(seconds),
            Some(seconds(end)),
            "{refusal}"
        );
    }
}

/// Scenario: many handshakes with one server that offers to resume sessions. Guarantees: each shows the certificate anew, so that
/// none that is replaced goes unseen.
#[tokio::test]
async fn no_session_is_resumed() {
    let directory = TempDir::new().unwrap();
    let authority = Authority::named("trusted");
    let address = server(&authority.certify(&["shop.example"], |_| {}), None, &[]).await;
    let client = TlsClient::new("shop.example", &authority.file(directory.path()), &[]).unwrap();
    for _ in 0..3 {
        let mut stream = secure(&client, address).await.unwrap();
        let mut said = Vec::new();
        // Reads what the server sends, tickets included.
        stream.read_to_end(&mut said).await.unwrap();
        assert_eq!(said, b"hello");
        assert!(client.certificate_ends().is_some());
    }
}

/// Scenario: many handshakes with one server by who makes many connections, some offering other protocols. Guarantees: the first shows
/// the certificate, the others resume, the protocol being each time one that was offered.
#[tokio::test]
async fn sessions_are_resumed_where_they_may_be() {
    let directory = TempDir::new().unwrap();
    let authority = Authority::named("trusted");
    let identity = authority.certify(&["shop.example"], |_| {});
    let address = server(&identity, None, &[b"h2", b"http/1.1"]).await;
    let tls = authority.file(directory.path());
    let both = TlsClient::resuming("shop.example", &tls, &[b"h2", b"http/1.1"]).unwrap();
    let one = both.offering(&[b"http/1.1"]);
    let mut kinds = Vec::new();
    for (client, protocol) in [(&both, "h2"), (&both, "h2"), (&one, "http/1.1")] {
        let mut stream = secure(client, address).await.unwrap();
        assert_eq!(stream.protocol(), Some(protocol.as_bytes()));
        let mut said = Vec::new();
        // Reads what the server sends, tickets included.
        stream.read_to_end(&mut said).await.unwrap();
        let Stream::Tls(stream) = stream else {
            panic!("no TLS");
        };
        kinds.push(stream.get_ref().1.handshake_kind().unwrap());
    }
    use rustls::HandshakeKind::{Full, Resumed};
    assert_eq!(kinds, [Full, Resumed, Resumed]);
    let stranger = Authority::named("stranger").file(directory.path());
    let wary = TlsClient::resuming("shop.example", &stranger, &[]).unwrap();
    let refused = secure(&wary, address).await;
    assert!(matches!(refused, Err(DialError::Certificate(_))));
}

/// Scenario: the server asks for a certificate; the client shows one, none, one of a stranger. Guarantees: accepted; otherwise no
/// TLS, in words, at the latest when something is read.
#[tokio::test]
async fn a_server_may_ask_for_a_certificate() {
    let directory = TempDir::new().unwrap();
    let (servers, clients) = (Authority::named("servers"), Authority::named("clients"));
    let identity = servers.certify(&["shop.example"], |_| {});
    let address = server(&identity, Some(&clients), &[]).await;
    let own = clients.certify(&["client"], |_| {});
    let strange = servers.certify(&["client"], |_| {});
    let trusting = servers.file(directory.path());
    let shown = |name: &str, identity: &Identity| {
        let paths =
            [format!("{name}.pem"), format!("{name}.key")].map(|file| directory.path().join(file));
        std::fs::write(&paths[0], identity.certificate.pem()).unwrap();
        std::fs::write(&paths[1], identity.key.serialize_pem()).unwrap();
        let [certificate, key] = paths;
        ClientTls {
            identity: Some((certificate, key)),
            ..trusting.clone()
        }
    };
    let cases = [
        (shown("own", &own), None),
        (trusting.clone(), Some("the server asks for a certificate")),
        (
            shown("strange", &strange),
            Some("did not accept the certificate"),
        ),
    ];
    for (tls, refusal) in cases {
        let client = TlsClient::new("shop.example", &tls, &[]).unwrap();
        let mut said = Vec::new();
        let read = match secure(&client, address).await {
            Ok(mut stream) => stream.read_to_end(&mut said).await.map_err(DialError::from),
            Err(error) => Err(error),
        };
        match (read, refusal) {
            (Ok(_), None) => assert_eq!(said, b"hello"),
            (Err(DialError::Tls(text)), Some(refusal)) => assert!(text.contains(refusal), "{text}"),
            (other, _) => panic!("{refusal:?}: {other:?}"),
        }
    }
}

/// Scenario: servers that speak no TLS, close, or choose no protocol that was offered. Guarantees: told apart; nothing is noted
/// of a certificate.
#[tokio::test]
async fn what_is_no_tls_is_told() {
    let directory = TempDir::new().unwrap();
    let authority = Authority::named("trusted");
    let tls = authority.file(directory.path());
    let client = TlsClient::new("shop.example", &tls, &[b"h2"]).unwrap();
    let answering = async |answer: &'static [u8]| {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = [0; 4096];
            let _ = stream.read(&mut asked).await;
            stream.write_all(answer).await.unwrap();
        });
        address
    };
    let plain = answering(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    let error = secure(&client, plain).await.unwrap_err();
    assert!(
        error.to_string().contains("does not speak it on this port"),
        "{error}"
    );
    let error = secure(&client, answering(b"").await).await.unwrap_err();
    assert!(matches!(error, DialError::Closed), "{error}");
    // A fatal alert: protocol_version.
    let old = answering(b"\x15\x03\x01\x00\x02\x02\x46").await;
    let error = secure(&client, old).await.unwrap_err();
    assert!(
        error.to_string().contains("no version or cipher in common"),
        "{error}"
    );
    assert_eq!(client.certificate_ends(), None);
    let identity = authority.certify(&["shop.example"], |_| {});
    let other = server(&identity, None, &[b"http/1.1"]).await;
    let error = secure(&client, other).await.unwrap_err();
    assert!(
        error.to_string().contains("none of the protocols"),
        "{error}"
    );
    let newer = server(&identity, None, &[b"h2"]).await;
    let stream = secure(&client, newer).await.unwrap();
    assert_eq!(stream.protocol(), Some(&b"h2"[..]));
    assert_eq!(stream.tls_version(), Some("1.3"));
}

/// Scenario: a client for one name, asked for another, and a name that none can have. Guarantees: the other name is what the
/// certificate must carry.
#[tokio::test]
async fn a_client_can_be_named_anew() {
    let directory = TempDir::new().unwrap();
    let authority = Authority::named("trusted");
    let address = server(&authority.certify(&["other.example"], |_| {}), None, &[]).await;
    let client = TlsClient::new("shop.example", &authority.file(directory.path()), &[]).unwrap();
    secure(&client, address).await.unwrap_err();
    let other = client.named("other.example").unwrap();
    secure(&other, address).await.unwrap();
    assert!(client.named("not a name").is_err());
}
