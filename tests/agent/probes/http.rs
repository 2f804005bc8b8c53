//! HTTP, against a real nginx.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::Watched;
use super::servers::{Nginx, Site};
use crate::fixture::{Authority, Gate, Mode, eventually, own_loopback};

const DAY: Duration = Duration::from_secs(24 * 3600);

const SHOP: &str = r#"
    location /status { default_type application/json; return 200 '{"status":"ok","queue":3}'; }
    location /broken { return 503; }
    location /old { return 301 /new; }
    location /new { return 302 /status; }
    location /round { return 302 /round; }
    location /private { auth_basic "shop"; auth_basic_user_file users; root .; }
"#;

fn shop() -> Site {
    Site::of(SHOP)
        .file("users", "app:{PLAIN}hunter22\n")
        .file("private", "in")
}

async fn watch(url: &str, settings: &[(&str, Value)]) -> Watched {
    let mut all = vec![("url", json!(url))];
    all.extend_from_slice(settings);
    Watched::start(&all).await
}

/// Scenario: a site as it should be, with everything that can be asserted asserted. Guarantees: it passes; facts and the span
/// say what came, with the attributes of the semantic conventions and a phase each.
#[tokio::test]
async fn a_site_is_well() {
    let nginx = Nginx::start(shop()).await;
    let url = format!("http://{}/status?token=abcdef", nginx.http());
    let watched = watch(
        &url,
        &[
            ("http.status", json!(["200"])),
            (
                "http.expect_headers.content-type",
                json!("^application/json$"),
            ),
            ("http.expect_body", json!(["\"queue\":[0-9]"])),
            ("http.refuse_body", json!(["(?i)maintenance"])),
            ("http.expect_json.\"$.status\"", json!("^ok$")),
        ],
    )
    .await;
    let check = watched.passes().await;
    assert_eq!(check["kind"], "http");
    assert_eq!(check["target"], format!("http://{}/status", nginx.http()));
    let facts = &check["facts"];
    assert_eq!(facts["status"], 200);
    assert_eq!(facts["size_bytes"], 25);
    assert_eq!(facts["http_version"], "1.1");
    assert!(
        facts["server"].as_str().unwrap().starts_with("nginx/"),
        "{facts}"
    );
    let span = watched.span().await;
    let host = nginx.http().ip().to_string();
    for (key, value) in [
        ("http.request.method", "GET"),
        ("http.response.status_code", "200"),
        ("url.full", &format!("http://{}/status", nginx.http())),
        ("url.scheme", "http"),
        ("server.address", &host),
        ("server.port", "8080"),
        ("network.peer.address", &host),
        ("network.protocol.version", "1.1"),
        ("lineside.probe.kind", "http"),
    ] {
        assert_eq!(
            span.attributes.get(key).map(String::as_str),
            Some(value),
            "{key}: {span:?}"
        );
    }
    assert_eq!(span.phases, ["resolve", "connect", "first_byte", "body"]);
    let requests = nginx.requests();
    let asked = "200 \"GET /status?token=abcdef HTTP/1.1\"";
    assert!(requests.contains(asked), "{requests}");
    let everything = format!(
        "{check}{span:?}{}{}",
        watched.agent.log(),
        watched.agent.metrics().await
    );
    assert!(!everything.contains("abcdef"));
}

/// Scenario: a site of which the status, a header, the body or a value in it is not as expected. Guarantees: the check fails for
/// that, in the phase in which it came, and says what was found.
#[tokio::test]
async fn an_answer_that_is_not_as_expected() {
    let nginx = Nginx::start(shop()).await;
    let cases = [
        (
            "/broken",
            "http.status",
            json!(["2xx"]),
            "status",
            "first_byte",
            "the status is 503 Service",
        ),
        (
            "/status",
            "http.expect_headers.content-type",
            json!("^text/"),
            "assertion",
            "first_byte",
            "the header content-type is \"application/json\"",
        ),
        (
            "/status",
            "http.expect_body",
            json!(["degraded"]),
            "assertion",
            "body",
            "it has 25 bytes",
        ),
        (
            "/status",
            "http.expect_json.\"$.queue\"",
            json!("^[0-2]$"),
            "assertion",
            "body",
            "$.queue is \"3\"",
        ),
    ];
    for (path, key, value, reason, phase, message) in cases {
        let url = format!("http://{}{path}", nginx.http());
        let watched = watch(&url, &[(key, value)]).await;
        let check = watched.fails(reason, Some(phase)).await;
        let said = check["message"].as_str().unwrap();
        assert!(said.contains(message), "{said}");
        let span = watched.span().await;
        assert_eq!(span.attributes["error.type"], reason);
        assert!(span.error.contains(message), "{span:?}");
    }
}

/// Scenario: nginx is stopped, started again, frozen and thawed. Guarantees: refused, well again, a timeout before the first
/// byte, well again.
#[tokio::test]
async fn a_site_goes_and_comes_back() {
    let mut nginx = Nginx::start(shop()).await;
    let watched = watch(&format!("http://{}/status", nginx.http()), &[]).await;
    watched.passes().await;
    nginx.stop().await;
    watched.fails("refused", Some("connect")).await;
    nginx.start_again().await;
    watched.passes().await;
    nginx.daemon().freeze();
    let check = watched.fails("timeout", Some("first_byte")).await;
    assert!(
        check["message"]
            .as_str()
            .unwrap()
            .contains("no answer within 1s"),
        "{check}"
    );
    nginx.daemon().thaw();
    watched.passes().await;
}

/// Scenario: the way to nginx is slow, silent, closed and a black hole. Guarantees: a warning when a run takes longer than is
/// wanted; otherwise the phase says how far it came.
#[tokio::test]
async fn the_way_is_bad() {
    let nginx = Nginx::start(shop()).await;
    let gate = Gate::before(nginx.http()).await;
    let url = format!("http://{}/status", gate.address());
    let watched = watch(&url, &[("slow_after", json!("200ms"))]).await;
    watched.passes().await;
    gate.set(Mode::Slow(Duration::from_millis(300))).await;
    watched.warns("more than 200ms").await;
    gate.set(Mode::Mute).await;
    watched.fails("timeout", Some("first_byte")).await;
    gate.set(Mode::Refuse).await;
    watched.fails("refused", Some("connect")).await;
    gate.set(Mode::BlackHole).await;
    let check = watched.fails("timeout", Some("connect")).await;
    assert!(
        check["message"]
            .as_str()
            .unwrap()
            .contains("no TCP connection"),
        "{check}"
    );
    gate.set(Mode::Pass).await;
    watched.passes().await;
}

/// Scenario: a name that nobody has. Guarantees: the check fails in resolving it.
#[tokio::test]
async fn a_name_that_nobody_has() {
    let watched = watch("http://nobody.invalid/", &[]).await;
    let check = watched.fails("resolve", Some("resolve")).await;
    assert!(
        check["message"]
            .as_str()
            .unwrap()
            .contains("nobody.invalid"),
        "{check}"
    );
}

/// Scenario: certificates that are good, end soon, have ended, begin later, are for another name, or come from an authority
/// that nobody named. Guarantees: a warning before the end and a failure after it, in words; the metric holds the end to the
/// second, also of a certificate that was refused.
#[tokio::test]
async fn certificates_are_judged() {
    let now = SystemTime::now();
    let (authority, other) = (Authority::new(), Authority::new());
    let address = own_loopback();
    let name = address.to_string();
    let good = authority.certify_until(&name, now + 100 * DAY);
    let mut nginx = Nginx::start_at(address, shop().tls(&good)).await;
    let trusted = nginx_file(&nginx, &authority);
    let url = format!("https://{}/status", nginx.https());
    let watched = watch(&url, &[("tls.ca_file", json!(trusted))]).await;
    let check = watched.passes().await;
    assert!(check["certificateEnds"].is_string(), "{check}");
    assert_eq!(
        watched.span().await.phases,
        ["resolve", "connect", "tls", "first_byte", "body"]
    );
    let hour = Duration::from_secs(3600);
    let soon = now + 5 * DAY + hour;
    let cases = [
        (
            authority.certify_until(&name, soon),
            Some(soon),
            true,
            "the certificate ends in 5 days (",
        ),
        (
            authority.certify_until(&name, now - 3 * DAY - hour),
            Some(now - 3 * DAY - hour),
            false,
            "the certificate ended 3 days ago (",
        ),
        (
            authority.certify_from(&name, now + 2 * DAY + hour),
            None,
            false,
            "the certificate is valid only in 2 days (",
        ),
        (
            other.certify_until(&name, now + 50 * DAY),
            Some(now + 50 * DAY),
            false,
            "not signed by the authority of that name",
        ),
        (
            authority.certify_until("other.example", now + 60 * DAY),
            Some(now + 60 * DAY),
            false,
            "the certificate is for other.example, not for 127.",
        ),
    ];
    for (identity, end, accepted, text) in cases {
        nginx.stop().await;
        nginx.show(&identity);
        nginx.start_again().await;
        match accepted {
            true => drop(watched.warns(text).await),
            false => drop(told(&watched, text).await),
        }
        if let Some(end) = end {
            let end_s = end.duration_since(UNIX_EPOCH).unwrap().as_secs() as f64;
            let is = |value: f64| (value - end_s).abs() < 0.5;
            watched
                .reading_where("probe_ssl_earliest_cert_expiry", "probe=\"it\"", is)
                .await;
        }
    }
    nginx.stop().await;
    nginx.show(&good);
    nginx.start_again().await;
    watched.passes().await;
    let trusting_the_public = watch(&url, &[]).await;
    told(
        &trusting_the_public,
        "issued by an authority that is not trusted",
    )
    .await;
}

/// Waits for a failure of the certificate whose message holds `text`.
async fn told(watched: &Watched, text: &str) -> Value {
    eventually(
        &format!("a failure with {text:?}"),
        30 * Duration::from_secs(1),
        async || {
            let check = watched.fails("certificate", Some("tls")).await;
            check["message"]
                .as_str()
                .unwrap()
                .contains(text)
                .then_some(check)
        },
    )
    .await
}

fn nginx_file(nginx: &Nginx, authority: &Authority) -> String {
    nginx.write("authority.pem", &authority.certificate_pem)
}

/// Scenario: a limit below which the end of a certificate is a failure. Guarantees: it fails although it was accepted.
#[tokio::test]
async fn a_certificate_may_end_too_soon() {
    let authority = Authority::new();
    let address = own_loopback();
    let identity = authority.certify_until(&address.to_string(), SystemTime::now() + 5 * DAY);
    let nginx = Nginx::start_at(address, shop().tls(&identity)).await;
    let settings = [
        ("tls.ca_file", json!(nginx_file(&nginx, &authority))),
        ("certificate_fail", json!("6d")),
    ];
    let watched = watch(&format!("https://{}/status", nginx.https()), &settings).await;
    let check = watched.fails("certificate", Some("tls")).await;
    assert!(
        check["message"]
            .as_str()
            .unwrap()
            .contains("ends in 4 days"),
        "{check}"
    );
}

/// Scenario: https to a frozen nginx, and to a port that speaks no TLS. Guarantees: a timeout in the handshake, and no TLS.
#[tokio::test]
async fn tls_that_does_not_come_about() {
    let authority = Authority::new();
    let address = own_loopback();
    let nginx = Nginx::start_at(address, shop().tls(&authority.certify(address))).await;
    let trusted = json!(nginx_file(&nginx, &authority));
    let url = format!("https://{}/status", nginx.https());
    let watched = watch(&url, &[("tls.ca_file", trusted)]).await;
    watched.passes().await;
    nginx.daemon().freeze();
    watched.fails("timeout", Some("tls")).await;
    nginx.daemon().thaw();
    watched.passes().await;
    let watched = watch(&format!("https://{}/", nginx.http()), &[]).await;
    let check = watched.fails("tls", Some("tls")).await;
    assert!(
        check["message"]
            .as_str()
            .unwrap()
            .contains("does not speak it"),
        "{check}"
    );
}

/// Scenario: nginx asks for a certificate; the probe shows one, or none. Guarantees: well with it, nginx's refusal without.
#[tokio::test]
async fn a_certificate_is_shown() {
    let (servers, clients) = (Authority::new(), Authority::new());
    let address = own_loopback();
    let site = shop().tls(&servers.certify(address)).clients_of(&clients);
    let nginx = Nginx::start_at(address, site).await;
    let url = format!("https://{}/status", nginx.https());
    let trusted = json!(nginx_file(&nginx, &servers));
    let own = clients.certify(own_loopback());
    let settings = [
        ("tls.ca_file", trusted.clone()),
        (
            "tls.cert_file",
            json!(nginx.write("own.pem", &own.certificate_pem)),
        ),
        ("tls.key_file", json!(nginx.write("own.key", &own.key_pem))),
    ];
    watch(&url, &settings).await.passes().await;
    let watched = watch(&url, &[("tls.ca_file", trusted)]).await;
    let check = watched.fails("status", Some("first_byte")).await;
    assert!(
        check["message"]
            .as_str()
            .unwrap()
            .contains("400 Bad Request"),
        "{check}"
    );
}

/// Scenario: nginx speaks HTTP/2 in both of its ways; the probe leaves the choice, wants one, wants the other. Guarantees: the
/// version that was chosen is told; what is not spoken there is a failure.
#[tokio::test]
async fn versions_of_http() {
    let authority = Authority::new();
    let addresses = [own_loopback(), own_loopback()];
    let site = |number: usize| shop().tls(&authority.certify(addresses[number]));
    let newer = Nginx::start_at(addresses[0], site(0).http2()).await;
    let older = Nginx::start_at(addresses[1], site(1)).await;
    let trusted = json!(nginx_file(&newer, &authority));
    let cases = [
        (format!("https://{}/status", newer.https()), "auto", Ok("2")),
        (format!("https://{}/status", newer.https()), "2", Ok("2")),
        (
            format!("https://{}/status", newer.https()),
            "1.1",
            Ok("1.1"),
        ),
        (
            format!("https://{}/status", older.https()),
            "auto",
            Ok("1.1"),
        ),
        (
            format!("https://{}/status", older.https()),
            "2",
            Err(("tls", "tls")),
        ),
        (format!("http://{}/status", newer.http()), "2", Ok("2")),
        (
            format!("http://{}/status", older.http()),
            "2",
            Err(("protocol", "first_byte")),
        ),
        (
            format!("http://{}/status", newer.http()),
            "1.1",
            Err(("protocol", "first_byte")),
        ),
    ];
    for (url, version, expected) in cases {
        let mut settings = vec![
            ("http.version", json!(version)),
            ("http.expect_body", json!(["ok"])),
        ];
        if url.starts_with("https") {
            settings.push(("tls.ca_file", trusted.clone()));
        }
        let watched = watch(&url, &settings).await;
        match expected {
            Ok(version) => {
                let check = watched.passes().await;
                assert_eq!(check["facts"]["http_version"], version, "{url}");
                let span = watched.span().await;
                assert_eq!(span.attributes["network.protocol.version"], version);
            }
            Err((reason, phase)) => drop(watched.fails(reason, Some(phase)).await),
        }
    }
}

/// Scenario: redirects that lead to an answer, that lead round, and that are not followed. Guarantees: followed as far as
/// configured, and counted on the span.
#[tokio::test]
async fn redirects_are_followed_as_configured() {
    let nginx = Nginx::start(shop()).await;
    let url = |path: &str| format!("http://{}{path}", nginx.http());
    let followed = watch(&url("/old"), &[("http.redirects", json!(2))]).await;
    let check = followed.passes().await;
    assert_eq!(check["facts"]["redirects"], 2);
    assert_eq!(check["facts"]["final_url"], url("/status"));
    let span = followed.span().await;
    assert_eq!(span.attributes["http.request.resend_count"], "2");
    assert_eq!(span.attributes["url.full"], url("/old"));
    for (path, redirects, text) in [
        ("/old", 1, "more than 1 redirect"),
        ("/round", 5, "round in a circle"),
        ("/old", 0, "not followed"),
    ] {
        let watched = watch(&url(path), &[("http.redirects", json!(redirects))]).await;
        let check = watched.fails("status", Some("first_byte")).await;
        assert!(check["message"].as_str().unwrap().contains(text), "{check}");
    }
}

/// Scenario: nginx asks for a password; the probe has the right one, a wrong one, none. Guarantees: well, or the status 401; the
/// password stands nowhere.
#[tokio::test]
async fn nginx_asks_for_a_password() {
    let nginx = Nginx::start(shop()).await;
    let url = format!("http://app@{}/private", nginx.http());
    let right = watch(&url, &[("password", json!("hunter22"))]).await;
    let check = right.passes().await;
    let wrong = watch(&url, &[("password", json!("hunter33"))]).await;
    let refused = wrong.fails("status", Some("first_byte")).await;
    assert!(
        refused["message"]
            .as_str()
            .unwrap()
            .contains("401 Unauthorized"),
        "{refused}"
    );
    let spans = format!("{:?}{:?}", right.span().await, wrong.span().await);
    let logs = format!("{}{}", right.agent.log(), wrong.agent.log());
    let everything = format!("{check}{refused}{spans}{logs}");
    assert!(!everything.contains("hunter"), "{everything}");
}

/// Scenario: nginx notes the trace context that it is sent. Guarantees: it is that of the probe's own span, so that the server's
/// span is its child.
#[tokio::test]
async fn the_servers_span_joins_the_probes() {
    let nginx = Nginx::start(shop()).await;
    let watched = watch(&format!("http://{}/status", nginx.http()), &[]).await;
    let span = watched.span().await;
    let hex = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let context = format!(" 00-{}-{}-01\n", hex(&span.trace_id), hex(&span.span_id));
    let requests = nginx.requests();
    assert_eq!(
        requests.matches(&context).count(),
        1,
        "{context}: {requests}"
    );
}

/// Scenario: all connections that nginx may have are taken, and then given back. Guarantees: the run ends in time with the
/// connection closed or unanswered, and is well again.
#[tokio::test]
async fn nginx_is_full() {
    let nginx = Nginx::start(shop().connections(8)).await;
    let watched = watch(&format!("http://{}/status", nginx.http()), &[]).await;
    watched.passes().await;
    let mut held = Vec::new();
    for _ in 0..16 {
        let mut client = TcpStream::connect(nginx.http()).await.unwrap();
        // One that waits for its first request would be closed in favour of the next.
        let _ = client.write_all(b"GET / HTTP/1.1\r\n").await;
        held.push(client);
    }
    let check = watched.until("fail").await;
    let reason = check["lastRun"]["reason"].as_str().unwrap();
    assert!(["closed", "timeout"].contains(&reason), "{check}");
    assert_eq!(check["lastRun"]["phase"], "first_byte", "{check}");
    drop(held);
    watched.passes().await;
}

/// A server that answers everything with `part` again and again, as fast as it can.
async fn flood(part: &'static [u8]) -> (std::net::SocketAddr, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind((own_loopback(), 8080)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut asked = [0; 1024];
                let _ = client.read(&mut asked).await;
                let many = part.repeat(1000);
                while client.write_all(&many).await.is_ok() {}
            });
        }
    });
    (address, task)
}

/// Scenario: servers that send interim answers without end, over HTTP/1.1 and over HTTP/2, as fast as they can. Guarantees: every
/// run ends with its timeout, and the agent stays small.
#[tokio::test]
async fn floods_end_with_the_timeout() {
    // Over HTTP/2: HEADERS on stream 1, END_HEADERS, ":status" written out as 103.
    const HINTS: &[u8] = b"\0\0\x05\x01\x04\0\0\0\x01\x08\x03103";
    let floods = [
        ("1.1", flood(b"HTTP/1.1 103 Early Hints\r\n\r\n").await),
        ("2", flood(HINTS).await),
    ];
    for (version, (address, _)) in &floods {
        let watched = watch(
            &format!("http://{address}/"),
            &[("http.version", json!(version))],
        )
        .await;
        let check = watched.until("fail").await;
        let run = &check["lastRun"];
        assert_eq!(run["phase"], "first_byte", "{version}: {check}");
        assert!(
            run["latency"].as_f64().unwrap() < 3000.0,
            "{version}: {check}"
        );
        watched.run().await;
        let rss_mib = watched.agent.rss_bytes() >> 20;
        assert!(rss_mib < 200, "{version}: {rss_mib} MiB");
        println!("{version}: {} {rss_mib} MiB", run["reason"]);
    }
}
