//! Probes: their names, their timing, and what of their settings their kind does not know.

mod kinds;
mod maintenance;
mod parents;
mod queries;

use std::time::{Duration, SystemTime};

use super::{logins, names};
use crate::config::key::KeyPath;
use crate::config::problem::Problems;
use crate::config::settings::{ProbeSettings, Settings};
use crate::config::units::show_duration;

/// Each probe is a task with meters of its own, and all are listed in one answer.
const MAX_PROBES: usize = 1000;

/// What `?include=` finds besides probes, and so no probe or group can be called.
const RESERVED: [&str; 8] = [
    "all", "cache", "cpu", "database", "disk", "exports", "memory", "system",
];

pub(super) fn check(settings: &Settings, problems: &mut Problems) {
    let above = KeyPath::from("probe");
    names::check(&above, "probe", settings.probe.keys(), problems);
    if settings.probe.len() > MAX_PROBES {
        let problem = format!("there are {} probes", settings.probe.len());
        problems.error(&above, problem, format!("Name {MAX_PROBES} at most"));
    }
    for (name, probe) in &settings.probe {
        let key = above.child(name);
        reserved_name(&key, name, settings, problems);
        groups(&key.child("groups"), probe, settings, problems);
        logins::credentials(&key, &probe.url, probe.password.as_ref(), problems);
        logins::tls(&key.child("tls"), &probe.url, probe.tls.as_ref(), problems);
        timing(&key, probe, problems);
        certificates(&key, probe, problems);
        kinds::check(&key, probe, problems);
    }
    queries::check(settings, problems);
    parents::check(settings, problems);
    maintenance::check(settings, SystemTime::now(), problems);
}

fn reserved_name(key: &KeyPath, name: &str, settings: &Settings, problems: &mut Problems) {
    let fix = "Rename the probe";
    if RESERVED.contains(&name) {
        let problem =
            format!("\"{name}\" already stands for something else in /api/health?include=");
        problems.error(key, problem, fix);
    }
    let export = name.strip_prefix("export-");
    if let Some(export) = export.filter(|export| settings.export.contains_key(*export)) {
        let problem =
            format!("this is the name of the probe that export \"{export}\" has by itself");
        problems.error(key, problem, fix);
    }
}

fn groups(key: &KeyPath, probe: &ProbeSettings, settings: &Settings, problems: &mut Problems) {
    for (at, group) in probe.groups.iter().enumerate() {
        let shown = group.escape_debug();
        if !names::is_name(group) {
            let problem = format!("\"{shown}\" is not made of a-z, 0-9, - and _, 1 to 64 of them");
            problems.error(key, problem, "Rename the group");
        }
        if RESERVED.contains(&group.as_str()) {
            let problem =
                format!("\"{shown}\" already stands for something else in /api/health?include=");
            problems.error(key, problem, "Rename the group");
        }
        if settings.probe.contains_key(group) {
            let problem = format!("\"{shown}\" is the name of a probe");
            problems.error(key, problem, "Rename the group or the probe");
        }
        if probe.groups[..at].contains(group) {
            let problem = format!("\"{shown}\" is named more than once");
            problems.error(key, problem, "Name each group once");
        }
    }
}

fn timing(key: &KeyPath, probe: &ProbeSettings, problems: &mut Problems) {
    let every = show_duration(probe.every);
    if probe.timeout > probe.every {
        let timeout = show_duration(probe.timeout);
        let text = format!(
            "a run may take longer ({timeout}) than the time between two runs ({every}): while it does, others are left out"
        );
        problems.warn(&key.child("timeout"), text);
    }
    let unwritten = ProbeSettings::new(probe.url.clone()).confirm_every;
    if probe.confirm_every > probe.every && probe.confirm_every != unwritten {
        let text = format!("this is longer than every ({every}), which holds in its place");
        problems.warn(&key.child("confirm_every"), text);
    }
    if probe.slow_after.is_some_and(|slow| slow >= probe.timeout) {
        let timeout = show_duration(probe.timeout);
        let text = format!("no success can take that long: the timeout is {timeout}");
        problems.warn(&key.child("slow_after"), text);
    }
}

fn certificates(key: &KeyPath, probe: &ProbeSettings, problems: &mut Problems) {
    let (warn, fail) = (probe.certificate_warn, probe.certificate_fail);
    if warn != Duration::ZERO && fail > warn {
        let problem = format!(
            "{} is more than certificate_warn ({})",
            show_duration(fail),
            show_duration(warn)
        );
        let fix = "Lower it, or raise certificate_warn (\"0s\" warns never)";
        problems.error(&key.child("certificate_fail"), problem, fix);
    }
}
