//! Values that must never be printed.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use figment::value::{Dict, Value};
use serde::{Serialize, Serializer};

use super::file::read_small;
use super::node::Node;
use super::problem::Problems;
use super::setting::{Setting, Shape};

/// What stands in the place of a secret wherever one would be printed.
const HIDDEN: &str = "[secret]";

/// A token, password or header value. Printing or serializing it shows `[secret]`;
/// [`Secret::expose`] is the only way to the value.
#[derive(Clone)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Wraps a value.
    pub fn new(value: impl Into<Arc<str>>) -> Secret {
        Secret(value.into())
    }

    /// The value itself. Whoever calls this answers for where it goes.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(HIDDEN)
    }
}

impl Setting for Secret {
    fn read(node: &Node<'_>, _preset: Option<&Secret>, problems: &mut Problems) -> Option<Secret> {
        let resolved = match source_table(node) {
            Some(table) => resolve(&table, node),
            None => literal(node),
        };
        resolved
            .map_err(|(problem, fix)| problems.error(&node.key, problem, fix))
            .ok()
    }

    fn describe(_preset: Option<&Secret>) -> Shape {
        Shape::Value {
            kind: "a secret: \"text\", { env = \"NAME\" } or { file = \"path\" }".to_owned(),
            default: None,
        }
    }
}

/// What is wrong, and what to do.
type Fault = (String, String);

/// The table that names where the secret lies. Text that only looks like a table is a literal.
fn source_table(node: &Node<'_>) -> Option<Dict> {
    let table = node.table()?;
    let known = !table.is_empty() && table.keys().all(|key| key == "env" || key == "file");
    (matches!(node.value, Value::Dict(..)) || known).then_some(table)
}

fn literal(node: &Node<'_>) -> Result<Secret, Fault> {
    match &node.value {
        Value::String(_, text) => not_empty(text),
        _ => Err((
            format!("{} stands here", node.kind()),
            "Write the secret in quotes, or { env = \"NAME\" } or { file = \"path\" }".to_owned(),
        )),
    }
}

fn resolve(table: &Dict, node: &Node<'_>) -> Result<Secret, Fault> {
    let named = |key: &str| table.get(key).and_then(Value::as_str);
    match (table.len(), named("env"), named("file")) {
        (1, Some(name), None) => from_environment(name, node),
        (1, None, Some(path)) => from_file(path),
        _ => Err((
            "the table does not name one source".to_owned(),
            "Write either { env = \"NAME\" } or { file = \"path\" }".to_owned(),
        )),
    }
}

fn from_environment(name: &str, node: &Node<'_>) -> Result<Secret, Fault> {
    match node.environment.get(name) {
        Some(Ok(value)) => Ok(Secret::new(value)),
        Some(Err(_)) => Err((
            format!("the environment variable {name} is not UTF-8"),
            "Set it to text".to_owned(),
        )),
        None => Err((
            format!("the environment variable {name} is not set, or is empty"),
            "Set it, or name another".to_owned(),
        )),
    }
}

fn from_file(path: &str) -> Result<Secret, Fault> {
    let fault = |reason: String| {
        (
            format!("the file {path} cannot be used: {reason}"),
            "Name a readable text file that holds the secret".to_owned(),
        )
    };
    let text = read_small(Path::new(path)).map_err(fault)?;
    not_empty(
        text.strip_suffix('\n')
            .map_or(&*text, |line| line.strip_suffix('\r').unwrap_or(line)),
    )
}

fn not_empty(text: &str) -> Result<Secret, Fault> {
    if text.is_empty() {
        return Err((
            "the secret is empty".to_owned(),
            "Write one, or remove the key".to_owned(),
        ));
    }
    Ok(Secret::new(text))
}
