//! TLS, as sslmode has it.

use std::net::IpAddr;

use serde_json::json;

use super::{Postgres, watch};
use crate::fixture::Authority;

/// A server that speaks TLS with a certificate of `authority`.
async fn with_tls(authority: &Authority) -> Postgres {
    let mut server = Postgres::start().await;
    let IpAddr::V4(address) = server.address().ip() else {
        unreachable!("tests have IPv4");
    };
    let identity = authority.certify(address);
    let certificate = server.keep("server.pem", &identity.certificate_pem);
    let key = server.keep("server.key", &identity.key_pem);
    server.stop().await;
    server.set("ssl", "on");
    server.set("ssl_cert_file", &certificate.display().to_string());
    server.set("ssl_key_file", &key.display().to_string());
    server.start_again().await;
    server
}

/// Scenario: a server with a certificate, and probes that trust its authority, another one, and nobody. Guarantees: the first passes over TLS, the
/// second fails for the certificate, and without a word about TLS the connection is TLS, unverified, as libpq has it.
#[tokio::test]
async fn an_authority_in_the_settings_is_asked() {
    let (ours, other) = (Authority::new(), Authority::new());
    let server = with_tls(&ours).await;
    let files = tempfile::TempDir::new().unwrap();
    let file = |name: &str, authority: &Authority| {
        let path = files.path().join(name);
        std::fs::write(&path, &authority.certificate_pem).unwrap();
        json!(path.display().to_string())
    };
    let watched = watch(&server.url(), &[("tls.ca_file", file("ours", &ours))]).await;
    watched.passes().await;
    assert_eq!(
        watched.span().await.attributes["tls.protocol.version"],
        "1.3"
    );
    let watched = watch(&server.url(), &[("tls.ca_file", file("other", &other))]).await;
    watched.fails("certificate", Some("tls")).await;
    let watched = watch(&server.url(), &[]).await;
    watched.passes().await;
    assert_eq!(
        watched.span().await.attributes["tls.protocol.version"],
        "1.3"
    );
}

/// Scenario: TLS is asked for where the server has none. Guarantees: a failure for TLS.
#[tokio::test]
async fn a_server_without_tls_is_told() {
    let server = Postgres::start().await;
    let url = format!("{}?sslmode=require", server.url());
    let watched = watch(&url, &[]).await;
    watched.fails("tls", Some("tls")).await;
}
