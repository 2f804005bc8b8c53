//! Steps that take too long.

use tokio::net::TcpSocket;

use super::*;
use crate::gateway::Phase;

fn is(failed: &CallFailure, kind: CallFailureKind, may_have_arrived: bool) {
    assert_eq!(failed.kind, kind, "{failed}");
    assert_eq!(failed.may_have_arrived, may_have_arrived, "{failed}");
    assert!(failed.message().contains("80ms (timeout."), "{failed}");
}

/// Scenario: an address that answers no attempt to connect: its queue is full. Guarantees: the limit of that step.
#[tokio::test]
async fn connecting_is_limited() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queued = Vec::new();
    while let Ok(Ok(stream)) = timeout(SHORT, TcpStream::connect(address)).await {
        queued.push(stream);
    }
    let upstream = upstream(&format!("http://{address}"), |route| {
        route.timeout.connect = SHORT;
    });
    let failed = failure(&upstream, get()).await;
    is(&failed, CallFailureKind::Timeout(Phase::Connect), false);
}

/// Scenario: an upstream that says nothing to a TLS handshake. Guarantees: the limit of that step.
#[tokio::test]
async fn agreeing_on_tls_is_limited() {
    let server = Server::new(|mut peer, _| async move { peer.closed().await }).await;
    let upstream = upstream(&format!("https://{}", server.address), |route| {
        route.timeout.tls = SHORT;
    });
    let failed = failure(&upstream, get()).await;
    is(&failed, CallFailureKind::Timeout(Phase::Tls), false);
}

/// Scenario: an upstream that takes nothing of a large request, and one that takes it slowly. Guarantees: the first meets the
/// limit; for the second it counts anew with each part.
#[tokio::test]
async fn sending_is_limited_part_by_part() {
    const SIZE: usize = 12_000_000;
    let server = Server::new(|mut peer, number| async move {
        if number == 0 {
            return sleep(LONG).await;
        }
        peer.head().await;
        let mut seen = 0;
        while seen < SIZE {
            sleep(SHORT / 40).await;
            seen += peer.read.len();
            peer.read.clear();
            for _ in 0..16 {
                if seen + peer.read.len() < SIZE {
                    peer.more().await;
                }
            }
        }
        peer.say("HTTP/1.1 204 No Content\r\n\r\n").await;
    })
    .await;
    let upstream = server.upstream_with(|route| route.timeout.send = SHORT);
    let large = || request("PUT", RequestBody::whole("a".repeat(SIZE)));
    let failed = failure(&upstream, large()).await;
    is(&failed, CallFailureKind::Timeout(Phase::Send), true);
    assert_eq!(told(call(&upstream, large()).await).await.0, 204);
}

/// Scenario: a caller that stops in the middle of a request, and one that is slow. Guarantees: the first is told apart from an upstream
/// that takes nothing; for the second the limit counts anew with each part.
#[tokio::test]
async fn a_caller_that_stalls_is_told_apart() {
    let server = Server::new(|mut peer, _| async move {
        peer.head().await;
        while !peer.read.ends_with(b"0\r\n\r\n") && peer.more().await {}
        peer.say("HTTP/1.1 204 No Content\r\n\r\n").await;
    })
    .await;
    let upstream = server.upstream_with(|route| route.timeout.send = SHORT);
    let (says, body) = piecemeal();
    says.send(piece("a part")).unwrap();
    let failed = failure(&upstream, request("POST", body)).await;
    is(&failed, CallFailureKind::CallerStalled, true);

    let (says, body) = piecemeal();
    let slow = async {
        for _ in 0..6 {
            sleep(SHORT / 3).await;
            says.send(piece("a part")).unwrap();
        }
        drop(says);
    };
    let (answer, ()) = tokio::join!(call(&upstream, request("POST", body)), slow);
    assert_eq!(answer.status(), 204);
}

/// Scenario: upstreams that do not answer, that send a part of a head or 1xx only, and one that answers at the last moment.
/// Guarantees: the limit counts from the end of the request to the whole head, and no longer.
#[tokio::test]
async fn the_first_byte_is_limited() {
    for said in [
        "",
        "HTTP/1.1 200 OK\r\nX: ",
        "HTTP/1.1 100 Continue\r\n\r\n",
    ] {
        let server = Server::new(move |mut peer, _| async move {
            peer.head().await;
            for _ in 0..20 {
                peer.say(if said.starts_with("HTTP/1.1 100") {
                    said
                } else {
                    ""
                })
                .await;
                sleep(SHORT / 4).await;
            }
            peer.say(said).await;
            peer.closed().await;
        })
        .await;
        let upstream = server.upstream_with(|route| route.timeout.first_byte = SHORT);
        let failed = failure(&upstream, get()).await;
        is(&failed, CallFailureKind::Timeout(Phase::FirstByte), true);
        settled(&upstream, 0, 0).await;
    }
    let server = Server::new(|mut peer, _| async move {
        peer.head().await;
        peer.bytes(5 * 16).await;
        sleep(SHORT / 2).await;
        peer.say("HTTP/1.1 204 No Content\r\n\r\n").await;
    })
    .await;
    let upstream = server.upstream_with(|route| {
        route.timeout.first_byte = SHORT;
        route.timeout.send = LONG;
    });
    let (says, body) = piecemeal();
    let slow = async {
        for _ in 0..5 {
            sleep(SHORT / 2).await;
            says.send(piece("elevenbytes")).unwrap();
        }
    };
    let (answer, ()) = tokio::join!(call(&upstream, request("POST", body)), slow);
    assert_eq!(answer.status(), 204);
}

/// Scenario: bodies that stop, at once and after a part, that are slow, and whose reader is. Guarantees: the limit counts anew with
/// each part, and only while a part is waited for.
#[tokio::test]
async fn an_idle_body_is_limited() {
    let server = Server::new(|mut peer, number| async move {
        while !peer.head().await.is_empty() {
            peer.say("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n")
                .await;
            let parts = if number < 2 { number } else { 6 };
            for _ in 0..parts {
                sleep(SHORT / 3).await;
                peer.say("a").await;
            }
        }
    })
    .await;
    let upstream = server.upstream_with(|route| route.timeout.idle = SHORT);
    for _ in 0..2 {
        let failed = broken(call(&upstream, get()).await).await;
        is(&failed, CallFailureKind::Timeout(Phase::Idle), true);
        settled(&upstream, 0, 0).await;
    }
    assert_eq!(told(call(&upstream, get()).await).await.1, "aaaaaa");
    let mut body = call(&upstream, get()).await.into_body();
    assert!(next(&mut body).await.unwrap().is_ok());
    sleep(2 * SHORT).await;
    while let Some(part) = next(&mut body).await {
        part.unwrap();
    }
    settled(&upstream, 0, 1).await;
}

/// Scenario: an answer that began before the request ended, and then neither goes on; the request goes on. Guarantees: the limit is
/// met only where nothing moves.
#[tokio::test]
async fn an_early_answer_is_limited_as_well() {
    let server = Server::new(|mut peer, _| async move {
        peer.head().await;
        peer.say("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n")
            .await;
        peer.bytes(6 * 6).await;
        peer.say("a").await;
        peer.closed().await;
    })
    .await;
    let upstream = server.upstream_with(|route| route.timeout.idle = SHORT);
    let (_says, body) = piecemeal();
    let failed = broken(call(&upstream, request("POST", body)).await).await;
    is(&failed, CallFailureKind::Timeout(Phase::Idle), true);
    settled(&upstream, 0, 0).await;

    let (says, body) = piecemeal();
    let answer = call(&upstream, request("POST", body)).await;
    let slow = async {
        for _ in 0..6 {
            sleep(SHORT / 2).await;
            says.send(piece("a")).unwrap();
        }
    };
    let (body, ()) = tokio::join!(told(answer), slow);
    assert_eq!(body.1, "a");
}
