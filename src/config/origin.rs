//! Where a value came from.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use figment::value::Dict;

use super::key::KeyPath;

/// Where a value came from, so that a person knows what to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Built in.
    Default,
    /// A configuration file.
    File(PathBuf),
    /// An environment variable, by name.
    Environment(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File(path) => write!(f, "{}", path.display()),
            Origin::Environment(name) => write!(f, "environment variable {name}"),
        }
    }
}

/// Which keys the file and the environment set.
#[derive(Clone, Default)]
pub(crate) struct Origins {
    pub(crate) file: Option<(PathBuf, Dict)>,
    pub(crate) variables: BTreeMap<KeyPath, String>,
}

impl Origins {
    /// The source of `key`, or of the nearest table above it that somebody wrote.
    pub(crate) fn of(&self, key: &KeyPath) -> Origin {
        let above = (1..=key.0.len())
            .rev()
            .map(|length| KeyPath(key.0[..length].to_vec()));
        above
            .into_iter()
            .find_map(|key| self.written(&key))
            .unwrap_or(Origin::Default)
    }

    fn written(&self, key: &KeyPath) -> Option<Origin> {
        if let Some(name) = self.variables.get(key) {
            return Some(Origin::Environment(name.clone()));
        }
        if let Some((path, _)) = self
            .file
            .as_ref()
            .filter(|(_, dict)| contains(dict, &key.0))
        {
            return Some(Origin::File(path.clone()));
        }
        let below = self
            .variables
            .iter()
            .find(|(variable_key, _)| key.holds(variable_key));
        below.map(|(_, name)| Origin::Environment(name.clone()))
    }
}

fn contains(dict: &Dict, names: &[String]) -> bool {
    match names {
        [] => true,
        [name, rest @ ..] => match dict.get(name) {
            Some(figment::value::Value::Dict(_, inner)) => contains(inner, rest),
            Some(_) => rest.is_empty(),
            None => false,
        },
    }
}
