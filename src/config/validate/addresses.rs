//! Addresses: no two listeners on one, and no export that sends to ourselves.

use std::net::SocketAddr;

use crate::config::problem::Problems;
use crate::config::settings::{ExportSettings, Settings};

pub(super) fn check(settings: &Settings, problems: &mut Problems) {
    let mut listeners = listeners(settings);
    listeners.retain(|(key, _)| problems.settled(key));
    for (index, (key, address)) in listeners.iter().enumerate() {
        if let Some((earlier, other)) = listeners[..index]
            .iter()
            .find(|(_, other)| clash(*address, *other))
        {
            let problem = format!("{address} is taken by {earlier} ({other})");
            problems.error(
                &(*key).into(),
                problem,
                "Give each listener an address or port of its own",
            );
        }
    }
    for (name, export) in settings.export.iter().filter(|(_, export)| export.enabled) {
        refuse_loop(name, export, &listeners, problems);
    }
}

/// Every address that will be opened, with its key.
pub(super) fn listeners(settings: &Settings) -> Vec<(&'static str, SocketAddr)> {
    let receivers = [
        ("receive.grpc.listen", &settings.receive.grpc),
        ("receive.http.listen", &settings.receive.http),
    ];
    let opened = receivers
        .into_iter()
        .filter(|(_, listener)| listener.enabled)
        .map(|(key, listener)| (key, listener.listen));
    std::iter::once(("api.listen", settings.api.listen))
        .chain(opened)
        .collect()
}

/// Whether binding both fails. A wildcard address takes the port on every address; port 0 is any free one.
fn clash(left: SocketAddr, right: SocketAddr) -> bool {
    let wildcard = left.ip().is_unspecified() || right.ip().is_unspecified();
    left.port() != 0 && left.port() == right.port() && (wildcard || left.ip() == right.ip())
}

fn refuse_loop(
    name: &str,
    export: &ExportSettings,
    listeners: &[(&str, SocketAddr)],
    problems: &mut Problems,
) {
    let ours = |address: SocketAddr| {
        let local = address.ip().is_loopback() || address.ip().is_unspecified();
        export.endpoint.is_loopback() && local && export.endpoint.port() == address.port()
    };
    if let Some((listener, address)) = listeners.iter().find(|(_, address)| ours(*address)) {
        let problem =
            format!("the export would send to this agent itself ({listener} is {address})");
        problems.error(
            &format!("export.{name}.endpoint").as_str().into(),
            problem,
            "Name the collector's address, or move the listener to another port",
        );
    }
}
