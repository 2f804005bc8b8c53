//! What is expected of answers.

use super::*;

/// An answer with a body.
fn answer(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n{body}")
}

/// Scenario: statuses inside and outside of what counts as a success, redirects and those without a name among them.
/// Guarantees: the status alone decides, and the message says both what came and what was expected.
#[tokio::test]
async fn statuses_are_judged() {
    let cases: [(&str, &[&str], Option<&str>); 9] = [
        ("200 OK", &["2xx"], None),
        ("204 No Content", &["204"], None),
        ("404 Not Found", &["200-299", "404"], None),
        ("301 Moved Permanently", &["3xx"], None),
        (
            "503 Service Unavailable",
            &["2xx"],
            Some("the status is 503 Service Unavailable, expected 2xx"),
        ),
        (
            "200 OK",
            &["204", "3xx"],
            Some("the status is 200 OK, expected 204 or 3xx"),
        ),
        (
            "299 Whatever",
            &["200"],
            Some("the status is 299, expected 200"),
        ),
        (
            "999 Blocked",
            &["2xx"],
            Some("the status is 999, expected 2xx"),
        ),
        (
            "401 Unauthorized",
            &["2xx"],
            Some("the status is 401 Unauthorized, expected 2xx"),
        ),
    ];
    for (status, expected, failure) in cases {
        let address = answering(answer(status, "", "")).await;
        let ended = probe(address, |http| {
            http.status = expected.iter().map(|text| (*text).to_owned()).collect();
        })
        .await;
        match failure {
            None => ended.passes(),
            Some(text) => ended.fails(Reason::Status, Phase::FirstByte, text),
        }
        let status: u16 = status[..3].parse().unwrap();
        assert_eq!(ended.fact("status"), status);
    }
    let leads = "location: https://shop.example/login?token=abc#x\r\n";
    let address = answering(answer("302 Found", leads, "")).await;
    let text = "the status is 302 Found to https://shop.example/login, not followed (http.redirects), expected 2xx";
    probe(address, |_| {})
        .await
        .fails(Reason::Status, Phase::FirstByte, text);
}

/// Scenario: headers that match, do not, come twice, are missing, are long or hostile. Guarantees: one value that matches is
/// enough; otherwise the message says what was found, cut and visible.
#[tokio::test]
async fn headers_are_judged() {
    let cases = [
        (
            "Content-Type: application/json\r\n",
            "^application/json",
            None,
        ),
        (
            "x: 1\r\ncontent-type: text/html\r\ncontent-type: application/json\r\n",
            "json",
            None,
        ),
        ("content-type:\r\n", "^$", None),
        (
            "content-type: text/html\r\n",
            "^application/json",
            Some(
                "the header content-type is \"text/html\", which does not match ^application/json",
            ),
        ),
        (
            "",
            "json",
            Some("there is no header content-type, expected one that matches json"),
        ),
        ("content-type: \t\u{1b}[2J\r\n", "json", None),
    ];
    for (headers, pattern, failure) in cases {
        let address = answering(answer("200 OK", headers, "")).await;
        let ended = probe(address, |http| {
            http.expect_headers = [("Content-Type".to_owned(), pattern.to_owned())].into();
        })
        .await;
        match (failure, headers.contains('\u{1b}')) {
            (Some(text), _) => ended.fails(Reason::Assertion, Phase::FirstByte, text),
            (None, true) => ended.fails(Reason::Protocol, Phase::FirstByte, "header"),
            (None, false) => ended.passes(),
        }
    }
    let long = format!("x: {}\r\n", "\u{e9}".repeat(5000));
    let address = answering(answer("200 OK", &long, "")).await;
    let ended = probe(address, |http| {
        http.expect_headers = [("x".to_owned(), "^ok$".to_owned())].into();
    })
    .await;
    ended.fails(Reason::Assertion, Phase::FirstByte, "ééé…\"");
    assert!(ended.failure.unwrap().message.chars().count() < 200);
}

/// Scenario: bodies that match patterns or do not, of text and of bytes that are no text. Guarantees: every wanted pattern must
/// match and no unwanted one; the message holds lengths and patterns, and nothing of the body.
#[tokio::test]
async fn bodies_are_judged() {
    let body = "{\"status\":\"ok\",\"token\":\"hunter22\"}\u{0}";
    let cases: [(&[&str], &[&str], &[&str]); 5] = [
        (&["\"status\":\"ok\"", "(?-u)\\x00$"], &["(?i)error"], &[]),
        (
            &["degraded"],
            &[],
            &["the body does not match degraded (it has 35 bytes)"],
        ),
        (
            &[],
            &["hunter"],
            &["the body matches hunter, which it must not"],
        ),
        (
            &["degraded", "ok", "worse"],
            &["status"],
            &[
                "does not match degraded (",
                "; the body does not match worse (",
                "; the body matches status,",
            ],
        ),
        (&["^$"], &[], &["the body does not match ^$"]),
    ];
    for (wanted, unwanted, failure) in cases {
        let address = answering(answer("200 OK", "", body)).await;
        let own = |patterns: &[&str]| patterns.iter().map(|one| (*one).to_owned()).collect();
        let ended = probe(address, |http| {
            http.expect_body = own(wanted);
            http.refuse_body = own(unwanted);
        })
        .await;
        match failure {
            [] => ended.passes(),
            texts => texts
                .iter()
                .for_each(|text| ended.fails(Reason::Assertion, Phase::Body, text)),
        }
        if let Some(failure) = ended.failure {
            assert!(!failure.message.contains("hunter2"), "{}", failure.message);
        }
    }
}

/// Scenario: JSON paths that find values that match, one that does not among many, none, and bodies that are no JSON, deep, or
/// empty. Guarantees: every value found must match; the message shows the one that does not, cut.
#[tokio::test]
async fn json_is_judged() {
    let body = r#"{"status":"ok","checks":[{"name":"db","up":true},{"name":"cache","up":false}],"n":3,"none":null,
        "long":"LONG","list":[1,"two"]}"#;
    let body = body.replace("LONG", &"x".repeat(500));
    let long = format!("$.long is \"{}…\"", "x".repeat(60));
    let cases = [
        ("$.status", "^ok$", None),
        ("$.n", "^3$", None),
        ("$.none", "^null$", None),
        ("$.list", "^\\[1,\"two\"\\]$", None),
        ("$.checks[*].name", "^[a-z]+$", None),
        ("$.checks[?@.name=='db'].up", "true", None),
        (
            "$.checks[*].up",
            "^true$",
            Some("$.checks[*].up is \"false\", which does not match ^true$"),
        ),
        ("$.missing", "", Some("$.missing finds nothing in the body")),
        ("$.status.deeper", ".*", Some("finds nothing")),
        (
            "$.status",
            "^\"ok\"$",
            Some("is \"ok\", which does not match ^\"ok\"$"),
        ),
        ("$.long", "y", Some(long.as_str())),
    ];
    for (path, pattern, failure) in cases {
        let address = answering(answer("200 OK", "", &body)).await;
        let ended = probe(address, |http| {
            http.expect_json = [(path.to_owned(), pattern.to_owned())].into();
        })
        .await;
        match failure {
            None => ended.passes(),
            Some(text) => ended.fails(Reason::Assertion, Phase::Body, text),
        }
    }
    let deep = "[".repeat(100_000);
    for body in ["", "OK", "{\"status\":", &deep, "{\"a\":1}{}"] {
        let address = answering(answer("200 OK", "", body)).await;
        let ended = probe(address, |http| {
            http.expect_json = [("$.status".to_owned(), "ok".to_owned())].into();
        })
        .await;
        ended.fails(Reason::Assertion, Phase::Body, "the body is not JSON");
    }
}

/// Scenario: a body that is longer than is read, with what is looked for before and behind the cut. Guarantees: what stands
/// before it is found; what is not found is said to have been looked for in the beginning alone.
#[tokio::test]
async fn assertions_on_a_cut_body_say_so() {
    let body = format!("begin{}end", "x".repeat(5000));
    let probe_with = async |change: fn(&mut HttpProbeSettings)| {
        let address = answering(answer("200 OK", "content-encoding: gzip\r\n", &body)).await;
        probe(address, |http| {
            http.max_body = crate::config::ByteSize(1024);
            change(http);
        })
        .await
    };
    let found = probe_with(|http| http.expect_body = vec!["^begin".to_owned()]).await;
    found.passes();
    assert_eq!(found.fact("size_bytes"), 1024);
    let cut = "only the first 1024 of its 5008 bytes were read: http.max_body";
    let missed = probe_with(|http| http.expect_body = vec!["end$".to_owned()]).await;
    missed.fails(Reason::Assertion, Phase::Body, cut);
    missed.fails(
        Reason::Assertion,
        Phase::Body,
        "compressed with gzip, which was not asked for",
    );
    let json = probe_with(|http| http.expect_json = [("$".to_owned(), String::new())].into()).await;
    json.fails(Reason::Assertion, Phase::Body, cut);
    let nothing = probe_with(|http| http.max_body = crate::config::ByteSize(0)).await;
    nothing.passes();
    assert_eq!(nothing.fact("size_bytes"), 0);
}

/// Scenario: a server that repeats what it was sent. Guarantees: no message and no fact shows a secret.
#[tokio::test]
async fn repeated_secrets_are_not_shown() {
    let address = server(|mut stream| async move {
        let asked = head(&mut stream).await;
        let token = asked
            .lines()
            .find_map(|line| line.strip_prefix("x-token: "))
            .unwrap();
        let basic = asked
            .lines()
            .find_map(|line| line.strip_prefix("authorization: "))
            .unwrap();
        let body = format!("{{\"sent\":\"{token}\"}}");
        let answer = answer(
            "200 OK",
            &format!("server: {token}\r\nx-echo: {basic}\r\n"),
            &body,
        );
        stream.write_all(answer.as_bytes()).await.unwrap();
    })
    .await;
    let mut settings = settings(&format!("http://app@{address}/"), |http| {
        let token = crate::config::Secret::new("tok-12345");
        http.headers = [("x-token".to_owned(), token)].into();
        http.expect_json = [("$.sent".to_owned(), "^none$".to_owned())].into();
    });
    settings.password = Some(crate::config::Secret::new("hunter22"));
    let ended = run(&settings).await;
    ended.fails(Reason::Assertion, Phase::Body, "is \"[secret]\"");
    assert_eq!(ended.fact("server"), "[secret]");
    let http = settings.http.as_mut().unwrap();
    http.expect_headers = [("x-echo".to_owned(), "^none$".to_owned())].into();
    let ended = run(&settings).await;
    ended.fails(Reason::Assertion, Phase::FirstByte, "is \"Basic [secret]\"");
    let shown = format!("{ended:?} {:?}", HttpCheck::new(&settings).unwrap());
    for secret in ["tok-12345", "hunter22", "aHVudGVyMjI", "YXBwOmh1bnRlcjIy"] {
        assert!(!shown.contains(secret), "{secret}: {shown}");
    }
}

/// Scenario: settings that cannot be used. Guarantees: refused before the first run, by their key.
#[test]
fn unusable_settings_are_refused() {
    type Change = fn(&mut HttpProbeSettings);
    let secret = |text: &str| crate::config::Secret::new(text);
    let cases: [(&str, Change); 12] = [
        ("http.status: \"ok\"", |http| {
            http.status = vec!["2xx".into(), "ok".into()]
        }),
        ("http.status names no", |http| http.status.clear()),
        ("http.method", |http| http.method = "GE T".into()),
        ("http.method is CONNECT", |http| {
            http.method = "CONNECT".into()
        }),
        ("http.expect_headers.a b", |http| {
            http.expect_headers = [("a b".into(), "".into())].into()
        }),
        ("http.expect_headers.x", |http| {
            http.expect_headers = [("x".into(), "(".into())].into()
        }),
        ("http.expect_body", |http| {
            http.expect_body = vec!["[".into()]
        }),
        ("http.refuse_body", |http| {
            http.refuse_body = vec!["a{1000}{1000}{1000}".into()]
        }),
        ("http.expect_json: status", |http| {
            http.expect_json = [("status".into(), "".into())].into()
        }),
        ("http.expect_json.$", |http| {
            http.expect_json = [("$".into(), "(".into())].into()
        }),
        ("http.headers.a:b", |http| {
            http.headers = [("a:b".into(), crate::config::Secret::new("x"))].into()
        }),
        ("http.headers.Content-Length is set", |http| {
            http.headers = [("Content-Length".into(), crate::config::Secret::new("1"))].into();
        }),
    ];
    for (text, change) in cases {
        let error = HttpCheck::new(&settings("http://shop.example/", change)).unwrap_err();
        assert!(error.starts_with(text), "{text}: {error}");
    }
    let mut broken = settings("http://shop.example/", |_| {});
    broken.http.as_mut().unwrap().headers = [("x".into(), secret("to\nken"))].into();
    let error = HttpCheck::new(&broken).unwrap_err();
    assert_eq!(error, "http.headers.x cannot be sent as a header");
    let error = HttpCheck::new(&settings("http://a%3Ab:c@shop.example/", |_| {})).unwrap_err();
    assert!(error.starts_with("the user in url"), "{error}");
}
