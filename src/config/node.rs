//! One place in the merged configuration tree, while it is read.

use std::str::FromStr;

use figment::value::{Dict, Num, Value};

use super::environment::Environment;
use super::key::KeyPath;
use super::problem::Problems;
use super::suggest::nearest;

/// A value with its key and the environment that secrets may name.
#[derive(Clone)]
pub(crate) struct Node<'a> {
    pub(crate) key: KeyPath,
    pub(crate) value: Value,
    pub(crate) environment: &'a Environment,
}

impl<'a> Node<'a> {
    /// The value under `name`; one written as empty (YAML's `key:`) counts as absent.
    pub(crate) fn child(&self, dict: &Dict, name: &str) -> Option<Node<'a>> {
        let value = dict
            .get(name)
            .filter(|value| !matches!(value, Value::Empty(..)))?;
        Some(Node {
            key: self.key.child(name),
            value: value.clone(),
            environment: self.environment,
        })
    }

    /// The value as text: strings as they are, numbers and booleans as written.
    pub(crate) fn text(&self) -> Option<String> {
        match &self.value {
            Value::String(_, text) => Some(text.clone()),
            Value::Char(_, letter) => Some(letter.to_string()),
            Value::Bool(_, flag) => Some(flag.to_string()),
            Value::Num(_, number) => Some(show_number(number)),
            _ => None,
        }
    }

    /// The value as a table. An environment variable may spell one inline: `{ env = "NAME" }`.
    pub(crate) fn table(&self) -> Option<Dict> {
        match &self.value {
            Value::Dict(_, dict) => Some(dict.clone()),
            Value::String(_, text) if text.trim_start().starts_with('{') => {
                inline(text)?.into_dict()
            }
            _ => None,
        }
    }

    /// The value as a list: an array, or text with commas.
    pub(crate) fn list(&self) -> Option<Vec<Value>> {
        match &self.value {
            Value::Array(_, items) => Some(items.clone()),
            Value::String(_, text) if text.trim_start().starts_with('[') => {
                inline(text)?.as_array().map(<[Value]>::to_vec)
            }
            Value::String(_, text) => Some(split_commas(text)),
            _ => None,
        }
    }

    /// What kind of value stands here, for error texts.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.value {
            Value::String(..) | Value::Char(..) => "text",
            Value::Bool(..) => "true or false",
            Value::Num(..) => "a number",
            Value::Dict(..) => "a table",
            Value::Array(..) => "a list",
            Value::Empty(..) => "nothing",
        }
    }

    /// Reports every key of `dict` that is not among `known`.
    pub(crate) fn refuse_unknown(&self, dict: &Dict, known: &[&str], problems: &mut Problems) {
        for name in dict.keys().filter(|name| !known.contains(&name.as_str())) {
            let fix = match nearest(name, known.iter().copied()) {
                Some(near) => format!("Did you mean {}?", self.key.child(near)),
                None => format!("Known keys here: {}", known.join(", ")),
            };
            problems.error(&self.key.child(name), "unknown key", fix);
        }
    }
}

fn inline(text: &str) -> Option<Value> {
    Value::from_str(text).ok()
}

fn split_commas(text: &str) -> Vec<Value> {
    text.split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
        .map(Value::from)
        .collect()
}

fn show_number(number: &Num) -> String {
    match (number.to_u128(), number.to_i128(), number.to_f64()) {
        (Some(whole), _, _) => whole.to_string(),
        (None, Some(whole), _) => whole.to_string(),
        (None, None, Some(float)) => float.to_string(),
        (None, None, None) => String::new(),
    }
}
