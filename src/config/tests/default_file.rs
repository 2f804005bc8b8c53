use std::path::Path;

use super::toml;
use crate::config::{Settings, default_file};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/lineside.default.toml");

/// Scenario: the settings' doc comments, types, limits and defaults are written out as a file.
/// Guarantees: `lineside.default.toml` says exactly what the code does. `UPDATE_DEFAULT_FILE=1 cargo test` writes it anew.
#[test]
fn the_default_file_is_up_to_date() {
    if std::env::var_os("UPDATE_DEFAULT_FILE").is_some() {
        std::fs::write(GOLDEN, default_file()).unwrap();
    }
    let golden = std::fs::read_to_string(Path::new(GOLDEN)).unwrap_or_default();
    assert!(
        golden == default_file(),
        "run UPDATE_DEFAULT_FILE=1 cargo test, and read the difference"
    );
}

/// Scenario: every line of the default file that shows a default is uncommented.
/// Guarantees: the file is valid, and what it calls defaults are the defaults.
#[test]
fn the_defaults_it_shows_are_the_defaults() {
    let given = toml(&uncommented(&without_optional_tables(&default_file())));
    let settings = given.loaded().settings;
    assert_eq!(
        format!("{settings:?}"),
        format!("{:?}", Settings::default())
    );
}

/// Scenario: the export that the default file shows is uncommented, examples included, without its TLS files.
/// Guarantees: the examples are valid, and an export's shown defaults are those it gets with an endpoint alone.
#[test]
fn the_export_it_shows_is_valid() {
    let file = default_file();
    let start = file.find("#[export.collector]").unwrap();
    let end = start + file[start..].find("\n[telemetry]").unwrap();
    let whole = uncommented(
        &file[start..end]
            .replace("#[", "[")
            .replace(" # example", ""),
    );
    let tls = whole.find("[export.collector.tls]").unwrap();
    let after_tls = tls + whole[tls..].find("\n[export.collector.batch]").unwrap();
    let shown = toml(&format!("{}{}", &whole[..tls], &whole[after_tls..]))
        .loaded()
        .settings;
    let brief = toml("[export.collector]\nendpoint = \"http://otel-collector:4317\"")
        .loaded()
        .settings;
    assert_eq!(format!("{shown:?}"), format!("{brief:?}"));
}

/// Scenario: every field of every section.
/// Guarantees: none is left without a line that sets it and a line that says what it takes.
#[test]
fn every_key_is_shown_with_its_value() {
    let file = default_file();
    let keys = file
        .lines()
        .filter(|line| line.starts_with('#') && line.contains(" = ") && !line.starts_with("# "));
    let facts = file.lines().filter(|line| line.starts_with("# Value: "));
    let (keys, facts) = (keys.count(), facts.count());
    assert_eq!(keys, facts);
    assert!(keys > 60, "{keys}");
}

fn uncommented(file: &str) -> String {
    let lines = file.lines().map(|line| match line.strip_prefix('#') {
        Some(setting)
            if setting.contains(" = ")
                && !setting.starts_with(' ')
                && !setting.ends_with("# example") =>
        {
            setting
        }
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Leaves out each `#[table]` with its lines, up to the next table that is there by default.
fn without_optional_tables(file: &str) -> String {
    let mut inside = false;
    let keep = |line: &&str| {
        inside = line.starts_with("#[") || (inside && !line.starts_with('['));
        !inside
    };
    file.lines().filter(keep).collect::<Vec<_>>().join("\n")
}
