//! Over TLS: certificates, and what they are told by; versions of HTTP.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::{shop, trusting, watch};
use crate::fixture::{Authority, Identity, eventually, own_loopback};
use crate::probes::Watched;
use crate::probes::servers::{Nginx, Site};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Scenario: certificates that are good, end soon, have ended, begin later, are for another name, or come from an authority
/// that nobody named. Guarantees: a warning before the end and a failure after it, in words; the metric holds the end to the
/// second, also of a certificate that was refused.
#[tokio::test]
async fn certificates_are_judged() {
    let now = SystemTime::now();
    let authority = Authority::new();
    let address = own_loopback();
    let name = address.to_string();
    let good = authority.certify_until(&name, now + 100 * DAY);
    let mut nginx = Nginx::start_at(address, shop().tls(&good)).await;
    let trusted = trusting(&nginx, &authority);
    let url = format!("https://{}/status", nginx.https());
    let watched = watch(&url, &[("tls.ca_file", json!(trusted))]).await;
    let check = watched.passes().await;
    assert!(check["certificateEnds"].is_string(), "{check}");
    assert_eq!(
        watched.span().await.phases,
        ["resolve", "connect", "tls", "first_byte", "body"]
    );
    for case in imperfect(&authority, &name, now) {
        nginx.stop().await;
        nginx.show(&case.identity);
        nginx.start_again().await;
        match case.accepted {
            true => drop(watched.warns(case.text).await),
            false => drop(told(&watched, case.text).await),
        }
        let end_s = case.end.duration_since(UNIX_EPOCH).unwrap().as_secs() as f64;
        let is = |value: f64| (value - end_s).abs() < 0.5;
        let metric = "probe_ssl_earliest_cert_expiry";
        watched.reading_where(metric, "probe=\"it\"", is).await;
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

/// A certificate that gives reason to say something.
struct Case {
    identity: Identity,
    end: SystemTime,
    accepted: bool,
    text: &'static str,
}

fn imperfect(authority: &Authority, name: &str, now: SystemTime) -> Vec<Case> {
    let hour = Duration::from_secs(3600);
    let (soon, past, begin) = (
        now + 5 * DAY + hour,
        now - 3 * DAY - hour,
        now + 2 * DAY + hour,
    );
    let case = |identity, end, accepted, text| Case {
        identity,
        end,
        accepted,
        text,
    };
    let until = |end| authority.certify_until(name, end);
    let later = authority.certify_between(name, begin, now + 40 * DAY);
    let namesake = Authority::new().certify_until(name, now + 50 * DAY);
    let other = authority.certify_until("other.example", now + 60 * DAY);
    vec![
        case(until(soon), soon, true, "the certificate ends in 5 days ("),
        case(
            until(past),
            past,
            false,
            "the certificate ended 3 days ago (",
        ),
        case(
            later,
            now + 40 * DAY,
            false,
            "the certificate is valid only in 2 days (",
        ),
        case(
            namesake,
            now + 50 * DAY,
            false,
            "not signed by the authority of that name",
        ),
        case(
            other,
            now + 60 * DAY,
            false,
            "the certificate is for other.example, not for 127.",
        ),
    ]
}

/// Waits for a failure of the certificate whose message holds `text`.
async fn told(watched: &Watched, text: &str) -> Value {
    eventually(
        &format!("a failure with {text:?}"),
        Duration::from_secs(30),
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

/// Scenario: a limit below which the end of a certificate is a failure. Guarantees: it fails although it was accepted.
#[tokio::test]
async fn a_certificate_may_end_too_soon() {
    let authority = Authority::new();
    let address = own_loopback();
    let identity = authority.certify_until(&address.to_string(), SystemTime::now() + 5 * DAY);
    let nginx = Nginx::start_at(address, shop().tls(&identity)).await;
    let settings = [
        ("tls.ca_file", json!(trusting(&nginx, &authority))),
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
    let trusted = json!(trusting(&nginx, &authority));
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
    let trusted = json!(trusting(&nginx, &servers));
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

/// Scenario: a server with a good certificate, to which the probe shows its own, sends it on to another: one whose certificate
/// ends soon, and one that asks for the probe's. Guarantees: the end of every certificate on the way counts; the probe's own
/// is shown to no other server.
#[tokio::test]
async fn redirects_over_tls() {
    let authority = Authority::new();
    let [here, soon, asking] = [own_loopback(), own_loopback(), own_loopback()];
    let ends = SystemTime::now() + 5 * DAY;
    let identity = authority.certify_until(&soon.to_string(), ends);
    let soon = Nginx::start_at(soon, shop().tls(&identity)).await;
    let site = shop().tls(&authority.certify(asking));
    let asking = Nginx::start_at(asking, site.clients_of(&authority)).await;
    let away = format!(
        "location /soon {{ return 302 https://{}/status; }} location /asking {{ return 302 https://{}/status; }}",
        soon.https(),
        asking.https()
    );
    let site = Site::of(&away).tls(&authority.certify(here));
    let here = Nginx::start_at(here, site.clients_of(&authority)).await;
    let own = authority.certify(own_loopback());
    let settings = [
        ("tls.ca_file", json!(trusting(&here, &authority))),
        (
            "tls.cert_file",
            json!(here.write("own.pem", &own.certificate_pem)),
        ),
        ("tls.key_file", json!(here.write("own.key", &own.key_pem))),
        ("http.redirects", json!(1)),
    ];
    let url = |path: &str| format!("https://{}{path}", here.https());
    let warned = watch(&url("/soon"), &settings).await;
    warned.warns("the certificate ends in 4 days (").await;
    let span = warned.span().await;
    let once = ["resolve", "connect", "tls", "first_byte"];
    assert_eq!(span.phases, [&once[..], &once[..], &["body"]].concat());
    let refused = watch(&url("/asking"), &settings).await;
    let check = refused.fails("status", Some("first_byte")).await;
    let said = check["message"].as_str().unwrap();
    assert!(said.contains("400 Bad Request"), "{said}");
    assert_eq!(check["facts"]["redirects"], 1);
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
    let trusted = json!(trusting(&newer, &authority));
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
