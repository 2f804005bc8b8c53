//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

use crate::Fallible;
use crate::scenario::{Load, Scenario, System};

/// Measures what forwarding OTLP costs and prints the results as Markdown.
#[derive(Parser, Debug)]
pub struct Options {
    /// Short runs: to see that everything works, not to publish.
    #[arg(long)]
    pub quick: bool,
    /// Run only scenarios that match every group named, for example `grpc,traces,plain`:
    /// grpc http · traces metrics logs · plain gzip passthrough · saturate steady filled scraped refusing idle start hold.
    #[arg(long, value_delimiter = ',')]
    pub only: Vec<String>,
    /// Run only these systems: relay, lineside-always, lineside-memory, lineside-series, rotel.
    #[arg(long, value_delimiter = ',')]
    pub system: Vec<System>,
    /// Length of each saturated window, in seconds; paced ones last twice, refusing ones four times as long.
    #[arg(long)]
    pub seconds: Option<f64>,
    /// Measure every load row this many times and report the run of median CPU cost.
    #[arg(long)]
    pub rounds: Option<usize>,
    /// Rotel's binary, to measure it beside the others; else the environment's `ROTEL`.
    #[arg(long)]
    pub rotel: Option<PathBuf>,
    /// Write the raw results to this file.
    #[arg(long)]
    pub json: Option<PathBuf>,
    /// The memory that Lineside's settings allow it for requests, in MiB: the defaults of
    /// `receive.in_flight_bytes` and `journal.memory_bytes`.
    #[arg(long, default_value_t = 64 + 32)]
    pub budget_mib: u64,
    /// The memory that its settings allow it for series beside that, in MiB: the defaults of `series.queue_bytes` and
    /// `series.max_memory`.
    #[arg(long, default_value_t = 32 + 128)]
    pub series_mib: u64,
    /// Series in the scenario `hold`.
    #[arg(long, default_value_t = 200_000)]
    pub hold: u64,
    /// Passed by `cargo bench`; without it nothing is measured.
    #[arg(long, hide = true)]
    pub bench: bool,
}

impl Options {
    /// The options given, with Rotel's binary from the environment if none is.
    pub fn from_args_and_env() -> Options {
        let mut options = Options::parse();
        options.rotel = options
            .rotel
            .or_else(|| std::env::var_os("ROTEL").map(PathBuf::from));
        options
    }

    /// The length of a saturated window.
    pub fn window(&self) -> Duration {
        let default = if self.quick { 1.5 } else { 5.0 };
        Duration::from_secs_f64(self.seconds.unwrap_or(default))
    }

    /// The length of a window with `load`: long enough for batching delays not to count in a paced
    /// one, and for retries to come round where exports are refused.
    pub fn window_of(&self, load: Load) -> Duration {
        self.window()
            * match load {
                Load::Saturate => 1,
                Load::Steady | Load::Filled | Load::Scraped => 2,
                Load::Refusing => 4,
            }
    }

    /// The length of the load that precedes a window and is not measured. Where exports are refused
    /// it is short, since what it leaves behind arrives in the window.
    pub fn warm_up_of(&self, load: Load) -> Duration {
        Duration::from_millis(match (load, self.quick) {
            (Load::Refusing, _) => 100,
            (_, true) => 500,
            (_, false) => 1500,
        })
    }

    /// How often each load row is measured.
    pub fn rounds(&self) -> usize {
        self.rounds.unwrap_or(1).max(1)
    }

    /// The scenarios that `--only` leaves, in table order; an error if it leaves none.
    pub fn scenarios(&self) -> Fallible<Vec<Scenario>> {
        if let Some(word) = self.only.iter().find(|word| !Scenario::has_tag(word)) {
            return Err(
                format!("--only: no scenario is called {word:?}; --help lists the words").into(),
            );
        }
        let left: Vec<_> = Scenario::all()
            .filter(|scenario| scenario.matches(&self.only))
            .collect();
        match left.is_empty() {
            true => Err(
                "--only: no scenario has all of these; idle, start and hold have no transport or signal"
                    .into(),
            ),
            false => Ok(left),
        }
    }

    /// The systems to measure in `scenario`.
    pub fn systems(&self, scenario: &Scenario) -> Vec<System> {
        System::ALL
            .into_iter()
            .filter(|system| self.system.is_empty() || self.system.contains(system))
            .filter(|system| *system != System::Rotel || self.rotel.is_some())
            .filter(|system| scenario.suits(*system))
            .collect()
    }
}
