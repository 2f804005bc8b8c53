//! What `lineside check-config` says.

use std::fmt::Write;

use super::load::Loaded;
use super::problem::ConfigErrors;
use super::setting::Scalar;
use super::settings::{
    ExportSettings, JournalSettings, ListenerSettings, MaintenanceSettings, ProbeSettings,
    SeriesSettings, Settings, SyncMode,
};
use super::units::show_duration;
use super::window::WindowEdge;

/// Every error; or that there is none, where the settings came from, what is in force, and every warning.
/// Secrets are never shown.
pub fn check_config(outcome: &Result<Loaded, ConfigErrors>) -> String {
    match outcome {
        Err(errors) => format!("{errors}\n"),
        Ok(loaded) => valid(loaded),
    }
}

fn valid(loaded: &Loaded) -> String {
    let mut text = "✓ configuration is valid\n".to_owned();
    let file = loaded.file.as_ref().map_or_else(
        || "none; defaults are in force".to_owned(),
        |path| path.display().to_string(),
    );
    line(&mut text, "file", &file);
    if !loaded.variables.is_empty() {
        line(&mut text, "environment", &loaded.variables.join(", "));
    }
    for (name, fact) in facts(&loaded.settings) {
        line(&mut text, &name, &fact);
    }
    for warning in &loaded.warnings {
        text.push_str(&format!("⚠ {warning}\n"));
    }
    text
}

fn line(text: &mut String, name: &str, fact: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "  {name:<18} {fact}");
}

fn facts(settings: &Settings) -> Vec<(String, String)> {
    let token = settings.receive.bearer_token.as_ref();
    let token = token.map_or("", |_| ", token required");
    let mut facts = vec![
        ("data".to_owned(), settings.data_dir.display().to_string()),
        (
            "api".to_owned(),
            format!(
                "{}{}{}",
                settings.api.listen,
                tls_note(settings.api.tls.is_some()),
                settings.api.token.as_ref().map_or("", |_| TOKEN_NOTE)
            ),
        ),
        (
            "receive grpc".to_owned(),
            listener(&settings.receive.grpc, token),
        ),
        (
            "receive http".to_owned(),
            listener(&settings.receive.http, token),
        ),
        ("journal".to_owned(), journal(&settings.journal)),
        ("series".to_owned(), series(&settings.series)),
    ];
    facts.extend(
        settings
            .export
            .iter()
            .map(|(name, settings)| (format!("export {name}"), export(settings))),
    );
    let probes = settings.probe.iter();
    facts.extend(probes.map(|(name, settings)| (format!("probe {name}"), probe(settings))));
    let windows = settings.maintenance.iter();
    facts.extend(windows.map(|(name, settings)| (format!("maintenance {name}"), window(settings))));
    facts
}

/// Metrics and the status of health are shown without it.
const TOKEN_NOTE: &str = ", token required for details";

fn tls_note(tls: bool) -> &'static str {
    if tls { ", TLS" } else { "" }
}

fn listener(listener: &ListenerSettings, token: &str) -> String {
    if !listener.enabled {
        return "disabled".to_owned();
    }
    let mutual = listener
        .tls
        .as_ref()
        .is_some_and(|tls| tls.client_ca_file.is_some());
    let clients = if mutual {
        ", client certificates required"
    } else {
        ""
    };
    format!(
        "{}{}{clients}{token}",
        listener.listen,
        tls_note(listener.tls.is_some())
    )
}

fn journal(journal: &JournalSettings) -> String {
    let full = format!("when full {}", journal.when_full);
    match journal.sync {
        SyncMode::Always => format!(
            "synced before every answer, at most {} on disk, {full}",
            journal.max_bytes
        ),
        SyncMode::Interval => {
            format!(
                "synced every {}, at most {} on disk, {full}",
                show_duration(journal.sync_every),
                journal.max_bytes
            )
        }
        SyncMode::Memory => format!("in memory only, at most {}, {full}", journal.memory_bytes),
    }
}

fn series(series: &SeriesSettings) -> String {
    if !series.enabled {
        return "disabled: /metrics shows the agent's own alone".to_owned();
    }
    let restart = match series.continuity {
        true => "counters go on after a restart",
        false => "counters begin at zero after a restart",
    };
    let (count, memory) = (series.max_series, series.max_memory);
    format!("at most {count} in {memory}, {restart}")
}

fn export(export: &ExportSettings) -> String {
    let signals = export
        .signals
        .iter()
        .map(|signal| signal.name())
        .collect::<Vec<_>>()
        .join(", ");
    let state = if export.enabled { "" } else { "disabled: " };
    format!(
        "{state}{} over {}, compression {}, {signals}",
        export.endpoint, export.protocol, export.compression
    )
}

fn probe(probe: &ProbeSettings) -> String {
    let state = if probe.enabled { "" } else { "disabled: " };
    let down = match probe.failures {
        1 => "the first failure".to_owned(),
        failures => format!("{failures} failures"),
    };
    let needed = match probe.required {
        true => "required",
        false => "not required",
    };
    let queries = match probe.query.len() {
        0 => String::new(),
        1 => ", 1 query".to_owned(),
        count => format!(", {count} queries"),
    };
    format!(
        "{state}{}, every {}, at most {}, down after {down}, {needed}{queries}",
        probe.url,
        show_duration(probe.every),
        show_duration(probe.timeout)
    )
}

fn window(window: &MaintenanceSettings) -> String {
    let bare = |edge: WindowEdge| edge.show().trim_matches('"').to_owned();
    let named = |names: Vec<&str>, all: &str| match names.is_empty() {
        true => all.to_owned(),
        false => names.join(", "),
    };
    let days = window.days.iter().map(|day| day.name()).collect();
    let days = match window.from {
        WindowEdge::Daily(_) => format!(" UTC, {}", named(days, "every day")),
        WindowEdge::Once(_) => String::new(),
    };
    let probes = window.probes.iter().map(String::as_str).collect();
    format!(
        "{} to {}{days}, for {}",
        bare(window.from),
        bare(window.to),
        named(probes, "all probes")
    )
}
