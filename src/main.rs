//! The `lineside` binary: reads the command line and the configuration, then hands over.

use lineside::agent::{self, Ended};
use lineside::cli::{self, Command, Exit};
use lineside::config::{self, Loaded, Sources};

fn main() -> Exit {
    let cli = cli::parse();
    match cli.action() {
        Command::DefaultConfig => {
            print!("{}", config::default_file());
            Exit::Success
        }
        Command::CheckConfig => check(&Sources::of_process(cli.config)),
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
    print!("{}", config::check_config(&loaded));
    if loaded.is_ok() {
        Exit::Success
    } else {
        Exit::Usage
    }
}

fn run(loaded: Loaded) -> Exit {
    // Only fails where another provider was installed first, and nothing ran before this.
    let _ = rustls::crypto::ring::default_provider().install_default();
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
        Err(error) => {
            eprintln!("lineside: {error}");
            Exit::Failure
        }
    }
}
