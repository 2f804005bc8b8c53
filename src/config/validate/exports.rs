//! Exports: names, endpoints, signals, headers, TLS.

use http::{HeaderName, HeaderValue};
use rustls::pki_types::ServerName;

use super::files;
use crate::config::key::KeyPath;
use crate::config::problem::Problems;
use crate::config::settings::{ExportSettings, Protocol, Settings};
use crate::otlp::Signal;

/// No export's name is longer, in bytes: it is part of file names and metric attributes.
const MAX_NAME: usize = 64;

/// Headers that the transport sets (RFC 9110, RFC 9113, gRPC over HTTP/2): a second value would break the request.
const RESERVED_HEADERS: [&str; 10] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

pub(super) fn check(settings: &Settings, problems: &mut Problems) {
    let mut seen: Vec<(String, &str)> = Vec::new();
    for (name, export) in &settings.export {
        let key = KeyPath::from("export").child(name);
        refuse_name(&key, name, &mut seen, problems);
        endpoint(&key.child("endpoint"), export, problems);
        signals(&key.child("signals"), &export.signals, problems);
        headers(&key.child("headers"), export, problems);
        tls(&key.child("tls"), export, problems);
    }
}

fn refuse_name<'a>(
    key: &KeyPath,
    name: &'a str,
    seen: &mut Vec<(String, &'a str)>,
    problems: &mut Problems,
) {
    let sane = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_'
    };
    if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(sane) {
        problems.error(
            key,
            "the name is not made of a-z, 0-9, - and _, 1 to 64 of them",
            "Rename the export",
        );
    }
    let folded = name.replace('-', "_");
    match seen.iter().find(|(earlier, _)| *earlier == folded) {
        Some((_, other)) => {
            let problem = format!(
                "the name differs from \"{other}\" only in - and _, which environment variables cannot tell apart"
            );
            problems.error(key, problem, "Rename one of the two");
        }
        None => seen.push((folded, name)),
    }
}

fn endpoint(key: &KeyPath, export: &ExportSettings, problems: &mut Problems) {
    let path = export.endpoint.base_path();
    let signal_path = Signal::ALL
        .into_iter()
        .find(|signal| path.ends_with(signal.http_path()));
    match (export.protocol, signal_path) {
        (Protocol::Grpc, _) if !path.is_empty() => {
            problems.error(
                key,
                "the URL has a path, which gRPC does not use",
                "Remove the path, or set protocol = \"http\"",
            );
        }
        (Protocol::Http, Some(signal)) => {
            let fix = format!("Remove {} from the end", signal.http_path());
            problems.error(
                key,
                "the URL ends with the path of one signal, which is appended for every signal",
                fix,
            );
        }
        _ => {}
    }
}

fn signals(key: &KeyPath, signals: &[Signal], problems: &mut Problems) {
    if signals.is_empty() {
        problems.error(
            key,
            "the list is empty, so nothing would be sent",
            "Name at least one of traces, metrics, logs, or set enabled = false",
        );
    }
    for signal in Signal::ALL
        .into_iter()
        .filter(|signal| signals.iter().filter(|each| each == &signal).count() > 1)
    {
        problems.error(
            key,
            format!("{signal} is named more than once"),
            "Name each signal once",
        );
    }
}

fn headers(key: &KeyPath, export: &ExportSettings, problems: &mut Problems) {
    let mut seen: Vec<String> = Vec::new();
    for (name, value) in &export.headers {
        let (key, lower) = (key.child(name), name.to_lowercase());
        header_name(&key, &lower, seen.contains(&lower), problems);
        if HeaderValue::from_str(value.expose()).is_err() {
            problems.error(
                &key,
                "the value holds a character that no header may hold",
                "Use visible ASCII characters and spaces only",
            );
        }
        seen.push(lower);
    }
}

fn header_name(key: &KeyPath, lower: &str, again: bool, problems: &mut Problems) {
    if HeaderName::from_bytes(lower.as_bytes()).is_err() {
        problems.error(
            key,
            "this is not a header name",
            "Write letters, digits and hyphens",
        );
    }
    if RESERVED_HEADERS.contains(&lower) || lower.starts_with("grpc-") {
        problems.error(key, "the transport sets this header itself", "Remove it");
    }
    if again {
        problems.error(
            key,
            "the header is named twice, in different case",
            "Name it once",
        );
    }
}

fn tls(key: &KeyPath, export: &ExportSettings, problems: &mut Problems) {
    let Some(tls) = &export.tls else { return };
    if !export.endpoint.is_tls() {
        problems.error(
            key,
            "the endpoint is http://, where TLS settings have no effect",
            "Write https:// in the endpoint, or remove the table",
        );
    }
    if tls
        .server_name
        .as_deref()
        .is_some_and(|name| ServerName::try_from(name).is_err())
    {
        problems.error(
            &key.child("server_name"),
            "this is neither a DNS name nor an IP address",
            "Write the name in the destination's certificate",
        );
    }
    files::client(key, tls, problems);
}
