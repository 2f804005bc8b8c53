use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use h2::server::SendResponse;
use h2::{Reason as Http2Reason, RecvStream};
use http::Response;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout as within;

use super::*;
use crate::config::{GrpcProbeSettings, ProbeUrl};
use crate::probe::failure::{Phase, Reason};

const SERVING: &[u8] = &[0, 0, 0, 0, 2, 0x08, 1];

/// A server of one connection, which `script` serves.
async fn server<F>(script: impl FnOnce(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { script(listener.accept().await.unwrap().0).await });
    address
}

/// A server that speaks HTTP/2 and answers one call as `answer` does.
async fn http2(
    answer: impl FnOnce(Request<RecvStream>, SendResponse<Bytes>) + Send + 'static,
) -> SocketAddr {
    server(|stream| async move {
        let mut connection = h2::server::handshake(stream).await.unwrap();
        let (request, respond) = connection.accept().await.unwrap().unwrap();
        answer(request, respond);
        while let Some(Ok(_)) = connection.accept().await {}
    })
    .await
}

fn settings(address: SocketAddr, asked: GrpcProbeSettings) -> ProbeSettings {
    let url = ProbeUrl::parse(&format!("grpc://{address}")).unwrap();
    let mut settings = ProbeSettings::new(url);
    settings.grpc = Some(asked);
    settings
}

fn about(service: &str) -> GrpcProbeSettings {
    GrpcProbeSettings {
        service: service.to_owned(),
        ..GrpcProbeSettings::default()
    }
}

fn a_run() -> Run {
    Run::begin(Duration::from_secs(5), HeaderMap::new())
}

/// Checks `address` once; the failure has the phase that the run was in.
async fn checked(address: SocketAddr, asked: GrpcProbeSettings) -> Result<(), Failure> {
    let (run, check) = (a_run(), GrpcCheck::new(&settings(address, asked)).unwrap());
    let checked = within(Duration::from_secs(10), check.check(&run)).await;
    checked.expect("it hangs").map_err(|mut failure| {
        failure.phase = run.last_phase();
        failure
    })
}

/// A head, and trailers, in the way that both are written here.
fn fields(list: &[(&'static str, &str)]) -> HeaderMap {
    let field = |(name, value): &(&'static str, &str)| {
        (
            HeaderName::from_static(name),
            HeaderValue::from_str(value).unwrap(),
        )
    };
    list.iter().map(field).collect()
}

/// A server that answers with a head, a body and trailers; without trailers the stream ends before them.
async fn answering(
    status: u16,
    head: &[(&'static str, &str)],
    body: &[u8],
    trailers: Option<&[(&'static str, &str)]>,
) -> SocketAddr {
    let (head, trailers) = (fields(head), trailers.map(fields));
    let body = Bytes::copy_from_slice(body);
    http2(move |_, mut respond| {
        let mut response = Response::builder().status(status).body(()).unwrap();
        *response.headers_mut() = head;
        let ends = body.is_empty() && trailers.is_none();
        let mut stream = respond.send_response(response, ends).unwrap();
        if !ends {
            stream.send_data(body, trailers.is_none()).unwrap();
        }
        if let Some(trailers) = trailers {
            stream.send_trailers(trailers).unwrap();
        }
    })
    .await
}

const IS_GRPC: (&str, &str) = ("content-type", "application/grpc");

/// Scenario: a server serves, and is asked about a service with metadata and a trace.
/// Guarantees: success, with the status in words; the request is what gRPC asks for: method, path, content type, te,
/// a timeout that is no longer than the run's, metadata and trace context; the message names the service.
#[tokio::test]
async fn asks_as_grpc_says_and_takes_serving_for_a_success() {
    let seen = Arc::new(Mutex::new(None));
    let noted = Arc::clone(&seen);
    let address = http2(move |request, mut respond| {
        let (head, mut body) = request.into_parts();
        tokio::spawn(async move {
            let message = body.data().await.unwrap().unwrap();
            *noted.lock().unwrap() = Some((head, message));
            let mut response = Response::new(());
            *response.headers_mut() = fields(&[IS_GRPC]);
            let mut stream = respond.send_response(response, false).unwrap();
            stream.send_data(SERVING.into(), false).unwrap();
            stream
                .send_trailers(fields(&[("grpc-status", "0")]))
                .unwrap();
        });
    })
    .await;
    let mut asked = about("shop.Orders");
    let token = Secret::new("Bearer 12345");
    asked.metadata.insert("Authorization".to_owned(), token);
    let trace = fields(&[(
        "traceparent",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    )]);
    let run = Run::begin(Duration::from_secs(5), trace);
    let check = GrpcCheck::new(&settings(address, asked)).unwrap();
    assert_eq!(check.check(&run).await, Ok(()));

    let found = run.take();
    assert_eq!(found.facts["serving_status"], "SERVING");
    let status = KeyValue::new(names::RPC_STATUS, "OK");
    assert!(found.attributes.contains(&status), "{:?}", found.attributes);
    let phases: Vec<_> = found.laps.iter().map(|lap| lap.phase).collect();
    let expected = [
        Phase::Resolve,
        Phase::Connect,
        Phase::FirstByte,
        Phase::Body,
    ];
    assert_eq!(phases, expected);

    let (head, message) = seen.lock().unwrap().take().unwrap();
    assert_eq!((head.method.as_str(), head.uri.path()), ("POST", PATH));
    assert_eq!(head.uri.authority().unwrap().as_str(), address.to_string());
    let header = |name: &str| head.headers[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "application/grpc");
    assert_eq!(header("te"), "trailers");
    assert_eq!(header("authorization"), "Bearer 12345");
    assert!(header("traceparent").starts_with("00-0af7651916cd43dd"));
    let timeout: u32 = header("grpc-timeout")
        .trim_end_matches('m')
        .parse()
        .unwrap();
    assert!((1..=5000).contains(&timeout), "{timeout}");
    assert_eq!(&message[..], b"\0\0\0\0\x0d\x0a\x0bshop.Orders");
}

/// Scenario: servers answer everything but SERVING, each in the way that gRPC has for it.
/// Guarantees: each has its reason and a sentence that says what the server said.
#[tokio::test]
async fn every_answer_has_its_reason() {
    let ok = |status: u8| vec![0, 0, 0, 0, 2, 0x08, status];
    let messages = [
        (ok(2), Reason::Unavailable, "service \"a.B\" is NOT_SERVING"),
        (ok(0), Reason::Unavailable, "service \"a.B\" is UNKNOWN"),
        (
            vec![0; 5],
            Reason::Unavailable,
            "service \"a.B\" is UNKNOWN",
        ),
        (ok(3), Reason::Missing, "service \"a.B\" is SERVICE_UNKNOWN"),
        (
            ok(9),
            Reason::Protocol,
            "the answer's status is 9, which means nothing",
        ),
        (vec![], Reason::Protocol, "the answer holds no message"),
        (
            vec![0, 0, 0],
            Reason::Protocol,
            "the answer holds no message",
        ),
        (
            vec![1, 0, 0, 0, 0],
            Reason::Protocol,
            "the answer is compressed, which was not offered",
        ),
        (
            vec![0, 0xff, 0xff, 0xff, 0xff, 8, 1],
            Reason::Protocol,
            "the answer's message is 2 bytes long where its prefix says 4294967295",
        ),
        (
            vec![0, 0, 0, 0, 2, 8, 0x80],
            Reason::Protocol,
            "the answer is no HealthCheckResponse: the bytes end within a value",
        ),
        (
            vec![0, 0, 0, 0, 2, 10, 0],
            Reason::Protocol,
            "the answer's status is no number",
        ),
    ];
    for (body, reason, message) in messages {
        let address = answering(200, &[IS_GRPC], &body, Some(&[("grpc-status", "0")])).await;
        let failure = checked(address, about("a.B")).await.unwrap_err();
        assert_eq!(
            (failure.reason, failure.message.as_str()),
            (reason, message)
        );
        assert_eq!(failure.phase, Some(Phase::Body), "{message}");
    }
}

/// Scenario: calls end with every status that has a meaning of its own, in the head alone and in trailers.
/// Guarantees: reason, name of the status and the server's own message, decoded and cut.
#[tokio::test]
async fn every_status_has_its_reason() {
    let long = "x".repeat(5000);
    let cut = format!("the call failed (INTERNAL): {}…", "x".repeat(200));
    let calls = [
        (
            "5",
            "unknown service",
            Reason::Missing,
            "the server does not know the service (NOT_FOUND): unknown service",
        ),
        (
            "12",
            "",
            Reason::Protocol,
            "the server does not offer grpc.health.v1.Health (UNIMPLEMENTED)",
        ),
        (
            "16",
            "gr%C3%B6%C3%9Fe%0Ano",
            Reason::Auth,
            "the server does not know who asks (UNAUTHENTICATED): größe no",
        ),
        (
            "7",
            "no",
            Reason::Permission,
            "the server does not allow the call (PERMISSION_DENIED): no",
        ),
        (
            "14",
            "",
            Reason::Unavailable,
            "the server is not available (UNAVAILABLE)",
        ),
        (
            "4",
            "",
            Reason::Timeout,
            "the server ran out of time (DEADLINE_EXCEEDED)",
        ),
        (
            "8",
            "",
            Reason::Full,
            "the server has no room for the call (RESOURCE_EXHAUSTED)",
        ),
        ("13", long.as_str(), Reason::Query, cut.as_str()),
        (
            "99",
            "%zz%",
            Reason::Query,
            "the call failed (UNKNOWN): %zz%",
        ),
        ("-1e9", "", Reason::Query, "the call failed (UNKNOWN)"),
    ];
    for (status, said, reason, message) in calls {
        let trailers = [("grpc-status", status), ("grpc-message", said)];
        let only = answering(200, &[IS_GRPC, trailers[0], trailers[1]], b"", None).await;
        let failure = checked(only, about("")).await.unwrap_err();
        assert_eq!(
            (failure.reason, failure.message.as_str()),
            (reason, message)
        );
        assert_eq!(failure.phase, Some(Phase::FirstByte), "{message}");

        let after = answering(200, &[IS_GRPC], b"", Some(&trailers)).await;
        let failure = checked(after, about("")).await.unwrap_err();
        assert_eq!(
            (failure.reason, failure.message.as_str()),
            (reason, message)
        );
        assert_eq!(failure.phase, Some(Phase::Body), "{message}");
    }
}

/// Scenario: HTTP/2 servers that speak no gRPC, and one that leaves the status out.
/// Guarantees: the failure says what came instead; what a proxy says of itself is not called a wrong protocol.
#[tokio::test]
async fn http_that_is_no_grpc_is_told_apart() {
    let html = ("content-type", "text/html");
    let cases: [(u16, &[(&'static str, &str)], Reason, &str); 6] = [
        (
            200,
            &[html],
            Reason::Protocol,
            "the answer is HTTP, but not gRPC: status 200, content type text/html",
        ),
        (
            404,
            &[],
            Reason::Protocol,
            "the answer is HTTP, but not gRPC: status 404, no content type",
        ),
        (
            200,
            &[html, ("grpc-status", "0")],
            Reason::Protocol,
            "the answer is HTTP, but not gRPC: status 200, content type text/html",
        ),
        (
            503,
            &[html],
            Reason::Unavailable,
            "the answer is HTTP, but not gRPC: status 503, content type text/html",
        ),
        (
            401,
            &[],
            Reason::Auth,
            "the answer is HTTP, but not gRPC: status 401, no content type",
        ),
        (
            200,
            &[IS_GRPC],
            Reason::Protocol,
            "the answer carries no grpc-status",
        ),
    ];
    for (status, head, reason, message) in cases {
        let address = answering(status, head, SERVING, None).await;
        let failure = checked(address, about("")).await.unwrap_err();
        assert_eq!(
            (failure.reason, failure.message.as_str()),
            (reason, message)
        );
    }
}

/// Scenario: a server sends a message without end.
/// Guarantees: it is cut off after the limit.
#[tokio::test]
async fn an_endless_message_is_cut_off() {
    let address = http2(|_, mut respond| {
        let mut response = Response::new(());
        *response.headers_mut() = fields(&[IS_GRPC]);
        let mut stream = respond.send_response(response, false).unwrap();
        stream.send_data(vec![0; 1 << 20].into(), false).unwrap();
        // Dropped, it would reset the stream.
        tokio::spawn(
            async move { std::future::poll_fn(|context| stream.poll_reset(context)).await },
        );
    })
    .await;
    let failure = checked(address, about("")).await.unwrap_err();
    assert_eq!(failure.reason, Reason::Protocol);
    assert_eq!(failure.message, "the answer is longer than 16384 bytes");
}

/// Scenario: a server resets the stream, with each meaning that gRPC gives it, or ends the connection.
/// Guarantees: the reason is the one meant.
#[tokio::test]
async fn a_call_that_is_broken_off_says_how() {
    let resets = [
        (Http2Reason::REFUSED_STREAM, Reason::Unavailable),
        (Http2Reason::ENHANCE_YOUR_CALM, Reason::Full),
        (Http2Reason::INADEQUATE_SECURITY, Reason::Permission),
        (Http2Reason::INTERNAL_ERROR, Reason::Protocol),
        (Http2Reason::CANCEL, Reason::Protocol),
    ];
    for (why, reason) in resets {
        let address = http2(move |_, mut respond| respond.send_reset(why)).await;
        let failure = checked(address, about("")).await.unwrap_err();
        assert_eq!(failure.reason, reason, "{why:?}: {failure}");
        assert_eq!(failure.phase, Some(Phase::FirstByte));
    }
    for (why, reason) in [
        (Http2Reason::NO_ERROR, Reason::Unavailable),
        (Http2Reason::PROTOCOL_ERROR, Reason::Protocol),
    ] {
        let address = server(move |stream| async move {
            let going = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            let why = u32::from(why).to_be_bytes();
            send(
                stream,
                &[&[0, 0, 0, 4, 0, 0, 0, 0, 0][..], &going, &why].concat(),
            )
            .await;
        })
        .await;
        let failure = checked(address, about("")).await.unwrap_err();
        assert_eq!(failure.reason, reason, "{why:?}: {failure}");
    }
}

/// Sends `bytes`, then reads until the other side ends.
async fn send(mut stream: TcpStream, bytes: &[u8]) {
    let _ = stream.write_all(bytes).await;
    let _ = stream.read_to_end(&mut Vec::new()).await;
}

/// Scenario: servers that speak no HTTP/2 at all, one that ends every connection, and one that sends header frames
/// without end.
/// Guarantees: each ends at once, as a failure of the protocol or as closed; none hangs.
#[tokio::test]
async fn what_is_not_http2_ends_at_once() {
    let http1 = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
    let garbage = [0xff; 4096];
    // SETTINGS, then header fields of stream 1 that never end: as its head, and as trailers behind a head (":status: 200").
    let fields = [0, 0, 3, 9, 0, 0, 0, 0, 1, 0x00, 0x01, b'a'].repeat(20_000);
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    let status = [0, 0, 1, 1, 4, 0, 0, 0, 1, 0x88];
    let head = [&settings[..], &[0, 0, 0, 1, 0, 0, 0, 0, 1], &fields].concat();
    let trailers = [
        &settings[..],
        &status,
        &[0, 0, 0, 1, 1, 0, 0, 0, 1],
        &fields,
    ]
    .concat();
    for sent in [&http1[..], &garbage, &head, &trailers] {
        let sent = sent.to_vec();
        let address = server(move |stream| async move { send(stream, &sent).await }).await;
        let failure = checked(address, about("")).await.unwrap_err();
        assert_eq!(failure.reason, Reason::Protocol, "{failure}");
        assert!(failure.message.contains("not valid HTTP/2"), "{failure}");
    }
    let address = server(|stream| async move { drop(stream) }).await;
    let failure = checked(address, about("")).await.unwrap_err();
    assert_eq!(failure.reason, Reason::Closed, "{failure}");
}

/// Scenario: an answer has trailers that are far too large, the status behind what is too much.
/// Guarantees: what is too much is not kept, and so the run ends with a failure of the protocol.
#[tokio::test]
async fn trailers_have_a_limit() {
    let large = "x".repeat(60_000);
    let trailers = [("grpc-message", large.as_str()), ("grpc-status", "0")];
    let address = answering(200, &[IS_GRPC], SERVING, Some(&trailers)).await;
    let failure = checked(address, about("")).await.unwrap_err();
    assert_eq!(failure.reason, Reason::Protocol, "{failure}");
}

/// Scenario: a server accepts the call and says nothing; the run is dropped.
/// Guarantees: the connection ends with it, without waiting for the server.
#[tokio::test]
async fn a_dropped_run_leaves_no_connection() {
    let (tell, ended) = tokio::sync::oneshot::channel();
    let address = server(|mut stream| async move {
        let _ = stream.read_to_end(&mut Vec::new()).await;
        let _ = tell.send(());
    })
    .await;
    let check = GrpcCheck::new(&settings(address, about(""))).unwrap();
    let run = a_run();
    let cut_off = within(Duration::from_millis(100), check.check(&run)).await;
    assert!(cut_off.is_err(), "it ended by itself");
    assert_eq!(run.last_phase(), Some(Phase::FirstByte));
    within(Duration::from_secs(5), ended)
        .await
        .unwrap()
        .unwrap();
}

/// Scenario: a server repeats the token that it was sent in its message.
/// Guarantees: it is told without the token, whole or without the word in front of it.
#[tokio::test]
async fn a_token_that_is_repeated_is_not_passed_on() {
    let mut asked = about("");
    let token = Secret::new("Bearer s3cr3t-t0ken");
    asked.metadata.insert("authorization".to_owned(), token);
    for said in ["bad: Bearer s3cr3t-t0ken!", "bad: s3cr3t-t0ken!"] {
        let head = [IS_GRPC, ("grpc-status", "16"), ("grpc-message", said)];
        let address = answering(200, &head, b"", None).await;
        let failure = checked(address, asked.clone()).await.unwrap_err();
        let expected = "the server does not know who asks (UNAUTHENTICATED): bad: [secret]!";
        assert_eq!(failure.message, expected);
    }
}

/// Scenario: metadata that cannot be sent.
/// Guarantees: it is refused before anything runs, by its name and never by its value.
#[test]
fn metadata_that_cannot_be_sent_is_refused() {
    let cases = [
        (
            "gr öße",
            "value",
            "grpc.metadata.gr öße cannot be sent: its name may hold letters, digits, \"-\", \"_\" and \".\"",
        ),
        (
            "grpc-timeout",
            "1S",
            "grpc.metadata.grpc-timeout cannot be sent: names that begin with \"grpc-\" are gRPC's own",
        ),
        (
            "token",
            "s3cr3t\n",
            "grpc.metadata.token cannot be sent: its value may hold printable ASCII only",
        ),
    ];
    for (name, value, expected) in cases {
        let mut asked = about("");
        asked.metadata.insert(name.to_owned(), Secret::new(value));
        let refused = GrpcCheck::new(&settings(([127, 0, 0, 1], 1).into(), asked));
        assert_eq!(refused.unwrap_err(), expected);
    }
}

/// Scenario: runs with nothing left of their time, some, and more than the header can say.
/// Guarantees: the header is always one that gRPC can read.
#[test]
fn the_timeout_header_has_at_most_eight_digits() {
    let cases = [
        (Duration::ZERO, "1m"),
        (Duration::from_millis(1500), "1500m"),
        (Duration::MAX, "99999999m"),
    ];
    for (left, expected) in cases {
        assert_eq!(timeout(left), expected);
    }
}
