//! What is wrong with a configuration, where it stands, and what to do.

use std::fmt;

use super::key::KeyPath;
use super::origin::{Origin, Origins};

/// One thing wrong with the configuration. It never holds the value of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The key, as in `journal.max_bytes`; empty when the whole file is meant.
    pub key: String,
    /// Where the value came from.
    pub origin: Origin,
    /// What is wrong.
    pub problem: String,
    /// What to do about it.
    pub fix: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.key.is_empty() {
            write!(f, "{}: ", self.origin)?;
        } else {
            write!(f, "{} ({}): ", self.key, self.origin)?;
        }
        write!(f, "{} {}", sentence(&self.problem), sentence(&self.fix))
    }
}

fn sentence(text: &str) -> String {
    let ended = text.ends_with(['.', '?']);
    format!("{text}{}", if ended { "" } else { "." })
}

/// Everything wrong with a configuration, at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        write!(
            f,
            "the configuration has {count} error{}",
            if count == 1 { "" } else { "s" }
        )?;
        self.0.iter().try_for_each(|error| write!(f, "\n✗ {error}"))
    }
}

impl std::error::Error for ConfigErrors {}

/// Something legal that a person should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigWarning {
    /// The key that the warning is about.
    pub key: String,
    /// What may go wrong and what to do.
    pub text: String,
}

impl fmt::Display for ConfigWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.text)
    }
}

/// Collects errors and warnings while a configuration is read and validated.
#[derive(Default)]
pub(crate) struct Problems {
    pub(crate) origins: Origins,
    pub(crate) errors: Vec<ConfigError>,
    pub(crate) warnings: Vec<ConfigWarning>,
    /// The keys whose values could not be read.
    unreadable: Vec<String>,
}

impl Problems {
    pub(crate) fn new(origins: Origins) -> Problems {
        Problems {
            origins,
            ..Problems::default()
        }
    }

    pub(crate) fn error(
        &mut self,
        key: &KeyPath,
        problem: impl Into<String>,
        fix: impl Into<String>,
    ) {
        let error = ConfigError {
            key: key.to_string(),
            origin: self.origins.of(key),
            problem: problem.into(),
            fix: fix.into(),
        };
        self.errors.push(error);
    }

    /// Says that every value has been read: what follows is about how they agree.
    pub(crate) fn all_read(&mut self) {
        self.unreadable = self.errors.iter().map(|error| error.key.clone()).collect();
    }

    /// Whether `key` holds what somebody meant. Where its value, or one below it, could not be read it holds its default
    /// or is left out, and comparing that with other settings would report what nobody wrote.
    pub(crate) fn settled(&self, key: &str) -> bool {
        let below = |unreadable: &String| {
            let rest = unreadable.strip_prefix(key);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        !self.unreadable.iter().any(below)
    }

    pub(crate) fn warn(&mut self, key: &KeyPath, text: impl Into<String>) {
        self.warnings.push(ConfigWarning {
            key: key.to_string(),
            text: text.into(),
        });
    }
}
