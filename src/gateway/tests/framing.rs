//! Requests whose framing two readers could understand in two ways (RFC 9112, section 11.2).

use super::rig::{Rig, body, header, reply, status};

async fn rig() -> Rig {
    Rig::start(&[reply(200, "", "ok")], |_| {}).await
}

/// Scenario: lengths and codings that contradict each other or themselves, each followed by a second request that must not be seen as one.
/// Guarantees: refused, and nothing reaches the upstream.
#[tokio::test]
async fn what_has_two_lengths_reaches_nobody() {
    let smuggled = "GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n";
    let heads = [
        "content-length: 4\r\ncontent-length: 5\r\n",
        "content-length: 4, 5\r\n",
        "content-length: +4\r\n",
        "content-length: -1\r\n",
        "content-length: 0x4\r\n",
        "content-length: 4 4\r\n",
        "content-length: 99999999999999999999\r\n",
        "content-length:\r\n",
        "transfer-encoding: xchunked\r\n",
        "transfer-encoding: chunked, identity\r\n",
        "transfer-encoding: gzip, chunked\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: \"chunked\"\r\n",
        "content-length : 4\r\n",
        "transfer-encoding : chunked\r\n",
        "x: a\r\n b\r\n",
        " x: a\r\n",
        "x\r\n",
        ": x\r\n",
        "x: a\0b\r\n",
    ];
    for head in heads {
        let rig = rig().await;
        let told = rig
            .ask("POST /", &format!("{head}\r\n0\r\n\r\n{smuggled}"))
            .await;
        assert_eq!(status(&told), 400, "{head:?}: {told}");
        assert_eq!(rig.asked(), Vec::<String>::new(), "{head:?}");
    }
}

/// Scenario: a length beside a coding; RFC 9112, section 6.3, lets the coding win and wants the connection closed.
/// Guarantees: the upstream gets the body as it was coded, framed anew without the length, and what follows on the connection is
/// never a request.
#[tokio::test]
async fn a_coding_beside_a_length_is_framed_anew() {
    let smuggled = "GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n";
    let both = [
        "content-length: 5\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 5\r\n",
    ];
    for head in both {
        let rig = rig().await;
        let request =
            format!("POST / HTTP/1.1\r\nhost: x\r\n{head}\r\n1\r\nA\r\n0\r\n\r\n{smuggled}");
        let told = rig.raw(request).await;
        assert_eq!((status(&told), body(&told)), (200, "ok"), "{told}");
        let asked = rig.asked();
        assert_eq!(asked.len(), 1, "{asked:?}");
        assert_eq!(header(&asked[0], "content-length"), None);
        assert_eq!(header(&asked[0], "transfer-encoding"), Some("chunked"));
        assert_eq!(body(&asked[0]), "1\r\nA\r\n0\r\n\r\n");
    }
}

/// Scenario: chunks whose sizes are no numbers, or too large, and chunks without an end.
/// Guarantees: the request is refused, and the upstream never sees it end.
#[tokio::test]
async fn broken_chunks_are_refused() {
    for chunks in [
        "x\r\n",
        "-1\r\nA\r\n",
        "fffffffffffffffff\r\nA",
        "1\r\nAB\r\n0\r\n\r\n",
        "1 1\r\nA\r\n",
    ] {
        let rig = rig().await;
        let told = rig
            .ask(
                "POST /",
                &format!("transfer-encoding: chunked\r\n\r\n{chunks}"),
            )
            .await;
        assert_eq!(status(&told), 400, "{chunks:?}: {told}");
        assert_eq!(rig.asked(), Vec::<String>::new(), "{chunks:?}");
    }
}

/// Scenario: lines that end with a bare line feed, or hold a bare carriage return.
/// Guarantees: what passes is written to the upstream anew, with proper ends of lines, and is one request.
#[tokio::test]
async fn ends_of_lines_are_written_anew() {
    let rig = rig().await;
    let told = rig
        .raw("GET /a HTTP/1.1\nhost: x\nconnection: close\n\n")
        .await;
    assert_eq!(status(&told), 200, "{told}");
    let asked = rig.asked();
    assert!(asked[0].starts_with("GET /a HTTP/1.1\r\n"), "{asked:?}");
    assert!(!asked[0].replace("\r\n", "").contains(['\r', '\n']));
    let told = rig.ask("GET /b", "x: a\rGET /c HTTP/1.1\r\n\r\n").await;
    assert_eq!((status(&told), rig.asked().len()), (400, 1), "{told}");
}

/// Scenario: heads that are too large, by many headers and by one, and targets that are too long.
/// Guarantees: 431 or 414, and nothing reaches the upstream; what just fits passes.
#[tokio::test]
async fn large_heads_are_refused() {
    let rig = rig().await;
    let large = format!("x: {}\r\n\r\n", "a".repeat(40 << 10));
    assert_eq!(status(&rig.ask("GET /", &large).await), 431);
    let many = "x: 0123456789012345678901234567890123456789\r\n".repeat(99) + "\r\n";
    assert_eq!(status(&rig.ask("GET /", &many).await), 431);
    let endless = format!("x: {}\r\n\r\n", "a".repeat(400 << 10));
    assert_eq!(status(&rig.ask("GET /", &endless).await), 431);
    let long = format!("GET /{}", "a".repeat(40 << 10));
    assert_eq!(status(&rig.ask(&long, "\r\n").await), 431);
    assert_eq!(rig.asked().len(), 0);
    let fits = format!("x: {}\r\n\r\n", "a".repeat(31 << 10));
    assert_eq!(status(&rig.ask("GET /", &fits).await), 200);
}

/// Scenario: targets that are none, and methods that make tunnels or echo.
/// Guarantees: each gets the status that says so.
#[tokio::test]
async fn targets_are_checked_first() {
    let rig = rig().await;
    let cases = [
        ("GET /../x", 400),
        ("GET /%2e%2e/x", 400),
        ("GET /a%00", 400),
        ("GET x", 400),
        ("GET *", 400),
        ("GET http://x/", 400),
        ("GET http://gateway/", 421),
        ("GET ftp://gateway/", 400),
        ("CONNECT up:80", 400),
        ("TRACE /", 405),
        ("OPTIONS *", 204),
    ];
    for (line, expected) in cases {
        let told = rig.ask(line, "\r\n").await;
        assert_eq!(status(&told), expected, "{line}: {told}");
        assert!(
            header(&told, "x-request-id").is_some() || expected == 400,
            "{told}"
        );
    }
    assert_eq!(rig.asked().len(), 0);
}
