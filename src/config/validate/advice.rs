//! Legal settings that a person should know about.

use std::collections::BTreeMap;

use crate::config::endpoint::Endpoint;
use crate::config::key::KeyPath;
use crate::config::problem::Problems;
use crate::config::secret::Secret;
use crate::config::settings::{ListenerSettings, Settings};

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
        let key = KeyPath::from("export").child(name);
        plain_secrets(
            &key,
            "endpoint",
            &export.endpoint,
            &export.headers,
            problems,
        );
    }
    for (name, route) in settings.open_routes() {
        let key = KeyPath::from("route").child(name);
        plain_secrets(&key, "upstream", &route.upstream, &route.headers, problems);
    }
    open_gateway(settings, problems);
}

fn no_export(settings: &Settings, problems: &mut Problems) {
    if !settings.export.values().any(|export| export.enabled) {
        problems.warn(&"export".into(), "no export is enabled: what is received is counted but kept nowhere; set export.collector.endpoint");
    }
}

fn no_receiver(settings: &Settings, problems: &mut Problems) {
    let receive = &settings.receive;
    if !receive.grpc.enabled && !receive.http.enabled {
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

fn open_gateway(settings: &Settings, problems: &mut Problems) {
    let gateway = &settings.gateway;
    let mut routes = settings.open_routes().peekable();
    if gateway.listen.ip().is_loopback() || routes.peek().is_none() {
        return;
    }
    let adds_secrets = routes.any(|(_, route)| !route.headers.is_empty());
    let client_certificates = gateway
        .tls
        .as_ref()
        .is_some_and(|tls| tls.client_ca_file.is_some());
    if adds_secrets && !client_certificates {
        let text = "anyone who reaches this address calls upstreams with the headers of their routes; listen on 127.0.0.1, or set gateway.tls.client_ca_file";
        problems.warn(&"gateway.listen".into(), text);
    } else if gateway.tls.is_none() {
        let text =
            "what callers send crosses the network readable: there is no TLS on this listener";
        problems.warn(&"gateway.listen".into(), text);
    }
}

fn plain_secrets(
    key: &KeyPath,
    target: &str,
    endpoint: &Endpoint,
    headers: &BTreeMap<String, Secret>,
    problems: &mut Problems,
) {
    if !headers.is_empty() && !endpoint.is_tls() && !endpoint.is_loopback() {
        let text = format!(
            "headers cross the network readable: the {target} is http://; write https:// if they hold credentials"
        );
        problems.warn(&key.child("headers"), text);
    }
}
