//! The room as its users see it: text in, settings or errors out.

mod default_file;
mod documents;
mod errors;
mod probe_url;
mod probes;
mod routes;
mod rules;
mod secrets;
mod sources;

use std::path::{Path, PathBuf};

use super::{ConfigError, Environment, Loaded, Sources, check_config, load};

/// A configuration in a directory of its own.
struct Given {
    directory: tempfile::TempDir,
    variables: Vec<(String, String)>,
}

/// No file, no variables.
fn nothing() -> Given {
    Given {
        directory: tempfile::tempdir().unwrap(),
        variables: Vec::new(),
    }
}

/// A `lineside.toml` with this text.
fn toml(text: &str) -> Given {
    nothing().with_file("lineside.toml", text)
}

impl Given {
    fn with_file(self, name: &str, text: &str) -> Given {
        std::fs::write(self.path(name), text).unwrap();
        self
    }

    fn with_variable(mut self, name: &str, value: &str) -> Given {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn sources(&self, config: Option<&Path>) -> Sources {
        Sources {
            config: config.map(Path::to_owned),
            directory: self.directory.path().to_owned(),
            environment: self.variables.iter().cloned().collect::<Environment>(),
        }
    }

    fn loaded(&self) -> Loaded {
        load(&self.sources(None)).unwrap_or_else(|errors| panic!("{errors}"))
    }

    fn errors(&self) -> Vec<ConfigError> {
        load(&self.sources(None))
            .expect_err("an error was expected")
            .0
    }

    /// The one error there is.
    fn error(&self) -> ConfigError {
        let errors = self.errors();
        assert_eq!(errors.len(), 1, "{errors:#?}");
        errors.into_iter().next().unwrap()
    }

    fn report(&self) -> String {
        check_config(&load(&self.sources(None)))
    }
}
