//! The process environment, as data: `LINESIDE_A__B` sets `a.b`.

use std::collections::BTreeMap;
use std::ffi::OsString;

/// A snapshot of environment variables.
#[derive(Clone, Debug, Default)]
pub struct Environment(BTreeMap<String, OsString>);

impl Environment {
    /// The environment of this process.
    pub fn of_process() -> Environment {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .collect()
    }

    /// The value of `name`: an error for one that is not UTF-8, `None` for one that is unset or empty.
    pub(crate) fn get(&self, name: &str) -> Option<Result<&str, NotUtf8>> {
        let value = self.0.get(name).filter(|value| !value.is_empty())?;
        Some(value.to_str().ok_or(NotUtf8))
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
