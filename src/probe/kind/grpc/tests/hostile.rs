use super::*;

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
