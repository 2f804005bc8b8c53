//! Servers that go, hang, are full or mean no good, and the way to them.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::{shop, watch};
use crate::fixture::{Gate, Mode, own_loopback};
use crate::probes::servers::Nginx;

/// Scenario: nginx is stopped, started again, frozen and thawed. Guarantees: refused, well again, a timeout before the first
/// byte, well again.
#[tokio::test]
async fn a_site_goes_and_comes_back() {
    let mut nginx = Nginx::start(shop()).await;
    let watched = watch(&format!("http://{}/status", nginx.http()), &[]).await;
    watched.passes().await;
    nginx.stop().await;
    watched.fails("refused", Some("connect")).await;
    nginx.start_again().await;
    watched.passes().await;
    nginx.daemon().freeze();
    let check = watched.fails("timeout", Some("first_byte")).await;
    assert!(
        check["message"]
            .as_str()
            .unwrap()
            .contains("no answer within 1s"),
        "{check}"
    );
    nginx.daemon().thaw();
    watched.passes().await;
}

/// Scenario: the way to nginx is slow, silent, closed and a black hole. Guarantees: a warning when a run takes longer than is
/// wanted; otherwise the phase says how far it came.
#[tokio::test]
async fn the_way_is_bad() {
    let nginx = Nginx::start(shop()).await;
    let gate = Gate::before(nginx.http()).await;
    let url = format!("http://{}/status", gate.address());
    let watched = watch(&url, &[("slow_after", json!("200ms"))]).await;
    watched.passes().await;
    gate.set(Mode::Slow(Duration::from_millis(300))).await;
    watched.warns("more than 200ms").await;
    gate.set(Mode::Mute).await;
    watched.fails("timeout", Some("first_byte")).await;
    gate.set(Mode::Refuse).await;
    watched.fails("refused", Some("connect")).await;
    gate.set(Mode::BlackHole).await;
    let check = watched.fails("timeout", Some("connect")).await;
    assert!(
        check["message"]
            .as_str()
            .unwrap()
            .contains("no TCP connection"),
        "{check}"
    );
    gate.set(Mode::Pass).await;
    watched.passes().await;
}

/// Scenario: a name that nobody has. Guarantees: the check fails in resolving it.
#[tokio::test]
async fn a_name_that_nobody_has() {
    let watched = watch("http://nobody.invalid/", &[]).await;
    let check = watched.fails("resolve", Some("resolve")).await;
    assert!(
        check["message"]
            .as_str()
            .unwrap()
            .contains("nobody.invalid"),
        "{check}"
    );
}

/// Scenario: all connections that nginx may have are taken, and then given back. Guarantees: nginx closes the
/// probe's connection, which is told, and is well again.
#[tokio::test]
async fn nginx_is_full() {
    let nginx = Nginx::start(shop().connections(8)).await;
    let watched = watch(&format!("http://{}/status", nginx.http()), &[]).await;
    watched.passes().await;
    let mut held = Vec::new();
    for _ in 0..16 {
        let mut client = TcpStream::connect(nginx.http()).await.unwrap();
        // One that waits for its first request would be closed in favour of the next.
        let _ = client.write_all(b"GET / HTTP/1.1\r\n").await;
        held.push(client);
    }
    watched.fails("closed", Some("first_byte")).await;
    drop(held);
    watched.passes().await;
}

/// A server that answers everything with `part` again and again, as fast as it can.
async fn flood(part: &'static [u8]) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind((own_loopback(), 8080)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut asked = [0; 1024];
                let _ = client.read(&mut asked).await;
                let many = part.repeat(1000);
                while client.write_all(&many).await.is_ok() {}
            });
        }
    });
    (address, task)
}

/// Scenario: servers that send interim answers without end, over HTTP/1.1 and over HTTP/2, as fast as they can. Guarantees: every
/// run ends before its timeout, and the agent stays small.
#[tokio::test]
async fn floods_are_refused() {
    // Over HTTP/2: HEADERS on stream 1, END_HEADERS, ":status" written out as 103.
    const HINTS: &[u8] = b"\0\0\x05\x01\x04\0\0\0\x01\x08\x03103";
    let floods = [
        ("1.1", flood(b"HTTP/1.1 103 Early Hints\r\n\r\n").await),
        ("2", flood(HINTS).await),
    ];
    for (version, (address, _)) in &floods {
        let watched = watch(
            &format!("http://{address}/"),
            &[("http.version", json!(version))],
        )
        .await;
        let check = watched.fails("protocol", Some("first_byte")).await;
        let said = check["message"].as_str().unwrap();
        assert!(said.contains("sends without end"), "{version}: {said}");
        for _ in 0..10 {
            watched.run().await;
        }
        let rss_mib = watched.agent.rss_bytes() >> 20;
        assert!(rss_mib < 100, "{version}: {rss_mib} MiB");
    }
}
