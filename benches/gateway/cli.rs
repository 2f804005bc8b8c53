//! The command line.

use clap::Parser;

/// Measures what a request through the gateway costs, beside nginx, and prints the results as Markdown.
#[derive(Parser, Debug)]
pub struct Options {
    /// Requests in each round of each system.
    #[arg(long, default_value_t = 200_000)]
    pub requests: usize,
    /// Connections that are kept, each with one request under way.
    #[arg(long, default_value_t = 16)]
    pub connections: usize,
    /// Rounds; each cell of the table is their median.
    #[arg(long, default_value_t = 5)]
    pub rounds: usize,
    /// Passed by `cargo bench`; without it nothing is measured.
    #[arg(long, hide = true)]
    pub bench: bool,
}
