//! What the kinds of probes know: their tables, patterns, statuses and keys.

use std::net::Ipv6Addr;

use http::Method;
use serde_json_path::JsonPath;

use crate::config::key::KeyPath;
use crate::config::probe_kind::ProbeKind;
use crate::config::problem::Problems;
use crate::config::settings::{
    DiskProbeSettings, DnsProbeSettings, GrpcProbeSettings, HttpProbeSettings, ProbeSettings,
    RedisProbeSettings,
};
use crate::config::status_range::StatusRange;
use crate::config::validate::headers;
use crate::config::validate::logins::shown;

/// Each list or stream is a question in every run.
const MAX_KEYS: usize = 100;

/// Other sentinels are asked in every run too.
const MAX_SENTINELS: usize = 16;

pub(super) fn check(key: &KeyPath, probe: &ProbeSettings, problems: &mut Problems) {
    other_tables(key, probe, problems);
    if let Some(http) = &probe.http {
        self::http(&key.child("http"), http, probe, problems);
    }
    if let Some(expect) = probe.tcp.as_ref().and_then(|tcp| tcp.expect.as_deref()) {
        byte_pattern(&key.child("tcp").child("expect"), expect, problems);
    }
    if let Some(grpc) = &probe.grpc {
        self::grpc(&key.child("grpc"), grpc, problems);
    }
    if let Some(dns) = &probe.dns {
        self::dns(&key.child("dns"), dns, problems);
    }
    if let Some(redis) = &probe.redis {
        self::redis(&key.child("redis"), redis, probe, problems);
    }
    if let Some(disk) = &probe.disk {
        self::disk(&key.child("disk"), disk, problems);
    }
}

/// Reports tables that belong to probes of another kind.
fn other_tables(key: &KeyPath, probe: &ProbeSettings, problems: &mut Problems) {
    use ProbeKind::{Disk, Dns, Grpc, Http, Mysql, Postgres, Redis, Sentinel, Sqlite, Tcp};
    let tables: [(&str, bool, &[ProbeKind], &str); 7] = [
        (
            "query",
            !probe.query.is_empty(),
            &[Postgres, Mysql, Sqlite],
            "postgres, mysql or sqlite",
        ),
        ("http", probe.http.is_some(), &[Http], "http or https"),
        ("tcp", probe.tcp.is_some(), &[Tcp], "tcp or tls"),
        ("grpc", probe.grpc.is_some(), &[Grpc], "grpc or grpcs"),
        ("dns", probe.dns.is_some(), &[Dns], "dns"),
        (
            "redis",
            probe.redis.is_some(),
            &[Redis, Sentinel],
            "redis or redis-sentinel",
        ),
        ("disk", probe.disk.is_some(), &[Disk], "disk"),
    ];
    for (table, written, kinds, schemes) in tables {
        if written && !kinds.contains(&probe.url.kind()) {
            let problem = format!(
                "the url is {}, where these settings have no effect",
                shown(&probe.url)
            );
            let fix = format!("Remove the table, or write a url with {schemes}");
            problems.error(&key.child(table), problem, fix);
        }
    }
}

fn http(key: &KeyPath, http: &HttpProbeSettings, probe: &ProbeSettings, problems: &mut Problems) {
    method(&key.child("method"), &http.method, problems);
    let sent = key.child("headers");
    headers::check(&sent, &http.headers, &headers::FRAMING, problems);
    let authorization = http
        .headers
        .keys()
        .find(|name| name.eq_ignore_ascii_case("authorization"));
    let url = &probe.url;
    let logs_in = url.user().is_some() || url.password().is_some() || probe.password.is_some();
    if let Some(name) = authorization.filter(|_| logs_in) {
        let problem = "user and password make this header already";
        problems.error(&sent.child(name), problem, "Give one of the two");
    }
    statuses(&key.child("status"), &http.status, problems);
    for (name, expected) in &http.expect_headers {
        let key = key.child("expect_headers").child(name);
        if http::HeaderName::from_bytes(name.as_bytes()).is_err() {
            problems.error(
                &key,
                "this is not a header name",
                "Write letters, digits and hyphens",
            );
        }
        pattern(&key, expected, problems);
    }
    for (name, patterns) in [
        ("expect_body", &http.expect_body),
        ("refuse_body", &http.refuse_body),
    ] {
        let key = key.child(name);
        patterns
            .iter()
            .for_each(|expected| byte_pattern(&key, expected, problems));
    }
    json(&key.child("expect_json"), http, problems);
    let reads_body = !(http.expect_body.is_empty()
        && http.refuse_body.is_empty()
        && http.expect_json.is_empty());
    if reads_body && http.max_body.bytes() == 0 {
        let problem = "nothing is read of the body, of which something is expected";
        problems.error(&key.child("max_body"), problem, "Raise it, as \"256KiB\"");
    }
}

fn method(key: &KeyPath, method: &str, problems: &mut Problems) {
    let known = Method::from_bytes(method.as_bytes());
    if known.is_err() || known.is_ok_and(|method| method == Method::CONNECT) {
        let problem = format!(
            "\"{}\" is no method that has an answer",
            method.escape_debug()
        );
        problems.error(key, problem, "Write GET, HEAD, POST or another");
    }
}

fn statuses(key: &KeyPath, statuses: &[String], problems: &mut Problems) {
    if statuses.is_empty() {
        problems.error(
            key,
            "the list is empty, so no answer would be a success",
            "Write [\"2xx\"]",
        );
    }
    for status in statuses {
        if let Err(reason) = StatusRange::parse(status) {
            let problem = format!("\"{}\" {reason}", status.escape_debug());
            problems.error(
                key,
                problem,
                "Write each as \"204\", \"2xx\" or \"200-299\"",
            );
        }
    }
}

fn json(key: &KeyPath, http: &HttpProbeSettings, problems: &mut Problems) {
    for (path, expected) in &http.expect_json {
        let key = key.child(path);
        if let Err(error) = JsonPath::parse(path) {
            let problem = format!("this is not a JSON path: {error}");
            problems.error(&key, problem, "Write it as RFC 9535 says, as \"$.status\"");
        }
        pattern(&key, expected, problems);
    }
}

/// Reports a regular expression for text that is none.
fn pattern(key: &KeyPath, text: &str, problems: &mut Problems) {
    let error = regex::Regex::new(text).err();
    no_pattern(key, text, error, problems);
}

/// The same for one that matches bytes, which need not be text.
fn byte_pattern(key: &KeyPath, text: &str, problems: &mut Problems) {
    let error = regex::bytes::Regex::new(text).err();
    no_pattern(key, text, error, problems);
}

fn no_pattern(key: &KeyPath, text: &str, error: Option<regex::Error>, problems: &mut Problems) {
    let Some(error) = error else { return };
    // The message shows the pattern over several lines, and says what is wrong in the last.
    let error = error.to_string();
    let reason = error.lines().next_back().unwrap_or_default();
    let reason = reason.strip_prefix("error: ").unwrap_or(reason);
    let shown = text.escape_debug();
    problems.error(
        key,
        format!("\"{shown}\" is not a regular expression: {reason}"),
        "Write it as the Rust crate regex reads it, with \\ in front of what is meant literally",
    );
}

fn grpc(key: &KeyPath, grpc: &GrpcProbeSettings, problems: &mut Problems) {
    let sane = |letter: char| letter.is_ascii_graphic() && letter != '/';
    if !grpc.service.chars().all(sane) {
        problems.error(
            &key.child("service"),
            "this is not the name of a service",
            "Write package and service, as \"shop.Orders\", or nothing for the whole server",
        );
    }
    let sent = key.child("metadata");
    let reserved = [&headers::FRAMING[..], &headers::OF_THE_BODY].concat();
    headers::check(&sent, &grpc.metadata, &reserved, problems);
    headers::metadata(&sent, &grpc.metadata, problems);
}

fn dns(key: &KeyPath, dns: &DnsProbeSettings, problems: &mut Problems) {
    match &dns.expect {
        Some(expect) => pattern(&key.child("expect"), expect, problems),
        None if dns.expect_all => {
            let problem = "there is no expect that every answer could match";
            problems.error(
                &key.child("expect_all"),
                problem,
                "Set expect, or remove this",
            );
        }
        None => {}
    }
}

fn redis(
    key: &KeyPath,
    redis: &RedisProbeSettings,
    probe: &ProbeSettings,
    problems: &mut Problems,
) {
    for (name, keys) in [("lists", &redis.lists), ("streams", &redis.streams)] {
        let key = key.child(name);
        if keys.len() > MAX_KEYS {
            let problem = format!("there are {} keys", keys.len());
            problems.error(&key, problem, format!("Name {MAX_KEYS} at most"));
        }
        distinct(&key, keys, problems);
        if !keys.is_empty() && probe.url.kind() == ProbeKind::Sentinel {
            let text = "sentinels are asked about servers, not about keys: this has no effect; name it in a redis:// probe";
            problems.warn(&key, text);
        }
    }
    let of_sentinels = [
        ("sentinels", !redis.sentinels.is_empty()),
        ("server_user", redis.server_user.is_some()),
        ("server_password", redis.server_password.is_some()),
    ];
    for (name, _) in of_sentinels
        .iter()
        .filter(|(_, written)| *written && probe.url.kind() == ProbeKind::Redis)
    {
        let problem = format!(
            "the url is {}, where no sentinel is asked",
            shown(&probe.url)
        );
        problems.error(
            &key.child(name),
            problem,
            "Remove it, or write a redis-sentinel:// url",
        );
    }
    sentinels(&key.child("sentinels"), &redis.sentinels, problems);
}

fn distinct(key: &KeyPath, keys: &[String], problems: &mut Problems) {
    for (at, name) in keys.iter().enumerate() {
        if name.is_empty() || keys[..at].contains(name) {
            let problem = format!(
                "\"{}\" is empty or named more than once",
                name.escape_debug()
            );
            problems.error(key, problem, "Name each key once");
        }
    }
}

fn sentinels(key: &KeyPath, sentinels: &[String], problems: &mut Problems) {
    if sentinels.len() > MAX_SENTINELS {
        let problem = format!("there are {} sentinels", sentinels.len());
        problems.error(key, problem, format!("Name {MAX_SENTINELS} at most"));
    }
    for sentinel in sentinels.iter().filter(|text| !is_host_and_port(text)) {
        let problem = format!("\"{}\" is not a host and port", sentinel.escape_debug());
        problems.error(
            key,
            problem,
            "Write host:port, as \"sentinel-2:26379\" or \"[::1]:26379\"",
        );
    }
}

fn is_host_and_port(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else {
        return false;
    };
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let sane = |letter: char| letter.is_alphanumeric() || "-._".contains(letter);
    let is_host = match bare {
        Some(bare) => bare.parse::<Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.chars().all(sane),
    };
    is_host && port.parse::<u16>().is_ok_and(|port| port > 0)
}

fn disk(key: &KeyPath, disk: &DiskProbeSettings, problems: &mut Problems) {
    let (warn, fail) = (disk.warn_free, disk.fail_free);
    if warn > 0.0 && fail > warn {
        let problem = format!("{fail} is more than warn_free ({warn})");
        problems.error(
            &key.child("fail_free"),
            problem,
            "Lower it, or raise warn_free (0 warns never)",
        );
    }
}
