//! What no server that is at hand does: a listener that plays one.

use std::net::SocketAddr;
use std::time::Duration;

use http::HeaderMap;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::config::{ProbeUrl, Secret};
use crate::probe::failure::Reason;

/// A greeting of MySQL 8 without TLS (MySQL, "Protocol::HandshakeV10").
fn greeting(plugin: &str) -> Vec<u8> {
    let mut greeting = b"\n8.0.18\0\x19\0\0\0".to_vec();
    // Half of the challenge; every capability but TLS, in two halves around character set and status.
    greeting.extend(b"12345678\0\xff\xf7\xff\x02\0\xff\xc7\x15");
    greeting.extend([0; 10]);
    greeting.extend(b"123456789012\0");
    greeting.extend(plugin.as_bytes());
    greeting.push(0);
    greeting
}

/// Takes one connection and sends `packets`, each after a word of the client but the first.
async fn server(packets: Vec<Vec<u8>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        for (number, packet) in packets.iter().enumerate() {
            if number > 0 && client.read(&mut [0; 1024]).await.unwrap() == 0 {
                return;
            }
            send(&mut client, (number * 2) as u8, packet).await;
        }
        // The client ends it.
        let _ = client.read(&mut [0; 1024]).await;
    });
    address
}

async fn send(client: &mut TcpStream, number: u8, packet: &[u8]) {
    let mut bytes = vec![packet.len() as u8, 0, 0, number];
    bytes.extend(packet);
    client.write_all(&bytes).await.unwrap();
}

async fn failure_at(address: SocketAddr) -> Failure {
    let url = ProbeUrl::parse(&format!("mysql://app@{address}/shop")).unwrap();
    let mut settings = ProbeSettings::new(url);
    settings.password = Some(Secret::new("hidden".to_owned()));
    let run = Run::begin(Duration::from_secs(10), HeaderMap::new());
    let checked = Mysql::new(&settings).unwrap().check(&run).await;
    checked.unwrap_err()
}

/// Scenario: A server without TLS does not have the password in its cache, and wants it encrypted with its key
/// (caching_sha2_password); one wants a plugin that the library does not have; one has shut this host out.
/// Guarantees: Each fails in the handshake, and the message says what to change, in words of ours rather than the library's.
#[tokio::test]
async fn logins_that_cannot_be_made() {
    let full_authentication = vec![1, 4];
    let key = b"\x01-----BEGIN PUBLIC KEY-----".to_vec();
    let blocked = b"\xff\x69\x04Host 'a' is blocked because of many connection errors".to_vec();
    let sha2 = greeting("caching_sha2_password");
    let cases = [
        (
            vec![sha2, full_authentication, key],
            Reason::Auth,
            "TLS on at the server",
        ),
        (
            vec![greeting("client_ed25519")],
            Reason::Auth,
            "the authentication plugin client_ed25519",
        ),
        (vec![blocked], Reason::Permission, "run FLUSH HOSTS"),
    ];
    for (packets, reason, text) in cases {
        let failure = failure_at(server(packets).await).await;
        assert_eq!(failure.reason, reason, "{failure}");
        assert_eq!(failure.phase, Some(Phase::Handshake), "{failure}");
        assert!(failure.message.contains(text), "{failure}");
        assert!(!failure.message.contains("hidden"), "{failure}");
        assert!(!failure.message.contains("feature"), "{failure}");
    }
}
