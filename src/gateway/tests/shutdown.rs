//! The end: new requests are refused, those under way may end.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::rig::{PATIENCE, Reply, Rig, body, eventually, header, reply, status};

/// Scenario: the agent begins to stop while a request is under way on one connection and another connection stands open.
/// Guarantees: the request ends with its answer; a new one is refused on either connection, told when to come back, and its
/// connection closed.
#[tokio::test]
async fn requests_under_way_may_end() {
    let half = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n";
    let rig = Rig::start(
        &[reply(200, "", "ok"), Reply::With(half.to_owned())],
        |route| {
            route.timeout.idle = Duration::from_millis(300);
        },
    )
    .await;
    let mut kept = rig.connect().await;
    kept.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let mut first = [0; 512];
    assert!(kept.read(&mut first).await.unwrap() > 0);
    let mut under_way = rig.connect().await;
    under_way
        .write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    eventually(|| rig.asked().len() == 2).await;

    rig.stopping.begin();
    assert!(
        timeout(Duration::from_millis(20), rig.gateway.drained())
            .await
            .is_err()
    );
    kept.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let mut told = String::new();
    timeout(PATIENCE, kept.read_to_string(&mut told))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (status(&told), header(&told, "retry-after")),
        (503, Some("1"))
    );
    assert!(body(&told).contains("\"guard\":\"shutdown\""), "{told}");
    assert_eq!(header(&told, "connection"), Some("close"));

    let mut told = Vec::new();
    let _ = timeout(PATIENCE, under_way.read_to_end(&mut told))
        .await
        .unwrap(); // cut off where the upstream does
    let told = String::from_utf8(told).unwrap();
    assert!(status(&told) == 200 && told.contains("half"), "{told}");
    timeout(PATIENCE, rig.gateway.drained()).await.unwrap();
    rig.closing.cancel();
}

/// Scenario: the agent begins to stop while a request waits for its next attempt.
/// Guarantees: what the last attempt brought is given; nothing more is begun after that.
#[tokio::test]
async fn no_attempt_is_begun_any_more() {
    let rig = Rig::start(&[reply(503, "", "no")], |_| {}).await;
    assert_eq!(status(&rig.get("/").await), 503);
    assert_eq!(rig.asked().len(), 3);
    rig.stopping.begin();
    assert_eq!(status(&rig.get("/").await), 503);
    assert_eq!(rig.asked().len(), 3);
}
