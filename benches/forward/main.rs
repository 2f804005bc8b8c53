//! What forwarding costs: CPU, memory, latency and disk, for each transport, signal and compression.
//!
//! ```text
//! cargo bench --bench forward -- --quick
//! cargo bench --bench forward -- --only grpc,traces,plain --system relay,lineside-always --seconds 10
//! python3 -m venv rotel && rotel/bin/pip install --pre rotel
//! cargo bench --bench forward -- --rotel rotel/lib/python3*/site-packages/rotel/rotel-agent
//! ```
//!
//! Load generator, sink and every measured system are processes of their own. This program starts
//! them (itself again for the first two and for the relay), measures the system alone from `/proc`,
//! and prints Markdown.
//!
//! The code, from what is sent to what is printed: [`scenario`] (what can be measured), [`payload`]
//! (the requests), [`wire`] and [`client`] (OTLP transports as bytes), the three roles [`load`],
//! [`sink`] with [`count`], [`relay`]; [`order`] (how the roles are told and what they answer);
//! [`process`] and [`system`] (starting and observing what is measured), [`face`] (asking Lineside for its series and
//! filling them), [`scrape`], [`measure`], [`hold`], [`disk`];
//! [`results`], [`report`] and [`targets`].

mod cli;
mod client;
mod count;
mod disk;
mod face;
mod hold;
mod load;
mod measure;
mod order;
mod pace;
mod payload;
mod process;
mod relay;
mod report;
mod results;
mod scenario;
mod scrape;
mod sink;
mod system;
mod targets;
mod wire;

/// Any error here ends the run, or the row, with its text: nothing is handled by kind.
pub type Fallible<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> Fallible<()> {
    if let Some(order) = order::Order::from_args() {
        return order?.obey();
    }
    let options = cli::Options::from_args_and_env();
    if !options.bench {
        println!(
            "Nothing measured: run `cargo bench --bench forward` (add `-- --help` for options)."
        );
        return Ok(());
    }
    let results = measure::run_all(&options)?;
    report::print(&options, &results);
    match &options.json {
        Some(path) => Ok(std::fs::write(path, serde_json::to_vec_pretty(&results)?)?),
        None => Ok(()),
    }
}
