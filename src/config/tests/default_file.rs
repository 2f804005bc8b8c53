use std::path::Path;

use super::{Given, nothing, toml};
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

/// Scenario: everything that the default file shows is uncommented: tables, defaults and examples; then the same without
/// the defaults; then with what the file gives for example in the place of defaults.
/// Guarantees: the examples are valid together, and what the file calls the defaults of an export, a probe or any other
/// table are those that it gets with its examples alone.
#[test]
fn the_examples_it_shows_are_valid() {
    let file = with_tables(&default_file());
    let with_defaults = files_and_variables(&file, &uncommented(&file));
    let without = files_and_variables(&file, &file);
    let shown = |given: &Given| {
        let settings = given.loaded().settings;
        assert_eq!((settings.export.len(), settings.maintenance.len()), (2, 1));
        assert_eq!(settings.probe.len(), 8);
        // Each in a directory of its own.
        format!("{settings:?}").replace(given.path("").to_str().unwrap(), "")
    };
    assert_eq!(shown(&with_defaults), shown(&without));
    let instead = with_examples_instead(&file);
    assert_ne!(
        shown(&files_and_variables(&instead, &instead)),
        shown(&without)
    );
}

/// Scenario: every field of every section.
/// Guarantees: none is left without a line that sets it and a line that says what it takes.
#[test]
fn every_key_is_shown_with_its_value() {
    let file = default_file();
    let lines: Vec<&str> = file.lines().collect();
    // What stands right below a table's name only says which table it is.
    let is_key = |pair: &&[&str]| !pair[0].starts_with("#[") && is_setting(pair[1]);
    let keys = lines.windows(2).filter(is_key);
    let facts = file.lines().filter(|line| line.starts_with("# Value: "));
    let (keys, facts) = (keys.count(), facts.count());
    assert_eq!(keys, facts);
    assert!(keys > 60, "{keys}");
}

/// Whether the line sets something, once it is uncommented.
fn is_setting(line: &str) -> bool {
    line.starts_with('#') && line.contains(" = ") && !line.starts_with("# ")
}

/// The lines that show a default, uncommented.
fn uncommented(file: &str) -> String {
    let lines = file.lines().map(|line| match line.strip_prefix('#') {
        Some(setting) if is_setting(line) && !line.ends_with("# example") => setting,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Tables and examples uncommented.
fn with_tables(file: &str) -> String {
    let lines = file.lines().map(|line| match line.strip_prefix('#') {
        Some(shown) if shown.starts_with('[') || shown.ends_with(" # example") => shown,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// What stands behind "for example" in the place of the default below it.
fn with_examples_instead(file: &str) -> String {
    let lines: Vec<&str> = file.lines().collect();
    let instead = |at: usize| {
        let (_, example) = lines[at.checked_sub(1)?].split_once("; for example ")?;
        let (key, _) = lines[at].strip_prefix('#')?.split_once(" = ")?;
        Some(format!("{key} = {}", example.strip_suffix('.')?))
    };
    let shown = (0..lines.len()).map(|at| instead(at).unwrap_or_else(|| lines[at].to_owned()));
    shown.collect::<Vec<_>>().join("\n")
}

/// `text` with every PEM file and every environment variable that `file` names.
fn files_and_variables(file: &str, text: &str) -> Given {
    const PEM: &str = "-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n";
    let mut given = nothing();
    std::fs::create_dir(given.path("tls")).unwrap();
    for line in file.lines().filter(|line| !line.starts_with('#')) {
        for (named, value) in line.split('"').zip(line.split('"').skip(1)) {
            if value.starts_with("tls/") {
                given = given.with_file(value, PEM);
            } else if named.ends_with("env = ") {
                given = given.with_variable(value, "x");
            }
        }
    }
    let here = format!("\"{}/", given.path("tls").display());
    given.with_file("lineside.toml", &text.replace("\"tls/", &here))
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
