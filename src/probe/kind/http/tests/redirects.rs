//! Redirects: where they lead, and what is sent there.

use std::sync::{Arc, Mutex};

use super::*;
use crate::config::Secret;

type Heads = Arc<Mutex<Vec<String>>>;

/// A server that answers each path as `routes` say, HOST in them being itself; and the heads that it was sent.
async fn site(routes: &[(&str, String)]) -> (SocketAddr, Heads) {
    let owned = routes
        .iter()
        .map(|(path, answer)| (format!(" {path} "), answer.clone()));
    let routes: Arc<Vec<_>> = Arc::new(owned.collect());
    let asked = Heads::default();
    let kept = Arc::clone(&asked);
    let address = server(move |mut stream| {
        let (routes, kept) = (Arc::clone(&routes), Arc::clone(&kept));
        async move {
            let head = head(&mut stream).await;
            let found = routes.iter().find(|(path, _)| head.contains(path));
            let answer = found.map_or("HTTP/1.1 404 Not Found\r\n\r\n", |(_, answer)| answer);
            let own = stream.local_addr().unwrap().to_string();
            kept.lock().unwrap().push(head);
            let answer = answer.replace("HOST", &own);
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    })
    .await;
    (address, asked)
}

fn to(status: u16, location: &str) -> String {
    format!("HTTP/1.1 {status} Elsewhere\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n")
}

fn ok() -> String {
    "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_owned()
}

/// Scenario: redirects by every way to write a location. Guarantees: resolved against the URL that sent it (RFC 3986, section
/// 5), counted, and the last answer is judged; the URL that is shown has neither user nor query.
#[tokio::test]
async fn locations_are_resolved() {
    for (location, target) in [
        ("/there", "/there"),
        ("there", "/a/there"),
        ("./there", "/a/there"),
        ("../there?x=1", "/there?x=1"),
        ("?x=1", "/a/b?x=1"),
        ("/there#part", "/there"),
        ("//HOST/there", "/there"),
        ("http://HOST/there", "/there"),
        ("http://user:password@HOST/there", "/there"),
        ("/there and back", "/there%20and%20back"),
    ] {
        let (address, asked) = site(&[("/a/b", to(302, location)), (target, ok())]).await;
        let ended = run(&settings(&format!("http://{address}/a/b"), |http| {
            http.redirects = 1;
            http.expect_body = vec!["^ok$".to_owned()];
        }))
        .await;
        ended.passes();
        assert_eq!(asked.lock().unwrap().len(), 2, "{location}");
        assert_eq!(ended.fact("redirects"), 1);
        let shown = target.split('?').next().unwrap();
        assert_eq!(ended.fact("final_url"), format!("http://{address}{shown}"));
    }
}

/// Scenario: redirects that lead round, on and on, nowhere, to other schemes, to hosts that cannot be. Guarantees: each is a
/// failure that says what is wrong, and no more is asked than the configuration allows.
#[tokio::test]
async fn redirects_that_lead_nowhere_fail() {
    let no_location = "HTTP/1.1 302 Found\r\ncontent-length: 0\r\n\r\n".to_owned();
    let cases = [
        (
            to(301, "/a"),
            Reason::Status,
            "round in a circle, back to http://",
            1,
        ),
        (to(301, "/b"), Reason::Status, "round in a circle", 2),
        (
            to(308, "/1"),
            Reason::Status,
            "there are more than 3 redirects, the next to http://",
            4,
        ),
        (no_location, Reason::Status, "no location header", 1),
        (to(302, "\u{e9}"), Reason::Status, "no location header", 1),
        (to(302, "http://"), Reason::Status, "leads to no URL", 1),
        (
            to(302, "http://[::1/"),
            Reason::Status,
            "leads to no URL",
            1,
        ),
        (
            to(302, "ftp://HOST/"),
            Reason::Status,
            "leads to ftp:, which is not followed",
            1,
        ),
        (
            to(302, "file:///etc/passwd"),
            Reason::Status,
            "leads to file:",
            1,
        ),
        (
            to(302, "javascript:alert(1)"),
            Reason::Status,
            "leads to javascript:",
            1,
        ),
        (to(302, "/missing"), Reason::Status, "the status is 404", 2),
    ];
    for (answer, reason, text, requests) in cases {
        let back = to(302, "/a");
        let chain = [1, 2, 3, 4, 5].map(|step| to(302, &format!("/{}", step + 1)));
        let [one, two, three, four, five] = chain;
        let routes = [
            ("/a", answer),
            ("/b", back),
            ("/1", one),
            ("/2", two),
            ("/3", three),
            ("/4", four),
            ("/5", five),
        ];
        let (address, asked) = site(&routes).await;
        let url = format!("http://{address}/a");
        let ended = run(&settings(&url, |http| http.redirects = 3)).await;
        ended.fails(reason, Phase::FirstByte, text);
        assert_eq!(asked.lock().unwrap().len(), requests, "{text}");
    }
}

/// Scenario: a redirect to a port where nobody listens, and one to a name that is none. Guarantees: the run fails as it would
/// have for that URL.
#[tokio::test]
async fn a_redirect_to_nobody_fails_there() {
    let (address, _) = site(&[("/a", to(302, "http://127.0.0.1:1/"))]).await;
    let ended = run(&settings(&format!("http://{address}/a"), |http| {
        http.redirects = 1
    }))
    .await;
    ended.fails(Reason::Refused, Phase::Connect, "refused");
    let (address, _) = site(&[("/a", to(302, "http://nobody.invalid/"))]).await;
    let ended = run(&settings(&format!("http://{address}/a"), |http| {
        http.redirects = 1
    }))
    .await;
    ended.fails(Reason::Resolve, Phase::Resolve, "nobody.invalid");
}

/// A probe with everything that may be a secret, of a method and with a body where one is given.
fn with_secrets(url: &str, method: &str, body: Option<&str>) -> ProbeSettings {
    let mut settings = settings(url, |http| {
        http.redirects = 5;
        http.method = method.to_owned();
        http.body = body.map(Secret::new);
        let headers = [
            ("cookie", "session=1"),
            ("x-api-key", "key"),
            ("host", "shop.example"),
            ("accept", "text/plain"),
            ("content-type", "text/x-own"),
        ];
        http.headers = headers
            .map(|(name, value)| (name.to_owned(), Secret::new(value)))
            .into();
    });
    settings.password = Some(Secret::new("password"));
    settings
}

const SECRET_HEADERS: [&str; 4] = [
    "authorization:",
    "cookie:",
    "x-api-key:",
    "host: shop.example",
];

/// Scenario: a redirect within the server, and one to another server. Guarantees: credentials and configured
/// headers stay within the server; what is no secret goes along.
#[tokio::test]
async fn credentials_go_to_no_other_server() {
    let sent = |head: &str| SECRET_HEADERS.map(|header| head.contains(header));
    let (here, heads) = site(&[("/a", to(302, "/b")), ("/b", ok())]).await;
    run(&with_secrets(&format!("http://{here}/a"), "GET", None))
        .await
        .passes();
    for head in heads.lock().unwrap().iter() {
        assert_eq!(sent(head), [true; 4], "{head}");
    }
    let (other, other_heads) = site(&[("/c", to(302, "/d")), ("/d", ok())]).await;
    let (here, heads) = site(&[("/a", to(302, &format!("http://{other}/c")))]).await;
    run(&with_secrets(&format!("http://{here}/a"), "GET", None))
        .await
        .passes();
    assert_eq!(sent(&heads.lock().unwrap()[0]), [true; 4]);
    let other_heads = other_heads.lock().unwrap();
    assert_eq!(other_heads.len(), 2);
    for head in other_heads.iter() {
        assert_eq!(sent(head), [false; 4], "{head}");
        assert!(head.contains(&format!("host: {other}\r\n")), "{head}");
        assert!(head.contains("accept: text/plain\r\n"), "{head}");
    }
}

/// Scenario: away and back again. Guarantees: what was left out on the way is left out at home too.
#[tokio::test]
async fn trust_that_is_lost_stays_lost() {
    let home = Arc::new(Mutex::new(String::new()));
    let target = Arc::clone(&home);
    let other = server(move |mut stream| {
        let target = Arc::clone(&target);
        async move {
            head(&mut stream).await;
            let location = format!("http://{}/end", target.lock().unwrap());
            stream
                .write_all(to(302, &location).as_bytes())
                .await
                .unwrap();
        }
    })
    .await;
    let (here, heads) = site(&[("/a", to(302, &format!("http://{other}/"))), ("/end", ok())]).await;
    *home.lock().unwrap() = here.to_string();
    run(&with_secrets(&format!("http://{here}/a"), "GET", None))
        .await
        .passes();
    let heads = heads.lock().unwrap();
    assert!(
        heads[0].contains("cookie:") && heads[1].starts_with("GET /end "),
        "{heads:?}"
    );
    assert!(
        SECRET_HEADERS
            .iter()
            .all(|header| !heads[1].contains(header)),
        "{}",
        heads[1]
    );
}

/// Scenario: every redirect status after every method, with a body. Guarantees: the method and the body as the Fetch standard
/// has them; a body goes to no other server.
#[tokio::test]
async fn methods_and_bodies_after_redirects() {
    for (status, method, then, body_then) in [
        (301, "POST", "GET", false),
        (302, "POST", "GET", false),
        (303, "POST", "GET", false),
        (303, "PUT", "GET", false),
        (303, "HEAD", "HEAD", true),
        (307, "POST", "POST", true),
        (308, "POST", "POST", true),
        (302, "PUT", "PUT", true),
        (301, "DELETE", "DELETE", true),
    ] {
        let (here, heads) = site(&[("/a", to(status, "/b")), ("/b", ok())]).await;
        run(&with_secrets(
            &format!("http://{here}/a"),
            method,
            Some("body"),
        ))
        .await
        .passes();
        let second = heads.lock().unwrap()[1].clone();
        assert!(
            second.starts_with(&format!("{then} /b ")),
            "{status} {method}: {second}"
        );
        let described = second.contains("content-type: text/x-own");
        assert_eq!(second.contains("content-length: 4"), body_then, "{second}");
        assert_eq!(described, body_then, "{status} {method}: {second}");
        let (other, other_heads) = site(&[("/b", ok())]).await;
        let (here, _) = site(&[("/a", to(status, &format!("http://{other}/b")))]).await;
        let settings = with_secrets(&format!("http://{here}/a"), method, Some("body"));
        let ended = run(&settings).await;
        match body_then {
            true => ended.fails(Reason::Status, Phase::FirstByte, "the body is not sent"),
            false => ended.passes(),
        }
        assert_eq!(other_heads.lock().unwrap().len(), usize::from(!body_then));
    }
}

/// Scenario: statuses of the 300s that are no redirects, and redirects where none are followed. Guarantees: judged by their
/// status.
#[tokio::test]
async fn what_is_not_followed_is_judged() {
    for (status, redirects) in [(300, 5), (304, 5), (305, 5), (302, 0)] {
        let (here, heads) = site(&[("/", to(status, "/b")), ("/b", ok())]).await;
        let ended = probe(here, |http| {
            http.redirects = redirects;
            http.status = vec!["3xx".to_owned()];
        })
        .await;
        ended.passes();
        assert_eq!(ended.fact("status"), status);
        assert_eq!(heads.lock().unwrap().len(), 1);
    }
}

/// Scenario: a site that sends its visitors from http to https. Guarantees: only with both on their usual ports it is the same
/// server; the way back never is.
#[test]
fn an_upgrade_is_the_same_server() {
    let hop = |url: &str| {
        let settings = settings(url, |_| {});
        HttpCheck::new(&settings).unwrap().first
    };
    for (here, there, same) in [
        ("http://a.example/", "https://a.example/b", true),
        ("http://a.example/", "http://a.example:80/b", true),
        ("https://a.example/", "https://A.EXAMPLE:443/b", true),
        ("https://a.example/", "http://a.example/b", false),
        ("http://a.example:8080/", "https://a.example/b", false),
        ("http://a.example/", "https://a.example:8443/b", false),
        ("http://a.example/", "http://b.a.example/b", false),
        ("http://a.example/", "http://a.example.evil/b", false),
        ("http://a.example:8080/", "http://a.example:8081/b", false),
    ] {
        let answer = http::Response::builder()
            .status(302)
            .header("location", there);
        let (head, ()) = answer.body(()).unwrap().into_parts();
        let next = hop(here).next(&head).unwrap().unwrap();
        assert_eq!(next.trusted, same, "{here} to {there}");
    }
}
