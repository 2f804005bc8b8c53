//! The `lineside` binary: reads the command line and the configuration, then hands over.

use std::path::PathBuf;

use lineside::agent::{self, AgentError, Ended};
use lineside::cli::{self, Command, DbCommand, Exit, Healthcheck};
use lineside::config::{self, Loaded, Sources};
use lineside::db;
use lineside::healthcheck::Question;
use lineside::store::StoreError;

fn main() -> Exit {
    let cli = cli::parse();
    // Only fails where another provider was installed first, and nothing ran before this.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match cli.action() {
        Command::DefaultConfig => {
            print!("{}", config::default_file());
            Exit::Success
        }
        Command::CheckConfig => check(&Sources::of_process(cli.config)),
        Command::Healthcheck(asked) => healthcheck(&asked, cli.config),
        Command::Db { command } => database(&command, cli.config),
        Command::Run => match config::load(&Sources::of_process(cli.config)) {
            Ok(loaded) => run(loaded),
            Err(errors) => {
                eprintln!("{errors}");
                Exit::Usage
            }
        },
    }
}

fn check(sources: &Sources) -> Exit {
    let loaded = config::load(sources);
    if let Some(errors) = loaded
        .as_ref()
        .ok()
        .and_then(|loaded| agent::check(&loaded.settings).err())
    {
        errors.iter().for_each(|error| println!("{error}"));
        return Exit::Usage;
    }
    print!("{}", config::check_config(&loaded));
    if loaded.is_ok() {
        Exit::Success
    } else {
        Exit::Usage
    }
}

fn healthcheck(asked: &Healthcheck, config: Option<PathBuf>) -> Exit {
    let question = match question(asked, config) {
        Ok(question) => question,
        Err(error) => {
            eprintln!("{error}");
            return Exit::Usage;
        }
    };
    let verdict = match answered(question.ask()) {
        Ok(verdict) => verdict,
        Err(failed) => return failed,
    };
    println!("{verdict}");
    if verdict.is_well {
        Exit::Success
    } else {
        Exit::Failure
    }
}

fn database(command: &DbCommand, config: Option<PathBuf>) -> Exit {
    let loaded = match config::load(&Sources::of_process(config)) {
        Ok(loaded) => loaded,
        Err(errors) => {
            eprintln!("{errors}");
            return Exit::Usage;
        }
    };
    let done = match answered(db::run(command, &loaded.settings)) {
        Ok(done) => done,
        Err(failed) => return failed,
    };
    match done {
        Ok(done) => {
            println!("{}", done.said);
            if done.is_well {
                Exit::Success
            } else {
                Exit::Failure
            }
        }
        Err(error) => {
            eprintln!("lineside: {error}");
            match error {
                StoreError::Settings { .. } => Exit::Usage,
                _ => Exit::Failure,
            }
        }
    }
}

/// What `asking` comes to, on this thread alone.
fn answered<T>(asking: impl Future<Output = T>) -> Result<T, Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| {
        eprintln!("lineside: cannot ask: {error}");
        Exit::Failure
    })?;
    let answer = runtime.block_on(asking);
    // A name that is still being looked up, or a file system that hangs, must not hold up the end.
    runtime.shutdown_background();
    Ok(answer)
}

/// The configuration is read only where it is needed to know whom to ask.
fn question(asked: &Healthcheck, config: Option<PathBuf>) -> Result<Question, String> {
    let (probe, timeout) = (asked.probe(), asked.timeout);
    let question = match &asked.url {
        Some(url) => Question::to_endpoint(url, probe, timeout),
        None => {
            let loaded =
                config::load(&Sources::of_process(config)).map_err(|all| all.to_string())?;
            Question::to_configured(&loaded.settings.api, probe, timeout)
        }
    };
    question.map_err(|error| format!("lineside: {error}"))
}

fn run(loaded: Loaded) -> Exit {
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("lineside: cannot start its threads: {error}");
            return Exit::Failure;
        }
    };
    let ended = runtime.block_on(agent::run(loaded));
    // Work that is still blocking must not hold up an end that has been decided.
    runtime.shutdown_background();
    match ended {
        Ok(Ended::InOrder) => Exit::Success,
        Ok(Ended::ByForce) => Exit::Forced,
        Err(
            error @ (AgentError::Probes(_)
            | AgentError::Routes(_)
            | AgentError::Store(StoreError::Settings { .. })),
        ) => {
            eprintln!("lineside: {error}");
            Exit::Usage
        }
        Err(error) => {
            eprintln!("lineside: {error}");
            Exit::Failure
        }
    }
}
