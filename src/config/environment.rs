//! The process environment, as data that tests can make up.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;

/// A snapshot of environment variables. Printing it shows names only: values may be secret.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, OsString>);

impl Environment {
    /// The environment of this process.
    pub fn of_process() -> Environment {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .collect()
    }

    /// The names of all variables, in order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The value of `name`: an error for one that is not UTF-8, `None` for one that is unset or empty.
    pub(crate) fn get(&self, name: &str) -> Option<Result<&str, NotUtf8>> {
        let value = self.0.get(name).filter(|value| !value.is_empty())?;
        Some(value.to_str().ok_or(NotUtf8))
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

/// The value of a variable is not UTF-8.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NotUtf8;

impl<N: Into<String>, V: Into<OsString>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Environment {
        Environment(
            variables
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }
}
