//! The path of a key: `export.collector.endpoint`.

use std::fmt;

/// The names from the root of the configuration to one key.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct KeyPath(pub(crate) Vec<String>);

impl KeyPath {
    pub(crate) fn child(&self, name: &str) -> KeyPath {
        let mut names = self.0.clone();
        names.push(name.to_owned());
        KeyPath(names)
    }

    /// Whether `self` is `other` or stands above it.
    pub(crate) fn holds(&self, other: &KeyPath) -> bool {
        other.0.starts_with(&self.0)
    }

    /// The environment variable that sets this key.
    pub(crate) fn variable(&self) -> String {
        format!(
            "LINESIDE_{}",
            self.0.join("__").replace('-', "_").to_uppercase()
        )
    }
}

impl From<&str> for KeyPath {
    fn from(dotted: &str) -> KeyPath {
        KeyPath(dotted.split('.').map(str::to_owned).collect())
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("."))
    }
}
