//! Where a route leads.

use super::taken::plain_path;
use crate::config::key::KeyPath;
use crate::config::problem::Problems;
use crate::config::settings::{Reach, RouteSettings, Settings};
use crate::config::validate::{addresses, files};

pub(super) fn check(
    key: &KeyPath,
    route: &RouteSettings,
    settings: &Settings,
    problems: &mut Problems,
) {
    base_path(&key.child("upstream"), route, problems);
    ourselves(&key.child("upstream"), route, settings, problems);
    reach(&key.child("reach"), route, problems);
    tls(&key.child("tls"), route, problems);
}

fn base_path(key: &KeyPath, route: &RouteSettings, problems: &mut Problems) {
    let path = route.upstream.base_path();
    if path.is_empty() {
        return;
    }
    if let Err((problem, fix)) = plain_path(path) {
        problems.error(key, problem, fix);
    }
}

/// A request that comes back to the gateway goes round for ever; one to the other listeners comes from this machine, which they trust.
fn ourselves(key: &KeyPath, route: &RouteSettings, settings: &Settings, problems: &mut Problems) {
    let listeners = addresses::listeners(settings);
    let ours = |(listener, address): &&(&'static str, _)| {
        problems.settled(listener) && addresses::leads_to(&route.upstream, *address)
    };
    let found = listeners.iter().find(ours).filter(|_| route.enabled);
    if let Some((listener, address)) = found {
        let problem =
            format!("the route would lead to this agent itself ({listener} is {address})");
        let fix = "Name the service's address, or move the listener to another port";
        problems.error(key, problem, fix);
    }
}

fn reach(key: &KeyPath, route: &RouteSettings, problems: &mut Problems) {
    if route.reach == Reach::Public && route.upstream.is_loopback() {
        let problem = "the upstream is this machine, which is not on the public internet";
        problems.error(key, problem, "Write reach = \"any\", or another upstream");
    }
}

fn tls(key: &KeyPath, route: &RouteSettings, problems: &mut Problems) {
    let Some(tls) = &route.tls else { return };
    if !route.upstream.is_tls() {
        problems.error(
            key,
            "the upstream is http://, where TLS settings have no effect",
            "Write https:// in the upstream, or remove the table",
        );
    }
    files::client(key, tls, problems);
}
