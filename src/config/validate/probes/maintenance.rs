//! Maintenance windows: two ends of one form, with time between them, for probes that are there.

use std::time::SystemTime;

use super::parents;
use crate::config::key::KeyPath;
use crate::config::problem::Problems;
use crate::config::setting::Scalar;
use crate::config::settings::{MaintenanceSettings, Settings};
use crate::config::validate::names;
use crate::config::window::WindowEdge;

pub(super) fn check(settings: &Settings, now: SystemTime, problems: &mut Problems) {
    let above = KeyPath::from("maintenance");
    names::check(&above, "window", settings.maintenance.keys(), problems);
    for (name, window) in &settings.maintenance {
        let key = above.child(name);
        edges(&key, window, now, problems);
        for (at, probe) in window.probes.iter().enumerate() {
            let key = key.child("probes");
            if !is_probe(probe, settings) {
                parents::unknown(&key, probe, settings, problems);
            } else if window.probes[..at].contains(probe) {
                let problem = format!("\"{probe}\" is named more than once");
                problems.error(&key, problem, "Name each probe once");
            }
        }
    }
}

/// Whether there is such a probe, those of the agent itself among them.
fn is_probe(name: &str, settings: &Settings) -> bool {
    let export = name.strip_prefix("export-");
    let own = name == "disk" || export.is_some_and(|export| settings.export.contains_key(export));
    own || settings.probe.contains_key(name)
}

fn edges(key: &KeyPath, window: &MaintenanceSettings, now: SystemTime, problems: &mut Problems) {
    let (from, to) = (window.from, window.to);
    match (from, to) {
        (WindowEdge::Daily(_), WindowEdge::Daily(_)) if from == to => {
            let problem = format!("the window ends when it begins ({})", to.show());
            let fix = "Write a later time; \"00:00\" to \"23:59\" is nearly a day";
            problems.error(&key.child("to"), problem, fix);
        }
        (WindowEdge::Daily(_), WindowEdge::Daily(_)) => days(key, window, problems),
        (WindowEdge::Once(begin), WindowEdge::Once(end)) => {
            if end <= begin {
                let problem = format!("{} is not after {}", to.show(), from.show());
                problems.error(&key.child("to"), problem, "Write a later moment");
            } else if end <= now {
                let text = format!("the window ended at {}; remove it", to.show());
                problems.warn(key, text);
            }
            if !window.days.is_empty() {
                let problem = "a window that opens once has no days of the week";
                problems.error(
                    &key.child("days"),
                    problem,
                    "Remove them, or write times of day",
                );
            }
        }
        _ => {
            let problem = format!("{} and {} are not of one form", from.show(), to.show());
            let fix =
                "Write two times of day as \"02:00\", or two moments as \"2026-12-01T22:00:00Z\"";
            problems.error(&key.child("to"), problem, fix);
        }
    }
}

fn days(key: &KeyPath, window: &MaintenanceSettings, problems: &mut Problems) {
    for (at, day) in window.days.iter().enumerate() {
        if window.days[..at].contains(day) {
            let problem = format!("{day} is named more than once");
            problems.error(&key.child("days"), problem, "Name each day once");
        }
    }
}
