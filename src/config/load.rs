//! From defaults, file and environment to valid settings, or to every error at once.

use std::path::PathBuf;

use figment::value::{Dict, Value};
use figment::{Figment, Profile, Provider, providers::Serialized};

use super::environment::Environment;
use super::key::KeyPath;
use super::node::Node;
use super::origin::Origins;
use super::problem::{ConfigErrors, ConfigWarning, Problems};
use super::setting::Setting;
use super::settings::Settings;
use super::source_file;
use super::validate::validate;
use super::variables::Variables;

/// Where a configuration comes from.
#[derive(Clone, Debug)]
pub struct Sources {
    /// The file named on the command line. It must exist.
    pub config: Option<PathBuf>,
    /// Where `lineside.toml` or `lineside.yaml` is looked for when no file is named; empty for the working directory.
    pub directory: PathBuf,
    /// The environment, for `LINESIDE_…` and for secrets that name a variable.
    pub environment: Environment,
}

impl Sources {
    /// The working directory and environment of this process, and the file named on its command line.
    pub fn of_process(config: Option<PathBuf>) -> Sources {
        Sources {
            config,
            directory: PathBuf::new(),
            environment: Environment::of_process(),
        }
    }
}

/// A valid configuration and what there is to say about it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The settings in force.
    pub settings: Settings,
    /// Legal, but worth knowing.
    pub warnings: Vec<ConfigWarning>,
    /// The file that was read, if any.
    pub file: Option<PathBuf>,
    /// The names of the environment variables that set something.
    pub variables: Vec<String>,
}

/// Reads defaults, then the file, then the environment, and checks every limit.
///
/// # Errors
///
/// Everything that is wrong, each with its key, its source and the fix. A file that cannot be read or parsed is
/// reported alone, since every other finding would rest on a guess.
pub fn load(sources: &Sources) -> Result<Loaded, ConfigErrors> {
    let alone = |error| ConfigErrors(vec![error]);
    let file = source_file::find(sources.config.as_deref(), &sources.directory).map_err(alone)?;
    let dict = file
        .as_deref()
        .map_or_else(|| Ok(Dict::new()), source_file::read)
        .map_err(alone)?;
    let variables = Variables::read(&sources.environment, &Settings::describe(None), &dict);
    let merged = merge(&dict, &variables);
    let origins = Origins {
        file: file.clone().map(|path| (path, dict)),
        variables: variables.names.clone(),
    };
    let mut problems = Problems::new(origins);
    let names = variables.names.values().cloned().collect();
    variables.report(&mut problems);
    let settings = read(merged, &sources.environment, &mut problems);
    finish(settings, problems, |settings, warnings| Loaded {
        settings,
        warnings,
        file,
        variables: names,
    })
}

/// The environment lies over the file, table by table.
fn merge(file: &Dict, variables: &Variables) -> Dict {
    let figment = Figment::from(Serialized::defaults(file)).merge(variables);
    // Neither layer can fail: both are trees already.
    figment
        .data()
        .ok()
        .and_then(|mut profiles| profiles.remove(&Profile::Default))
        .unwrap_or_default()
}

fn read(merged: Dict, environment: &Environment, problems: &mut Problems) -> Option<Settings> {
    let root = Node {
        key: KeyPath::default(),
        value: Value::from(merged),
        environment,
    };
    let settings = Settings::read(&root, Some(&Settings::default()), problems)?;
    problems.all_read();
    validate(&settings, problems);
    Some(settings)
}

fn finish(
    settings: Option<Settings>,
    mut problems: Problems,
    loaded: impl FnOnce(Settings, Vec<ConfigWarning>) -> Loaded,
) -> Result<Loaded, ConfigErrors> {
    match settings {
        Some(settings) if problems.errors.is_empty() => Ok(loaded(settings, problems.warnings)),
        _ => {
            problems
                .errors
                .sort_by(|left, right| left.key.cmp(&right.key));
            Err(ConfigErrors(problems.errors))
        }
    }
}
