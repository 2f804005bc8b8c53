//! The command line: what may be written, and what the exit codes mean.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{ExitCode, Termination};

use clap::{Parser, Subcommand};

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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Run the agent (the default)
    #[default]
    Run,
    /// Check the configuration: print every error, or what is in force
    CheckConfig,
    /// Print the default configuration file, with every setting explained
    DefaultConfig,
}

impl Cli {
    /// What to do.
    pub fn command(&self) -> Command {
        self.command.unwrap_or_default()
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
