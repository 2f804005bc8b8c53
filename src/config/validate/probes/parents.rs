//! Parents: each is another probe, and none is its own ancestor.

use std::collections::BTreeMap;

use crate::config::key::KeyPath;
use crate::config::problem::Problems;
use crate::config::settings::{ProbeSettings, Settings};
use crate::config::suggest::nearest;

pub(super) fn check(settings: &Settings, problems: &mut Problems) {
    for (name, probe) in &settings.probe {
        let Some(parent) = &probe.parent else {
            continue;
        };
        let key = KeyPath::from("probe").child(name).child("parent");
        match settings.probe.get(parent) {
            None => unknown(&key, parent, settings, problems),
            Some(parent_settings) if probe.enabled && !parent_settings.enabled => {
                let text = format!("probe \"{parent}\" is disabled, so it never excuses this one");
                problems.warn(&key, text);
            }
            Some(_) => cycle(&key, name, &settings.probe, problems),
        }
    }
}

/// Reports a probe that is not there. `problems` knows of those that are there, but could not be read.
pub(super) fn unknown(key: &KeyPath, name: &str, settings: &Settings, problems: &mut Problems) {
    if !problems.settled(&format!("probe.{name}")) {
        return;
    }
    let fix = match nearest(name, settings.probe.keys().map(String::as_str)) {
        Some(near) => format!("Did you mean \"{near}\"?"),
        None => "Write the name of a [probe.<name>] table".to_owned(),
    };
    problems.error(
        key,
        format!("there is no probe \"{}\"", name.escape_debug()),
        fix,
    );
}

/// Reports a ring of parents, once: at the first of its probes by name.
fn cycle(
    key: &KeyPath,
    name: &str,
    probes: &BTreeMap<String, ProbeSettings>,
    problems: &mut Problems,
) {
    let parent = |name: &str| probes.get(name)?.parent.as_deref();
    let mut ring = vec![name];
    let mut above = parent(name);
    // A walk that comes to more probes than there are goes round in a ring further up.
    while let Some(next) = above.filter(|next| *next != name && ring.len() <= probes.len()) {
        ring.push(next);
        above = parent(next);
    }
    if above == Some(name) && ring.iter().all(|other| *other >= name) {
        let shown = ring.join("\" needs \"");
        let problem = format!("the parents go round in a ring: \"{shown}\" needs \"{name}\"");
        problems.error(key, problem, "Remove one of these parents");
    }
}
