//! WebSockets through the gateway.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::rig::{PATIENCE, Reply, Rig, header, reply, status};

const UPGRADE: &str = "GET /chat HTTP/1.1\r\nhost: x\r\nconnection: keep-alive, Upgrade\r\nupgrade: WebSocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

fn switched(upgrade: &str, more: &str) -> Reply {
    Reply::With(format!(
        "HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: {upgrade}\r\nsec-websocket-accept: x\r\n\r\n{more}"
    ))
}

/// Reads the head of an answer and nothing behind it.
async fn head(stream: &mut TcpStream) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        timeout(PATIENCE, stream.read_exact(&mut byte))
            .await
            .unwrap()
            .unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

async fn ask(rig: &Rig) -> (TcpStream, String) {
    let mut stream = rig.connect().await;
    stream.write_all(UPGRADE.as_bytes()).await.unwrap();
    let head = head(&mut stream).await;
    (stream, head)
}

/// Scenario: a caller asks for a WebSocket, and the upstream grants it and says something at once.
/// Guarantees: the caller gets the switch and what was said; its place is taken until the end, when the agent says goodbye.
#[tokio::test]
async fn a_websocket_goes_through() {
    let rig = Rig::start(&[switched("websocket", "\u{1}\u{1}x")], |route| {
        route.concurrency = 1
    })
    .await;
    let (mut stream, head) = ask(&rig).await;
    assert_eq!(
        (status(&head), header(&head, "upgrade")),
        (101, Some("websocket"))
    );
    assert_eq!(header(&head, "sec-websocket-accept"), Some("x"));
    let mut said = [0; 3];
    timeout(PATIENCE, stream.read_exact(&mut said))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(said, [1, 1, b'x']);
    let asked = rig.asked();
    assert_eq!(header(&asked[0], "connection"), Some("upgrade"));
    assert_eq!(header(&asked[0], "sec-websocket-version"), Some("13"));
    assert_eq!(status(&rig.get("/").await), 503);
    timeout(PATIENCE, rig.gateway.drained())
        .await
        .expect("a WebSocket is no request under way");
    let closing = tokio::spawn(async move { rig.gateway.close().await });
    let mut goodbye = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut goodbye))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(goodbye, [0x88, 2, 3, 0xe9]);
    timeout(PATIENCE, closing).await.unwrap().unwrap();
}

/// Scenario: an upstream that does not switch, and one that switches to something else.
/// Guarantees: the first answer goes to the caller as any other; the second is 502.
#[tokio::test]
async fn what_is_no_websocket_is_none() {
    let rig = Rig::start(&[reply(403, "", "no")], |_| {}).await;
    let (_, head) = ask(&rig).await;
    assert_eq!((status(&head), header(&head, "upgrade")), (403, None));
    let rig = Rig::start(&[switched("h2c", "")], |_| {}).await;
    let (_, head) = ask(&rig).await;
    assert_eq!(status(&head), 502);
}

/// Scenario: a route without WebSockets, and a caller that asks for another protocol.
/// Guarantees: the upstream is asked as if nobody had asked to switch; one that switches all the same is 502.
#[tokio::test]
async fn nothing_else_is_asked_for() {
    let rig = Rig::start(&[reply(200, "", "ok")], |route| route.websocket = false).await;
    let (_, head) = ask(&rig).await;
    assert_eq!(status(&head), 200);
    let asked = rig.asked();
    assert_eq!(
        (
            header(&asked[0], "upgrade"),
            header(&asked[0], "connection")
        ),
        (None, None)
    );

    for upgrade in ["h2c", "websocket, h2c", "TLS/1.0"] {
        let rig = Rig::start(&[reply(200, "", "ok")], |_| {}).await;
        let told = rig
            .ask(
                "GET /",
                &format!("connection: upgrade\r\nupgrade: {upgrade}\r\n\r\n"),
            )
            .await;
        assert_eq!(status(&told), 200, "{upgrade}");
        assert_eq!(header(&rig.asked()[0], "upgrade"), None);
    }
    let rig = Rig::start(&[switched("websocket", "")], |_| {}).await;
    let told = timeout(PATIENCE, rig.get("/")).await.unwrap();
    assert_eq!(status(&told), 502);
}
