//! Routes that cannot be told apart.

use std::collections::{BTreeSet, HashMap};

use super::taken::one_spelling;
use crate::config::key::KeyPath;
use crate::config::problem::Problems;
use crate::config::settings::{RouteSettings, Settings};

/// Reports every route that takes the same requests as an earlier one.
pub(super) fn check(settings: &Settings, problems: &mut Problems) {
    let mut taken: HashMap<(Option<String>, &str), &str> = HashMap::new();
    for (name, route) in settings.open_routes() {
        let key = KeyPath::from("route").child(name);
        let settled = |field: &str| problems.settled(&key.child(field).to_string());
        if !(settled("prefix") && settled("hosts")) {
            continue;
        }
        let prefix = route
            .prefix
            .as_deref()
            .unwrap_or_default()
            .trim_end_matches('/');
        for host in hosts(route) {
            match taken.get(&(host.clone(), prefix)) {
                Some(other) => twin(&key, other, host.as_deref(), prefix, problems),
                None => drop(taken.insert((host, prefix), name)),
            }
        }
    }
}

/// `None`: every host.
fn hosts(route: &RouteSettings) -> Vec<Option<String>> {
    match route.hosts.is_empty() {
        true => vec![None],
        false => {
            let spelled = route
                .hosts
                .iter()
                .filter_map(|host| one_spelling(host).ok());
            // One that is named twice is reported where it stands.
            let hosts: BTreeSet<String> = spelled.collect();
            hosts.into_iter().map(Some).collect()
        }
    }
}

fn twin(key: &KeyPath, other: &str, host: Option<&str>, prefix: &str, problems: &mut Problems) {
    let prefix = if prefix.is_empty() { "/" } else { prefix };
    let of_host = host.map_or_else(String::new, |host| format!(" of {host}"));
    let problem = format!("route.{other} takes the same requests: {prefix}{of_host}");
    let fix = "Give each route a prefix or hosts of its own, or set enabled = false";
    problems.error(&key.child("prefix"), problem, fix);
}
