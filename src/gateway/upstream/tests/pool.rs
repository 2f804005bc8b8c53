//! Connections that are kept.

use super::*;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Scenario: an upstream that closes a connection behind each answer without having said so, at once and after a while.
/// Guarantees: every request, whatever its method, is answered; none is sent twice.
#[tokio::test]
async fn a_connection_that_was_closed_meanwhile_costs_nothing() {
    static SEEN: AtomicUsize = AtomicUsize::new(0);
    let server = Server::new(|mut peer, _| async move {
        let head = peer.head().await;
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let body = peer.bytes(length.unwrap().parse().unwrap()).await;
        assert_eq!(body, b"order");
        SEEN.fetch_add(1, Ordering::SeqCst);
        peer.say(OK).await;
    })
    .await;
    let upstream = server.upstream();
    for round in 0..20 {
        let answer = call(&upstream, post("order")).await;
        assert_eq!(told(answer).await.1, "ok");
        // The runtime may hear of the end of the connection only later than the call after it.
        sleep(Duration::from_millis(30)).await;
        assert_eq!(SEEN.load(Ordering::SeqCst), round + 1);
    }
    assert_eq!(server.connections(), 20);
}

/// Scenario: a kept connection on which a request is read, and closed without a word. Guarantees: the failure says that it may
/// have arrived, and it is not sent again here.
#[tokio::test]
async fn a_request_that_was_read_may_have_arrived() {
    let server = Server::new(|mut peer, _| async move {
        peer.head().await;
        peer.say(OK).await;
        peer.head().await;
    })
    .await;
    let upstream = server.upstream();
    told(call(&upstream, get()).await).await;
    let failed = failure(&upstream, get()).await;
    assert_eq!(failed.kind, CallFailureKind::Closed);
    assert!(failed.may_have_arrived);
    assert_eq!(server.connections(), 1);
}

/// Scenario: nobody listens. Guarantees: a failure to connect; nothing can have arrived.
#[tokio::test]
async fn what_is_not_connected_cannot_have_arrived() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let upstream = upstream(&format!("http://{address}"), |_| {});
    let failed = failure(&upstream, get()).await;
    assert_eq!(failed.kind, CallFailureKind::Connect);
    assert!(!failed.may_have_arrived);
    assert!(failed.message().contains("connection refused"), "{failed}");
    let nowhere = super::upstream("http://nowhere.invalid", |_| {});
    let failed = failure(&nowhere, get()).await;
    assert_eq!(failed.kind, CallFailureKind::Resolve);
    assert!(failed.message().contains("nowhere.invalid"), "{failed}");
}

/// Scenario: more calls at the same time than connections are kept. Guarantees: as many are kept as may be; the one used last is used
/// next.
#[tokio::test]
async fn few_are_kept_and_the_last_is_used_first() {
    let server = Server::new(|mut peer, number| async move {
        let mut round = 0;
        while !peer.head().await.is_empty() {
            // Those of the first round meet.
            sleep(Duration::from_millis(if round == 0 { 40 } else { 0 })).await;
            round += 1;
            peer.say(format!(
                "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{number}"
            ))
            .await;
        }
    })
    .await;
    let upstream = server.upstream_with(|route| route.pool.max_idle = 2);
    let calls = || async { told(call(&upstream, get()).await).await };
    tokio::join!(calls(), calls(), calls(), calls());
    settled(&upstream, 0, 2).await;
    assert_eq!(server.connections(), 4);
    let (_, first) = calls().await;
    for _ in 0..5 {
        assert_eq!(calls().await.1, first);
    }
    assert_eq!(server.connections(), 4);

    let none = server.upstream_with(|route| route.pool.max_idle = 0);
    told(call(&none, get()).await).await;
    settled(&none, 0, 0).await;
}

/// Scenario: connections that are idle for too long, or too old, with and without a call to notice. Guarantees: they are closed by
/// themselves, and not used again before that.
#[tokio::test]
async fn idle_and_old_connections_are_closed() {
    let server = Server::answering(OK).await;
    let idle = server.upstream_with(|route| route.pool.idle_timeout = SHORT);
    let old = server.upstream_with(|route| route.pool.max_age = Some(SHORT));
    for upstream in [idle, old] {
        told(call(&upstream, get()).await).await;
        assert_eq!(upstream.connections().idle, 1);
        sleep(SHORT).await;
        let before = server.connections();
        told(call(&upstream, get()).await).await;
        assert_eq!(server.connections(), before + 1);
        settled(&upstream, 0, 1).await;
    }
    let swept = server.upstream_with(|route| route.pool.idle_timeout = SHORT);
    told(call(&swept, get()).await).await;
    settled(&swept, 0, 0).await;
}

/// Scenario: an upstream that closes an idle connection. Guarantees: it is let go of without a call to notice.
#[tokio::test]
async fn a_closed_idle_connection_is_let_go_of() {
    let server = Server::new(|mut peer, _| async move {
        peer.head().await;
        peer.say(OK).await;
        sleep(SHORT).await;
    })
    .await;
    let upstream = server.upstream_with(|route| route.pool.idle_timeout = 5 * SHORT);
    told(call(&upstream, get()).await).await;
    settled(&upstream, 0, 1).await;
    let before = tokio::time::Instant::now();
    settled(&upstream, 0, 0).await;
    assert!(before.elapsed() < 4 * SHORT);
}
