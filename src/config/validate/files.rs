//! Files and directories that the settings name: present, readable, and of the right kind.

use std::path::Path;

use rustls::pki_types::ServerName;

use crate::config::file::read_small;
use crate::config::key::KeyPath;
use crate::config::problem::Problems;
use crate::config::settings::{ClientTls, ServerTls, Settings};

/// What a PEM file must hold (RFC 7468).
#[derive(Clone, Copy)]
enum Pem {
    Certificate,
    PrivateKey,
}

pub(super) fn check(settings: &Settings, problems: &mut Problems) {
    data_dir(&settings.data_dir, problems);
    let receive = &settings.receive;
    let routes = settings.open_routes().next().is_some();
    let servers = [
        ("api.tls", true, &settings.api.tls),
        ("receive.grpc.tls", receive.grpc.enabled, &receive.grpc.tls),
        ("receive.http.tls", receive.http.enabled, &receive.http.tls),
        ("gateway.tls", routes, &settings.gateway.tls),
    ];
    for (key, _, tls) in servers.iter().filter(|(_, enabled, _)| *enabled) {
        if let Some(tls) = tls {
            server(&(*key).into(), tls, problems);
        }
    }
}

fn data_dir(path: &Path, problems: &mut Problems) {
    if path.exists() && !path.is_dir() {
        problems.error(
            &"data_dir".into(),
            format!("{} is not a directory", path.display()),
            "Name a directory, or a path that does not exist yet",
        );
    }
}

fn server(key: &KeyPath, tls: &ServerTls, problems: &mut Problems) {
    pem(
        &key.child("cert_file"),
        Some(&tls.cert_file),
        Pem::Certificate,
        problems,
    );
    pem(
        &key.child("key_file"),
        Some(&tls.key_file),
        Pem::PrivateKey,
        problems,
    );
    pem(
        &key.child("client_ca_file"),
        tls.client_ca_file.as_deref(),
        Pem::Certificate,
        problems,
    );
}

/// Checks the TLS material of an export, a route, a database or a probe, and the name that it expects.
pub(super) fn client(key: &KeyPath, tls: &ClientTls, problems: &mut Problems) {
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
    pem(
        &key.child("ca_file"),
        tls.ca_file.as_deref(),
        Pem::Certificate,
        problems,
    );
    pem(
        &key.child("cert_file"),
        tls.cert_file.as_deref(),
        Pem::Certificate,
        problems,
    );
    pem(
        &key.child("key_file"),
        tls.key_file.as_deref(),
        Pem::PrivateKey,
        problems,
    );
    match (&tls.cert_file, &tls.key_file) {
        (Some(_), None) => alone(&key.child("key_file"), "cert_file", problems),
        (None, Some(_)) => alone(&key.child("cert_file"), "key_file", problems),
        _ => {}
    }
}

fn alone(missing: &KeyPath, given: &str, problems: &mut Problems) {
    problems.error(
        missing,
        format!("is missing, but {given} is given"),
        "Give both or neither",
    );
}

fn pem(key: &KeyPath, path: Option<&Path>, kind: Pem, problems: &mut Problems) {
    let Some(path) = path else { return };
    let (marker, fix) = match kind {
        Pem::Certificate => (
            "CERTIFICATE-----",
            "Name a readable PEM file with a certificate",
        ),
        Pem::PrivateKey => (
            "PRIVATE KEY-----",
            "Name a readable PEM file with a private key that is not encrypted",
        ),
    };
    match read_small(path) {
        Err(reason) => problems.error(
            key,
            format!("{} cannot be read: {reason}", path.display()),
            fix,
        ),
        Ok(text) if !holds_block(&text, marker) => problems.error(
            key,
            format!("{} holds no such PEM block", path.display()),
            fix,
        ),
        Ok(_) => {}
    }
}

fn holds_block(text: &str, marker: &str) -> bool {
    let begins = text.lines().filter(|line| line.starts_with("-----BEGIN "));
    begins
        .into_iter()
        .any(|line| line.trim_end().ends_with(marker) && !line.contains("ENCRYPTED"))
}
