use super::*;

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
    const HTML: (&str, &str) = ("content-type", "text/html");
    type Head = &'static [(&'static str, &'static str)];
    let cases: [(u16, Head, Reason, &str); 6] = [
        (
            200,
            &[HTML],
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
            &[HTML, ("grpc-status", "0")],
            Reason::Protocol,
            "the answer is HTTP, but not gRPC: status 200, content type text/html",
        ),
        (
            503,
            &[HTML],
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
