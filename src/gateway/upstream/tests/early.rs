//! Answers that begin, or end, before the request does.

use super::*;

/// Scenario: an upstream that answers piece by piece what it gets. Guarantees: both directions go on, each as far as the other
/// side wants; the connection can be used again once both have ended.
#[tokio::test]
async fn both_directions_go_on() {
    let server = Server::new(|mut peer, _| async move {
        peer.head().await;
        peer.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            .await;
        for _ in 0..3 {
            let part = peer.bytes(8).await;
            peer.say(part).await;
        }
        peer.bytes(5).await;
        peer.say("0\r\n\r\n").await;
        while !peer.head().await.is_empty() {
            peer.say("HTTP/1.1 204 No Content\r\n\r\n").await;
        }
    })
    .await;
    let upstream = server.upstream();
    let (says, body) = piecemeal();
    let mut answer = call(&upstream, request("POST", body)).await.into_body();
    for text in ["one", "two", "six"] {
        says.send(piece(text)).unwrap();
        assert_eq!(next(&mut answer).await.unwrap().unwrap(), text);
    }
    drop(says);
    assert!(next(&mut answer).await.is_none());
    settled(&upstream, 0, 1).await;
    assert_eq!(told(call(&upstream, get()).await).await.0, 204);
    assert_eq!(server.connections(), 1);
}

/// Scenario: a caller that sends all before it reads anything, to an upstream that answered at once. Guarantees: the upload goes
/// on although nobody reads the answer.
#[tokio::test]
async fn an_upload_waits_for_no_reader() {
    const SIZE: usize = 4_000_000;
    static TAKEN: AtomicUsize = AtomicUsize::new(0);
    let server = Server::new(|mut peer, _| async move {
        peer.head().await;
        peer.say("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
            .await;
        TAKEN.store(peer.bytes(SIZE).await.len(), Ordering::SeqCst);
        peer.say("done").await;
        peer.closed().await;
    })
    .await;
    let upstream = server.upstream();
    let (says, body) = piecemeal();
    let answer = call(&upstream, request("PUT", body)).await;
    for _ in 0..SIZE / 1000 {
        says.send(piece(&"a".repeat(1000))).unwrap();
    }
    eventually("all is taken", || TAKEN.load(Ordering::SeqCst) == SIZE).await;
    assert_eq!(told(answer).await.1, "done");
}

/// Scenario: whole answers to requests that go on, with and without the connection closed behind them. Guarantees: the caller
/// gets the answer; the connection, which still owes a part of the request, is not used again.
#[tokio::test]
async fn an_answer_may_end_first() {
    let server = Server::new(|mut peer, number| async move {
        peer.head().await;
        peer.say("HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno")
            .await;
        match number {
            0 => peer.closed().await,
            _ => drop(peer),
        }
    })
    .await;
    let upstream = server.upstream();
    for _ in 0..2 {
        let (says, body) = piecemeal();
        says.send(piece("a part")).unwrap();
        let answer = call(&upstream, request("POST", body)).await;
        assert_eq!(told(answer).await, (413, "no".to_owned()));
        settled(&upstream, 0, 0).await;
        eventually("the body is let go", || says.is_closed()).await;
    }
    assert_eq!(server.connections(), 2);
}

/// Scenario: a whole answer to a large request of which the upstream has read nothing yet. Guarantees: the connection, on which the rest of
/// the request would follow, is not used again.
#[tokio::test]
async fn what_is_still_to_be_written_is_owed() {
    let server = Server::new(|mut peer, _| async move {
        peer.head().await;
        peer.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            .await;
        sleep(LONG).await;
    })
    .await;
    let upstream = server.upstream();
    let large = RequestBody::whole("a".repeat(16_000_000));
    let answer = call(&upstream, request("POST", large)).await;
    assert_eq!(told(answer).await.1, "ok");
    settled(&upstream, 0, 0).await;
}

/// Scenario: an upstream that answers and closes without reading a large request, so that writing it fails. Guarantees: the
/// caller gets the answer all the same (RFC 9112, section 9.6).
#[tokio::test]
async fn an_answer_is_heard_although_writing_failed() {
    let server = Server::new(|mut peer, _| async move {
        peer.head().await;
        peer.say(
            "HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno",
        )
        .await;
    })
    .await;
    let upstream = server.upstream();
    for _ in 0..20 {
        let large = RequestBody::whole("a".repeat(8_000_000));
        let answer = call(&upstream, request("POST", large)).await;
        assert_eq!(told(answer).await, (413, "no".to_owned()));
    }
    settled(&upstream, 0, 0).await;
}

/// Scenario: a request whose body breaks off, before and after the head of the answer. Guarantees: the failure says so and has
/// the cause; the upstream sees the connection close in place of an end.
#[tokio::test]
async fn a_request_may_break_off() {
    let server = Server::new(|mut peer, number| async move {
        peer.head().await;
        if number == 1 {
            peer.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                .await;
        }
        peer.closed().await;
        assert!(!peer.read.ends_with(b"0\r\n\r\n"));
    })
    .await;
    let upstream = server.upstream();
    let cause = || Err("too large".into());
    let (says, body) = piecemeal();
    says.send(piece("a part")).unwrap();
    let calling = upstream.send(request("POST", body));
    let breaking = async {
        sleep(Duration::from_millis(20)).await;
        says.send(cause()).unwrap();
    };
    let (failed, ()) = soon(async { tokio::join!(calling, breaking) }).await;
    let failed = failed.unwrap_err();
    assert_eq!(failed.kind, CallFailureKind::CallerBody);
    assert!(failed.may_have_arrived);
    assert_eq!(failed.caller_error().unwrap().to_string(), "too large");
    settled(&upstream, 0, 0).await;

    let (says, body) = piecemeal();
    let answer = call(&upstream, request("POST", body)).await;
    says.send(cause()).unwrap();
    let failed = broken(answer).await;
    assert_eq!(failed.kind, CallFailureKind::CallerBody);
    assert_eq!(failed.caller_error().unwrap().to_string(), "too large");
    settled(&upstream, 0, 0).await;
}
