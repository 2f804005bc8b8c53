//! Finding and parsing the configuration file.

use std::path::{Path, PathBuf};

use figment::providers::{Format, Toml, Yaml};
use figment::value::Dict;
use figment::{Profile, Provider};

use super::origin::Origin;
use super::problem::ConfigError;

/// Read when present and no other file is named.
const USUAL_NAMES: [&str; 3] = ["lineside.toml", "lineside.yaml", "lineside.yml"];

/// The file to read: the named one, else the usual one in `directory` if there is one.
pub(crate) fn find(named: Option<&Path>, directory: &Path) -> Result<Option<PathBuf>, ConfigError> {
    if let Some(path) = named {
        return Ok(Some(path.to_owned()));
    }
    let present: Vec<PathBuf> = USUAL_NAMES
        .iter()
        .map(|name| directory.join(name))
        .filter(|path| path.exists())
        .collect();
    match present.as_slice() {
        [] => Ok(None),
        [path] => Ok(Some(path.clone())),
        [path, other, ..] => {
            let problem = format!(
                "{} lies beside it, and only one file is read",
                other.display()
            );
            Err(fault(
                path,
                problem,
                "Remove one, or name the file to read with --config",
            ))
        }
    }
}

/// The tree that the file spells.
pub(crate) fn read(path: &Path) -> Result<Dict, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        fault(
            path,
            format!("the file cannot be read: {error}"),
            "Name a readable TOML or YAML file",
        )
    })?;
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("toml") => parse(path, Toml::string(&text), toml_message),
        Some("yaml" | "yml") if is_blank(&text) => Ok(Dict::new()),
        Some("yaml" | "yml") => parse(path, Yaml::string(&text), yaml_message),
        _ => Err(fault(
            path,
            "the file's name says no format".to_owned(),
            "Name it .toml, .yaml or .yml",
        )),
    }
}

fn parse(
    path: &Path,
    provider: impl Provider,
    message: fn(&str) -> String,
) -> Result<Dict, ConfigError> {
    match provider.data() {
        Ok(mut profiles) => Ok(profiles.remove(&Profile::Default).unwrap_or_default()),
        Err(error) => Err(fault(
            path,
            message(&error.kind.to_string()),
            "Correct the file; its settings are checked once it can be read",
        )),
    }
}

fn fault(path: &Path, problem: String, fix: &str) -> ConfigError {
    ConfigError {
        key: String::new(),
        origin: Origin::File(path.to_owned()),
        problem,
        fix: fix.to_owned(),
    }
}

/// The parser quotes the offending line, which may hold a secret: keep the position and the reason only.
fn toml_message(message: &str) -> String {
    let kept = message
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !is_quoted_source(line));
    kept.collect::<Vec<_>>().join(": ")
}

fn is_quoted_source(line: &str) -> bool {
    line.trim_start_matches(|c: char| c.is_ascii_digit())
        .trim_start()
        .starts_with('|')
}

/// Values stand in quotes or backticks in the parser's messages: leave them out.
fn yaml_message(message: &str) -> String {
    let outside = message
        .split(['"', '`'])
        .step_by(2)
        .collect::<Vec<_>>()
        .join("…");
    format!("the file is not a YAML table of settings: {outside}")
}

fn is_blank(yaml: &str) -> bool {
    yaml.lines()
        .map(str::trim)
        .all(|line| line.is_empty() || line.starts_with('#') || line == "---")
}
