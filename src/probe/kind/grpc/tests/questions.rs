use super::*;

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
