//! How streams and connections end, and what becomes of calls then.

use h2::Reason;
use http::Response;

use super::*;

/// Scenario: streams that are refused, reset, ended without an end, and closed with their connection. Guarantees: what was not processed
/// is told as such, and only that; what came is passed on, then a failure follows.
#[tokio::test]
async fn streams_that_break_off_are_told() {
    let server = answering(|request, mut respond| async move {
        match request.headers()["x-do"].to_str().unwrap() {
            "refuse" => respond.send_reset(Reason::REFUSED_STREAM),
            "reset" => respond.send_reset(Reason::INTERNAL_ERROR),
            "cut" => {
                let mut stream = respond.send_response(Response::new(()), false).unwrap();
                stream.send_data(Bytes::from_static(b"abc"), false).unwrap();
                sleep(Duration::from_millis(20)).await;
                stream.send_reset(Reason::NO_ERROR);
            }
            other => say(respond, other),
        }
    })
    .await;
    let upstream = over_http2(&server);
    let asking = |what: &'static str| {
        let mut asked = get();
        asked.headers_mut().insert("x-do", what.parse().unwrap());
        asked
    };
    for (what, may_have_arrived) in [("refuse", false), ("reset", true)] {
        let failed = failure(&upstream, asking(what)).await;
        assert_eq!(failed.kind, CallFailureKind::Closed, "{failed}");
        assert_eq!(failed.may_have_arrived, may_have_arrived, "{failed}");
    }
    let failed = broken(call(&upstream, asking("cut")).await).await;
    assert_eq!(failed.kind, CallFailureKind::Closed, "{failed}");
    assert_eq!(told(call(&upstream, asking("fine")).await).await.1, "fine");
    assert_eq!(server.connections(), 1);
}

/// Scenario: an upstream that says GOAWAY while a call is under way, and closes a connection that is idle. Guarantees: the call under
/// way ends well, the next goes to a connection of its own, none is lost.
#[tokio::test]
async fn a_connection_that_goes_away_is_left() {
    let server = serving(
        |_| {},
        |mut connection, _| async move {
            let Some(Ok((_, respond))) = connection.accept().await else {
                return;
            };
            connection.graceful_shutdown();
            let answer = async {
                sleep(SHORT).await;
                say(respond, "late");
            };
            let rest = async { while let Some(Ok(_)) = connection.accept().await {} };
            tokio::join!(answer, rest);
        },
    )
    .await;
    let upstream = over_http2(&server);
    let first = upstream.send(get());
    let second = async {
        sleep(SHORT / 2).await;
        call(&upstream, get()).await
    };
    let (first, second) = soon(async { tokio::join!(first, second) }).await;
    assert_eq!(told(first.unwrap()).await.1, "late");
    assert_eq!(told(second).await.1, "late");
    assert_eq!(server.connections(), 2);
    settled(&upstream, 0, 0).await;
    assert_eq!(told(call(&upstream, get()).await).await.1, "late");
}

/// Scenario: callers that go away before the head and in the middle of the body, and a request that breaks off. Guarantees: the upstream
/// sees the stream reset, and its connection stays.
#[tokio::test]
async fn a_call_that_is_dropped_is_reset() {
    static RESET: AtomicUsize = AtomicUsize::new(0);
    let server = answering(|request, mut respond| async move {
        if request.method() == "OPTIONS" {
            let mut stream = respond.send_response(Response::new(()), false).unwrap();
            stream.send_data(Bytes::from_static(b"abc"), false).unwrap();
            let _ = poll_fn(|context| stream.poll_reset(context)).await;
        } else {
            let _ = poll_fn(|context| respond.poll_reset(context)).await;
        }
        RESET.fetch_add(1, Ordering::SeqCst);
    })
    .await;
    let upstream = over_http2(&server);
    assert!(timeout(SHORT, upstream.send(get())).await.is_err());
    eventually("reset", || RESET.load(Ordering::SeqCst) == 1).await;
    let answer = call(&upstream, request("OPTIONS", RequestBody::whole(""))).await;
    let mut body = answer.into_body();
    assert_eq!(next(&mut body).await.unwrap().unwrap(), "abc");
    drop(body);
    eventually("reset", || RESET.load(Ordering::SeqCst) == 2).await;
    let (says, body) = piecemeal();
    says.send(piece("a part")).unwrap();
    says.send(Err("too large".into())).unwrap();
    let failed = failure(&upstream, request("POST", body)).await;
    assert_eq!(failed.kind, CallFailureKind::CallerBody);
    assert_eq!(failed.caller_error().unwrap().to_string(), "too large");
    eventually("reset", || RESET.load(Ordering::SeqCst) == 3).await;
    settled(&upstream, 0, 1).await;
    assert_eq!(server.connections(), 1);
}

/// Scenario: idle, old and superfluous connections. Guarantees: they are closed, those with streams only behind the last.
#[tokio::test]
async fn idle_and_old_connections_are_closed() {
    let server = answering(|_, respond| async move { say(respond, "ok") }).await;
    let idle = server.upstream_with(|route| {
        prior_knowledge(route);
        route.pool.idle_timeout = SHORT;
    });
    told(call(&idle, get()).await).await;
    settled(&idle, 0, 1).await;
    settled(&idle, 0, 0).await;

    let old = server.upstream_with(|route| {
        prior_knowledge(route);
        route.pool.max_age = Some(SHORT);
    });
    let held = call(&old, get()).await;
    sleep(SHORT).await;
    let before = server.connections();
    told(call(&old, get()).await).await;
    assert_eq!(server.connections(), before + 1);
    assert_eq!(told(held).await.1, "ok");

    let none = server.upstream_with(|route| {
        prior_knowledge(route);
        route.pool.max_idle = 0;
    });
    told(call(&none, get()).await).await;
    settled(&none, 0, 0).await;
}

/// Frames of an upstream, by hand: SETTINGS, and the answers to SETTINGS and PING (RFC 9113, sections 6.5 and 6.7).
const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
const PING: u8 = 6;

/// Scenario: an upstream that is gone without a word while a call waits: its packets get lost. Guarantees: it is asked, does not answer,
/// and the call fails long before its own limit.
#[tokio::test]
async fn a_dead_connection_is_noticed() {
    let server = Server::new(|mut peer, _| async move {
        peer.say(SETTINGS).await;
        peer.closed().await;
    })
    .await;
    let (failed, took) = waited(&server).await;
    assert_eq!(failed.kind, CallFailureKind::Closed, "{failed}");
    assert!(took < Duration::from_secs(60), "{took:?}");
}

/// Scenario: an upstream that has nothing to say for an hour, but answers when it is asked. Guarantees: the call waits as long as it may;
/// the upstream is asked rarely.
#[tokio::test]
async fn a_silent_connection_is_asked_rarely() {
    static PINGS: AtomicUsize = AtomicUsize::new(0);
    let server = Server::new(|mut peer, _| async move {
        peer.say(SETTINGS).await;
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
        assert_eq!(peer.bytes(preface.len()).await, preface);
        loop {
            let mut head = peer.bytes(9).await;
            let length = usize::from(head[1]) << 8 | usize::from(head[2]);
            let content = peer.bytes(length).await;
            if head[3] == PING {
                PINGS.fetch_add(1, Ordering::SeqCst);
                head[4] = 1;
                peer.say([head, content].concat()).await;
            }
        }
    })
    .await;
    let (failed, took) = waited(&server).await;
    assert_eq!(
        failed.kind,
        CallFailureKind::Timeout(Phase::FirstByte),
        "{failed}"
    );
    assert!(took > Duration::from_secs(3590), "{took:?}");
    let pings = PINGS.load(Ordering::SeqCst);
    assert!((5..20).contains(&pings), "{pings}");
}

/// How a call ends that gets no answer, and after how much time, which passes at once.
async fn waited(server: &Server) -> (CallFailure, Duration) {
    let upstream = server.upstream_with(|route| {
        prior_knowledge(route);
        route.timeout.first_byte = Duration::from_secs(3600);
    });
    let calling = tokio::spawn({
        let upstream = upstream.clone();
        async move { upstream.send(get()).await }
    });
    settled(&upstream, 1, 0).await;
    sleep(SHORT).await;
    tokio::time::pause();
    let start = tokio::time::Instant::now();
    let failed = calling.await.unwrap().unwrap_err();
    (failed, start.elapsed())
}
