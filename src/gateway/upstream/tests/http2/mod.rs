//! HTTP/2: streams, flow control, limits, and (in `ends`) how streams and connections end.

mod ends;

use h2::RecvStream;
use h2::server::{self, SendResponse};
use http::{HeaderMap, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite};

use super::*;
use crate::config::{ByteSize, HttpVersion};
use crate::gateway::Phase;

type Connection<S> = server::Connection<S, Bytes>;

/// Answers every request on `stream` with `said`.
pub(super) async fn answer_all<S: AsyncRead + AsyncWrite + Unpin>(stream: S, said: &str) {
    let mut connection = server::handshake(stream).await.unwrap();
    while let Some(Ok((_, respond))) = connection.accept().await {
        say(respond, said);
    }
}

fn say(mut respond: SendResponse<Bytes>, said: &str) {
    let said = Bytes::copy_from_slice(said.as_bytes());
    let answer = Response::builder().header("content-length", said.len());
    let mut stream = respond
        .send_response(answer.body(()).unwrap(), false)
        .unwrap();
    stream.send_data(said, true).unwrap();
}

/// A server without TLS that treats each connection as `serve` does.
async fn serving<F: Future<Output = ()> + Send>(
    change: impl Fn(&mut server::Builder) + Send + Sync + Copy + 'static,
    serve: impl Fn(Connection<TcpStream>, usize) -> F + Send + Sync + Copy + 'static,
) -> Server {
    Server::new(move |peer, number| async move {
        let mut builder = server::Builder::new();
        change(&mut builder);
        serve(builder.handshake(peer.stream).await.unwrap(), number).await;
    })
    .await
}

/// The same, treating each request by itself.
async fn answering<F: Future<Output = ()> + Send + 'static>(
    answer: impl Fn(Request<RecvStream>, SendResponse<Bytes>) -> F + Send + Sync + Copy + 'static,
) -> Server {
    serving(
        |_| {},
        move |mut connection, _| async move {
            while let Some(Ok((request, respond))) = connection.accept().await {
                tokio::spawn(answer(request, respond));
            }
        },
    )
    .await
}

fn over_http2(server: &Server) -> Upstream {
    server.upstream_with(prior_knowledge)
}

fn prior_knowledge(route: &mut RouteSettings) {
    route.version = HttpVersion::Http2;
}

/// All of a body, giving back room as it goes.
async fn all(body: &mut RecvStream) -> String {
    let mut seen = String::new();
    while let Some(data) = body.data().await {
        let data = data.unwrap();
        let _ = body.flow_control().release_capacity(data.len());
        seen.push_str(std::str::from_utf8(&data).unwrap());
    }
    seen
}

/// Scenario: calls one after the other and at the same time, with what HTTP/1.1 says of connections in their heads. Guarantees: one
/// connection; the upstream sees a host, a path and no such header; the length is told.
#[tokio::test]
async fn calls_share_a_connection() {
    let server = answering(|request, respond| async move {
        let (head, mut body) = request.into_parts();
        assert_eq!(head.uri, "http://service.example/a?b=c");
        for name in [
            "host",
            "connection",
            "keep-alive",
            "transfer-encoding",
            "upgrade",
            "te",
        ] {
            assert!(!head.headers.contains_key(name), "{name}");
        }
        let length = head
            .headers
            .get("content-length")
            .map(|length| length.to_str().unwrap());
        let said = format!(
            "{} {} {}",
            head.method,
            length.unwrap_or("-"),
            all(&mut body).await
        );
        say(respond, &said);
    })
    .await;
    let upstream = over_http2(&server);
    let asking = |method, body| {
        let mut asked = request(method, RequestBody::whole(body));
        for (name, value) in [
            ("connection", "keep-alive"),
            ("keep-alive", "timeout=5"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("te", "gzip"),
        ] {
            asked.headers_mut().insert(name, value.parse().unwrap());
        }
        asked
    };
    for (method, body, seen) in [
        ("GET", "", "GET - "),
        ("POST", "", "POST 0 "),
        ("POST", "abc", "POST 3 abc"),
        ("DELETE", "x", "DELETE 1 x"),
    ] {
        let answer = call(&upstream, asking(method, body)).await;
        assert_eq!(answer.body().size_hint().exact(), Some(seen.len() as u64));
        assert_eq!(told(answer).await.1, seen);
        settled(&upstream, 0, 1).await;
    }
    let calls = (0..50).map(|_| {
        let upstream = upstream.clone();
        let asked = asking("GET", "");
        tokio::spawn(async move { told(call(&upstream, asked).await).await })
    });
    for call in calls.collect::<Vec<_>>() {
        assert_eq!(call.await.unwrap().1, "GET - ");
    }
    assert_eq!(server.connections(), 1);
}

/// Scenario: many first calls at the same time. Guarantees: the first makes the connection, the others wait for it.
#[tokio::test]
async fn first_calls_share_one_connection() {
    let server = answering(|_, respond| async move { say(respond, "ok") }).await;
    let upstream = over_http2(&server);
    let calls = (0..20).map(|_| {
        let upstream = upstream.clone();
        tokio::spawn(async move { told(call(&upstream, get()).await).await })
    });
    for call in calls.collect::<Vec<_>>() {
        assert_eq!(call.await.unwrap().1, "ok");
    }
    assert_eq!(server.connections(), 1);
}

/// Scenario: an upstream that allows one stream at a time. Guarantees: calls at the same time do not wait for each other, but get
/// connections of their own, which are used again.
#[tokio::test]
async fn connections_are_added_where_streams_run_out() {
    let server = serving(
        |builder| {
            builder.max_concurrent_streams(1);
        },
        |mut connection, _| async move {
            while let Some(Ok((_, respond))) = connection.accept().await {
                tokio::spawn(async move {
                    sleep(SHORT).await;
                    say(respond, "ok");
                });
            }
        },
    )
    .await;
    let upstream = over_http2(&server);
    told(call(&upstream, get()).await).await;
    for _ in 0..2 {
        let one = || async { told(call(&upstream, get()).await).await };
        let start = tokio::time::Instant::now();
        tokio::join!(one(), one(), one());
        assert!(start.elapsed() < 2 * SHORT);
        settled(&upstream, 0, 3).await;
    }
    assert_eq!(server.connections(), 3);
}

/// Scenario: large bodies in both directions, trailers in both directions, and a conversation. Guarantees: all of it arrives, in its
/// order, neither direction waiting for the other.
#[tokio::test]
async fn bodies_stream_both_ways() {
    let server = answering(|request, mut respond| async move {
        let (head, mut body) = request.into_parts();
        let mut stream = respond.send_response(Response::new(()), false).unwrap();
        while let Some(data) = body.data().await {
            let data = data.unwrap();
            let _ = body.flow_control().release_capacity(data.len());
            stream.send_data(data, false).unwrap();
        }
        let mut trailers = body.trailers().await.unwrap().unwrap_or_default();
        trailers.insert("x-method", head.method.as_str().parse().unwrap());
        stream.send_trailers(trailers).unwrap();
    })
    .await;
    let upstream = over_http2(&server);
    let text: String = ('a'..='z').cycle().take(3_000_000).collect();
    let answer = call(&upstream, request("PUT", RequestBody::whole(text.clone()))).await;
    let whole = soon(answer.into_body().collect()).await.unwrap();
    assert_eq!(whole.trailers().unwrap()["x-method"], "PUT");
    assert!(whole.to_bytes() == text.as_bytes());

    let (says, body) = piecemeal();
    let mut answer = call(&upstream, request("POST", body)).await.into_body();
    for text in ["one", "two"] {
        says.send(piece(text)).unwrap();
        assert_eq!(next(&mut answer).await.unwrap().unwrap(), text);
    }
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", "6".parse().unwrap());
    says.send(Ok(Frame::trailers(trailers))).unwrap();
    drop(says);
    let whole = soon(answer.collect()).await.unwrap();
    let trailers = whole.trailers().unwrap();
    assert_eq!(
        (&trailers["x-sum"], &trailers["x-method"]),
        (&"6".parse().unwrap(), &"POST".parse().unwrap())
    );
    settled(&upstream, 0, 1).await;
    assert_eq!(server.connections(), 1);
}

/// Scenario: heads that are too large, and 1xx without end. Guarantees: a failure; other calls on the connection go on.
#[tokio::test]
async fn heads_are_limited() {
    let server = answering(|request, mut respond| async move {
        if request.headers().contains_key("x-flood") {
            for _ in 0..1000 {
                let interim = Response::builder()
                    .status(StatusCode::EARLY_HINTS)
                    .body(())
                    .unwrap();
                if respond.send_informational(interim).is_err() {
                    return;
                }
            }
        }
        let size = request
            .headers()
            .get("x-size")
            .map_or(0, |size| size.to_str().unwrap().parse().unwrap());
        let answer = Response::builder()
            .header("x", "a".repeat(size))
            .body(())
            .unwrap();
        let _ = respond.send_response(answer, true);
    })
    .await;
    let upstream = server.upstream_with(|route| {
        prior_knowledge(route);
        route.max_answer_head = ByteSize::kib(8);
    });
    for (name, value, passes) in [
        ("x-size", "8000", true),
        ("x-size", "9000", false),
        ("x-flood", "yes", false),
        ("x-size", "0", true),
    ] {
        let mut asked = get();
        asked.headers_mut().insert(name, value.parse().unwrap());
        match soon(upstream.send(asked)).await {
            Ok(answer) => assert!(passes && answer.body().is_end_stream(), "{name} {value}"),
            Err(failed) => {
                assert!(!passes, "{name} {value}: {failed}");
                assert_eq!(failed.kind, CallFailureKind::Protocol, "{failed}");
            }
        }
    }
    assert_eq!(server.connections(), 1);
}

/// Scenario: an upstream that does not answer, one that takes nothing of a body, a caller that stalls, a body that stops. Guarantees: the
/// limit of each step; only the stream ends, not its connection.
#[tokio::test]
async fn steps_are_limited() {
    let server = answering(|request, mut respond| async move {
        let (head, _body) = request.into_parts();
        if head.method == "OPTIONS" {
            let _stream = respond.send_response(Response::new(()), false).unwrap();
            return sleep(LONG).await;
        }
        sleep(LONG).await;
    })
    .await;
    let upstream = server.upstream_with(|route| {
        prior_knowledge(route);
        route.timeout.send = SHORT;
        route.timeout.first_byte = 2 * SHORT;
        route.timeout.idle = SHORT;
    });
    let (_says, stalls) = piecemeal();
    let large = RequestBody::whole("a".repeat(8_000_000));
    let cases = [
        (get(), CallFailureKind::Timeout(Phase::FirstByte)),
        (request("PUT", large), CallFailureKind::Timeout(Phase::Send)),
        (request("POST", stalls), CallFailureKind::CallerStalled),
    ];
    for (asked, kind) in cases {
        let failed = failure(&upstream, asked).await;
        assert_eq!(failed.kind, kind, "{failed}");
        assert!(failed.may_have_arrived);
    }
    let answer = call(&upstream, request("OPTIONS", RequestBody::whole(""))).await;
    let failed = broken(answer).await;
    assert_eq!(
        failed.kind,
        CallFailureKind::Timeout(Phase::Idle),
        "{failed}"
    );
    settled(&upstream, 0, 1).await;
    assert_eq!(server.connections(), 1);
}
