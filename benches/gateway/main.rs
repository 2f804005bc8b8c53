//! What a request through the gateway costs, beside nginx `proxy_pass` in the same run: CPU and latency.
//!
//! ```text
//! cargo bench --bench gateway
//! cargo bench --bench gateway -- --requests 20000 --rounds 3
//! ```
//!
//! One nginx is the upstream and answers a few bytes. Before it stand in turn nobody, nginx without and with its access log, and
//! the gateway with a breaker, a limit and metrics: with the default share of traces, and with every request traced, exported to a
//! sink and kept in the journal on its way. The same load goes to each: so many connections that are kept, the next request as soon
//! as an answer is whole, a fixed number of requests. Rounds alternate between the systems; each cell is the median of the rounds.
//! CPU is the user and system time of the proxy's own processes, for nginx those of the master and all workers.
//!
//! The code: [`cli`]; [`system`] starts what is measured, [`nginx`] and [`gateway`] say how; [`load`] sends; [`sink`] takes the
//! exported spans; [`process`] reads `/proc`; [`report`] prints Markdown.

mod cli;
mod gateway;
mod load;
mod nginx;
mod process;
mod report;
mod sink;
mod system;

use std::time::Duration;

use clap::Parser;

use cli::Options;
use load::{Load, Seen};
use system::{Running, System};

/// Any error here ends the run with its text: nothing is handled by kind.
pub type Fallible<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// What one round of one system showed.
#[derive(Clone, Debug)]
pub struct Round {
    /// What stood before the upstream.
    pub system: System,
    /// All connections at once.
    pub loaded: Seen,
    /// One connection, so that nothing waits for anything else.
    pub alone: Seen,
    /// CPU of the proxy for each request of the loaded phase, in microseconds; 0 where there is none.
    pub cpu_us: f64,
    /// Resident memory of the proxy.
    pub rss_mib: f64,
    /// Spans that arrived at the sink for each request.
    pub spans: f64,
}

fn main() -> Fallible<()> {
    let options = Options::parse();
    if !options.bench {
        println!(
            "Nothing measured: run `cargo bench --bench gateway` (add `-- --help` for options)."
        );
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let upstream = nginx::upstream()?;
    let mut rounds = Vec::new();
    for number in 0..options.rounds.max(1) {
        // Each round begins with another system, so that none always has the machine at its coolest.
        let mut systems = System::ALL;
        systems.rotate_left(number % System::ALL.len());
        for system in systems {
            let running = Running::start(&runtime, system, upstream.port)?;
            rounds.push(round(&runtime, &options, system, &running)?);
            eprintln!(
                "round {} of {}: {}",
                number + 1,
                options.rounds,
                system.name()
            );
        }
    }
    report::print(&options, &rounds);
    Ok(())
}

fn round(
    runtime: &tokio::runtime::Runtime,
    options: &Options,
    system: System,
    running: &Running,
) -> Fallible<Round> {
    let load = Load {
        port: running.port,
        connections: options.connections,
        requests: options.requests,
        is_sampled: system.is_sampled(),
    };
    let warm_up = Load {
        requests: options.requests / 10,
        ..load
    };
    runtime.block_on(warm_up.send())?;
    settle(system);
    let (cpu_before, spans_before) = (running.cpu_s()?, running.spans());
    let loaded = runtime.block_on(load.send())?;
    settle(system);
    let (cpu_after, spans_after) = (running.cpu_s()?, running.spans());
    let alone = Load {
        connections: 1,
        requests: options.requests / 20,
        ..load
    };
    let requests = options.requests as f64;
    Ok(Round {
        system,
        loaded,
        alone: runtime.block_on(alone.send())?,
        cpu_us: (cpu_after - cpu_before) * 1e6 / requests,
        rss_mib: running.rss_mib()?,
        spans: (spans_after - spans_before) as f64 / requests,
    })
}

/// What a system has to do after its answers belongs to the requests before: spans wait for up to five seconds (OTEL_BSP_SCHEDULE_DELAY).
fn settle(system: System) {
    if system.is_sampled() {
        std::thread::sleep(Duration::from_secs(6));
    }
}
