//! Addresses: no two listeners on one, and no export that sends to ourselves.

use std::net::{IpAddr, SocketAddr};

use crate::config::endpoint::Endpoint;
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
    let routes = settings.open_routes().next().is_some();
    let gateway = routes.then_some(("gateway.listen", settings.gateway.listen));
    std::iter::once(("api.listen", settings.api.listen))
        .chain(opened)
        .chain(gateway)
        .collect()
}

/// Whether binding both fails. A wildcard address takes the port on every address; port 0 is any free one.
fn clash(left: SocketAddr, right: SocketAddr) -> bool {
    let wildcard = left.ip().is_unspecified() || right.ip().is_unspecified();
    left.port() != 0 && left.port() == right.port() && (wildcard || left.ip() == right.ip())
}

/// Whether a connection to `endpoint` comes to `listener`, as far as that can be told without looking names up.
pub(super) fn leads_to(endpoint: &Endpoint, listener: SocketAddr) -> bool {
    let address = endpoint
        .host()
        .parse::<IpAddr>()
        .ok()
        .map(|ip| ip.to_canonical());
    let ip = listener.ip().to_canonical();
    let comes = match address {
        // Who connects to an unspecified address comes to this machine.
        Some(address) if address.is_unspecified() => ip.is_unspecified() || ip.is_loopback(),
        Some(address) => address == ip || (address.is_loopback() && ip.is_unspecified()),
        None => endpoint.is_loopback() && (ip.is_unspecified() || ip.is_loopback()),
    };
    comes && endpoint.port() == listener.port()
}

fn refuse_loop(
    name: &str,
    export: &ExportSettings,
    listeners: &[(&str, SocketAddr)],
    problems: &mut Problems,
) {
    let ours = |(_, address): &&(&str, SocketAddr)| leads_to(&export.endpoint, *address);
    if let Some((listener, address)) = listeners.iter().find(ours) {
        let problem =
            format!("the export would send to this agent itself ({listener} is {address})");
        problems.error(
            &format!("export.{name}.endpoint").as_str().into(),
            problem,
            "Name the collector's address, or move the listener to another port",
        );
    }
}
