//! The command line: what may be written, and what the exit codes mean.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{ExitCode, Termination};
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::config::Endpoint;
use crate::healthcheck::Probe;
use crate::store::Verdict;

const EXIT_CODES: &str = "\
Exit codes:
  0  ended as asked
  1  failed at run time
  2  the command line or the configuration is wrong
  3  stopped before everything was finished: deadline reached, or a second signal";

/// The telemetry agent that stands beside your services.
#[derive(Clone, Debug, PartialEq, Eq, Parser)]
#[command(name = "lineside", version, after_help = EXIT_CODES)]
pub struct Cli {
    /// Configuration file, TOML or YAML [default: lineside.toml or lineside.yaml, if there is one]
    #[arg(short, long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What to do; `run` when nothing is said.
    #[command(subcommand)]
    command: Option<Command>,
}

/// What the binary can do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Run the agent (the default)
    #[default]
    Run,
    /// Check the configuration: print every error, or what is in force
    CheckConfig,
    /// Print the default configuration file, with every setting explained
    DefaultConfig,
    /// Ask a running agent how it is: prints one line, ends with 0 if it is well and with 1 if not
    Healthcheck(Healthcheck),
    /// Look after the store: the database for idempotency keys
    Db {
        /// What to do with it.
        #[command(subcommand)]
        command: DbCommand,
    },
}

/// What can be done with the store. The agent may run meanwhile, except for `rollback`.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum DbCommand {
    /// Apply the migrations that are pending, all or none
    Migrate,
    /// Take back what the last `migrate` applied, with all data in it; stop the agents first
    Rollback,
    /// Print every migration and how it stands: ends with 0 if the store is up to date and with 1 if not
    Status,
    /// Write keys to develop with, one in each state; again makes them anew
    Seed,
    /// Print idempotency keys, the youngest first
    Keys(KeysAsked),
    /// Settle a key whose outcome is unknown, after asking the upstream what became of its request
    Settle(Settle),
}

/// Which keys are printed.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct KeysAsked {
    /// Only those of this route
    #[arg(long, value_name = "NAME")]
    pub route: Option<String>,
    /// Only those in this state
    #[arg(long, value_name = "STATE", value_parser = ["running", "done", "unknown"])]
    pub state: Option<String>,
    /// At most so many
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    pub limit: u32,
}

/// Which key is settled, and how.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct Settle {
    /// The route
    pub route: String,
    /// The key
    pub key: String,
    /// What became of its request: `ran` never runs it again, `never-ran` frees the key
    #[arg(value_parser = ["ran", "never-ran"])]
    outcome: String,
    /// Whose key it is, as `lineside db keys` prints it, where several callers have it
    #[arg(long, value_name = "CALLER", default_value = "")]
    pub caller: String,
}

impl Settle {
    /// What became of its request.
    pub fn verdict(&self) -> Verdict {
        match self.outcome.as_str() {
            "ran" => Verdict::Ran,
            _ => Verdict::NeverRan,
        }
    }
}

/// What a health check asks, and of whom.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct Healthcheck {
    /// Ask here, as http://host:port [default: where the configuration says that the agent listens]
    #[arg(long, value_name = "URL", value_parser = Endpoint::parse)]
    pub url: Option<Endpoint>,
    /// Ask whether the agent is ready: not stopping, no export stuck, no required check failing (the default)
    #[arg(long, group = "probe")]
    ready: bool,
    /// Ask whether the agent has started: every required check has a result
    #[arg(long, group = "probe")]
    startup: bool,
    /// Ask whether the agent answers at all
    #[arg(long, group = "probe")]
    live: bool,
    /// How long the answer may take
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = humantime::parse_duration)]
    pub timeout: Duration,
}

impl Healthcheck {
    /// What is asked.
    pub fn probe(&self) -> Probe {
        match (self.live, self.startup) {
            (true, _) => Probe::Live,
            (_, true) => Probe::Startup,
            _ => Probe::Ready,
        }
    }
}

impl Cli {
    /// What to do.
    pub fn action(&self) -> Command {
        self.command.clone().unwrap_or_default()
    }
}

/// Reads the command line of this process. Prints help or what is wrong and ends the process where there is nothing
/// to run: with 0 after `--help` and `--version`, with 2 after a mistake.
pub fn parse() -> Cli {
    Cli::parse()
}

/// Reads `arguments`, the first of which is the program's name.
///
/// # Errors
///
/// What to print, which includes the answers to `--help` and `--version`.
pub fn parse_from<I, T>(arguments: I) -> Result<Cli, clap::Error>
where
    I: IntoIterator<Item = T>,
    T: Into<OsString> + Clone,
{
    Cli::try_parse_from(arguments)
}

/// How the process ends. The numbers are part of the interface and are listed by `--help`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Ended as asked.
    Success = 0,
    /// Failed at run time: a port is taken, the disk refuses, a task died.
    Failure = 1,
    /// The command line or the configuration is wrong; nothing was started.
    Usage = 2,
    /// Stopped before everything was finished: the shutdown deadline passed, or a second signal came.
    Forced = 3,
}

impl Exit {
    /// The number that the parent process sees.
    pub const fn code(self) -> u8 {
        self as u8
    }
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(self.code())
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    use super::*;

    /// Scenario: the command line's declaration.
    /// Guarantees: clap finds no contradiction in it.
    #[test]
    fn the_declaration_is_sound() {
        Cli::command().debug_assert();
    }

    /// Scenario: every way to say what to do, with the file before or after it.
    /// Guarantees: `run` is the default, and `--config` may stand on either side.
    #[test]
    fn commands_are_read() {
        let cases: [(&[&str], Command, Option<&str>); 6] = [
            (&[], Command::Run, None),
            (&["run"], Command::Run, None),
            (&["--config", "a.toml"], Command::Run, Some("a.toml")),
            (&["run", "-c", "a.toml"], Command::Run, Some("a.toml")),
            (
                &["--config=a.toml", "check-config"],
                Command::CheckConfig,
                Some("a.toml"),
            ),
            (&["default-config"], Command::DefaultConfig, None),
        ];
        for (arguments, command, config) in cases {
            let cli = parse_from(std::iter::once(&"lineside").chain(arguments)).unwrap();
            assert_eq!(
                (cli.action(), cli.config),
                (command, config.map(PathBuf::from))
            );
        }
    }

    /// Scenario: health checks with every option and with none.
    /// Guarantees: readiness is asked within two seconds unless told otherwise; the options say what they should.
    #[test]
    fn health_checks_are_read() {
        let second = Duration::from_secs(1);
        let cases: [(&[&str], Probe, Option<&str>, Duration); 4] = [
            (&[], Probe::Ready, None, 2 * second),
            (
                &["--ready", "--timeout=500ms"],
                Probe::Ready,
                None,
                second / 2,
            ),
            (&["--startup"], Probe::Startup, None, 2 * second),
            (
                &["--live", "--url", "http://[::1]:2271"],
                Probe::Live,
                Some("http://[::1]:2271"),
                2 * second,
            ),
        ];
        for (arguments, probe, url, timeout) in cases {
            let all = ["lineside", "healthcheck"].iter().chain(arguments);
            let Command::Healthcheck(asked) = parse_from(all).unwrap().action() else {
                panic!("{arguments:?}");
            };
            assert_eq!((asked.probe(), asked.timeout), (probe, timeout));
            assert_eq!(asked.url.map(|url| url.to_string()).as_deref(), url);
        }
    }

    /// Scenario: everything that can be done with the store, and mistakes.
    /// Guarantees: each is read as written; unknown states and outcomes are refused.
    #[test]
    fn what_is_done_with_the_store_is_read() {
        let read = |arguments: &[&str]| {
            let all = ["lineside", "db"].iter().chain(arguments);
            parse_from(all).map(|cli| match cli.action() {
                Command::Db { command } => command,
                other => panic!("{other:?}"),
            })
        };
        assert_eq!(read(&["migrate"]).unwrap(), DbCommand::Migrate);
        assert_eq!(read(&["rollback"]).unwrap(), DbCommand::Rollback);
        assert_eq!(
            read(&["status", "-c", "a.toml"]).unwrap(),
            DbCommand::Status
        );
        assert_eq!(read(&["seed"]).unwrap(), DbCommand::Seed);
        let keys = KeysAsked {
            route: Some("stripe".to_owned()),
            state: Some("unknown".to_owned()),
            limit: 50,
        };
        let asked = read(&["keys", "--route=stripe", "--state", "unknown"]);
        assert_eq!(asked.unwrap(), DbCommand::Keys(keys));
        for (outcome, verdict) in [("ran", Verdict::Ran), ("never-ran", Verdict::NeverRan)] {
            let DbCommand::Settle(settle) = read(&["settle", "stripe", "k1", outcome]).unwrap()
            else {
                panic!("{outcome}");
            };
            assert_eq!(settle.verdict(), verdict);
            assert_eq!((settle.key.as_str(), settle.caller.as_str()), ("k1", ""));
        }
        let mistakes: [&[&str]; 4] = [
            &[],
            &["keys", "--state", "odd"],
            &["settle", "stripe", "k1"],
            &["settle", "stripe", "k1", "perhaps"],
        ];
        for mistake in mistakes {
            let code = read(mistake).unwrap_err().exit_code();
            assert_eq!(code, i32::from(Exit::Usage.code()), "{mistake:?}");
        }
    }

    /// Scenario: help, version and mistakes.
    /// Guarantees: help lists the exit codes that [`Exit`] has; a mistake ends with the code for wrong usage.
    #[test]
    fn exit_codes_are_as_documented() {
        let help = parse_from(["lineside", "--help"]).unwrap_err();
        assert_eq!((help.kind(), help.exit_code()), (ErrorKind::DisplayHelp, 0));
        for exit in [Exit::Success, Exit::Failure, Exit::Usage, Exit::Forced] {
            assert!(
                help.to_string().contains(&format!("\n  {}  ", exit.code())),
                "{exit:?}"
            );
        }
        assert_eq!(
            parse_from(["lineside", "--version"])
                .unwrap_err()
                .exit_code(),
            0
        );
        let mistakes: [&[&str]; 8] = [
            &["runn"],
            &["--config"],
            &["--nope"],
            &["healthcheck", "--ready", "--live"],
            &["healthcheck", "--startup", "--live"],
            &["healthcheck", "--ready", "--startup"],
            &["healthcheck", "--url", "localhost:2271"],
            &["healthcheck", "--timeout", "2 parsecs"],
        ];
        for mistake in mistakes {
            let mistake = std::iter::once(&"lineside").chain(mistake);
            assert_eq!(
                parse_from(mistake).unwrap_err().exit_code(),
                i32::from(Exit::Usage.code())
            );
        }
    }
}
