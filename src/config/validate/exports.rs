//! Exports: names, endpoints, signals, headers, TLS.

use super::{files, headers, names};
use crate::config::key::KeyPath;
use crate::config::problem::Problems;
use crate::config::settings::{ExportSettings, Protocol, Settings};
use crate::otlp::Signal;

pub(super) fn check(settings: &Settings, problems: &mut Problems) {
    let above = KeyPath::from("export");
    names::check(&above, "export", settings.export.keys(), problems);
    let reserved = [&headers::FRAMING[..], &headers::OF_THE_BODY].concat();
    for (name, export) in &settings.export {
        let key = above.child(name);
        endpoint(&key.child("endpoint"), export, problems);
        signals(&key.child("signals"), &export.signals, problems);
        let sent = key.child("headers");
        headers::check(&sent, &export.headers, &reserved, problems);
        headers::metadata(&sent, &export.headers, problems);
        tls(&key.child("tls"), export, problems);
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

fn tls(key: &KeyPath, export: &ExportSettings, problems: &mut Problems) {
    let Some(tls) = &export.tls else { return };
    if !export.endpoint.is_tls() {
        problems.error(
            key,
            "the endpoint is http://, where TLS settings have no effect",
            "Write https:// in the endpoint, or remove the table",
        );
    }
    files::client(key, tls, problems);
}
