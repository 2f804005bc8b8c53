//! From environment variables to configuration keys.
//!
//! `LINESIDE_RECEIVE__MAX_BODY` sets `receive.max_body`: two underscores separate, one belongs to the name, and case
//! does not matter. Names that people choose (exports, headers) may hold `-`, which a variable cannot: there `_` in
//! the variable stands for the entry that the file spells with `-` or `_`, and for `-` where the file has no such entry.
//! An empty variable counts as unset.

use std::collections::BTreeMap;

use figment::value::{Dict, Map, Value};
use figment::{Metadata, Profile, Provider};

use super::environment::Environment;
use super::key::KeyPath;
use super::problem::Problems;
use super::setting::Shape;

/// What every variable of ours begins with.
const PREFIX: &str = "LINESIDE_";

/// The variables that set something, as a layer for figment.
pub(crate) struct Variables {
    dict: Dict,
    /// Which variable set which key.
    pub(crate) names: BTreeMap<KeyPath, String>,
    /// Variables that cannot be used, with their keys.
    faults: Vec<(KeyPath, String, Fault)>,
}

/// What is wrong, and what to do.
type Fault = (&'static str, String);

fn fault(problem: &'static str, fix: &str) -> Fault {
    (problem, fix.to_owned())
}

impl Variables {
    /// Reads every `LINESIDE_` variable; `shape` and `file` say how names are spelled.
    pub(crate) fn read(environment: &Environment, shape: &Shape, file: &Dict) -> Variables {
        let mut variables = Variables {
            dict: Dict::new(),
            names: BTreeMap::new(),
            faults: Vec::new(),
        };
        for name in environment.names().filter(|name| name.starts_with(PREFIX)) {
            variables.add(name, environment, shape, file);
        }
        variables
    }

    fn add(&mut self, name: &str, environment: &Environment, shape: &Shape, file: &Dict) {
        let Some(value) = environment.get(name) else {
            return;
        };
        let value = value.map_err(|_| fault("the variable is not UTF-8", "Set it to text"));
        if value
            .as_ref()
            .is_ok_and(|value| is_service_link(name, value))
        {
            return;
        }
        let lower = name[PREFIX.len()..].to_lowercase();
        let names: Vec<String> = lower.split("__").map(str::to_owned).collect();
        let key = KeyPath(spell(shape, &names, Some(file)));
        match value.and_then(|value| self.set(&key, value, shape)) {
            Ok(()) => drop(self.names.insert(key, name.to_owned())),
            Err(fault) => self.faults.push((key, name.to_owned(), fault)),
        }
    }

    fn set(&mut self, key: &KeyPath, value: &str, shape: &Shape) -> Result<(), Fault> {
        if key.0.iter().any(String::is_empty) {
            return Err(fault(
                "the variable's name has an empty part",
                "Write LINESIDE_TABLE__KEY",
            ));
        }
        if let Some(meant) = single_underscores(key, shape) {
            let fix = format!(
                "Two underscores separate the parts: write {}",
                meant.variable()
            );
            return Err(("unknown key", fix));
        }
        if !insert(&mut self.dict, &key.0, value) {
            let problem =
                "the variable sets a part of a value that another variable sets as a whole";
            return Err(fault(problem, "Remove one of the two"));
        }
        Ok(())
    }

    /// Reports the variables that cannot be used.
    pub(crate) fn report(self, problems: &mut Problems) {
        for (key, name, (problem, fix)) in self.faults {
            problems.origins.variables.insert(key.clone(), name);
            problems.error(&key, problem, fix);
        }
    }
}

impl Provider for Variables {
    fn metadata(&self) -> Metadata {
        Metadata::named("environment variables")
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.dict.clone()))
    }
}

/// The key that the parts of a variable's name spell.
fn spell(shape: &Shape, names: &[String], file: Option<&Dict>) -> Vec<String> {
    let [name, rest @ ..] = names else {
        return Vec::new();
    };
    let (name, inner) = match shape {
        Shape::Table { fields, .. } => (
            name.clone(),
            fields
                .iter()
                .find(|field| field.key == name)
                .map(|field| &field.shape),
        ),
        Shape::Map(entry) => (chosen_name(name, file), Some(&**entry)),
        Shape::Value { .. } => (name.clone(), None),
    };
    let below = file
        .and_then(|dict| dict.get(&name))
        .and_then(Value::as_dict);
    let rest = inner.map_or_else(|| rest.to_vec(), |inner| spell(inner, rest, below));
    [vec![name], rest].concat()
}

/// The key that is meant where `LINESIDE_API_LISTEN` stands for `LINESIDE_API__LISTEN`.
fn single_underscores(key: &KeyPath, shape: &Shape) -> Option<KeyPath> {
    let [written] = key.0.as_slice() else {
        return None;
    };
    let mut keys = Vec::new();
    collect_keys(shape, &KeyPath::default(), &mut keys);
    keys.into_iter()
        .find(|known| known.0.len() > 1 && known.0.join("_") == *written)
}

fn collect_keys(shape: &Shape, above: &KeyPath, keys: &mut Vec<KeyPath>) {
    if let Shape::Table { fields, .. } = shape {
        for field in fields {
            let key = above.child(field.key);
            collect_keys(&field.shape, &key, keys);
            keys.push(key);
        }
    }
}

fn chosen_name(name: &str, file: Option<&Dict>) -> String {
    let written = file
        .into_iter()
        .flat_map(Dict::keys)
        .find(|known| known.to_lowercase().replace('-', "_") == name);
    written.cloned().unwrap_or_else(|| name.replace('_', "-"))
}

/// Sets `value` at `names`; false when a part of the way is already a plain value.
fn insert(dict: &mut Dict, names: &[String], value: &str) -> bool {
    match names {
        [] => false,
        [name] => dict.insert(name.clone(), Value::from(value)).is_none(),
        [name, rest @ ..] => match dict
            .entry(name.clone())
            .or_insert_with(|| Value::from(Dict::new()))
        {
            Value::Dict(_, inner) => insert(inner, rest, value),
            _ => false,
        },
    }
}

/// Kubernetes and Docker links announce a service called "lineside" with variables of their own
/// (Kubernetes documentation, "Discovering services: environment variables"). They configure nothing.
fn is_service_link(name: &str, value: &str) -> bool {
    let port_link = ["_TCP", "_UDP", "_SCTP"]
        .iter()
        .any(|protocol| name.contains("_PORT_") && name.contains(protocol));
    let service = name.ends_with("_SERVICE_HOST")
        || name.ends_with("_SERVICE_PORT")
        || name.contains("_SERVICE_PORT_");
    !name.contains("__")
        && (port_link || service || (name.ends_with("_PORT") && value.contains("://")))
}
