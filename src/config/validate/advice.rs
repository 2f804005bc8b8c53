//! Legal settings that a person should know about.

use super::addresses::listeners;
use crate::config::problem::Problems;
use crate::config::settings::{ExportSettings, ListenerSettings, Settings};

pub(super) fn give(settings: &Settings, problems: &mut Problems) {
    no_export(settings, problems);
    no_receiver(settings, problems);
    open_receiver(
        "receive.grpc.listen",
        &settings.receive.grpc,
        settings,
        problems,
    );
    open_receiver(
        "receive.http.listen",
        &settings.receive.http,
        settings,
        problems,
    );
    open_api(settings, problems);
    for (name, export) in settings.export.iter().filter(|(_, export)| export.enabled) {
        plain_secrets(name, export, problems);
    }
}

fn no_export(settings: &Settings, problems: &mut Problems) {
    if !settings.export.values().any(|export| export.enabled) {
        problems.warn(&"export".into(), "no export is enabled: what is received is counted but kept nowhere; set export.collector.endpoint");
    }
}

fn no_receiver(settings: &Settings, problems: &mut Problems) {
    if listeners(settings).len() == 1 {
        problems.warn(
            &"receive".into(),
            "both OTLP listeners are disabled, so nothing can be received",
        );
    }
}

fn open_receiver(
    key: &str,
    listener: &ListenerSettings,
    settings: &Settings,
    problems: &mut Problems,
) {
    if !listener.enabled || listener.listen.ip().is_loopback() || listener.tls.is_some() {
        return;
    }
    let text = match settings.receive.bearer_token {
        None => {
            "anyone who reaches this address can send: there is neither a token nor TLS; set receive.bearer_token, TLS, or listen on 127.0.0.1"
        }
        Some(_) => "senders' tokens cross the network readable: there is no TLS on this listener",
    };
    problems.warn(&key.into(), text);
}

fn open_api(settings: &Settings, problems: &mut Problems) {
    let api = &settings.api;
    if api.listen.ip().is_loopback() {
        return;
    }
    if api.tls.is_none() {
        problems.warn(
            &"api.listen".into(),
            "anyone who reaches this address can read metrics, health and the ledger, without TLS",
        );
    }
    if api.token.is_none() {
        problems.warn(
            &"api.token".into(),
            "api.listen is no loopback address, and there is no token: nobody can see the details of health or run probes from there",
        );
    }
}

fn plain_secrets(name: &str, export: &ExportSettings, problems: &mut Problems) {
    if !export.headers.is_empty() && !export.endpoint.is_tls() && !export.endpoint.is_loopback() {
        let text = "headers cross the network readable: the endpoint is http://; write https:// if they hold credentials";
        problems.warn(&format!("export.{name}.headers").as_str().into(), text);
    }
}
